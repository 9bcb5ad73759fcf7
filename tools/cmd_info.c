/* SPDX-License-Identifier: MIT */
/* info: what is registered, or a model's card. */
#include <math.h>
#include <string.h>

#include "calibrated.h"
#include "commands.h"
#include "console.h"
#include "report.h"
#include "spinscale/cpu.h"
#include "spinscale/data.h"
#include "spinscale/foreign.h"
#include "spinscale/model.h"
#include "spinscale/train.h"
#include "spinscale/uq.h"

struct info_options {
    int json;
};

static const struct sps_option options_table[] = {SPS_OPTION_JSON(struct info_options), {.name = NULL}};

/* --- What is registered: one list per kind, each entry a name, a summary and perhaps a source. --- */

struct listing {
    const char *kind;
    /* Name of entry `index`, NULL after the last; text and source may stay NULL. */
    const char *(*next)(const char *kind, size_t index, const char **text, const char **source);
};

static const char *next_preset(const char *kind, size_t index, const char **text, const char **source)
{
    static char summary[256];
    (void)source;
    const char *name = sps_train_preset(strcmp(kind, "presets") == 0 ? "configs" : kind, index, summary);
    *text = summary;
    return name;
}

static const char *next_data(const char *kind, size_t index, const char **text, const char **source)
{
    (void)kind;
    return sps_dataset_list(index, text, source);
}

static const char *next_foreign(const char *kind, size_t index, const char **text, const char **source)
{
    (void)kind;
    (void)source;
    return sps_foreign_list(index, text);
}

static const char *next_metric(const char *kind, size_t index, const char **text, const char **source)
{
    (void)kind;
    const char *unit;
    return sps_metric_list(index, text, &unit, source);
}

static const char *next_tier(const char *kind, size_t index, const char **text, const char **source)
{
    (void)kind;
    (void)source;
    return sps_kernel_tier(index, text);
}

static const struct listing listings[] = {{"presets", next_preset},       {"nets", next_preset},
                                          {"devices", next_preset},       {"chips", next_preset},
                                          {"layers", sps_train_list},     {"methods", sps_train_list},
                                          {"binarisers", sps_train_list}, {"optimisers", sps_train_list},
                                          {"schedules", sps_train_list},  {"data", next_data},
                                          {"foreign", next_foreign},      {"metrics", next_metric},
                                          {"kernels", next_tier},         {NULL, NULL}};

static const char *next_entry(const struct listing *listing, size_t index, const char **text, const char **source)
{
    *text = NULL;
    *source = NULL;
    return listing->next(listing->kind, index, text, source);
}

static json_t *listing_json(const struct listing *listing)
{
    const char *name, *text, *source;
    json_t *list = json_array();
    for (size_t i = 0; (name = next_entry(listing, i, &text, &source)) != NULL; i++) {
        struct sps_cli_report report = {0};
        sps_cli_report_text(&report, "name", name);
        sps_cli_report_text(&report, "summary", text);
        if (source != NULL)
            sps_cli_report_text(&report, "source", source);
        if (json_array_append_new(list, sps_cli_report_take(&report)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int list_all_json(void)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "version", json_string(sps_version()));
    for (const struct listing *listing = listings; listing->kind != NULL && !failed; listing++)
        failed = json_object_set_new(object, listing->kind, listing_json(listing));
    if (failed) {
        json_decref(object);
        object = NULL;
    }
    return sps_cli_report_dump(object);
}

static int list_all(void)
{
    printf("spinscale %s\n", sps_version());
    for (const struct listing *listing = listings; listing->kind != NULL; listing++) {
        const char *name, *text, *source;
        printf("\n%s\n", listing->kind);
        for (size_t i = 0; (name = next_entry(listing, i, &text, &source)) != NULL; i++) {
            printf("  %-22s %s", name, text != NULL ? text : "");
            if (source != NULL && source[0] != '\0')
                printf(" (%s)", source);
            putchar('\n');
        }
    }
    return 0;
}

/* --- A model's card. --- */

static void print_provenance(const char *text)
{
    fputs("\nconfiguration of the run\n", stdout);
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        fputs("  ", stdout);
        for (size_t i = 0; i < length; i++)
            putchar((unsigned char)line[i] < 0x20 ? '?' : line[i]);
        putchar('\n');
        line += length + (line[length] == '\n');
    }
}

static int print_card(const char *path, const char *file, const struct sps_model_info *about,
                      const struct sps_model_calibration *calibration, int json)
{
    char hash[65];
    size_t bytes = 0;
    sps_status status = sps_hash_file(hash, &bytes, file);
    if (status != SPS_OK)
        return sps_console_failed(status);
    char banks[256] = "";
    size_t used = 0;
    for (int i = 0; i < about->bank_layers && used < sizeof banks - 16; i++)
        used += (size_t)snprintf(banks + used, sizeof banks - used, "%s%d", i > 0 ? " " : "", about->bank_sizes[i]);
    struct sps_cli_report report = {0};
    sps_cli_report_text(&report, "model", path);
    sps_cli_report_text(&report, "net", about->net);
    sps_cli_report_text(&report, "method", about->method);
    sps_cli_report_text(&report, "data", about->data);
    sps_cli_report_count(&report, "height", (uint64_t)about->height, "pixels");
    sps_cli_report_count(&report, "width", (uint64_t)about->width, "pixels");
    sps_cli_report_count(&report, "channels", (uint64_t)about->channels, NULL);
    sps_cli_report_count(&report, "classes", (uint64_t)about->classes, NULL);
    sps_cli_report_count(&report, "bank_layers", (uint64_t)about->bank_layers, NULL);
    sps_cli_report_text(&report, "bank_sizes", banks);
    if (isinf(about->paths)) /* masks drawn anew; JSON has no word for it */
        sps_cli_report_text(&report, "paths", json ? NULL : "without end");
    else
        sps_cli_report_real(&report, "paths", about->paths, NULL);
    sps_cli_report_count(&report, "weights", about->weights, "bits");
    sps_cli_report_count(&report, "macs", about->macs, "multiply-accumulates per pass");
    sps_cli_report_real(&report, "validation_accuracy", about->validation_accuracy, "(fraction)");
    sps_cli_report_calibration(&report, calibration, json);
    sps_cli_report_count(&report, "file_bytes", bytes, "bytes");
    sps_cli_report_text(&report, "sha256", hash);
    if (json)
        sps_cli_report_text(&report, "provenance", about->provenance);
    int exit_status = sps_cli_report_print(&report, json);
    if (exit_status == 0 && !json && about->provenance != NULL)
        print_provenance(about->provenance);
    return exit_status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    const struct info_options *options = options_pointer;
    if (operand_count == 0)
        return options->json ? list_all_json() : list_all();
    sps_model *model = NULL;
    sps_packed *packed = NULL;
    int is_packed = sps_packed_is(operands[0]);
    sps_status status = is_packed ? sps_packed_open(&packed, operands[0]) : sps_model_open(&model, operands[0]);
    if (status != SPS_OK)
        return sps_console_failed(status);
    int exit_status =
        is_packed ? print_card(operands[0], operands[0], sps_packed_get_info(packed), sps_packed_calibration(packed),
                               options->json)
                  : print_card(operands[0], sps_model_path(model), sps_model_get_info(model), NULL, options->json);
    sps_packed_close(packed);
    sps_model_close(model);
    return exit_status;
}

const struct sps_command sps_cmd_info = {
    .operands = "[MODEL] [options]",
    .operands_min = 0,
    .operands_max = 1,
    .description =
        "Without MODEL: lists presets, networks, layers, methods, data sets and how to get them, metrics, and the "
        "kernel tiers of this CPU. With MODEL (a file, packed or not, or a run's folder): the model's card, with the "
        "configuration that made it.",
    .examples = "  spinscale info\n  spinscale info models/mlp4-mnist-scale_vi.safetensors",
    .options = options_table,
    .options_bytes = sizeof(struct info_options),
    .run = run,
};
