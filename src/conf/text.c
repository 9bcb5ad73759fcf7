/* SPDX-License-Identifier: MIT */
#include "conf/text.h"

#include <string.h>

const char *sps_excerpt(char out[SPS_EXCERPT], const char *text)
{
    size_t n = strlen(text), room = SPS_EXCERPT - 1;
    int cut = n > room;
    if (cut) {
        n = room - 3;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) /* not in the middle of a character */
            n--;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7F ? '?' : text[i];
    strcpy(out + n, cut ? "..." : "");
    return out;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

int sps_edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    enum { LONGEST = 64 };
    int d[LONGEST + 1][LONGEST + 1]; /* d[i][j]: between the first i bytes of a and the first j of b */
    if (a_length > LONGEST || b_length > LONGEST)
        return SPS_FAR;
    for (size_t i = 0; i <= a_length; i++)
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = (int)(i + j);
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = min_int(best, min_int(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min_int(best, d[i - 2][j - 2] + 1);
            d[i][j] = best;
        }
    return d[a_length][b_length];
}

int sps_utf8_next(uint32_t *code, const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = t[0] < 0x80 ? 1 : t[0] < 0xC0 ? 0 : t[0] < 0xE0 ? 2 : t[0] < 0xF0 ? 3 : t[0] < 0xF8 ? 4 : 0;
    if (length == 0)
        return 0;
    uint32_t c = length == 1 ? t[0] : t[0] & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        if ((t[i] & 0xC0) != 0x80) /* the closing zero ends here, too */
            return 0;
        c = c << 6 | (t[i] & 0x3Fu);
    }
    if (c < smallest[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code = c;
    return length;
}

int sps_utf8_valid(const char *text)
{
    uint32_t code = 0;
    for (int n = 0; *text; text += n) {
        n = sps_utf8_next(&code, text);
        if (n == 0)
            return 0;
    }
    return 1;
}
