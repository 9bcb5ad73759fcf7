/* SPDX-License-Identifier: MIT */
#ifndef SPS_REPORT_PAGE_H
#define SPS_REPORT_PAGE_H
/* A page in the making. */
#include "report/writer.h"
#include "spinscale/report.h"

struct sps_page {
    struct sps_writer w;
    struct sps_writer tables; /* as Markdown */
    char *folder;             /* for files beside it, NULL: none */
    int use_gnuplot;
};
#endif
