/* SPDX-License-Identifier: MIT */
/* gzip is RFC 1952 by zlib (several members may follow each other), xz by liblzma (several streams may, with padding).
 * Both take their memory from core/memory.h. */
#include "data/source.h"

#include <errno.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "core/file.h"
#include "core/memory.h"

enum {
    BUFFER_BYTES = 1 << 16,
    INPUT_BYTES_MAX = 1 << 30, /* one call of zlib counts in 32 bits */
    MAGIC_BYTES = 6,
    GZIP_DENSITY = 1032, /* deflate at best: 258 bytes from 2 bits (zlib's technical notes) */
    XZ_DENSITY = 8192    /* LZMA at best: 273 bytes from about 0.31 bits, 1 : 7045 */
};

enum packing { PLAIN, GZIP, XZ };

struct sps_source {
    char *name;
    FILE *file;            /* NULL: all of the input is in memory */
    unsigned char *buffer; /* of file */
    const unsigned char *next;
    size_t available;     /* bytes at next */
    uint64_t size, taken; /* of the file; of it, fetched to next so far */
    uint64_t given;       /* content bytes handed out */
    enum packing packing;
    int unpacking; /* gzip or xz holds memory */
    int ended;     /* the content is over */
    z_stream gzip;
    lzma_stream xz;
    lzma_allocator allocator;
};

static void *take(void *unused, size_t count, size_t size)
{
    (void)unused;
    void *memory;
    return sps_calloc(&memory, count, size, "unpacking") == SPS_OK ? memory : NULL;
}

static void *take_gzip(void *unused, unsigned count, unsigned size)
{
    return take(unused, count, size);
}

static void give_back(void *unused, void *memory)
{
    (void)unused;
    sps_free(memory);
}

uint64_t sps_source_offset(const sps_source *s)
{
    return s->given;
}

sps_status sps_source_fail(const sps_source *s, uint64_t offset, const char *format, ...)
{
    char words[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    SPS_FAIL(EFORMAT, "'%s' at byte %llu%s: %s", s->name, (unsigned long long)offset,
             s->packing == PLAIN ? "" : " of its unpacked content", words);
}

/* Damage of the packing itself: the offset counts packed bytes. */
static sps_status fail_packed(const sps_source *s, const char *words)
{
    SPS_FAIL(EFORMAT, "'%s' at byte %llu: damaged %s data: %s", s->name, (unsigned long long)(s->taken - s->available),
             s->packing == XZ ? "xz" : "gzip", words);
}

/* Fetch input if there is none; at the end of the file `available` stays 0. */
static sps_status fetch(sps_source *s)
{
    if (s->available > 0 || s->file == NULL)
        return SPS_OK;
    errno = 0;
    size_t got = fread(s->buffer, 1, BUFFER_BYTES, s->file);
    if (got < BUFFER_BYTES && ferror(s->file))
        SPS_FAIL(EIO, "cannot read '%s': %s", s->name, sps_errno_text(errno));
    s->next = s->buffer;
    s->available = got;
    s->taken += got;
    return SPS_OK;
}

static void consume(sps_source *s, size_t bytes)
{
    s->next += bytes;
    s->available -= bytes;
}

static sps_status start(sps_source *s)
{
    static const unsigned char gzip_magic[] = {0x1f, 0x8b}, xz_magic[MAGIC_BYTES] = {0xfd, '7', 'z', 'X', 'Z', 0};
    SPS_TRY(fetch(s));
    if (s->available >= sizeof gzip_magic && memcmp(s->next, gzip_magic, sizeof gzip_magic) == 0) {
        s->packing = GZIP;
        s->gzip.zalloc = take_gzip;
        s->gzip.zfree = give_back;
        if (inflateInit2(&s->gzip, 15 + 16) != Z_OK) /* windows to 2^15, gzip header only */
            return SPS_ENOMEM;
        s->unpacking = 1;
    } else if (s->available >= sizeof xz_magic && memcmp(s->next, xz_magic, sizeof xz_magic) == 0) {
        s->packing = XZ;
        s->allocator = (lzma_allocator){take, give_back, NULL};
        s->xz = (lzma_stream)LZMA_STREAM_INIT;
        s->xz.allocator = &s->allocator;
        if (lzma_stream_decoder(&s->xz, SPS_XZ_MEMORY_MAX, LZMA_CONCATENATED) != LZMA_OK)
            return SPS_ENOMEM;
        s->unpacking = 1;
    }
    return SPS_OK;
}

static void stop(sps_source *s)
{
    if (s->unpacking && s->packing == GZIP)
        inflateEnd(&s->gzip);
    if (s->unpacking && s->packing == XZ)
        lzma_end(&s->xz);
    s->unpacking = 0;
}

static sps_status new_source(sps_source **out, const char *name)
{
    sps_source *s;
    SPS_TRY(sps_calloc(&s, 1, sizeof *s, "data source"));
    sps_status status = sps_strdup(&s->name, name);
    if (status != SPS_OK)
        sps_free(s);
    else
        *out = s;
    return status;
}

sps_status sps_source_open(sps_source **out, const char *path)
{
    sps_status status;
    sps_source *s;
    struct stat info;
    SPS_TRY(new_source(&s, path));
    SPS_TRY_OUT(sps_calloc(&s->buffer, BUFFER_BYTES, 1, "read buffer"));
    /* stat before open: opening a pipe would wait for a writer */
    if (stat(path, &info) != 0) {
        status = sps_fail(errno == ENOENT || errno == ENOTDIR ? SPS_ENOTFOUND : SPS_EIO, "cannot open '%s': %s", path,
                          sps_errno_text(errno));
        goto out;
    }
    if (!S_ISREG(info.st_mode)) {
        status = sps_fail(SPS_EFORMAT, "cannot read '%s': not a regular file", path);
        goto out;
    }
    s->size = (uint64_t)info.st_size;
    s->file = fopen(path, "rb");
    if (s->file == NULL) {
        status = sps_fail(SPS_EIO, "cannot open '%s': %s", path, sps_errno_text(errno));
        goto out;
    }
    SPS_TRY_OUT(start(s));
out:
    if (status != SPS_OK)
        sps_source_close(s);
    else
        *out = s;
    return status;
}

sps_status sps_source_memory(sps_source **out, const char *name, const void *data, size_t bytes)
{
    sps_source *s;
    SPS_TRY(new_source(&s, name));
    s->next = data;
    s->available = bytes;
    s->size = s->taken = bytes;
    sps_status status = start(s);
    if (status != SPS_OK)
        sps_source_close(s);
    else
        *out = s;
    return status;
}

void sps_source_close(sps_source *s)
{
    if (s == NULL)
        return;
    stop(s);
    if (s->file != NULL)
        fclose(s->file);
    sps_free(s->buffer);
    sps_free(s->name);
    sps_free(s);
}

uint64_t sps_source_most_left(const sps_source *s)
{
    uint64_t density = s->packing == PLAIN ? 1 : s->packing == GZIP ? GZIP_DENSITY : XZ_DENSITY;
    uint64_t most = s->size > UINT64_MAX / density ? UINT64_MAX : s->size * density;
    return most > s->given ? most - s->given : 0;
}

/* One call of zlib: *got bytes more at out. */
static sps_status unpack_gzip(sps_source *s, unsigned char *out, size_t bytes, size_t *got)
{
    size_t input = s->available < INPUT_BYTES_MAX ? s->available : INPUT_BYTES_MAX;
    size_t room = bytes < INPUT_BYTES_MAX ? bytes : INPUT_BYTES_MAX;
    s->gzip.next_in = (unsigned char *)s->next; /* zlib only reads it, its type says otherwise */
    s->gzip.avail_in = (unsigned)input;
    s->gzip.next_out = out;
    s->gzip.avail_out = (unsigned)room;
    int result = inflate(&s->gzip, Z_NO_FLUSH);
    consume(s, input - s->gzip.avail_in);
    *got = room - s->gzip.avail_out;
    switch (result) {
    case Z_OK:
        return SPS_OK;
    case Z_STREAM_END:
        SPS_TRY(fetch(s));
        s->ended = s->available == 0;
        if (!s->ended)
            inflateReset(&s->gzip); /* another member, or garbage: then its header is wrong */
        return SPS_OK;
    case Z_BUF_ERROR: /* no input is left */
        return fail_packed(s, "cut short");
    case Z_MEM_ERROR:
        return SPS_ENOMEM;
    default:
        return fail_packed(s, s->gzip.msg ? s->gzip.msg : "unknown compression");
    }
}

static sps_status unpack_xz(sps_source *s, unsigned char *out, size_t bytes, size_t *got)
{
    size_t input = s->available;
    s->xz.next_in = s->next;
    s->xz.avail_in = input;
    s->xz.next_out = out;
    s->xz.avail_out = bytes;
    /* fetch() leaves nothing only at the end of the file, and liblzma wants to be told that it is the end */
    lzma_ret result = lzma_code(&s->xz, input == 0 ? LZMA_FINISH : LZMA_RUN);
    consume(s, input - s->xz.avail_in);
    *got = bytes - s->xz.avail_out;
    switch (result) {
    case LZMA_OK:
        return SPS_OK;
    case LZMA_STREAM_END:
        s->ended = 1;
        return SPS_OK;
    case LZMA_BUF_ERROR: /* no input is left */
        return fail_packed(s, "cut short");
    case LZMA_MEM_ERROR:
        return SPS_ENOMEM;
    case LZMA_MEMLIMIT_ERROR:
        return fail_packed(s, "unpacking it takes more than 256 MiB of memory");
    case LZMA_OPTIONS_ERROR:
        return fail_packed(s, "unknown compression");
    default:
        return fail_packed(s, "checksum or contents are wrong");
    }
}

static sps_status copy_plain(sps_source *s, unsigned char *out, size_t bytes, size_t *got)
{
    *got = s->available < bytes ? s->available : bytes;
    s->ended = s->available == 0;
    if (*got > 0)
        memcpy(out, s->next, *got);
    consume(s, *got);
    return SPS_OK;
}

sps_status sps_source_read_some(sps_source *s, void *out, size_t bytes, size_t *got)
{
    unsigned char *to = out;
    size_t done = 0;
    while (done < bytes && !s->ended) {
        size_t more = 0;
        SPS_TRY(fetch(s));
        switch (s->packing) {
        case PLAIN:
            SPS_TRY(copy_plain(s, to + done, bytes - done, &more));
            break;
        case GZIP:
            SPS_TRY(unpack_gzip(s, to + done, bytes - done, &more));
            break;
        case XZ:
            SPS_TRY(unpack_xz(s, to + done, bytes - done, &more));
            break;
        }
        done += more;
        s->given += more;
    }
    *got = done;
    return SPS_OK;
}

sps_status sps_source_read(sps_source *s, void *out, size_t bytes)
{
    size_t got;
    SPS_TRY(sps_source_read_some(s, out, bytes, &got));
    if (got < bytes)
        return sps_source_fail(s, s->given, "the file ends here, %zu bytes too early", bytes - got);
    return SPS_OK;
}

sps_status sps_source_end(sps_source *s)
{
    unsigned char beyond;
    size_t got;
    SPS_TRY(sps_source_read_some(s, &beyond, 1, &got));
    if (got > 0)
        return sps_source_fail(s, s->given - 1, "the file should end here, but more follows");
    stop(s);
    return SPS_OK;
}
