/* SPDX-License-Identifier: MIT */
/* pack: fold a trained model into one file that the packed engine maps. */
#include "commands.h"
#include "console.h"
#include "report.h"
#include "spinscale/data.h"
#include "spinscale/model.h"

struct pack_options {
    const char *out;
    int json;
};

static const struct sps_option options_table[] = {{.name = "output",
                                                   .letter = 'o',
                                                   .type = SPS_OPTION_TEXT,
                                                   .offset = offsetof(struct pack_options, out),
                                                   .argument = "FILE",
                                                   .required = 1,
                                                   .help = "where the packed model goes"},
                                                  SPS_OPTION_JSON(struct pack_options),
                                                  {.name = NULL}};

static sps_status report_file(struct sps_cli_report *report, const struct pack_options *options, const char *from,
                              const struct sps_model_info *about)
{
    static char hash[65];
    size_t bytes = 0;
    sps_status status = sps_hash_file(hash, &bytes, options->out);
    if (status != SPS_OK)
        return status;
    sps_cli_report_text(report, "model", from);
    sps_cli_report_text(report, "packed", options->out);
    sps_cli_report_text(report, "net", about->net);
    sps_cli_report_text(report, "method", about->method);
    sps_cli_report_count(report, "weights", about->weights, "bits");
    sps_cli_report_count(report, "float_weights", about->float_weights, "numbers of 32 bits");
    sps_cli_report_count(report, "bytes", bytes, "bytes");
    double weights = (double)about->weights + (double)about->float_weights;
    sps_cli_report_real(report, "share_of_float32", (double)bytes / (4.0 * weights),
                        "of the size of its weights as float32");
    sps_cli_report_text(report, "sha256", hash);
    return SPS_OK;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    const struct pack_options *options = options_pointer;
    struct sps_cli_report report = {0};
    sps_model *model = NULL;
    sps_packed *packed = NULL;
    sps_status status = sps_model_open(&model, operands[0]);
    if (status == SPS_OK)
        status = sps_model_pack(&packed, model);
    if (status == SPS_OK)
        status = sps_packed_write(packed, options->out);
    if (status == SPS_OK)
        status = report_file(&report, options, sps_model_path(model), sps_packed_get_info(packed));
    int exit_status = status == SPS_OK ? sps_cli_report_print(&report, options->json) : sps_console_failed(status);
    sps_cli_report_reset(&report);
    sps_packed_close(packed);
    sps_model_close(model);
    return exit_status;
}

const struct sps_command sps_cmd_pack = {
    .operands = "RUN|MODEL -o FILE [options]",
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "Folds a trained model into one file for the packed engine: bits, integer thresholds for each channel and bank "
        "entry, and the noise sources. Nothing is approximated: predictions are those of the training graph. "
        "\"eval\", \"predict\" and \"bench\" take the file in place of the model, and start faster.",
    .examples = "  spinscale pack out -o shoes.packed\n  spinscale predict shoes.packed shoe.png",
    .options = options_table,
    .options_bytes = sizeof(struct pack_options),
    .run = run,
};
