/* SPDX-License-Identifier: MIT */
/* eval: a model on the test part of a data set. */
#include <math.h>

#include "commands.h"
#include "console.h"
#include "measure.h"
#include "reading.h"
#include "spinscale/data.h"
#include "spinscale/model.h"

struct eval_options {
    const char *data, *data_dir, *dump;
    struct sps_reading_options reading;
    struct sps_measure_options measure;
    int json;
};

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, data),
     .argument = "NAME|PATH",
     .required = 1,
     .help = "data set whose test part is used: a name that \"spinscale info\" lists, or a folder with IDX files"},
    SPS_OPTION_DATA_DIR(struct eval_options),
    SPS_OPTIONS_READING(struct eval_options),
    SPS_OPTIONS_MEASURE(struct eval_options),
    {.name = "dump",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, dump),
     .argument = "FILE.npy",
     .help =
         "write the probabilities, float32 [T][N][C], to FILE.npy and the picks, uint8 [T][N][L], to FILE.paths.npy"},
    SPS_OPTION_JSON(struct eval_options),
    {.name = NULL}};

static void show_progress(void *user, size_t done, size_t total)
{
    (void)user;
    if (!sps_console_progress_due())
        return;
    char after[64];
    snprintf(after, sizeof after, "%zu of %zu images", done, total);
    sps_console_progress("evaluating", (double)done / (double)total, after);
}

static sps_status report_evaluation(struct sps_cli_report *report, const char *model_path, const sps_model *model,
                                    const sps_dataset *set, const struct sps_predict_options *predict,
                                    const struct sps_evaluation *evaluation)
{
    const struct sps_model_info *about = sps_model_get_info(model);
    const struct sps_dataset_info *data = sps_dataset_get_info(set);
    sps_cli_report_text(report, "model", model_path);
    sps_cli_report_text(report, "net", about->net);
    sps_cli_report_text(report, "method", about->method);
    sps_cli_report_text(report, "data", data->name);
    sps_cli_report_count(report, "n", evaluation->n, "images");
    sps_cli_report_text(report, "reading", sps_reading_name(predict->reading));
    sps_cli_report_count(report, "samples", evaluation->passes, "passes per image");
    if (predict->reading == SPS_SAMPLED)
        sps_cli_report_count(report, "seed", predict->seed, NULL);
    else
        sps_cli_report_null(report, "seed");
    sps_status status = sps_cli_report_metrics(report, evaluation->metrics);
    sps_cli_report_real(report, "images_per_s",
                        evaluation->seconds > 0.0 ? (double)evaluation->n / evaluation->seconds : NAN, "images/s");
    sps_cli_report_text(report, "model_sha256", about->sha256);
    sps_cli_report_text(report, "data_sha256", data->sha256);
    return status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    const struct eval_options *options = options_pointer;
    struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_predict_options predict = sps_reading(&options->reading);
    struct sps_cli_report report = {0};
    struct sps_evaluation evaluation = {0};
    sps_dataset *set = NULL;
    sps_model *model = NULL;
    sps_status status = sps_model_open(&model, operands[0]);
    if (status == SPS_OK)
        status = sps_dataset_open(&set, options->data, SPS_TEST, options->data_dir);
    if (status == SPS_OK)
        status = sps_model_evaluate(&evaluation, model, set, &predict, &rule, options->measure.level, options->dump,
                                    show_progress, NULL);
    sps_console_progress_clear();
    if (status == SPS_OK)
        status = report_evaluation(&report, operands[0], model, set, &predict, &evaluation);
    int exit_status = status == SPS_OK ? sps_cli_report_print(&report, options->json) : sps_console_failed(status);
    sps_cli_report_reset(&report);
    sps_metrics_free(evaluation.metrics);
    sps_dataset_free(set);
    sps_model_close(model);
    return exit_status;
}

const struct sps_command sps_cmd_eval = {
    .operands = "MODEL --data NAME|PATH [options]",
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "MODEL is a model file, or the folder that \"spinscale train\" left. The test part of the data set is read "
        "once. "
        "Prints accuracy and calibration, and how much of the uncertainty is the model's own (mutual information). "
        "Entropies, NLL and mutual information are in nats; images_per_s counts the time of prediction alone.",
    .examples = "  spinscale eval out --data fashion-mnist --samples 20\n"
                "  spinscale eval out/model.safetensors --data ~/sets/shoes --exact --json",
    .options = options_table,
    .options_bytes = sizeof(struct eval_options),
    .run = run,
};
