/* SPDX-License-Identifier: MIT */
/* Any bytes as a device's file, and as its tables.  A device that is accepted is written and read back to the same, and
 * has a card or a reason why not, whose probabilities are probabilities.  (Tables that a file names are not opened.) */
#include <math.h>
#include <string.h>

#include "cim/device/table.h"
#include "core/memory.h"
#include "fuzz.h"

static sps_status read_params(struct sps_device_params *params, const char *text, size_t size)
{
    const struct sps_binding binding = {sps_device_params, params};
    sps_yaml *yaml = NULL;
    sps_params_default(sps_device_params, params);
    SPS_TRY(sps_yaml_parse(&yaml, "fuzz", text, size));
    sps_status status = sps_params_read(&binding, 1, yaml, sps_yaml_root(yaml));
    sps_yaml_free(yaml);
    return status;
}

static int is_probability(double p)
{
    return p >= 0 && p <= 1;
}

static void try_card(struct sps_device_params *params)
{
    sps_device *device = NULL;
    struct sps_device_card card;
    params->switching_table[0] = params->resistance_table[0] = 0;
    if (sps_device_create(&device, params) != SPS_OK)
        return;
    if (sps_device_card(&card, device) == SPS_OK) {
        FUZZ_MUST(is_probability(card.read_disturb) && is_probability(card.retention_flip));
        FUZZ_MUST(card.i_half >= 0 && card.energy_bit >= 0);
        FUZZ_MUST(params->extrapolate || !card.extrapolated);
    }
    sps_device_close(device);
}

static void try_params(const char *text, size_t size)
{
    struct sps_device_params first, second;
    char *written = NULL, *again = NULL;
    if (read_params(&first, text, size) != SPS_OK)
        return;
    const struct sps_binding one = {sps_device_params, &first}, two = {sps_device_params, &second};
    FUZZ_MUST(sps_params_write(&written, &one, 1) == SPS_OK);
    FUZZ_MUST(read_params(&second, written, strlen(written)) == SPS_OK);
    FUZZ_MUST(sps_params_write(&again, &two, 1) == SPS_OK);
    FUZZ_MUST(strcmp(written, again) == 0);
    sps_free(written);
    sps_free(again);
    try_card(&first);
}

static void try_tables(const struct sps_csv *csv)
{
    struct sps_switching_table *switching = NULL;
    struct sps_resistance_table *resistance = NULL;
    struct sps_switching s;
    double value = 0;
    if (sps_switching_table_create(&switching, csv, "fuzz") == SPS_OK) {
        for (double current = 1e-6; current < 1; current *= 3)
            FUZZ_MUST(is_probability(sps_switching_table_near(switching, current, 1e-8).p));
        if (sps_switching_table_current(&value, switching, 0.5, 1e-8) == SPS_OK)
            FUZZ_MUST(sps_switching_table_at(&s, switching, value, 1e-8) == SPS_OK && s.p >= 0.5 - 1e-9);
    }
    if (sps_resistance_table_create(&resistance, csv, "fuzz") == SPS_OK)
        FUZZ_MUST(sps_resistance_table_at(&value, resistance, SPS_PARALLEL, 0) == SPS_OK && value > 0);
    sps_free(switching);
    sps_free(resistance);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long live = sps_memory_live();
    struct sps_csv csv;
    char *text = NULL;
    try_params((const char *)data, size);
    FUZZ_MUST(sps_calloc(&text, size + 1, 1, "input") == SPS_OK);
    if (size > 0)
        memcpy(text, data, size);
    if (sps_csv_parse(&csv, "fuzz", text, size, 1) == SPS_OK) {
        try_tables(&csv);
        sps_csv_reset(&csv);
    }
    sps_free(text);
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
