/* SPDX-License-Identifier: MIT */
#ifndef SPS_KERN_WINDOW_H
#define SPS_KERN_WINDOW_H
/* Convolution as products of patches: what training graph and packed engine share.  A patch is the window of one output
 * position as a tight row, kernel row after kernel row, channels innermost. */
#include "kern/kern.h"

struct sps_window {
    int h, w, c; /* input */
    int ch, cw;  /* output positions */
    int kernel, stride, pad;
};
static inline size_t sps_window_size(const struct sps_window *v) /* of a patch */
{
    return (size_t)v->kernel * (size_t)v->kernel * (size_t)v->c;
}

/* The patch of bits of output (i, j); padded taps are zero bits, which a product reads as -1: see sps_padding. */
void sps_window_bits(uint32_t *patch, const struct sps_window *v, const uint32_t *x, int i, int j);
/* The same of codes, where padding is zero; bytes from the patch's end to `size` are zero. */
void sps_window_codes(int8_t *patch, size_t size, const struct sps_window *v, const int8_t *x, int i, int j);

/* Valid taps along one axis for output i are lo <= tap < hi. */
void sps_window_taps(int *lo, int *hi, int i, int stride, int pad, int kernel, int extent);

/* What to add to the sums of a product with patches of bits so that padding counts as a true zero: the weights of the
 * padded taps.  Rows and columns of the output fall into few classes by which taps are padded. */
struct sps_padding {
    int *row_class, *column_class; /* [ch], [cw] */
    int column_classes;
    int32_t *correction; /* [row class][column class][o]; NULL without padding */
};
/* Classes, and room for o channels.  Release with reset. */
sps_status sps_padding_init(struct sps_padding *padding, const struct sps_window *v, int o);
void sps_padding_reset(struct sps_padding *padding);
/* From the rows of weights [o][words of a patch]. */
void sps_padding_fill(struct sps_padding *padding, const struct sps_window *v, int o, const uint32_t *rows);
/* The correction [o] of output (i, j). */
static inline const int32_t *sps_padding_at(const struct sps_padding *p, int o, int i, int j)
{
    return p->correction + (size_t)(p->row_class[i] * p->column_classes + p->column_class[j]) * (size_t)o;
}
#endif
