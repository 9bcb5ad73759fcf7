/* SPDX-License-Identifier: MIT */
#ifndef SPS_REPORT_REDO_H
#define SPS_REPORT_REDO_H
/* What a page shows, for other programs: numbers as CSV, a script with which gnuplot draws a figure again, tables as
 * Markdown.  Files are FOLDER/NAME.csv and FOLDER/NAME.gp. */
#include "report/writer.h"
#include "spinscale/report.h"

/* A string of gnuplot: nothing but its own quote is special in it.  Bytes that are no UTF-8 become U+FFFD. */
void sps_redo_quote(struct sps_writer *w, const char *text);

sps_status sps_redo_lines(const struct sps_lines *lines, const char *folder);
sps_status sps_redo_histogram(const struct sps_histogram *histogram, const char *folder);
sps_status sps_redo_heat(const struct sps_heat *heat, const char *folder);
sps_status sps_redo_table(const struct sps_table *table, const char *folder);
void sps_redo_markdown(struct sps_writer *w, const struct sps_table *table);
#endif
