/* SPDX-License-Identifier: MIT */
#include "cim_run.h"

#include <math.h>
#include <stdlib.h>

#include "report.h"
#include "spinscale/shared.h"

const char *const sps_cim_levels[] = {"ideal", "quantised", "analog", NULL};
const char *const sps_cim_accounts[] = {"full", "paper", NULL};

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void set_band(json_t *object, const char *stem, const char *unit, struct sps_band band)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s", stem, unit);
    set(object, key, number(band.typical));
    snprintf(key, sizeof key, "%s_low_%s", stem, unit);
    set(object, key, number(band.low));
    snprintf(key, sizeof key, "%s_high_%s", stem, unit);
    set(object, key, number(band.high));
}

/* ---- cost ---- */

static json_t *counts_json(const struct sps_chip_counts *c)
{
    json_t *object = json_object();
#define COUNT(field) set(object, #field, json_integer((json_int_t)c->field))
    COUNT(arrays);
    COUNT(activations);
    COUNT(conversions);
    COUNT(scale_arrays);
    COUNT(units);
    COUNT(devices);
    COUNT(lines);
    COUNT(cells);
    COUNT(transfers);
    COUNT(outputs);
    COUNT(additions);
    COUNT(comparisons);
    COUNT(multiplications);
    COUNT(scale_reads);
    COUNT(memory_reads);
    COUNT(memory_writes);
    COUNT(normalisations);
    COUNT(shortcuts);
    COUNT(skip_reads);
    COUNT(skip_writes);
    COUNT(skip_bits);
    COUNT(macs);
#undef COUNT
    set(object, "random_bits", number(c->random_bits));
    return object;
}

static json_t *items_json(const struct sps_chip_cost *cost)
{
    json_t *list = json_array();
    for (int i = 0; i < cost->item_count; i++) {
        const struct sps_chip_item *item = &cost->item[i];
        if (item->energy.high == 0)
            continue;
        json_t *object = json_object();
        set(object, "name", json_string(item->name));
        set_band(object, "energy", "j", item->energy);
        set(object, "count", number(item->count));
        set_band(object, "each", "j", item->each);
        set(object, "node_nm", item->node > 0 ? json_integer(item->node) : json_null());
        set(object, "method", json_string(item->method));
        set(object, "source", json_string(item->source));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *tiles_json(const struct sps_chip_tiles *t)
{
    json_t *object = json_object();
#define COUNT(field) set(object, #field, json_integer((json_int_t)t->field))
    COUNT(inputs);
    COUNT(channels);
    COUNT(row_tiles);
    COUNT(column_tiles);
    COUNT(group);
    COUNT(tile_inputs);
    COUNT(tile_columns);
    COUNT(rows_per_input);
    COUNT(array_rows);
    COUNT(array_columns);
#undef COUNT
    return object;
}

static json_t *areas_json(const struct sps_band *area_of)
{
    json_t *object = json_object();
    for (int i = 0; i < SPS_CHIP_AREAS; i++)
        if (area_of[i].high > 0)
            set(object, sps_chip_areas[i], number(area_of[i].typical));
    return object;
}

/* What a layer spends on each item. */
static json_t *energies_json(const struct sps_chip_cost *cost, const struct sps_chip_layer_cost *layer)
{
    json_t *object = json_object();
    for (int i = 0; i < cost->item_count; i++)
        if (layer->item_energy[i].high > 0)
            set(object, cost->item[i].name, number(layer->item_energy[i].typical));
    return object;
}

static json_t *layers_json(const struct sps_chip_cost *cost)
{
    json_t *list = json_array();
    for (int i = 0; i < cost->layer_count; i++) {
        const struct sps_chip_layer_cost *layer = &cost->layer[i];
        json_t *object = json_object();
        set(object, "name", json_string(layer->counts.name));
        set(object, "counts", counts_json(&layer->counts));
        set(object, "tiles", tiles_json(&layer->tiles));
        set(object, "sums", number(layer->sums));
        set(object, "decisions", number(layer->decisions));
        set_band(object, "energy", "j", layer->energy);
        set(object, "latency_s", number(layer->latency));
        set_band(object, "area", "m2", layer->area);
        set(object, "energy_of_j", energies_json(cost, layer));
        set(object, "area_of_m2", areas_json(layer->area_of));
        json_array_append_new(list, object);
    }
    return list;
}

static void set_cost(json_t *object, const struct sps_chip_cost *cost)
{
    set_band(object, "energy", "j", cost->energy);
    set(object, "latency_s", number(cost->latency));
    set_band(object, "area", "m2", cost->area);
    set(object, "area_of_m2", areas_json(cost->area_of));
    set(object, "write_energy_j", number(cost->write_energy));
    set(object, "write_time_s", number(cost->write_time));
    set(object, "unit_power_w", number(cost->unit_power));
    set(object, "lifetime_predictions", number(cost->lifetime));
    set(object, "counts", counts_json(&cost->counts));
    set(object, "items", items_json(cost));
    set(object, "layers", layers_json(cost));
}

/* ---- function ---- */

static const char *const measured[] = {"accuracy", "nll", "entropy", "mutual_information", "accepted", "ece", NULL};
static const char *const of_chip[] = {"scales_wrong", "scale_error", NULL}; /* the first one's, alone */

/* What there is to say of a chip, or of the engine, in numbers alone: each rank fills in those of its chips, and the
 * sum of all tables, where others have zeros, is exact. */
enum { MEASURED = sizeof measured / sizeof *measured - 1 };
struct figures {
    double measured[MEASURED], images_per_s;
    double extrapolated, scales_known, scales_wrong, scale_error;
};
enum { FIGURES = sizeof(struct figures) / sizeof(double) };

/* n images in so many seconds. */
static sps_status measure(struct figures *out, const sps_metrics *metrics, size_t n, double seconds)
{
    for (size_t i = 0; i < MEASURED; i++) {
        sps_status status = sps_metrics_value(metrics, measured[i], &out->measured[i]);
        if (status != SPS_OK)
            return status;
    }
    out->images_per_s = seconds > 0 ? (double)n / seconds : NAN;
    return SPS_OK;
}

static json_t *measured_json(const struct figures *f)
{
    json_t *object = json_object();
    for (size_t i = 0; i < MEASURED; i++)
        set(object, measured[i], number(f->measured[i]));
    set(object, "images_per_s", number(f->images_per_s));
    return object;
}

static struct sps_predict_options predict_options(const struct sps_cim_options *o)
{
    return (struct sps_predict_options){
        .reading = SPS_SAMPLED, .seed = o->seed, .samples = o->samples, .threads = o->threads};
}

/* Once: nothing that may change from one point of a sweep to the next changes it. */
static sps_status run_engine(struct sps_cim_subject *subject, const struct sps_cim_options *o)
{
    const struct sps_session_options options = {.threads = o->threads};
    const struct sps_predict_options predict = predict_options(o);
    struct sps_evaluation e = {0};
    struct figures figures;
    sps_session *session = NULL;
    if (subject->engine != NULL)
        return SPS_OK;
    sps_status status = sps_session_create(&session, subject->packed, &options);
    if (status != SPS_OK)
        return status;
    struct sps_shared shared = {sps_session_predictor(session), o->ranks};
    const struct sps_predictor predictor = sps_shared_predictor(&shared);
    status = sps_evaluate(&e, &predictor, subject->images, &predict, &o->rule, o->interval, NULL, NULL, NULL);
    if (status == SPS_OK)
        status = measure(&figures, e.metrics, e.n, e.seconds);
    if (status == SPS_OK)
        subject->engine = measured_json(&figures);
    sps_evaluation_reset(&e);
    sps_session_free(session);
    return status;
}

struct sps_chips sps_cim_chips(const sps_chip *chip, const sps_packed *packed, const struct sps_cim_options *o)
{
    return (struct sps_chips){
        chip,
        packed,
        (size_t)o->chips,
        {.level = o->level, .seed = o->chip_seed, .threads = o->threads, .mtj = o->mtj, .samples = o->samples}};
}

static sps_status describe(struct figures *out, const struct sps_chip_result *chip, size_t images, size_t beside)
{
    const struct sps_chip_facts *facts = &chip->facts;
    out->extrapolated = facts->extrapolated;
    out->scales_known = facts->scales_known;
    out->scales_wrong = facts->scales > 0 ? (double)facts->scales_wrong / (double)facts->scales : 0;
    out->scale_error = facts->scale_error;
    return measure(out, chip->metrics, images, chip->seconds / (double)beside);
}

/* Those of this rank. */
static sps_status run_own_chips(struct figures *all, const struct sps_cim_subject *subject, const sps_chip *chip,
                                const struct sps_cim_options *o,
                                void (*progress)(void *user, size_t done, size_t total), void *user)
{
    const struct sps_share own = sps_ranks_share(o->ranks, (size_t)o->chips);
    const size_t ranks = o->ranks != NULL ? (size_t)o->ranks->count : 1, busy = ranks < o->chips ? ranks : o->chips;
    const struct sps_predict_options predict = predict_options(o);
    struct sps_chips chips = sps_cim_chips(chip, subject->packed, o);
    struct sps_chip_results results = {0};
    chips.count = own.count;
    chips.options.seed += own.first;
    if (own.count == 0)
        return SPS_OK;
    sps_status status =
        sps_chips_evaluate(&results, &chips, subject->images, &predict, &o->rule, o->interval, progress, user);
    for (size_t k = 0; k < results.count && status == SPS_OK; k++)
        status = describe(&all[own.first + k], &results.chip[k], subject->images->count, busy);
    sps_chip_results_reset(&results);
    return status;
}

/* A list, chip by chip. */
static sps_status run_chips(json_t **out, const struct sps_cim_subject *subject, const sps_chip *chip,
                            const struct sps_cim_options *o, void (*progress)(void *user, size_t done, size_t total),
                            void *user)
{
    struct figures *all = calloc((size_t)o->chips, sizeof *all);
    if (all == NULL)
        return SPS_ENOMEM;
    sps_status status = run_own_chips(all, subject, chip, o, progress, user);
    if (status == SPS_OK && o->ranks != NULL)
        o->ranks->sum_doubles(o->ranks, (double *)all, (size_t)o->chips * FIGURES);
    json_t *list = status == SPS_OK ? json_array() : NULL;
    for (size_t k = 0; k < o->chips && status == SPS_OK; k++) {
        json_t *object = measured_json(&all[k]);
        set(object, "extrapolated", json_boolean(all[k].extrapolated != 0));
        set(object, "scales_wrong", all[k].scales_known != 0 ? number(all[k].scales_wrong) : json_null());
        set(object, "scale_error", all[k].scales_known != 0 ? number(all[k].scale_error) : json_null());
        json_array_append_new(list, object);
    }
    free(all);
    if (status == SPS_OK)
        *out = list;
    return status;
}

/* Mean, standard deviation and extremes over chips of each number that they have. */
static void set_spread(json_t *object, const json_t *chips)
{
    for (size_t i = 0; measured[i] != NULL; i++) {
        double n = (double)json_array_size(chips), sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
        size_t k;
        json_t *chip;
        char key[64];
        json_array_foreach((json_t *)chips, k, chip)
        {
            double value = json_number_value(json_object_get(chip, measured[i]));
            sum += value;
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
        json_array_foreach((json_t *)chips, k, chip)
        {
            double apart = json_number_value(json_object_get(chip, measured[i])) - sum / n;
            squares += apart * apart;
        }
        int undefined = json_is_null(json_object_get(json_array_get(chips, 0), measured[i]));
        set(object, measured[i], undefined ? json_null() : number(sum / n));
        if (n < 2 || undefined)
            continue;
        snprintf(key, sizeof key, "%s_sd", measured[i]);
        set(object, key, number(sqrt(squares / (n - 1))));
        snprintf(key, sizeof key, "%s_min", measured[i]);
        set(object, key, number(low));
        snprintf(key, sizeof key, "%s_max", measured[i]);
        set(object, key, number(high));
    }
}

/* Share of chips that lose little enough accuracy against the engine; undefined without labels. */
static json_t *yield_json(const json_t *chips, const json_t *engine, double tolerance)
{
    const json_t *reference = json_object_get(engine, "accuracy");
    double good = 0;
    size_t k;
    json_t *chip;
    if (json_is_null(reference))
        return json_null();
    json_array_foreach((json_t *)chips, k, chip)
    {
        good += json_number_value(json_object_get(chip, "accuracy")) >= json_number_value(reference) - tolerance;
    }
    return number(good / (double)json_array_size(chips));
}

static int is_extrapolated(const json_t *chips)
{
    size_t k;
    json_t *chip;
    json_array_foreach((json_t *)chips, k, chip)
    {
        if (json_is_true(json_object_get(chip, "extrapolated")))
            return 1;
    }
    return 0;
}

static sps_status set_function(json_t *object, struct sps_cim_subject *subject, const sps_chip *chip,
                               const struct sps_cim_options *o, void (*progress)(void *user, size_t done, size_t total),
                               void *user)
{
    json_t *chips = NULL;
    sps_status status = run_engine(subject, o);
    if (status == SPS_OK)
        status = run_chips(&chips, subject, chip, o, progress, user);
    if (status != SPS_OK)
        return status;
    const json_t *first = json_array_get(chips, 0);
    set(object, "n", json_integer((json_int_t)subject->images->count));
    set_spread(object, chips);
    for (size_t i = 0; of_chip[i] != NULL; i++)
        set(object, of_chip[i], json_incref(json_object_get(first, of_chip[i])));
    set(object, "extrapolated", json_boolean(is_extrapolated(chips)));
    set(object, "images_per_s", json_incref(json_object_get(first, "images_per_s")));
    set(object, "yield", yield_json(chips, subject->engine, o->tolerance));
    set(object, "yield_tolerance", number(o->tolerance));
    set(object, "engine", json_incref(subject->engine));
    if (o->chips > 1)
        set(object, "chip", json_incref(chips));
    json_decref(chips);
    return SPS_OK;
}

/* ---- both ---- */

static sps_status fill(json_t *object, struct sps_cim_subject *subject, const struct sps_cim_options *o,
                       const sps_chip *chip, void (*progress)(void *user, size_t done, size_t total), void *user)
{
    const struct sps_model_info *about = sps_packed_get_info(subject->packed);
    struct sps_chip_cost *cost = NULL;
    set(object, "model", sps_cli_report_string(o->model));
    set(object, "model_sha256", *o->model_sha256 ? json_string(o->model_sha256) : json_null());
    set(object, "net", sps_cli_report_string(about->net != NULL ? about->net : ""));
    set(object, "method", sps_cli_report_string(about->method != NULL ? about->method : ""));
    set(object, "chip_name", sps_cli_report_string(o->chip));
    set(object, "level", json_string(sps_cim_levels[o->level]));
    set(object, "account", json_string(sps_cim_accounts[o->account]));
    set(object, "mtj", json_boolean(o->mtj));
    set(object, "samples", json_integer(o->samples));
    set(object, "seed", json_integer((json_int_t)o->seed));
    set(object, "chip_seed", json_integer((json_int_t)o->chip_seed));
    set(object, "chips", json_integer((json_int_t)o->chips));
    sps_status status = SPS_OK;
    if (subject->images != NULL) {
        set(object, "data", sps_cli_report_string(subject->images->name));
        status = set_function(object, subject, chip, o, progress, user);
    } else {
        for (size_t i = 0; measured[i] != NULL; i++)
            set(object, measured[i], json_null());
    }
    if (status == SPS_OK)
        status = sps_chip_cost(&cost, chip, subject->packed, o->samples, o->account);
    if (status == SPS_OK) {
        int drawn = json_is_true(json_object_get(object, "extrapolated"));
        set_cost(object, cost);
        set(object, "extrapolated", json_boolean(drawn || cost->extrapolated));
    }
    set(object, "chip_settings", sps_cli_report_string(sps_chip_text(chip)));
    sps_chip_cost_free(cost);
    return status;
}

sps_status sps_cim_run(json_t **out, struct sps_cim_subject *subject, const struct sps_cim_options *options,
                       void (*progress)(void *user, size_t done, size_t total), void *user)
{
    sps_chip *chip = NULL;
    json_t *object = json_object();
    sps_status status = sps_chip_open(&chip, options->chip, options->sets, options->set_count);
    if (status == SPS_OK)
        status = fill(object, subject, options, chip, progress, user);
    sps_chip_close(chip);
    if (status == SPS_OK)
        *out = object;
    else
        json_decref(object);
    return status;
}
