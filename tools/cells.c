/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void sps_cells_add(json_t *cells, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_t *text = json_vsprintf(format, arguments);
    va_end(arguments);
    json_array_append_new(cells, text != NULL ? text : json_string("?")); /* "?": not UTF-8 */
}

void sps_cells_add_number(json_t *cells, double value)
{
    char text[32] = "";
    if (isfinite(value))
        sps_report_number(text, value, 4);
    sps_cells_add(cells, "%s", text);
}

void sps_cells_add_fixed(json_t *cells, double value, int decimals)
{
    if (isfinite(value))
        sps_cells_add(cells, "%.*f", decimals, value);
    else
        sps_cells_add(cells, "%s", "");
}

sps_status sps_cells_table(sps_page *page, const char *name, const char *caption, const char *align,
                           const char *const *heads, json_t *cells)
{
    size_t count = json_array_size(cells);
    const char **texts = calloc(count + 1, sizeof *texts);
    for (size_t i = 0; i < count && texts != NULL; i++)
        texts[i] = json_string_value(json_array_get(cells, i));
    const struct sps_table table = {caption, align, (int)(count / strlen(align)), heads, texts, name};
    if (texts != NULL)
        sps_page_table(page, &table);
    free(texts);
    json_decref(cells);
    return texts != NULL ? SPS_OK : SPS_ENOMEM;
}

void sps_cells_paragraph(sps_page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_t *text = json_vsprintf(format, arguments);
    va_end(arguments);
    if (text != NULL)
        sps_page_paragraph(page, json_string_value(text));
    json_decref(text);
}
