/* SPDX-License-Identifier: MIT */
/* The crossbar solver.
 *
 * Nodes a of the word lines and b of the bit lines; Kirchhoff's current law, cells g between them, is
 *
 *     A a - g b = driven ends        A: each word line's wires and its cells, tridiagonal
 *     B b - g a = 0                  B: each bit line's, its last node grounded
 *
 * The word lines are eliminated exactly, a = A^-1 (driven ends + g b), and conjugate gradients solve what is left,
 * (B - g A^-1 g) b = g A^-1 driven ends, with B^-1 as preconditioner.  (The textbook way, block Jacobi on both
 * unknowns, spends twice as many iterations on the same Krylov space.)  A^-1 and B^-1 are sweeps along all lines at
 * once, lines.h.
 *
 * When to stop: the residual r is a current in ampere, injected at the bit lines' nodes, that would make the present
 * voltages exact.  Wherever a current is injected into the passive network, at most all of it comes out of one ground.
 * So no current is further off than the sum of |r| over all nodes, whatever the condition number.  The residual is
 * computed anew at the end: a solution is given out only if that sum, rounding included, is small enough. */
#include "spinscale/crossbar.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cim/array/lines.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/vector.h"

static const double TOLERANCE = 1e-10, TOLERANCE_MIN = 1e-15;
/* Shares that rounding may hide before a solution is refused: of the largest current, or, where currents of both signs
 * cancel, of all that flows through the cells of a column. */
static const double HIDDEN = 1e-6, HIDDEN_OF_FLOW = 1e-7;
/* Of each product in a residual, relative to it: its own rounding and that of the sweep which gave the voltage. */
static const double ROUNDING = 4 * DBL_EPSILON;
static const double NOTHING = 1e-30; /* a residual that fell so far is not worth another iteration */
enum { ITERATIONS = 20000, RESTARTS = 3, ROUNDS = 200 };

/* All numbers inside are scaled by powers of two: the largest conductance and the largest voltage are near 1, so that
 * nothing under- or overflows whatever the units of the problem. */
struct sps_crossbar {
    size_t m, n;
    struct sps_crossbar_options options;
    double r_word, r_bit;      /* scaled */
    double g_unit, v_unit;     /* siemens and volts of a scaled 1 */
    double *given;             /* [m][n] siemens, as given */
    double *g;                 /* [m][n] in use */
    double *bit_share;         /* [m][n] lines.h */
    double *word_share;        /* [n][m] */
    double *word_leak;         /* [n][m] */
    double *turned;            /* [n][m] word lines' voltages */
    double *x;                 /* [m][n] bit lines' voltages */
    double *r;                 /* [m][n] residual */
    double *z;                 /* B^-1 r */
    double *p, *w;             /* direction, and B p */
    double *q;                 /* the operator on p; after look(): word lines' voltages */
    double *feed, *ground;     /* [m] scaled volts, zeros */
    double *sum, *more, *most; /* [max(m, n)] sums by column */
    double missed, noise, peak, flow;
    struct sps_crossbar_effort effort;
    char *memory;
};

/* --- Loops over nodes of the bit lines.  Sums go by columns, so that they need no reordering to be vectorised. --- */

static double total(const double *sum, size_t n)
{
    double all = 0;
    for (size_t j = 0; j < n; j++)
        all += sum[j];
    return all;
}

static double largest(const double *x, size_t n)
{
    double most = 0;
    for (size_t j = 0; j < n; j++)
        most = fabs(x[j]) > most || isnan(x[j]) ? fabs(x[j]) : most;
    return most;
}

static inline void injected(double *restrict d, double *restrict r, double *restrict sum, const double *restrict before,
                            const double *restrict share, const double *restrict q, double alpha, double r_bit,
                            size_t n)
{
    for (size_t j = 0; j < n; j++) {
        r[j] -= alpha * q[j];
        sum[j] += fabs(r[j]);
        d[j] = r_bit * r[j] + share[j] * before[j];
    }
}

static inline void answered(double *restrict z, double *restrict sum, const double *restrict after,
                            const double *restrict share, const double *restrict r, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        z[j] = share[j] * (z[j] + after[j]);
        sum[j] += r[j] * z[j];
    }
}

/* r -= alpha q, z = B^-1 r; gives sum |r| and r.z. */
SPS_VECTOR static void precondition(struct sps_crossbar *c, double alpha, double *missed, double *rz)
{
    size_t m = c->m, n = c->n;
    memset(c->sum, 0, n * sizeof *c->sum);
    memset(c->more, 0, n * sizeof *c->more);
    for (size_t i = 0; i < m; i++) { /* row 0 has nothing before it */
        size_t at = i * n, before = i > 0 ? at - n : 0;
        injected(c->z + at, c->r + at, c->sum, i > 0 ? c->z + before : c->ground, c->bit_share + before, c->q + at,
                 alpha, c->r_bit, n);
    }
    for (size_t i = m; i-- > 0;) {
        size_t at = i * n;
        answered(c->z + at, c->more, i + 1 < m ? c->z + at + n : c->ground, c->bit_share + at, c->r + at, n);
    }
    *missed = total(c->sum, n);
    *rz = total(c->more, n);
}

/* x += alpha p, then the next direction p = z + beta p and w = B p = r + beta w. */
SPS_VECTOR static void turn_direction(double *restrict x, double *restrict p, double *restrict w,
                                      const double *restrict z, const double *restrict r, double alpha, double beta,
                                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        x[i] += alpha * p[i];
        p[i] = z[i] + beta * p[i];
        w[i] = r[i] + beta * w[i];
    }
}

SPS_VECTOR static void step(double *restrict x, const double *restrict p, double alpha, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] += alpha * p[i];
}

static inline void product_row(double *restrict q, double *restrict sum, const double *restrict g,
                               const double *restrict p, const double *restrict w, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        q[j] = w[j] - g[j] * q[j];
        sum[j] += p[j] * q[j];
    }
}

/* q = w - g q, which is (B - g A^-1 g) p for q = A^-1 g p; gives p.q. */
SPS_VECTOR static double product(struct sps_crossbar *c)
{
    size_t n = c->n;
    memset(c->sum, 0, n * sizeof *c->sum);
    for (size_t i = 0; i < c->m; i++)
        product_row(c->q + i * n, c->sum, c->g + i * n, c->p + i * n, c->w + i * n, n);
    return total(c->sum, n);
}

/* One row of look(). */
static inline void look_row(double *restrict r, double *restrict missed, double *restrict noise, double *restrict flow,
                            const double *restrict g, const double *restrict a, const double *restrict above,
                            const double *restrict x, const double *restrict below, double g_above, double g_below,
                            size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double cell = g[j] * (a[j] - x[j]);
        r[j] = cell - g_above * (x[j] - above[j]) - g_below * (x[j] - below[j]);
        missed[j] += fabs(r[j]);
        flow[j] += fabs(cell);
        noise[j] += g[j] * (fabs(a[j]) + fabs(x[j])) + g_above * (fabs(x[j]) + fabs(above[j])) +
                    g_below * (fabs(x[j]) + fabs(below[j]));
    }
}

/* The word lines' voltages for the bit lines' x, with the driven ends at `feed`. */
static void word_lines(struct sps_crossbar *c, const double *x, const double *feed)
{
    sps_lines_turn(c->turned, x, 1, c->m, c->n);
    sps_lines_solve(c->turned, c->word_share, c->word_leak, feed, c->n, c->m);
    sps_lines_turn_back(c->q, c->turned, c->m, c->n);
}

/* How good x is: q = word lines' voltages, r = residual, and its sum, with what rounding may hide in it. */
SPS_VECTOR static void look(struct sps_crossbar *c)
{
    size_t m = c->m, n = c->n;
    word_lines(c, c->x, c->feed);
    memset(c->sum, 0, n * sizeof *c->sum);
    memset(c->more, 0, n * sizeof *c->more);
    memset(c->most, 0, n * sizeof *c->most);
    double g_wire = c->r_bit > 0 ? 1 / c->r_bit : 0; /* without resistance x is 0, and there is nothing to miss */
    for (size_t i = 0; i < m; i++) {
        size_t at = i * n;
        look_row(c->r + at, c->sum, c->more, c->most, c->g + at, c->q + at, i > 0 ? c->x + at - n : c->ground,
                 c->x + at, i + 1 < m ? c->x + at + n : c->ground, i > 0 ? g_wire : 0, g_wire, n);
    }
    c->peak = c->r_bit > 0 ? largest(c->x + (m - 1) * n, n) / c->r_bit : largest(c->most, n);
    for (size_t j = 0; j < n; j++) /* g (a - x) of very large g is rounding alone */
        c->most[j] = fmax(c->most[j] - ROUNDING * c->more[j], 0);
    c->flow = fmax(c->peak, largest(c->most, n));
    c->missed = c->r_bit > 0 ? total(c->sum, n) : 0;
    c->noise = (c->r_bit > 0 ? ROUNDING * total(c->more, n) : 0) + ROUNDING * (double)(m + n) * c->flow;
}

/* --- The solver. --- */

static int within(const struct sps_crossbar *c, double missed)
{
    return missed <= c->options.tolerance * c->peak + c->noise;
}

/* Conjugate gradients from x and its residual r until the residual, as it is carried along, is within the tolerance. */
static void descend(struct sps_crossbar *c)
{
    size_t cells = c->m * c->n, last = cells - c->n;
    double alpha = 0, old_rz = 0, first = 0;
    for (int k = 0;; k++) {
        double missed, rz;
        precondition(c, alpha, &missed, &rz);
        first = k == 0 ? missed : first;
        memcpy(c->sum, c->x + last, c->n * sizeof *c->sum);
        step(c->sum, c->p + last, alpha, c->n);
        double peak = largest(c->sum, c->n) / c->r_bit;
        /* Half of the tolerance: the residual that is carried along drifts from the true one. */
        if (missed <= 0.5 * c->options.tolerance * peak || missed <= NOTHING * first || !(rz > 0) ||
            c->effort.iterations >= c->options.iterations)
            break;
        turn_direction(c->x, c->p, c->w, c->z, c->r, alpha, k > 0 ? rz / old_rz : 0, cells);
        word_lines(c, c->p, c->ground);
        double pq = product(c);
        alpha = pq > 0 ? rz / pq : 0;
        old_rz = rz;
        c->effort.iterations++;
    }
    step(c->x, c->p, alpha, cells);
}

static sps_status refuse(struct sps_crossbar *c, const char *why)
{
    double share = (c->missed + c->noise) / c->peak;
    size_t cells = c->m * c->n;
    double *const work[] = {c->x, c->r, c->z, c->p, c->w, c->q};
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) /* what is not finite must not reach the next solve */
        memset(work[i], 0, cells * sizeof(double));
    SPS_FAIL(EDIVERGED, "%s: after %d iterations the currents may be wrong by %.1e of the largest", why,
             c->effort.iterations, share);
}

/* Node voltages x and q for `feed`, from x = 0 or, warm, from the last solution. */
static sps_status solve(struct sps_crossbar *c, int warm)
{
    if (!warm || c->r_bit <= 0)
        memset(c->x, 0, c->m * c->n * sizeof *c->x);
    look(c);
    for (int restart = 0; !within(c, c->missed); restart++) {
        if (restart > RESTARTS || c->effort.iterations >= c->options.iterations)
            return refuse(c, "the crossbar did not converge");
        descend(c);
        look(c);
    }
    if (!(c->noise <= HIDDEN * c->peak || c->noise <= HIDDEN_OF_FLOW * c->flow))
        return refuse(c, "cells and wires of the crossbar are too unlike");
    return SPS_OK;
}

/* The tables that follow from the conductances in use. */
static void prepare(struct sps_crossbar *c)
{
    sps_lines_turn(c->word_leak, c->g, c->r_word, c->m, c->n);
    sps_lines_factor(c->word_share, c->sum, c->word_leak, 1, c->n, c->m);
    sps_lines_factor(c->bit_share, c->sum, c->g, c->r_bit, c->m, c->n);
}

/* The power of two just above x, kept where 1 / it is a number, too. */
static double unit_of(double x)
{
    int exponent = 0;
    frexp(x, &exponent);
    exponent = x > 0 ? exponent : 0;
    return ldexp(1, exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent);
}

static sps_status set_volts(struct sps_crossbar *c, const double *volts)
{
    double most = 0;
    for (size_t i = 0; i < c->m; i++) {
        if (!isfinite(volts[i]))
            SPS_FAIL(EINVAL, "voltage of row %zu is %g V, must be finite", i + 1, volts[i]);
        most = fabs(volts[i]) > most ? fabs(volts[i]) : most;
    }
    c->v_unit = unit_of(most);
    for (size_t i = 0; i < c->m; i++)
        c->feed[i] = volts[i] / c->v_unit;
    c->effort = (struct sps_crossbar_effort){0, 0};
    return SPS_OK;
}

static void copy_scaled(double *out, const double *in, double scale, size_t count)
{
    for (size_t i = 0; out != NULL && i < count; i++)
        out[i] = in[i] * scale;
}

static sps_status give_out(struct sps_crossbar *c, double *current, double *word_line, double *bit_line, double missed)
{
    size_t m = c->m, n = c->n;
    if (c->r_bit > 0)
        copy_scaled(c->sum, c->x + (m - 1) * n, 1 / c->r_bit, n);
    else {
        memset(c->sum, 0, n * sizeof *c->sum);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                c->sum[j] += c->g[i * n + j] * c->q[i * n + j];
    }
    copy_scaled(c->sum, c->sum, c->v_unit, n);
    copy_scaled(c->sum, c->sum, c->g_unit, n);
    for (size_t j = 0; j < n; j++)
        if (!isfinite(c->sum[j]))
            SPS_FAIL(EINVAL, "the current of column %zu is out of the range of numbers", j + 1);
    memcpy(current, c->sum, n * sizeof *current);
    copy_scaled(word_line, c->q, c->v_unit, m * n);
    copy_scaled(bit_line, c->x, c->v_unit, m * n);
    c->effort.error = (missed + c->noise) * c->v_unit * c->g_unit;
    return SPS_OK;
}

sps_status sps_crossbar_solve(sps_crossbar *c, double *current, double *word_line, double *bit_line,
                              const double *volts)
{
    SPS_TRY(set_volts(c, volts));
    SPS_TRY(solve(c, 0));
    return give_out(c, current, word_line, bit_line, c->missed);
}

/* --- Cells that depend on their voltage. --- */

/* New conductances at the cells' voltages; *missed: the sum of what the cells conduct otherwise than was solved for. */
static sps_status relax_cells(struct sps_crossbar *c, sps_crossbar_cell *cell, void *user, int first, double *missed)
{
    *missed = 0;
    for (size_t i = 0; i < c->m; i++)
        for (size_t j = 0; j < c->n; j++) {
            size_t at = i * c->n + j;
            double volts = first ? c->feed[i] : c->q[at] - c->x[at];
            double siemens = cell(user, at, volts * c->v_unit);
            if (!(siemens >= 0 && siemens / c->g_unit < DBL_MAX))
                SPS_FAIL(EINVAL, "conductance of row %zu, column %zu at %g V is %g S, must be 0 or more and finite",
                         i + 1, j + 1, volts * c->v_unit, siemens);
            *missed += fabs(siemens / c->g_unit - c->g[at]) * fabs(volts);
            c->g[at] = siemens / c->g_unit;
        }
    return SPS_OK;
}

static sps_status relax(struct sps_crossbar *c, sps_crossbar_cell *cell, void *user, double *missed)
{
    SPS_TRY(relax_cells(c, cell, user, 1, missed));
    for (int round = 0; round < ROUNDS; round++) {
        prepare(c);
        SPS_TRY(solve(c, round > 0));
        SPS_TRY(relax_cells(c, cell, user, 0, missed));
        if (within(c, *missed + c->missed))
            return SPS_OK;
    }
    c->missed += *missed;
    return refuse(c, "cells that depend on their voltage did not settle");
}

sps_status sps_crossbar_solve_nonlinear(sps_crossbar *c, double *current, double *word_line, double *bit_line,
                                        const double *volts, sps_crossbar_cell *cell, void *user)
{
    SPS_TRY(set_volts(c, volts));
    double missed = 0;
    sps_status status = relax(c, cell, user, &missed);
    if (status == SPS_OK)
        status = give_out(c, current, word_line, bit_line, c->missed + missed);
    copy_scaled(c->g, c->given, 1 / c->g_unit, c->m * c->n);
    prepare(c);
    return status;
}

/* --- Making one. --- */

static sps_status check(const double *g, size_t m, size_t n, const struct sps_crossbar_options *o)
{
    if (m == 0 || n == 0 || m > SPS_CROSSBAR_CELLS_MAX / n)
        SPS_FAIL(EINVAL, "a crossbar of %zu x %zu cells, must be 1 to %zu", m, n, SPS_CROSSBAR_CELLS_MAX);
    if (!(o->r_word_line >= 0 && isfinite(o->r_word_line)))
        SPS_FAIL(EINVAL, "r_word_line is %g ohm, must be 0 or more and finite", o->r_word_line);
    if (!(o->r_bit_line >= 0 && isfinite(o->r_bit_line)))
        SPS_FAIL(EINVAL, "r_bit_line is %g ohm, must be 0 or more and finite", o->r_bit_line);
    if (!(o->tolerance <= 0.01 && o->tolerance >= 0) || (o->tolerance > 0 && o->tolerance < TOLERANCE_MIN))
        SPS_FAIL(EINVAL, "tolerance is %g, must be %g to 0.01, or 0 for %g", o->tolerance, TOLERANCE_MIN, TOLERANCE);
    if (o->iterations < 0)
        SPS_FAIL(EINVAL, "iterations is %d, must be 1 or more, or 0 for %d", o->iterations, ITERATIONS);
    for (size_t i = 0; i < m * n; i++)
        if (!(g[i] >= 0 && isfinite(g[i])))
            SPS_FAIL(EINVAL, "conductance of row %zu, column %zu is %g S, must be 0 or more and finite", i / n + 1,
                     i % n + 1, g[i]);
    return SPS_OK;
}

/* All arrays in one block. */
static sps_status lay_out(struct sps_crossbar *c)
{
    size_t cells = c->m * c->n * sizeof(double), line = (c->m > c->n ? c->m : c->n) * sizeof(double);
    double **const whole[] = {&c->given, &c->g, &c->bit_share, &c->word_share, &c->word_leak, &c->turned,
                              &c->x,     &c->r, &c->z,         &c->p,          &c->w,         &c->q};
    double **const lines[] = {&c->feed, &c->ground, &c->sum, &c->more, &c->most};
    const size_t wholes = sizeof whole / sizeof *whole, singles = sizeof lines / sizeof *lines;
    SPS_TRY(sps_calloc(&c->memory, wholes * sps_aligned(cells) + singles * sps_aligned(line), 1, "a crossbar's nodes"));
    char *at = c->memory;
    for (size_t i = 0; i < wholes; i++)
        *whole[i] = sps_carve(&at, cells);
    for (size_t i = 0; i < singles; i++)
        *lines[i] = sps_carve(&at, line);
    return SPS_OK;
}

static void scale(struct sps_crossbar *c, const double *g)
{
    size_t cells = c->m * c->n;
    memcpy(c->given, g, cells * sizeof *g);
    c->g_unit = unit_of(largest(g, cells));
    copy_scaled(c->g, g, 1 / c->g_unit, cells);
    c->r_word = c->options.r_word_line * c->g_unit;
    c->r_bit = c->options.r_bit_line * c->g_unit;
}

sps_status sps_crossbar_create(sps_crossbar **out, const double *g, size_t m, size_t n,
                               const struct sps_crossbar_options *options)
{
    struct sps_crossbar *c = NULL;
    SPS_TRY(check(g, m, n, options));
    SPS_TRY(sps_calloc(&c, 1, sizeof *c, "a crossbar"));
    c->m = m;
    c->n = n;
    c->options = *options;
    c->options.tolerance = options->tolerance > 0 ? options->tolerance : TOLERANCE;
    c->options.iterations = options->iterations > 0 ? options->iterations : ITERATIONS;
    sps_status status = lay_out(c);
    if (status != SPS_OK) {
        sps_crossbar_free(c);
        return status;
    }
    scale(c, g);
    prepare(c);
    *out = c;
    return SPS_OK;
}

void sps_crossbar_free(sps_crossbar *c)
{
    if (c == NULL)
        return;
    sps_free(c->memory);
    sps_free(c);
}

struct sps_crossbar_effort sps_crossbar_last(const sps_crossbar *c)
{
    return c->effort;
}

/* --- Effective conductances. --- */

/* The same array seen from its grounds: its rows are the columns from right to left, its columns the rows from bottom
 * to top.  Its matrix is that of the array turned in the same way: what a volt at a driver sends into a ground, a volt
 * at that ground sends into that driver. */
static sps_status create_seen_from_ground(sps_crossbar **out, double *work, const sps_crossbar *c)
{
    size_t m = c->m, n = c->n;
    struct sps_crossbar_options options = c->options;
    options.r_word_line = c->options.r_bit_line;
    options.r_bit_line = c->options.r_word_line;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            work[(n - 1 - j) * m + (m - 1 - i)] = c->given[i * n + j];
    return sps_crossbar_create(out, work, n, m, &options);
}

static sps_status fold(const sps_crossbar *c, sps_crossbar *solver, double *matrix, double *volts, double *current)
{
    size_t m = c->m, n = c->n;
    int from_ground = n < m;
    for (size_t k = 0; k < solver->m; k++) {
        volts[k] = 1;
        SPS_TRY(sps_crossbar_solve(solver, current, NULL, NULL, volts));
        volts[k] = 0;
        for (size_t l = 0; l < solver->n; l++) {
            size_t i = from_ground ? m - 1 - l : k, j = from_ground ? n - 1 - k : l;
            matrix[i * n + j] = current[l];
        }
    }
    return SPS_OK;
}

sps_status sps_crossbar_fold(const sps_crossbar *c, double *matrix)
{
    size_t m = c->m, n = c->n, line = m > n ? m : n;
    sps_crossbar *solver = NULL;
    double *work = NULL, *lines = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&work, m * n, sizeof *work, "effective conductances"));
    SPS_TRY_OUT(sps_calloc(&lines, 2 * line, sizeof *lines, "a line of a crossbar"));
    if (n < m)
        SPS_TRY_OUT(create_seen_from_ground(&solver, work, c));
    else
        SPS_TRY_OUT(sps_crossbar_create(&solver, c->given, m, n, &c->options));
    SPS_TRY_OUT(fold(c, solver, work, lines, lines + line));
    memcpy(matrix, work, m * n * sizeof *matrix);
out:
    sps_crossbar_free(solver);
    sps_free(lines);
    sps_free(work);
    return status;
}
