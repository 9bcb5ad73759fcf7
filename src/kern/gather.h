/* SPDX-License-Identifier: MIT */
/* gather: rows of bits are counted channel by channel, all channels of a vector at once.  Bit p of every channel's
 * count lies in vector plane[p]; rows are added with full adders (three bits of one weight make a sum bit and a carry
 * of twice the weight), a group at a time, so that the higher planes are seldom touched (Harley and Seal's way to count
 * bits; see Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018).
 *
 * Falls are counted down: in two's complement, inverting all planes, counting up and inverting again does that.
 * Counting modulo 256 starts at the number of falls, so nothing gets below 0.
 *
 * Included once by a tier that has vectors; before, it defines GATHER_INLINE and GATHER_TARGET (attributes),
 * gather_vector, GATHER_WORDS (words of a vector), GATHER_GROUP (8 or 16 rows) and
 *   gather_load(from, words)      the first words of a row, others zero
 *   gather_fill(bit)              all channels the same
 *   gather_xor(x, y), gather_and(x, y), gather_not(x)
 *   gather_add(&sum, x, y)        sum = sum ^ x ^ y; returns the carry
 *   gather_store(words, x)
 *   gather_spread(sums, planes, channels, change)   sums[c] += 4 * count of channel c + change
 *
 * gather_spread looks at all planes, needed or not: loops of constant length cost less than the turns saved. */

enum { GATHER_MOST = (1 << SPS_GATHER_PLANES) - 1 /* rows counted at a time */ };

/* Rows that are added together: the first `count` of a group, and zeros instead of the others. */
struct gather_rows {
    const uint32_t *w;
    size_t stride, words;
    const uint32_t *at;
    size_t count;
};

GATHER_INLINE gather_vector gather_row(const struct gather_rows *r, size_t i)
{
    static const uint32_t zeros[GATHER_WORDS];
    const uint32_t *from[2] = {zeros, r->w + r->at[i < r->count ? i : 0] * r->stride};
    return gather_load(from[i < r->count], r->words);
}

/* Each adds rows to the planes below its weight and returns the carry. */
GATHER_INLINE gather_vector gather_2(gather_vector *plane, const struct gather_rows *r, size_t i)
{
    return gather_add(&plane[0], gather_row(r, i), gather_row(r, i + 1));
}

GATHER_INLINE gather_vector gather_4(gather_vector *plane, const struct gather_rows *r, size_t i)
{
    gather_vector x = gather_2(plane, r, i), y = gather_2(plane, r, i + 2);
    return gather_add(&plane[1], x, y);
}

GATHER_INLINE gather_vector gather_8(gather_vector *plane, const struct gather_rows *r, size_t i)
{
    gather_vector x = gather_4(plane, r, i), y = gather_4(plane, r, i + 4);
    return gather_add(&plane[2], x, y);
}

GATHER_INLINE void gather_group(gather_vector *plane, const struct gather_rows *r)
{
    gather_vector carry = gather_8(plane, r, 0);
    if (GATHER_GROUP == 16)
        carry = gather_add(&plane[3], carry, gather_8(plane, r, 8));
    for (size_t p = GATHER_GROUP == 16 ? 4 : 3; p < SPS_GATHER_PLANES; p++) {
        gather_vector next = gather_and(plane[p], carry);
        plane[p] = gather_xor(plane[p], carry);
        carry = next;
    }
}

GATHER_INLINE void gather_count(gather_vector *plane, const uint32_t *w, size_t stride, size_t words,
                                const uint32_t *at, size_t count)
{
    for (; count >= GATHER_GROUP; count -= GATHER_GROUP, at += GATHER_GROUP)
        gather_group(plane, &(struct gather_rows){w, stride, words, at, GATHER_GROUP});
    if (count > 0)
        gather_group(plane, &(struct gather_rows){w, stride, words, at, count});
}

GATHER_INLINE void gather_block(int16_t *sums, const uint32_t *w, size_t stride, size_t words, const uint32_t *at,
                                size_t rises, size_t count, size_t channels)
{
    while (count > 0) {
        size_t part = count < GATHER_MOST ? count : GATHER_MOST, up = rises < part ? rises : part, down = part - up;
        gather_vector plane[SPS_GATHER_PLANES];
        for (size_t p = 0; p < SPS_GATHER_PLANES; p++)
            plane[p] = gather_fill(!(down >> p & 1));
        gather_count(plane, w, stride, words, at + up, down);
        for (size_t p = 0; p < SPS_GATHER_PLANES; p++)
            plane[p] = gather_not(plane[p]);
        gather_count(plane, w, stride, words, at, up);

        _Alignas(64) uint32_t bits[SPS_GATHER_PLANES][GATHER_WORDS];
        for (size_t p = 0; p < SPS_GATHER_PLANES; p++)
            gather_store(bits[p], plane[p]);
        gather_spread(sums, bits, channels, -2 * (int)part);
        at += part;
        rises -= up;
        count -= part;
    }
}

GATHER_TARGET static SPS_KERN_GATHER(gather)
{
    size_t stride = sps_words(channels);
    for (size_t i = 0; i < stride; i += GATHER_WORDS) {
        size_t left = channels - 32 * i;
        if (stride - i >= GATHER_WORDS)
            gather_block(sums + 32 * i, w + i, stride, GATHER_WORDS, at, rises, count,
                         left < 32 * GATHER_WORDS ? left : 32 * GATHER_WORDS);
        else
            gather_block(sums + 32 * i, w + i, stride, stride - i, at, rises, count, left);
    }
}
