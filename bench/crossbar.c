/* SPDX-License-Identifier: MIT */
/* The crossbar solver, on one thread, against CHOLMOD (assemble, analyse, factor, solve) on as many as it takes; square
 * random binary arrays, wires of 1 ohm: all that one set of conductances and one input take, what a further input
 * takes, and the effective conductances.
 *
 *   crossbar [--json] [--seconds S]       S for each array, 2 where not given */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/random.h"
#include "spinscale/crossbar.h"
#ifdef SPS_HAVE_CHOLMOD
#include "cholmod_crossbar.h"
#endif

enum { SIZE_MAX_HERE = 256 };
static double g[SIZE_MAX_HERE * SIZE_MAX_HERE], volts[SIZE_MAX_HERE], ours[SIZE_MAX_HERE], theirs[SIZE_MAX_HERE];
static double matrix[SIZE_MAX_HERE * SIZE_MAX_HERE];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void need(sps_status status)
{
    if (status == SPS_OK)
        return;
    fprintf(stderr, "crossbar: %s\n", sps_last_error());
    exit(sps_exit_status(status));
}

struct times {
    double first, more, fold, cholmod; /* seconds, the least of all runs */
    double apart;                      /* of the largest current; NAN without CHOLMOD */
    int iterations;
};

static void draw(size_t n, double r_p, double r_ap)
{
    struct sps_random r = sps_random(1, SPS_FOR_TEST, (uint32_t)n, 0, 0);
    for (size_t i = 0; i < n * n; i++)
        g[i] = 1 / (sps_random_below(&r, 2) ? r_p : r_ap);
    for (size_t i = 0; i < n; i++)
        volts[i] = sps_random_below(&r, 2) ? 0.1 : 0;
}

static void time_ours(struct times *t, size_t n, const struct sps_crossbar_options *options, double seconds)
{
    for (double end = now() + seconds; now() < end;) {
        sps_crossbar *crossbar;
        double start = now();
        need(sps_crossbar_create(&crossbar, g, n, n, options));
        need(sps_crossbar_solve(crossbar, ours, NULL, NULL, volts));
        double first = now();
        need(sps_crossbar_solve(crossbar, ours, NULL, NULL, volts));
        double more = now();
        t->first = fmin(t->first, first - start);
        t->more = fmin(t->more, more - first);
        t->iterations = sps_crossbar_last(crossbar).iterations;
        sps_crossbar_free(crossbar);
    }
    sps_crossbar *crossbar;
    need(sps_crossbar_create(&crossbar, g, n, n, options));
    double start = now();
    need(sps_crossbar_fold(crossbar, matrix));
    t->fold = now() - start;
    sps_crossbar_free(crossbar);
}

#ifdef SPS_HAVE_CHOLMOD
static void time_cholmod(struct times *t, size_t n, const struct sps_crossbar_options *options, double seconds)
{
    for (double end = now() + seconds; now() < end;) {
        double start = now();
        if (!cholmod_crossbar_solve(theirs, g, n, n, options->r_word_line, options->r_bit_line, volts))
            return;
        t->cholmod = fmin(t->cholmod, now() - start);
    }
    double apart = 0, most = 0;
    for (size_t j = 0; j < n; j++) {
        apart = fmax(apart, fabs(ours[j] - theirs[j]));
        most = fmax(most, fabs(theirs[j]));
    }
    t->apart = apart / most;
}
#else
static void time_cholmod(struct times *t, size_t n, const struct sps_crossbar_options *options, double seconds)
{
    (void)n, (void)options, (void)seconds;
    t->cholmod = NAN;
}
#endif

int main(int argc, char **argv)
{
    int json = 0;
    double seconds = 2;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else {
            fprintf(stderr, "usage: crossbar [--json] [--seconds S]\n");
            return 2;
        }
    const size_t sizes[] = {64, 128, 256};
    const double cells[][2] = {{1e6, 2.5e6}, {5e3, 1e4}};
    const struct sps_crossbar_options options = {.r_word_line = 1, .r_bit_line = 1};
    if (json)
        printf("[");
    else
        printf("cells, ohm     array      once   further input   fold   CHOLMOD   ratio   apart  iterations\n");
    for (int k = 0; k < 6; k++) {
        size_t n = sizes[k % 3];
        const double *r = cells[k / 3];
        struct times t = {1e9, 1e9, 0, 1e9, NAN, 0};
        draw(n, r[0], r[1]);
        time_ours(&t, n, &options, seconds);
        time_cholmod(&t, n, &options, seconds);
        printf(json ? "%s{\"r_p_ohm\": %g, \"r_ap_ohm\": %g, \"n\": %zu, \"once_s\": %.3g, \"further_s\": %.3g, "
                      "\"fold_s\": %.3g, \"iterations\": %d"
                    : "%s%.0e/%.1e %4zu %8.3f ms %10.3f ms %6.1f ms",
               json && k > 0 ? ",\n " : "", r[0], r[1], n, json ? t.first : 1e3 * t.first, json ? t.more : 1e3 * t.more,
               json ? t.fold : 1e3 * t.fold, t.iterations);
        if (isnan(t.cholmod))
            printf(json ? "}" : "   (no CHOLMOD) %d\n", t.iterations);
        else
            printf(json ? ", \"cholmod_s\": %.3g, \"ratio\": %.1f, \"apart\": %.2g}" : " %8.1f ms  %5.0f   %.1e %d\n",
                   json ? t.cholmod : 1e3 * t.cholmod, t.cholmod / t.first, t.apart, t.iterations);
    }
    if (json)
        printf("]\n");
    return 0;
}
