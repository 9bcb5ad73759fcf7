/* SPDX-License-Identifier: MIT */
/* Any bytes as a table of numbers, with and without a line of names.  What is accepted is whole, has no values that are
 * no numbers, and is written and read back to the same; nothing leaks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conf/csv.h"
#include "core/memory.h"
#include "fuzz.h"

/* The parser wants a zero byte behind the text; malloc, so that reading further is seen. */
static char *with_zero(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static void look(const struct sps_csv *csv, int header)
{
    FUZZ_MUST(csv->rows >= 1 && csv->columns >= 1);
    FUZZ_MUST((csv->names != NULL) == (header != 0));
    for (size_t i = 0; i < csv->rows; i++)
        FUZZ_MUST(csv->lines[i] >= 1 && (i == 0 || csv->lines[i] > csv->lines[i - 1]));
    for (size_t i = 0; i < csv->rows * csv->columns; i++)
        FUZZ_MUST(!isnan(csv->values[i]));
    for (size_t i = 0; header && i < csv->columns; i++)
        FUZZ_MUST(sps_csv_column(csv, csv->names[i]) == (int)i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const path = "fuzz_csv.csv";
    long live = sps_memory_live();
    char *text = with_zero(data, size);
    for (int header = 0; header <= 1; header++) {
        struct sps_csv csv = {0}, again = {0};
        if (sps_csv_parse(&csv, "fuzz", text, size, header) != SPS_OK) {
            FUZZ_MUST(csv.values == NULL);
            continue;
        }
        look(&csv, header);
        FUZZ_MUST(sps_csv_write(path, NULL, csv.rows, csv.columns, csv.values) == SPS_OK);
        FUZZ_MUST(sps_csv_read(&again, path, 0) == SPS_OK);
        FUZZ_MUST(again.rows == csv.rows && again.columns == csv.columns);
        for (size_t i = 0; i < csv.rows * csv.columns; i++)
            FUZZ_MUST(again.values[i] == csv.values[i]);
        sps_csv_reset(&again);
        sps_csv_reset(&csv);
    }
    free(text);
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
