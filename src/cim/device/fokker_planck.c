/* SPDX-License-Identifier: MIT */
/* The density p(z, t) of an axial macrospin, z = cos(theta), barrier over kT = Delta, current ratio i = I / Ic0 (Brown
 * 1963; with spin torque: Li and Zhang 2004; Butler et al. 2012):
 *
 *     dp/dt = -d/dz F,    F = (1 - z^2) ((z - i) p - p' / (2 Delta))
 *
 * from the equilibrium without current in the upper well.  P is what is below z = 0 at the end of the pulse.
 *
 * In space: N cells of equal angle, fluxes by exponential fitting (Scharfetter and Gummel 1969), which holds the
 * equilibrium exactly; grids of N and N / 2 together cancel the error in N^-2.
 *
 * In time: nothing is stepped.  The Laplace transform (s - A)^-1 p0 is one tridiagonal solve.  56 of them on a line to
 * the right of the imaginary axis invert it, by Fourier series and Euler's summation (Abate and Whitt 1995), to 1e-8,
 * whatever t is.  (Contours that bend to the left need a third as many, and fail where the current carries the
 * distribution and t is shorter than its way: the transform grows there as fast as exp(s t) falls.)  Behind t =
 * SETTLED, or where less than LEFT is left, one mode alone is left and falls exponentially.
 *
 * Numbers as small as exp(-Delta) come out with full precision, because the equation is solved for p exp(-phi) with
 * phi the logarithm of what p becomes: the equilibrium from the well to the barrier (z = i), and the barrier's value
 * below it. */
#include "cim/device/fokker_planck.h"

#include <math.h>

#include "core/vector.h"

enum { CELLS_MIN = 128, CELLS_MAX = 3840, TERMS = 44, AVERAGED = 12, NODES = TERMS + AVERAGED };
static const double CELLS = 120;      /* times the root of delta: the width of well and barrier is 1 / root */
static const double SETTLED = 200;    /* all modes but the last have gone: they fall at rates of 0.1 and more */
static const double LEFT = 1e-4;      /* of the probability; the inversion is good to 1e-8 */
static const double NOTHING = 3e-8;   /* of the envelope exp(phi): error of the inversion */
static const double DELTA_MIN = 1e-3; /* of no barrier at all, diffusion would be infinitely fast */
static const double PI = 3.14159265358979323846;

struct grid {
    int cells;
    double down[CELLS_MAX], up[CELLS_MAX]; /* rates from cell j to j + 1, and from j + 1 to j, for p exp(-phi) */
    double out[CELLS_MAX];                 /* sum of the rates that leave a cell */
    double start[CELLS_MAX];               /* p exp(-phi) before the pulse */
    double share[CELLS_MAX];               /* exp(phi) of the cells with z > 0, the first half */
    double envelope;                       /* phi of the others */
    double rest;                           /* probability of z > 0 in equilibrium */
};

/* x e^d / (e^x - 1) for d between 0 and x */
static double bernoulli(double x, double d)
{
    if (fabs(x) < 1e-8)
        return 1 - x / 2 + d;
    return x > 0 ? x * exp(d - x) / -expm1(-x) : x * exp(d) / expm1(x);
}

/* phi: p in equilibrium relative to its value at z = 1 down to the barrier, from there on constant. */
static double envelope(double z, double delta, double i)
{
    if (i >= 1)
        return 0;
    return delta * ((z > i ? (z - i) * (z - i) : 0) - (1 - i) * (1 - i));
}

static void set_rates(struct grid *g, double delta, double i)
{
    double h = PI / g->cells, volume = 2 * sin(h / 2); /* of a cell: this times the sine of its middle */
    for (int j = 0; j < g->cells; j++)
        g->out[j] = 0;
    for (int j = 0; j + 1 < g->cells; j++) {
        double above = (j + 0.5) * h, edge = (j + 1) * h, below = (j + 1.5) * h;
        double step = 2 * sin(edge) * sin(h / 2), z = cos(above), next = cos(below);
        double conductance = sin(edge) * sin(edge) / (2 * delta * step);
        double x = delta * step * (z + next - 2 * i);
        double falls = envelope(z, delta, i) - envelope(next, delta, i);
        g->down[j] = conductance * bernoulli(x, falls) / (volume * sin(above));
        g->up[j] = conductance * bernoulli(-x, -falls) / (volume * sin(below));
        g->out[j] += conductance * bernoulli(x, 0) / (volume * sin(above));
        g->out[j + 1] += conductance * bernoulli(-x, 0) / (volume * sin(below));
    }
}

static void set_ends(struct grid *g, double delta, double i)
{
    double h = PI / g->cells, sum = 0, upper = 0, all = 0;
    g->envelope = envelope(0, delta, i);
    for (int j = 0; j < g->cells; j++) {
        double z = cos((j + 0.5) * h), volume = sin((j + 0.5) * h), phi = envelope(z, delta, i);
        double settled = volume * exp(delta * (z * z - 1 - 2 * i * (z + 1)));
        int above = 2 * j < g->cells;
        sum += above ? volume * exp(delta * (z * z - 1)) : 0;
        g->start[j] = above ? volume * exp(delta * (z * z - 1) - phi) : 0;
        g->share[j] = exp(phi);
        upper += above ? settled : 0;
        all += settled;
    }
    for (int j = 0; j < g->cells; j++)
        g->start[j] /= sum;
    g->rest = upper / all;
}

/* The points of the contour side by side, so that the compiler makes vectors of them. */
struct points {
    double re[NODES], im[NODES];
};

/* What elimination has come to: pivots' ratio and right-hand side of the last cell, and how much of the value in the
 * next cell the sums above and below consist of. */
struct sweep {
    struct points ratio, last, of_above, of_below, above, below;
};

/* One cell of (s - A) r = start, by elimination; in and back: rates from the cell before and from the cell behind.  The
 * sums of r are gathered on the way down, so that nothing is substituted back. */
SPS_VECTOR static void eliminate(struct sweep *restrict w, const struct points *restrict s, double out, double in,
                                 double back, double start, double above, double below)
{
    for (int k = 0; k < NODES; k++) {
        double re = s->re[k] + out - in * w->ratio.re[k], im = s->im[k] - in * w->ratio.im[k];
        double square = re * re + im * im, x = re / square, y = -im / square;
        double from_re = start + in * w->last.re[k], from_im = in * w->last.im[k];
        double last_re = from_re * x - from_im * y, last_im = from_re * y + from_im * x;
        double a = w->of_above.re[k] + above, b = w->of_above.im[k];
        double c = w->of_below.re[k] + below, d = w->of_below.im[k];
        w->last.re[k] = last_re;
        w->last.im[k] = last_im;
        w->above.re[k] += a * last_re - b * last_im;
        w->above.im[k] += a * last_im + b * last_re;
        w->below.re[k] += c * last_re - d * last_im;
        w->below.im[k] += c * last_im + d * last_re;
        w->ratio.re[k] = x *= back;
        w->ratio.im[k] = y *= back;
        w->of_above.re[k] = a * x - b * y;
        w->of_above.im[k] = a * y + b * x;
        w->of_below.re[k] = c * x - d * y;
        w->of_below.im[k] = c * y + d * x;
    }
}

/* The transforms of what is above, and of what is below over exp(phi). */
static void transform(struct sweep *w, const struct grid *g, const struct points *s)
{
    *w = (struct sweep){0};
    for (int j = 0; j < g->cells; j++) {
        double in = j > 0 ? g->down[j - 1] : 0, back = j + 1 < g->cells ? g->up[j] : 0;
        int upper = 2 * j < g->cells;
        eliminate(w, s, g->out[j], in, back, g->start[j], upper ? g->share[j] : 0, upper ? 0 : 1);
    }
}

struct state {
    double above, below, flux; /* the last two over exp(envelope) */
};

/* Signs and weights of the series: its last terms averaged by a binomial. */
static void set_weights(double weight[NODES])
{
    double tail = 0, choose = 1;
    for (int k = NODES - 1, j = AVERAGED; k >= 0; k--, j--) {
        if (j > 0) {
            tail += choose / (1 << AVERAGED); /* of the binomial, from j on */
            choose = choose * j / (AVERAGED + 1 - j);
        }
        weight[k] = (k % 2 ? -1 : 1) * (k == 0 ? 0.5 : j > 0 ? tail : 1);
    }
}

static struct state invert(const struct grid *g, double tau)
{
    static const double shift = 11; /* exp(-2 shift) is the error of the series, exp(shift) what rounding is worth */
    struct state state = {0};
    struct points s;
    struct sweep w;
    double weight[NODES], scale = exp(shift) / tau;
    set_weights(weight);
    for (int k = 0; k < NODES; k++) {
        s.re[k] = shift / tau;
        s.im[k] = PI * k / tau;
    }
    transform(&w, g, &s);
    for (int k = 0; k < NODES; k++) {
        state.above += scale * weight[k] * w.above.re[k];
        state.below += scale * weight[k] * w.below.re[k];
        state.flux += scale * weight[k] * (s.re[k] * w.below.re[k] - s.im[k] * w.below.im[k]);
    }
    return state;
}

/* The extrapolation of both grids' logarithms; what is rounding only counts as 0. */
static double extrapolate(double fine, double coarse)
{
    if (!(fine > NOTHING))
        return 0;
    return coarse > NOTHING ? fine * cbrt(fine / coarse) : fine;
}

static struct state at(const struct grid grid[2], double tau)
{
    struct state fine = invert(&grid[0], tau), coarse = invert(&grid[1], tau);
    return (struct state){extrapolate(fine.above, coarse.above), extrapolate(fine.below, coarse.below),
                          extrapolate(fine.flux, coarse.flux)};
}

/* A time at which about LEFT is left, before `tau` with less. */
static double late(const struct grid grid[2], double tau)
{
    double low = 0, high = tau, middle = tau;
    for (int step = 0; step < 60; step++) {
        middle = (low + high) / 2;
        double left = at(grid, middle).above;
        if (left > 10 * LEFT)
            low = middle;
        else if (left < LEFT)
            high = middle;
        else
            break;
    }
    return middle;
}

/* Beyond these the answer does not change any more, or only as the scale of time does. */
static void limit(double *delta, double *i, double *tau)
{
    static const double delta_max = 1e6, ratio_max = 1e3, tau_max = 1e300;
    *delta = fmin(fmax(*delta, DELTA_MIN), delta_max);
    if (*i > ratio_max) { /* nothing but the current moves it */
        *tau *= *i / ratio_max;
        *i = ratio_max;
    }
    *tau = fmin(fmax(*tau, 1 / tau_max), tau_max);
}

static void make(struct grid grid[2], double delta, double i)
{
    int quarter = (int)ceil(fmin(fmax(CELLS * sqrt(delta), CELLS_MIN), CELLS_MAX) / 4);
    for (int k = 0; k < 2; k++) {
        grid[k].cells = k == 0 ? 4 * quarter : 2 * quarter;
        set_rates(&grid[k], delta, i);
        set_ends(&grid[k], delta, i);
    }
}

static struct sps_fokker_planck solve(double delta, double i, double tau)
{
    struct grid grid[2];
    limit(&delta, &i, &tau);
    make(grid, delta, i);
    double from = fmin(tau, SETTLED), rest = grid[0].rest, log_envelope = grid[0].envelope;
    struct state state = at(grid, from);
    if (state.above < LEFT) {
        from = late(grid, from);
        state = at(grid, from);
    }
    double excess = fmax(state.above - rest, 0), flux = state.flux * exp(log_envelope), further = tau - from;
    double rate = excess > 0 ? flux / excess : 0, decay = rate * further, left = rest + excess * exp(-decay);
    if (left < 0.5) {
        double log_left = left > 0 ? log(left) : log(excess) - decay;
        return (struct sps_fokker_planck){.log_p = log1p(-left), .log_not_p = log_left, .rate = rate};
    }
    double more = decay > 1e-9 ? -excess * expm1(-decay) / exp(log_envelope) : state.flux * further;
    double log_p = fmin(log(state.below + more) + log_envelope, 0);
    return (struct sps_fokker_planck){.log_p = log_p, .log_not_p = log1p(-exp(log_p)), .rate = rate};
}

struct sps_fokker_planck sps_fokker_planck(double delta, double i, double tau)
{
    /* Junctions of one chip that do not differ ask the same, one after the other. */
    static _Thread_local struct {
        double delta, i, tau;
        struct sps_fokker_planck answer;
    } last = {-1, -1, -1, {0, 0, 0}};
    if (!(last.delta == delta && last.i == i && last.tau == tau)) {
        last.answer = solve(delta, i, tau);
        last.delta = delta, last.i = i, last.tau = tau;
    }
    return last.answer;
}
