/* SPDX-License-Identifier: MIT */
#ifndef SPS_REPORT_GNUPLOT_H
#define SPS_REPORT_GNUPLOT_H
#include "report/writer.h"

/* Has gnuplot draw FOLDER/NAME.gp (report/redo.h) as FOLDER/NAME.svg, and writes that as one <svg> element. */
sps_status sps_gnuplot_draw(struct sps_writer *w, const char *folder, const char *name, const char *title);
#endif
