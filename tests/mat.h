/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_MAT_H
#define SPS_TEST_MAT_H
/* Makes MATLAB files of level 5, piece by piece. */
#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "test.h"

enum { MAT_ROOM = 1 << 16 };

struct mat {
    uint8_t data[MAT_ROOM];
    size_t bytes;
};

static inline void mat_put(struct mat *m, const void *data, size_t bytes)
{
    assert_true(bytes <= sizeof m->data - m->bytes);
    memcpy(m->data + m->bytes, data, bytes);
    m->bytes += bytes;
}

static inline void mat_word(struct mat *m, uint32_t word)
{
    mat_put(m, (const uint8_t[]){(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)}, 4);
}

static inline void mat_header(struct mat *m)
{
    char text[124];
    memset(text, ' ', sizeof text);
    memcpy(text, "MATLAB 5.0 MAT-file, a test", 27);
    m->bytes = 0;
    mat_put(m, text, sizeof text);
    mat_put(m, "\0\1IM", 4);
}

/* In the tag where it fits, as MATLAB does, else behind it and padded. */
static inline void mat_element(struct mat *m, uint32_t type, const void *data, uint32_t bytes)
{
    static const uint8_t zeros[8];
    if (bytes <= 4 && bytes > 0) {
        mat_word(m, bytes << 16 | type);
        mat_put(m, data, bytes);
        mat_put(m, zeros, 4 - bytes);
        return;
    }
    mat_word(m, type);
    mat_word(m, bytes);
    mat_put(m, data, bytes);
    mat_put(m, zeros, (8 - bytes % 8) % 8);
}

/* A variable of class uint8 with numbers of a type, packed or not. */
static inline void mat_variable(struct mat *m, const char *name, const uint32_t *size, int dims, uint32_t type,
                                const void *numbers, uint32_t bytes, int packed)
{
    static struct mat body, whole;
    const uint32_t flags[2] = {9, 0};
    body.bytes = whole.bytes = 0;
    mat_element(&body, 6, flags, sizeof flags);
    mat_element(&body, 5, size, (uint32_t)dims * 4);
    mat_element(&body, 1, name, (uint32_t)strlen(name));
    mat_element(&body, type, numbers, bytes);
    mat_word(&whole, 14);
    mat_word(&whole, (uint32_t)body.bytes);
    mat_put(&whole, body.data, body.bytes);
    if (packed) {
        uLongf room = sizeof body.data;
        assert_int_equal(compress(body.data, &room, whole.data, whole.bytes), Z_OK);
        mat_word(m, 15);
        mat_word(m, (uint32_t)room);
        mat_put(m, body.data, room);
    } else {
        mat_put(m, whole.data, whole.bytes);
    }
}
#endif
