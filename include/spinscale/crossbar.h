/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_CROSSBAR_H
#define SPINSCALE_CROSSBAR_H
/* Currents of a resistive crossbar whose wires have resistance.
 *
 *   volts[0] --r_wl--a00--r_wl--a01-- ... --a0,n-1        a: nodes of word line 0
 *                     |          |           |            |: cell, conductance g[i][j]
 *                    b00        b01         b0,n-1        b: nodes of the bit lines
 *                     r_bl       r_bl        r_bl
 *                    ...        ...         ...           m rows like this
 *                   ground     ground      ground         current[j]: what flows into ground j
 *
 * A word line is driven at its left end through one segment r_word_line, a bit line is grounded behind its last row
 * through one segment r_bit_line, one segment lies between neighbours.  A row at 0 V is driven too, not left floating.
 *
 * The nodal equations are solved by conjugate gradients on the bit lines' nodes, word lines eliminated, whole bit lines
 * as preconditioner (src/cim/array/crossbar.c).  Wires of no resistance are exact, and with both of them the currents
 * are the plain products sum_i volts[i] g[i][j].
 *
 * A solver is the workspace of one caller; after sps_crossbar_create() solving allocates nothing. */
#include <stddef.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

#define SPS_CROSSBAR_CELLS_MAX ((size_t)1 << 26)

struct sps_crossbar_options {
    double r_word_line, r_bit_line; /* ohm per segment, 0 or more */
    /* Bound of the error of every current, relative to the largest of them; 0: 1e-10, which leaves errors of some
     * 1e-12.  The bound holds: it is the sum of all that Kirchhoff's current law misses at the nodes. */
    double tolerance;
    int iterations; /* give up after so many; 0: 20000 */
};

typedef struct sps_crossbar sps_crossbar;

/* g[m][n]: conductances of the cells in siemens, 0 for an open cell; copied.
 *   SPS_EINVAL  a size is 0 or too large; a conductance or an option is negative or not finite (named, with its place,
 *               row and column counted from 1) */
sps_status sps_crossbar_create(sps_crossbar **out, const double *g, size_t m, size_t n,
                               const struct sps_crossbar_options *options);
void sps_crossbar_free(sps_crossbar *crossbar); /* NULL is allowed */

/* current[n] in ampere for volts[m]; word_line[m][n] and bit_line[m][n], voltages of the nodes, may be NULL.  The
 * result does not depend on what was solved before.
 *   SPS_EINVAL     a voltage is not finite
 *   SPS_EDIVERGED  the tolerance was not reached, or so little is left of the currents between cells and wires of very
 *                  unlike size that rounding hides them; the message says how far it came */
sps_status sps_crossbar_solve(sps_crossbar *crossbar, double *current, double *word_line, double *bit_line,
                              const double *volts);

/* The effective conductances: matrix[m][n] so that current[j] = sum_i volts[i] matrix[i][j], wires included.  min(m, n)
 * solves: by rows, or by reciprocity by columns.  (The one call here that allocates.) */
sps_status sps_crossbar_fold(const sps_crossbar *crossbar, double *matrix);

/* Conductance of a cell (i * n + j) at a voltage across it; cell * voltage must not fall when the voltage rises. */
typedef double sps_crossbar_cell(void *user, size_t cell, double volts);

/* The same for cells whose conductance depends on their voltage, in place of the fixed ones: solved again with the
 * conductances at the last voltages until the sum of all cells' currents that are missed is within the tolerance. */
sps_status sps_crossbar_solve_nonlinear(sps_crossbar *crossbar, double *current, double *word_line, double *bit_line,
                                        const double *volts, sps_crossbar_cell *cell, void *user);

/* What the last solve took: iterations of conjugate gradients in all, and the bound of the error of any of its
 * currents, in ampere. */
struct sps_crossbar_effort {
    int iterations;
    double error;
};
struct sps_crossbar_effort sps_crossbar_last(const sps_crossbar *crossbar);

/* The array as a SPICE netlist, voltages included; its currents are i(vout0), i(vout1), ...  At most 65536 cells. */
sps_status sps_crossbar_netlist(const char *path, const double *g, size_t m, size_t n, double r_word_line,
                                double r_bit_line, const double *volts);

#ifdef __cplusplus
}
#endif
#endif
