/* SPDX-License-Identifier: MIT */
#ifndef SPS_REPORT_AXIS_H
#define SPS_REPORT_AXIS_H
/* An axis: the range that its numbers take, round numbers for its ticks, and where a number lies on paper. */

enum { SPS_TICKS_MAX = 24 };

struct sps_axis {
    double low, high; /* of the numbers */
    double from, to;  /* on paper */
    int log, ticks;
    int fractions; /* has it seen numbers that are not whole?  If not, ticks are whole, too */
    double tick[SPS_TICKS_MAX];
    int digits; /* that tell neighbouring ticks apart */
};

/* Before numbers are seen. */
struct sps_axis sps_axis_none(int log);
/* Can the axis show this number? */
int sps_axis_holds(const struct sps_axis *axis, double value);
void sps_axis_see(struct sps_axis *axis, double value);
/* After all are seen: about so many ticks; the range ends on ticks where round is set. */
void sps_axis_finish(struct sps_axis *axis, int ticks, int round);
/* These ticks in place of round ones. */
void sps_axis_set_ticks(struct sps_axis *axis, const double *ticks, int count);
/* No further than these, though its ends were rounded. */
void sps_axis_limit(struct sps_axis *axis, double least, double most);
/* Numbers beyond the range lie at its end. */
double sps_axis_at(const struct sps_axis *axis, double value);
#endif
