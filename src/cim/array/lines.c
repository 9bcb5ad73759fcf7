/* SPDX-License-Identifier: MIT */
#include "cim/array/lines.h"

#include <string.h>

#include "core/vector.h"

SPS_VECTOR void sps_lines_factor(double *restrict share, double *restrict y, const double *restrict leak, double r,
                                 size_t steps, size_t lines)
{
    memset(y, 0, lines * sizeof *y);
    for (size_t s = 0; s < steps; s++)
        for (size_t k = 0; k < lines; k++) {
            size_t at = s * lines + k;
            y[k] += r * leak[at];
            share[at] = 1 / (1 + y[k]);
            y[k] *= share[at];
        }
}

static inline void gather(double *restrict u, const double *restrict before, const double *restrict share,
                          const double *restrict leak, size_t lines)
{
    for (size_t k = 0; k < lines; k++)
        u[k] = leak[k] * u[k] + share[k] * before[k];
}

static inline void spread(double *restrict u, const double *restrict after, const double *restrict share, size_t lines)
{
    for (size_t k = 0; k < lines; k++)
        u[k] = share[k] * (u[k] + after[k]);
}

SPS_VECTOR void sps_lines_solve(double *restrict u, const double *restrict share, const double *restrict leak,
                                const double *restrict feed, size_t steps, size_t lines)
{
    for (size_t k = 0; k < lines; k++)
        u[k] *= leak[k];
    for (size_t s = 1; s < steps; s++)
        gather(u + s * lines, u + (s - 1) * lines, share + (s - 1) * lines, leak + s * lines, lines);
    spread(u + (steps - 1) * lines, feed, share + (steps - 1) * lines, lines);
    for (size_t s = steps - 1; s-- > 0;)
        spread(u + s * lines, u + (s + 1) * lines, share + s * lines, lines);
}

/* Tiles, so that what is written by columns stays in the first cache until its lines are full. */
enum { TILE = 8 };

SPS_VECTOR void sps_lines_turn(double *restrict dst, const double *restrict src, double scale, size_t rows,
                               size_t columns)
{
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j0 = 0; j0 < columns; j0 += TILE) {
            size_t i1 = i0 + TILE < rows ? i0 + TILE : rows, j1 = j0 + TILE < columns ? j0 + TILE : columns;
            for (size_t j = j0; j < j1; j++)
                for (size_t i = i0; i < i1; i++)
                    dst[(columns - 1 - j) * rows + i] = scale * src[i * columns + j];
        }
}

SPS_VECTOR void sps_lines_turn_back(double *restrict dst, const double *restrict src, size_t rows, size_t columns)
{
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j0 = 0; j0 < columns; j0 += TILE) {
            size_t i1 = i0 + TILE < rows ? i0 + TILE : rows, j1 = j0 + TILE < columns ? j0 + TILE : columns;
            for (size_t i = i0; i < i1; i++)
                for (size_t j = j0; j < j1; j++)
                    dst[i * columns + j] = src[(columns - 1 - j) * rows + i];
        }
}
