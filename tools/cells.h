/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CELLS_H
#define SPS_TOOLS_CELLS_H
/* Tables and paragraphs of pages, written as printf() has it.  Cells are a JSON array of texts, row after row. */
#include <jansson.h>

#include "spinscale/report.h"

__attribute__((format(printf, 2, 3))) void sps_cells_add(json_t *cells, const char *format, ...);
/* A number with four digits; empty where it is none. */
void sps_cells_add_number(json_t *cells, double value);
/* With so many decimals; empty where it is none. */
void sps_cells_add_fixed(json_t *cells, double value, int decimals);
/* name and caption may be NULL; heads: one for each letter of align.  Takes the cells. */
sps_status sps_cells_table(sps_page *page, const char *name, const char *caption, const char *align,
                           const char *const *heads, json_t *cells);
__attribute__((format(printf, 2, 3))) void sps_cells_paragraph(sps_page *page, const char *format, ...);
#endif
