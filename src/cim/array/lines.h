/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_ARRAY_LINES_H
#define SPS_CIM_ARRAY_LINES_H
/* Many resistive lines at once.  A line is a chain of nodes with one wire segment between neighbours; its first node is
 * the open end, its last is fed through one more segment; each node leaks through a conductance.  Given what is
 * injected at the nodes, two sweeps give their voltages (the tridiagonal solve of Thomas).
 *
 * Arrays are [steps][lines]: node s of all lines lies together, so that the inner loops run over neighbouring lines and
 * use the width of the machine.  Conductances and injections come multiplied by the segment's resistance, which makes
 * a line without resistance an ordinary case: all its nodes have the voltage of the feed.
 *
 * In the factors nothing is subtracted: share[s] = 1 / (1 + y[s]), y[s] being r times the conductance that is seen from
 * node s towards the open end, itself included; y[s] = leak[s] + y[s-1] share[s-1].  So each keeps full relative
 * precision, however unlike wires and leaks are (a diagonal 2/r + g would lose g). */
#include <stddef.h>

/* share[steps][lines] of leak[steps][lines] * r; y[lines] is scratch. */
void sps_lines_factor(double *share, double *y, const double *leak, double r, size_t steps, size_t lines);

/* u[steps][lines] comes as the voltages at the other ends of the leaks and leaves as those of the nodes; leak is
 * already multiplied by r, the lines are fed with feed[lines]. */
void sps_lines_solve(double *u, const double *share, const double *leak, const double *feed, size_t steps,
                     size_t lines);

/* src[rows][columns] to dst[columns][rows] with the columns in reverse, dst[columns - 1 - j][i] = src[i][j] times
 * scale; and back.  Word lines lie so: their open end is the last column. */
void sps_lines_turn(double *dst, const double *src, double scale, size_t rows, size_t columns);
void sps_lines_turn_back(double *dst, const double *src, size_t rows, size_t columns);
#endif
