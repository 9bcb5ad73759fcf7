/* SPDX-License-Identifier: MIT */
#include "cim/arch/chip.h"

#include <stdio.h>
#include <string.h>

#include "conf/preset.h"
#include "core/memory.h"

#define SPS_PARAMS_OWNER struct sps_chip_params
const struct sps_param sps_chip_params[] = {SPS_PARAMS_TABLE(SPS_CHIP_PARAMS)};

/* The device's name decides which file its other parameters come from, so it is looked up before anything is read: in
 * the chip's file, then in the sets. */
static const char *device_name(const struct sps_chip *chip, const sps_yaml *yaml, const char *const *sets,
                               size_t set_count)
{
    static const char key[] = "device.name=";
    const char *name = chip->p.device_name;
    const struct sps_yaml_node *root = yaml != NULL ? sps_yaml_root(yaml) : NULL;
    const struct sps_yaml_node *map = root != NULL && root->kind == SPS_YAML_MAP ? sps_yaml_get(root, "device") : NULL;
    const struct sps_yaml_node *node = map != NULL && map->kind == SPS_YAML_MAP ? sps_yaml_get(map, "name") : NULL;
    if (node != NULL && node->kind == SPS_YAML_SCALAR)
        name = node->text;
    for (size_t i = 0; i < set_count; i++)
        if (strncmp(sets[i], key, sizeof key - 1) == 0)
            name = sets[i] + sizeof key - 1;
    return name;
}

static sps_status read_device(struct sps_device_params *device, const char *name)
{
    const struct sps_binding binding = {sps_device_params, device};
    sps_yaml *yaml = NULL;
    SPS_TRY(sps_preset_read(&yaml, "devices", name));
    sps_status status = sps_params_read(&binding, 1, yaml, sps_yaml_root(yaml));
    sps_yaml_free(yaml);
    if (status == SPS_OK)
        status = sps_device_tables_beside(device, name);
    return status;
}

static sps_status check(const struct sps_chip *chip)
{
    const struct sps_chip_params *p = &chip->p;
    if (p->adc == SPS_ADC_SENSE && p->adc_bits != 1)
        SPS_FAIL(EINVAL, "adc.bits is %d, must be 1: adc.kind is sense", (int)p->adc_bits);
    if (p->cell == SPS_SINGLE && p->columns < 2)
        SPS_FAIL(EINVAL, "array.columns is 1, must be at least 2: one is the reference column");
    if (p->adc_share > p->columns)
        SPS_FAIL(EINVAL, "adc.share is %d, must be at most array.columns, %d", (int)p->adc_share, (int)p->columns);
    return SPS_OK;
}

static sps_status fill(struct sps_chip *chip, const sps_yaml *yaml, const char *const *sets, size_t set_count)
{
    struct sps_device_params device;
    const struct sps_binding bindings[] = {{sps_chip_params, &chip->p}, {sps_device_params, &device}};
    sps_params_default(sps_chip_params, &chip->p);
    sps_params_default(sps_device_params, &device);
    SPS_TRY(read_device(&device, device_name(chip, yaml, sets, set_count)));
    if (yaml != NULL)
        SPS_TRY(sps_params_read(bindings, 2, yaml, sps_yaml_root(yaml)));
    for (size_t i = 0; i < set_count; i++)
        SPS_TRY(sps_params_set(bindings, 2, sets[i]));
    SPS_TRY(check(chip));
    SPS_TRY(sps_device_create(&chip->device, &device));
    return sps_params_write(&chip->text, bindings, 2);
}

sps_status sps_chip_read(sps_chip **out, const char *name, const sps_yaml *yaml, const char *const *sets,
                         size_t set_count)
{
    struct sps_chip *chip = NULL;
    SPS_TRY(sps_calloc(&chip, 1, sizeof *chip, "a chip"));
    snprintf(chip->name, sizeof chip->name, "%s", name);
    sps_status status = fill(chip, yaml, sets, set_count);
    if (status == SPS_OK)
        *out = chip;
    else
        sps_chip_close(chip);
    return status;
}

sps_status sps_chip_open(sps_chip **out, const char *name, const char *const *sets, size_t set_count)
{
    sps_yaml *yaml = NULL;
    SPS_TRY(sps_preset_read(&yaml, "chips", name));
    sps_status status = sps_chip_read(out, name, yaml, sets, set_count);
    sps_yaml_free(yaml);
    return status;
}

void sps_chip_close(sps_chip *chip)
{
    if (chip == NULL)
        return;
    sps_device_close(chip->device);
    sps_free(chip->text);
    sps_free(chip);
}

const char *sps_chip_text(const sps_chip *chip)
{
    return chip->text;
}

const char *sps_chip_name(const sps_chip *chip)
{
    return chip->name;
}

const char *sps_chip_method(const sps_chip *chip)
{
    return chip->p.method;
}

int sps_chip_units_stray(const sps_chip *chip)
{
    const struct sps_device_params *d = &chip->device->params;
    return d->sigma_p > 0 || d->sigma_ic > 0 || d->sigma_delta > 0 || d->calibration_error > 0 || d->drift != 0 ||
           d->reset_failure > 0 || d->temperature != d->calibration_temperature;
}

const char *sps_chip_preset(size_t index, char summary[256])
{
    return sps_preset_list("chips", index, summary);
}

sps_status sps_chip_describe(char **text)
{
    struct sps_chip_params chip;
    struct sps_device_params device;
    const struct sps_binding bindings[] = {{sps_chip_params, &chip}, {sps_device_params, &device}};
    return sps_params_describe(text, bindings, 2);
}

void sps_chip_text_free(char *text)
{
    sps_free(text);
}
