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

/* Copying patches is as much work as multiplying them, if it is done pixel by pixel.  So an image is padded first,
 * which leaves no special cases, and a patch is `kernel` runs of bytes, copied in pieces of constant size. */

/* What `codes` says of the elements: bits, signed 8-bit codes, or levels, which are unsigned. */
enum { SPS_NO_CODES, SPS_SIGNED_CODES, SPS_UNSIGNED_CODES };

/* Bytes of the padded image, and of `count` patches; both with the room that pieces need past their end. */
size_t sps_window_padded_size(const struct sps_window *v, int codes);
size_t sps_window_patches_size(const struct sps_window *v, int codes, size_t count);
/* Bytes from one patch to the next: codes in groups of four, bits in words of 32. */
size_t sps_window_patch_size(const struct sps_window *v, int codes);
/* x is codes [h][w][c], to which 128 is added where they are signed (qgemm), or bits; padding is 0 (bits: reads as -1,
 * see sps_padding). Bits
 * whose pixels are no whole bytes are not padded: padded gets a copy. */
void sps_window_pad(void *padded, const struct sps_window *v, int codes, const void *x);
/* Patches of output row i, all columns, from what sps_window_pad() made.  Bytes of codes past a patch's end are
 * arbitrary (the weights there are 0), bits past its end are 0. */
void sps_window_row(void *patches, const struct sps_window *v, int codes, const void *padded, int i);

/* Valid taps along one axis for output i are lo <= tap < hi. */
void sps_window_taps(int *lo, int *hi, int i, int stride, int pad, int kernel, int extent);

/* What to add to the sums of a product with patches of bits so that padding counts as a true zero: the weights of the
 * padded taps.  Rows and columns of the output fall into few classes by which taps are padded. */
struct sps_padding {
    int *row_class, *column_class;               /* [ch], [cw] */
    int column_classes, whole_row, whole_column; /* the classes without padded taps, -1 if there is none */
    int32_t *correction;                         /* [row class][column class][o]; NULL without padding */
};
/* Classes, and room for o channels.  Release with reset. */
sps_status sps_padding_init(struct sps_padding *padding, const struct sps_window *v, int o);
void sps_padding_reset(struct sps_padding *padding);
/* From the rows of weights [o][words of a patch]. */
void sps_padding_fill(struct sps_padding *padding, const struct sps_window *v, int o, const uint32_t *rows);
/* True if output (i, j) needs no correction. */
static inline int sps_padding_none(const struct sps_padding *p, int i, int j)
{
    return p->row_class[i] == p->whole_row && p->column_class[j] == p->whole_column;
}
/* The correction [o] of output (i, j). */
static inline const int32_t *sps_padding_at(const struct sps_padding *p, int o, int i, int j)
{
    return p->correction + (size_t)(p->row_class[i] * p->column_classes + p->column_class[j]) * (size_t)o;
}
#endif
