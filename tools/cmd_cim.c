/* SPDX-License-Identifier: MIT */
/* cim: a model on a simulated chip. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cim_advise.h"
#include "cim_page.h"
#include "cim_run.h"
#include "cim_sweep.h"
#include "commands.h"
#include "console.h"
#include "measure.h"
#include "report.h"
#include "training.h"

struct cim_options {
    const char *chip, *net, *data, *data_dir, *level, *account, *sampler, *out;
    struct sps_texts sets, sweeps;
    struct sps_count samples, seed, chips, chip_seed, images, threads;
    double tolerance;
    struct sps_measure_options measure;
    int advise, dry_run, json;
};

static const struct sps_option options_table[] = {
    {.name = "chip",
     .letter = 'c',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, chip),
     .argument = "FILE|PRESET",
     .required = 1,
     .help = "a chip: a file (with a '/' in it, or ending in .yaml) or a preset, listed below"},
    {.name = "set",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct cim_options, sets),
     .argument = "key=value",
     .help = "change one setting of the chip or its device, for example adc.bits=4; may be repeated"},
    {.name = "net",
     .letter = 'n',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, net),
     .argument = "FILE|PRESET",
     .help = "in place of MODEL: a network description without weights; only costs are computed"},
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, data),
     .argument = "NAME|PATH",
     .help = "data set whose test images are used; by default the one that the model was trained on"},
    SPS_OPTION_DATA_DIR(struct cim_options),
    {.name = "images",
     .letter = 'i',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct cim_options, images),
     .argument = "N",
     .min = 1,
     .max = 1e9,
     .help = "test images to use, the first N; all where not given"},
    {.name = "samples",
     .letter = 'T',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct cim_options, samples),
     .argument = "T",
     .default_text = "10",
     .min = 1,
     .max = SPS_SAMPLES_MAX,
     .help = "passes per image (both papers give energies for 10)"},
    {.name = "seed",
     .letter = 's',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct cim_options, seed),
     .argument = "N",
     .default_text = "1",
     .help = "seed of the paths and of read noise; same seed, same numbers"},
    {.name = "level",
     .letter = 'l',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, level),
     .argument = "LEVEL",
     .default_text = "quantised",
     .help = "ideal (equals the engine), quantised (converters, spread, faults, noise) or analog (and wires)"},
    {.name = "chips",
     .letter = 'm',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct cim_options, chips),
     .argument = "M",
     .default_text = "1",
     .min = 1,
     .max = 1e6,
     .help = "chips to make, each with devices of its own: mean, spread and yield over them. From as many chips as "
             "--threads on, each thread has a chip of its own"},
    {.name = "chip-seed",
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct cim_options, chip_seed),
     .argument = "N",
     .default_text = "1",
     .help = "number of the first chip: all of its devices follow from it"},
    {.name = "tolerance",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct cim_options, tolerance),
     .argument = "A",
     .default_text = "0.01",
     .min = 0,
     .max = 1,
     .help = "yield counts chips that lose at most so much accuracy against the engine, on the same images"},
    {.name = "sampler",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, sampler),
     .argument = "declared|mtj",
     .default_text = "declared",
     .help = "where paths come from: the declared probabilities, or bits of the simulated stochastic device"},
    {.name = "account",
     .letter = 'a',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, account),
     .argument = "full|paper",
     .default_text = "full",
     .help = "what costs count: all that is modelled; or as the papers do, with one bit for an input of the first "
             "layer, and without buffers, softmax, wires between tiles, clock and leakage"},
    {.name = "sweep",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct cim_options, sweeps),
     .argument = "key=a,b,c",
     .help = "run for each value of a setting, into --out; several sweeps: all combinations. What is there already is "
             "not done again"},
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct cim_options, out),
     .argument = "DIR",
     .help = "folder for the result as JSON and as a page; with --sweep for sweep.csv, sweep.json and plots, too"},
    {.name = "advise",
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct cim_options, advise),
     .help = "look for the fewest bits of the converters that keep accuracy (to --tolerance), NLL and mutual "
             "information, on the first 500 (or --images) images of the training part"},
    {.name = "dry-run",
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct cim_options, dry_run),
     .help = "only say how many arrays, how much memory and how much time it would take"},
    SPS_OPTIONS_ACCEPT(struct cim_options),
    SPS_OPTION_THREADS(struct cim_options),
    SPS_OPTION_JSON(struct cim_options),
    {.name = NULL}};

/* ---- what is asked ---- */

static int choose(int *out, const char *option, const char *word, const char *const *words)
{
    char all[128] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            *out = i;
            return 0;
        }
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return sps_console_usage("--%s is '%s', must be one of %s", option, word, all);
}

static int read_options(struct sps_cim_options *out, const struct cim_options *o, const char *model)
{
    static const char *const samplers[] = {"declared", "mtj", NULL};
    int level = 0, account = 0, mtj = 0;
    int exit_status = choose(&level, "level", o->level, sps_cim_levels);
    if (exit_status == 0)
        exit_status = choose(&account, "account", o->account, sps_cim_accounts);
    if (exit_status == 0)
        exit_status = choose(&mtj, "sampler", o->sampler, samplers);
    *out = (struct sps_cim_options){.chip = o->chip,
                                    .model = model,
                                    .sets = o->sets.item,
                                    .set_count = o->sets.count,
                                    .level = (enum sps_chip_level)level,
                                    .account = (enum sps_chip_account)account,
                                    .samples = (uint32_t)o->samples.value,
                                    .seed = o->seed.value,
                                    .chip_seed = o->chip_seed.value,
                                    .chips = o->chips.value,
                                    .threads = sps_console_threads(o->threads.value),
                                    .mtj = mtj,
                                    .tolerance = o->tolerance,
                                    .rule = sps_measure_rule(&o->measure),
                                    .interval = 0.95};
    return exit_status;
}

/* ---- the model ---- */

static sps_status pack_net(sps_packed **out, const struct cim_options *o, const struct sps_training *training)
{
    char method[300];
    const char *sets[] = {method};
    sps_chip *chip = NULL;
    sps_status status = sps_chip_open(&chip, o->chip, o->sets.item, o->sets.count);
    if (status != SPS_OK)
        return status;
    snprintf(method, sizeof method, "method.name=%s", sps_chip_method(chip));
    sps_chip_close(chip);
    return training->pack_net(out, o->net, sets, 1);
}

static sps_status pack_trained(sps_packed **out, char hash[65], const char *path, const struct sps_training *training)
{
    sps_model *model = NULL;
    size_t bytes = 0;
    sps_status status = training->open(&model, path);
    if (status == SPS_OK)
        status = training->pack(out, model);
    if (status == SPS_OK)
        status = sps_hash_file(hash, &bytes, training->path(model));
    training->close(model);
    return status;
}

static int open_model(sps_packed **out, char hash[65], const struct cim_options *o, const char *path)
{
    sps_status status = SPS_OK;
    size_t bytes = 0;
    if (path != NULL && sps_packed_is(path)) {
        status = sps_packed_open(out, path);
        if (status == SPS_OK)
            status = sps_hash_file(hash, &bytes, path);
    } else {
        const struct sps_training *training = sps_program_training();
        if (training == NULL)
            return 1;
        status = path != NULL ? pack_trained(out, hash, path, training) : pack_net(out, o, training);
    }
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

/* ---- for people ---- */

static void print_energy(const char *name, const json_t *of, double by, const char *unit)
{
    printf("%-24s %.4g %s (%.4g to %.4g)\n", name, by * json_number_value(json_object_get(of, "energy_j")), unit,
           by * json_number_value(json_object_get(of, "energy_low_j")),
           by * json_number_value(json_object_get(of, "energy_high_j")));
}

static void print_measured(const json_t *result)
{
    static const struct {
        const char *key, *unit;
        double by;
    } rows[] = {{"accuracy", "%", 100},
                {"nll", "nat", 1},
                {"entropy", "nat", 1},
                {"mutual_information", "nat", 1},
                {"accepted", "% of images", 100},
                {"yield", "% of chips", 100}};
    const json_t *engine = json_object_get(result, "engine");
    printf("%-24s %lld images, %lld chips of seed %lld on\n", "measured on",
           (long long)json_integer_value(json_object_get(result, "n")),
           (long long)json_integer_value(json_object_get(result, "chips")),
           (long long)json_integer_value(json_object_get(result, "chip_seed")));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[64];
        double value = sps_cli_report_number(result, rows[i].key), same = sps_cli_report_number(engine, rows[i].key);
        snprintf(key, sizeof key, "%s_sd", rows[i].key);
        double sd = sps_cli_report_number(result, key);
        if (isnan(value)) {
            printf("%-24s undefined\n", rows[i].key);
            continue;
        }
        printf("%-24s %.4g", rows[i].key, rows[i].by * value);
        if (!isnan(sd))
            printf(" +- %.2g", rows[i].by * sd);
        printf(" %s", rows[i].unit);
        if (!isnan(same))
            printf(" (engine: %.4g)", rows[i].by * same);
        putchar('\n');
    }
    if (sps_cli_report_number(result, "scale_error") > 1e-6)
        printf("%-24s %.3g %% are not as trained, error %.3g of the largest (root of the mean square)\n", "scales",
               100 * sps_cli_report_number(result, "scales_wrong"), sps_cli_report_number(result, "scale_error"));
    if (json_is_null(json_object_get(result, "scale_error")))
        printf("%-24s taken as trained: a packed file has thresholds only\n", "scales");
    printf("%-24s %.4g images/s\n", "simulated", sps_cli_report_number(result, "images_per_s"));
}

static void print_items(const json_t *result)
{
    size_t i;
    json_t *item;
    puts("\nitem                     energy nJ        low       high         count   each pJ  node  method");
    json_array_foreach(json_object_get(result, "items"), i, item)
    {
        char node[16] = "-";
        if (json_is_integer(json_object_get(item, "node_nm")))
            snprintf(node, sizeof node, "%lld", (long long)json_integer_value(json_object_get(item, "node_nm")));
        printf("%-22s %11.4g %10.4g %10.4g %13.6g %9.3g  %4s  %s\n", json_string_value(json_object_get(item, "name")),
               1e9 * sps_cli_report_number(item, "energy_j"), 1e9 * sps_cli_report_number(item, "energy_low_j"),
               1e9 * sps_cli_report_number(item, "energy_high_j"), sps_cli_report_number(item, "count"),
               1e12 * sps_cli_report_number(item, "each_j"), node, json_string_value(json_object_get(item, "method")));
    }
    puts("\nlayer                arrays  activations  conversions    made  energy nJ  latency us  area mm2");
    json_array_foreach(json_object_get(result, "layers"), i, item)
    {
        const json_t *counts = json_object_get(item, "counts");
        printf("%-18s %8.0f %12.0f %12.0f %7.4g %10.4g %11.4g %9.3g\n",
               json_string_value(json_object_get(item, "name")), sps_cli_report_number(counts, "arrays"),
               sps_cli_report_number(counts, "activations"), sps_cli_report_number(counts, "conversions"),
               sps_cli_report_number(item, "sums"), 1e9 * sps_cli_report_number(item, "energy_j"),
               1e6 * sps_cli_report_number(item, "latency_s"), 1e6 * sps_cli_report_number(item, "area_m2"));
    }
}

static int print_text(const json_t *result)
{
    const json_t *counts = json_object_get(result, "counts");
    printf("%-24s ", "model");
    sps_cli_report_plain(stdout, json_string_value(json_object_get(result, "model")));
    printf("\n%-24s %s, %s account, %lld passes\n", "chip", json_string_value(json_object_get(result, "chip_name")),
           json_string_value(json_object_get(result, "account")),
           (long long)json_integer_value(json_object_get(result, "samples")));
    if (json_is_true(json_object_get(result, "extrapolated")))
        printf("%-24s the device is used where its law does not hold (device.extrapolate)\n", "extrapolated");
    if (json_object_get(result, "n") != NULL) {
        printf("%-24s %s\n", "level", json_string_value(json_object_get(result, "level")));
        print_measured(result);
    }
    print_energy("energy of a prediction", result, 1e6, "uJ");
    printf("%-24s %.4g us\n", "latency", 1e6 * sps_cli_report_number(result, "latency_s"));
    printf("%-24s %.4g mm2 (%.4g to %.4g)\n", "area", 1e6 * sps_cli_report_number(result, "area_m2"),
           1e6 * sps_cli_report_number(result, "area_low_m2"), 1e6 * sps_cli_report_number(result, "area_high_m2"));
    printf("%-24s %.0f arrays, %.0f for scales; a pass: %.0f activations, %.0f conversions\n", "counts",
           sps_cli_report_number(counts, "arrays"), sps_cli_report_number(counts, "scale_arrays"),
           sps_cli_report_number(counts, "activations"), sps_cli_report_number(counts, "conversions"));
    printf("%-24s %.0f, %.4g mW at work, %.4g predictions until one wears out\n", "stochastic units",
           sps_cli_report_number(counts, "units"), 1e3 * sps_cli_report_number(result, "unit_power_w"),
           sps_cli_report_number(result, "lifetime_predictions"));
    printf("%-24s %.4g nJ, %.4g us\n", "programming, once", 1e9 * sps_cli_report_number(result, "write_energy_j"),
           1e6 * sps_cli_report_number(result, "write_time_s"));
    print_items(result);
    return 0;
}

/* ---- running ---- */

static void show_progress(void *user, size_t done, size_t total)
{
    (void)user;
    if (!sps_console_progress_due())
        return;
    char after[64];
    snprintf(after, sizeof after, "%zu of %zu images", done, total);
    sps_console_progress("simulating", (double)done / (double)total, after);
}

/* A setting that would have no effect is said. */
static sps_status check_sampler(const struct sps_cim_options *run)
{
    sps_chip *chip = NULL;
    sps_status status = sps_chip_open(&chip, run->chip, run->sets, run->set_count);
    if (status == SPS_OK && !run->mtj && sps_chip_units_stray(chip))
        sps_console_say("the spread, drift and calibration of the stochastic units act with --sampler mtj only");
    sps_chip_close(chip);
    return status;
}

static int run_one(const struct cim_options *o, const struct sps_cim_options *run, struct sps_cim_subject *subject)
{
    struct sps_cim_options shared = *run;
    json_t *result = NULL;
    sps_status status = check_sampler(run);
    shared.ranks = sps_console_ranks;
    if (status == SPS_OK)
        status = sps_cim_run(&result, subject, &shared, show_progress, NULL);
    sps_console_progress_clear();
    if (status != SPS_OK)
        return sps_console_failed(status);
    int exit_status = o->out != NULL && sps_console_writes() ? sps_cim_save(o->out, result) : 0;
    if (exit_status == 0 && o->json)
        return sps_cli_report_dump(result);
    if (exit_status == 0)
        exit_status = print_text(result);
    json_decref(result);
    return exit_status;
}

static int run_with(const struct cim_options *o, const struct sps_cim_options *run, struct sps_cim_subject *subject)
{
    if (o->advise && subject->images == NULL)
        return sps_console_usage("--advise needs a MODEL");
    if (o->advise)
        return sps_cim_advise(run, subject, o->json);
    if (o->dry_run)
        return sps_cim_dry_run(run, subject, o->sweeps.item, o->sweeps.count, o->json);
    if (o->sweeps.count > 0)
        return sps_cim_sweep(run, subject, o->sweeps.item, o->sweeps.count, o->out, o->json);
    return run_one(o, run, subject);
}

static int run_on_data(const struct cim_options *o, const struct sps_cim_options *run, const sps_packed *packed)
{
    const char *name = o->data != NULL ? o->data : sps_packed_get_info(packed)->data;
    sps_dataset *set = NULL;
    if (name == NULL)
        return sps_console_error("the model does not say what it was trained on; give --data");
    enum { ADVISE_IMAGES = 500 };
    sps_status status = sps_dataset_open(&set, name, o->advise ? SPS_TRAIN : SPS_TEST, o->data_dir);
    if (status != SPS_OK)
        return sps_console_failed(status);
    struct sps_images images = sps_dataset_images(set);
    size_t most = o->images.given ? (size_t)o->images.value : o->advise ? ADVISE_IMAGES : images.count;
    images.count = images.count < most ? images.count : most;
    struct sps_cim_subject subject = {.packed = packed, .images = &images};
    int exit_status = run_with(o, run, &subject);
    json_decref(subject.engine);
    sps_dataset_free(set);
    return exit_status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    const struct cim_options *o = options_pointer;
    const char *path = operand_count > 0 ? operands[0] : NULL;
    struct sps_cim_options run_options;
    sps_packed *packed = NULL;
    if ((path == NULL) == (o->net == NULL))
        return sps_console_usage("give either MODEL or --net");
    if (o->net != NULL && o->data != NULL)
        return sps_console_usage("--net has no weights: --data needs a MODEL");
    if (o->sweeps.count > 0 && o->out == NULL && !o->dry_run)
        return sps_console_usage("--sweep needs --out");
    if (sps_console_ranks != NULL &&
        ((o->sweeps.count == 0 && (o->chips.value < 2 || path == NULL)) || o->advise || o->dry_run))
        return sps_console_usage("only --chips of a MODEL and points of --sweep are shared among processes; mpirun "
                                 "started %d",
                                 sps_console_ranks->count);
    int exit_status = read_options(&run_options, o, path != NULL ? path : o->net);
    if (exit_status == 0)
        exit_status = open_model(&packed, run_options.model_sha256, o, path);
    if (exit_status == 0)
        exit_status = path != NULL ? run_on_data(o, &run_options, packed)
                                   : run_with(o, &run_options, &(struct sps_cim_subject){.packed = packed});
    sps_packed_close(packed);
    return exit_status;
}

static sps_status print_settings(FILE *out)
{
    char *text = NULL, summary[256];
    const char *name;
    sps_status status = sps_chip_describe(&text);
    if (status != SPS_OK)
        return status;
    fputs("Chips:\n", out);
    for (size_t i = 0; (name = sps_chip_preset(i, summary)) != NULL; i++)
        fprintf(out, "  %-12s %s\n", name, summary);
    fprintf(out, "\nSettings of a chip and its device:\n%s", text);
    sps_chip_text_free(text);
    return SPS_OK;
}

const struct sps_command sps_cmd_cim = {
    .operands = "MODEL|--net NET --chip FILE|PRESET [options]",
    .operands_min = 0,
    .operands_max = 1,
    .description =
        "Lays a model out on crossbars of magnetic tunnel junctions and computes test images through them: what the "
        "chip answers, how sure it is, and what a prediction costs in energy, time and area, with the band that the "
        "figures behind it leave. MODEL is a packed model, a model file, or the folder that \"spinscale train\" "
        "left.\n\n"
        "counts are of one pass without reuse; energy and latency are of one prediction, one image with all its "
        "passes. docs/chip.md describes the model of the chip and where its figures come from.\n\n"
        "\"mpirun -np N spinscale cim ... --sweep ...\" shares the points of a sweep among N processes, and "
        "\"mpirun -np N spinscale cim ... --chips M\" without a sweep the chips (docs/training.md).",
    .examples = "  spinscale cim shoes.packed --chip scaledrop --images 1000\n"
                "  spinscale cim out --chip subset --set device.sigma_r=0.05 --chips 20 --json\n"
                "  spinscale cim --net vgg-small --chip scaledrop --account paper",
    .options = options_table,
    .options_bytes = sizeof(struct cim_options),
    .details = print_settings,
    .run = run,
    .spreads = 1,
};
