/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_CHOLMOD_CROSSBAR_H
#define SPS_TEST_CHOLMOD_CROSSBAR_H
/* A crossbar solved by CHOLMOD (SuiteSparse): all 2 m n nodes in one sparse positive definite matrix, written down from
 * Kirchhoff's current law, with wires that have resistance.  Node (i, j) of the word lines is i n + j, of the bit lines
 * m n + i n + j. */
#include <stdlib.h>

#include <cholmod.h>

static inline void cholmod_entry(cholmod_triplet *t, size_t row, size_t column, double value)
{
    ((int *)t->i)[t->nnz] = (int)(row > column ? row : column); /* lower triangle; equal places are summed */
    ((int *)t->j)[t->nnz] = (int)(row > column ? column : row);
    ((double *)t->x)[t->nnz++] = value;
}

static inline void cholmod_resistor(cholmod_triplet *t, size_t a, size_t b, double siemens)
{
    cholmod_entry(t, a, a, siemens);
    cholmod_entry(t, b, b, siemens);
    cholmod_entry(t, a, b, -siemens);
}

/* current[n] for volts[m], or 0. */
static inline int cholmod_crossbar_solve(double *current, const double *g, size_t m, size_t n, double r_word,
                                         double r_bit, const double *volts)
{
    cholmod_common common;
    cholmod_start(&common);
    size_t cells = m * n;
    cholmod_triplet *t = cholmod_allocate_triplet(2 * cells, 2 * cells, 9 * cells, -1, CHOLMOD_REAL, &common);
    cholmod_dense *rhs = cholmod_zeros(2 * cells, 1, CHOLMOD_REAL, &common);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            size_t a = i * n + j, b = cells + a;
            cholmod_resistor(t, a, b, g[a]);
            if (j == 0) {
                cholmod_entry(t, a, a, 1 / r_word);
                ((double *)rhs->x)[a] = volts[i] / r_word;
            } else
                cholmod_resistor(t, a, a - 1, 1 / r_word);
            if (i + 1 == m)
                cholmod_entry(t, b, b, 1 / r_bit);
            else
                cholmod_resistor(t, b, b + n, 1 / r_bit);
        }
    cholmod_sparse *matrix = cholmod_triplet_to_sparse(t, t->nnz, &common);
    cholmod_factor *factor = cholmod_analyze(matrix, &common);
    cholmod_factorize(matrix, factor, &common);
    cholmod_dense *x = cholmod_solve(CHOLMOD_A, factor, rhs, &common);
    int solved = x != NULL && common.status == CHOLMOD_OK;
    for (size_t j = 0; j < n && solved; j++)
        current[j] = ((double *)x->x)[cells + (m - 1) * n + j] / r_bit;
    cholmod_free_dense(&x, &common);
    cholmod_free_factor(&factor, &common);
    cholmod_free_sparse(&matrix, &common);
    cholmod_free_dense(&rhs, &common);
    cholmod_free_triplet(&t, &common);
    cholmod_finish(&common);
    return solved;
}
#endif
