/* SPDX-License-Identifier: MIT */
/* What each model is, and what it came from. */
#include <math.h>
#include <stdio.h>

#include "cells.h"
#include "page_parts.h"
#include "spinscale/predict.h"

static void add_bank(json_t *cells, const struct sps_shown_model *m)
{
    char text[256] = "";
    size_t used = 0;
    for (int i = 0; i < m->info->bank_layers && used < sizeof text - 16; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i > 0 ? ", " : "", m->info->bank_sizes[i]);
    sps_cells_add(cells, "%s", text);
}

static void add_paths(json_t *cells, const struct sps_shown_model *m)
{
    if (isinf(m->info->paths))
        sps_cells_add(cells, "without end (masks)");
    else
        sps_cells_add_number(cells, m->info->paths);
}

static void add_network(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%s", m->info->net);
}

static void add_method(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%s", m->info->method);
}

static void add_data(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%s", m->info->data);
}

static void add_validation(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add_number(cells, 100 * m->info->validation_accuracy);
}

static void add_weights(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%zu", m->info->weights);
}

static void add_macs(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%zu", m->info->macs);
}

static void add_file(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%s", m->path);
}

static void add_bytes(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%.1f", (double)m->bytes / 1024);
}

static void add_hash(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%.16s…", m->sha256);
}

static void add_engine(json_t *cells, const struct sps_shown_model *m)
{
    sps_cells_add(cells, "%s", m->engine);
}

static const struct {
    const char *words;
    void (*add)(json_t *cells, const struct sps_shown_model *model);
} rows[] = {{"network", add_network},
            {"method", add_method},
            {"trained on", add_data},
            {"accuracy on its validation split, %", add_validation},
            {"scale bank: entries, layer by layer", add_bank},
            {"distinct paths", add_paths},
            {"binary weights", add_weights},
            {"multiply-accumulates of a pass", add_macs},
            {"file", add_file},
            {"size of the file, KiB", add_bytes},
            {"SHA-256 of the file", add_hash},
            {"computed by", add_engine}};

sps_status sps_show_about(sps_page *page, const struct sps_shown *shown)
{
    char align[SPS_SHOWN_MODELS + 2] = "l";
    const char *heads[SPS_SHOWN_MODELS + 1] = {""};
    json_t *cells = json_array();
    sps_page_heading(page, shown->models > 1 ? "What they are" : "What it is");
    for (int m = 0; m < shown->models; m++) {
        align[m + 1] = 'l';
        heads[m + 1] = shown->model[m].name;
    }
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        sps_cells_add(cells, "%s", rows[r].words);
        for (int m = 0; m < shown->models; m++)
            rows[r].add(cells, &shown->model[m]);
    }
    sps_status status = sps_cells_table(page, "models", "Models", align, heads, cells);
    for (int m = 0; m < shown->models; m++) {
        char summary[128];
        const char *provenance = shown->model[m].info->provenance;
        snprintf(summary, sizeof summary, "The configuration that made %s", shown->model[m].name);
        if (provenance != NULL && provenance[0] != '\0')
            sps_page_details(page, summary, provenance);
    }
    return status;
}
