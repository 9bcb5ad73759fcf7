/* SPDX-License-Identifier: MIT */
/* Lists are the format of OpenOOD (Zhang et al., "OpenOOD v1.5: Enhanced Benchmark for Out-of-Distribution Detection",
 * 2023).  A path that starts with '/' or goes up by ".." is refused: a list from elsewhere reads what lies beside it.
 */
#include "data/imagelist.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"

enum { TEXT_BYTES_MAX = 256 << 20, LABEL_MAX = SPS_UNLABELLED - 1, LABEL_DIGITS = 3 };

__attribute__((format(printf, 3, 4))) static sps_status fail(const char *name, size_t line, const char *format, ...)
{
    char words[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    SPS_FAIL(EFORMAT, "'%s' line %zu: %s", name, line, words);
}

/* "12", or "-1" for none; -2 where it is no label. */
static int label_of(const char *word)
{
    size_t digits = strspn(word, "0123456789");
    if (strcmp(word, "-1") == 0)
        return -1;
    if (digits < 1 || digits > LABEL_DIGITS || word[digits] != '\0' || atoi(word) > LABEL_MAX)
        return -2;
    return atoi(word);
}

static int leaves_folder(const char *path)
{
    if (path[0] == '/')
        return 1;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return 1;
    }
    return 0;
}

static sps_status parse_line(struct sps_listed_image *out, const char *name, char *line, size_t number)
{
    char *space = strrchr(line, ' ');
    if (space == NULL || space == line)
        return fail(name, number, "there must be a path, a space and a label");
    *space = '\0';
    *out = (struct sps_listed_image){.path = line, .label = label_of(space + 1), .line = number};
    if (out->label < -1)
        return fail(name, number, "label '%.20s' is wrong, must be 0 to %d, or -1 for none", space + 1, LABEL_MAX);
    if (leaves_folder(line))
        return fail(name, number, "path '%.200s' leaves the folder of the list", line);
    return SPS_OK;
}

sps_status sps_image_list_parse(struct sps_image_list *out, const char *name, char *text, size_t bytes)
{
    sps_status status = SPS_OK;
    struct sps_image_list list = {0};
    size_t lines = 1, number = 0;
    if (memchr(text, '\0', bytes) != NULL)
        SPS_FAIL(EFORMAT, "'%s' is no list of images: it has a zero byte", name);
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    SPS_TRY(sps_calloc(&list.images, lines, sizeof *list.images, "list of images"));
    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        number++;
        size_t length = strlen(line);
        while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (length > 0) {
            SPS_TRY_OUT(parse_line(&list.images[list.count], name, line, number));
            list.count++;
        }
    }
    if (list.count == 0)
        status = sps_fail(SPS_EFORMAT, "'%s' is no list of images: it has no line", name);
out:
    if (status != SPS_OK)
        sps_image_list_free(&list);
    else
        *out = list;
    return status;
}

void sps_image_list_free(struct sps_image_list *list)
{
    sps_free(list->images);
    *list = (struct sps_image_list){0};
}

/* Memory for all images, once the first or the caller has said their size. */
static sps_status make_room(struct sps_raw_images *set, size_t count, const char *list)
{
    uint64_t image = (uint64_t)set->height * (uint64_t)set->width * (uint64_t)set->channels;
    if (image > SPS_PART_BYTES_MAX / count)
        SPS_FAIL(EFORMAT, "'%s' has %zu images of %llu bytes, at most %llu bytes are read", list, count,
                 (unsigned long long)image, (unsigned long long)SPS_PART_BYTES_MAX);
    SPS_TRY(sps_calloc(&set->labels, count, 1, "labels"));
    return sps_calloc(&set->pixels, count, (size_t)image, "images");
}

static sps_status read_image(struct sps_raw_images *set, const char *list, size_t count,
                             const struct sps_listed_image *image, int fit)
{
    sps_status status;
    char path[4096];
    uint8_t *pixels = NULL;
    int height, width, channels;
    const char *slash = strrchr(list, '/');
    int folder = slash != NULL ? (int)(slash - list) + 1 : 0;
    int n = snprintf(path, sizeof path, "%.*s%s", folder, list, image->path);
    if (n < 0 || (size_t)n >= sizeof path)
        return fail(list, image->line, "path is longer than %zu characters", sizeof path - 1);
    status = sps_image_read_png(&pixels, &height, &width, &channels, path);
    if (status != SPS_OK)
        return sps_fail_in(status, "'%s' line %zu: ", list, image->line);
    if (set->pixels == NULL && !fit) {
        set->height = height;
        set->width = width;
        set->channels = channels;
    }
    if (set->pixels == NULL)
        SPS_TRY_OUT(make_room(set, count, list));
    if (!fit && (height != set->height || width != set->width || channels != set->channels)) {
        status = fail(list, image->line, "image '%.200s' is %d x %d with %d channel%s, the first is %d x %d with %d",
                      image->path, height, width, channels, channels == 1 ? "" : "s", set->height, set->width,
                      set->channels);
        goto out;
    }
    sps_image_fit(set->pixels + set->count * (size_t)set->height * (size_t)set->width * (size_t)set->channels,
                  set->height, set->width, set->channels, pixels, height, width, channels);
    set->labels[set->count++] = image->label < 0 ? SPS_UNLABELLED : (uint8_t)image->label;
out:
    sps_image_free(pixels);
    return status;
}

sps_status sps_image_list_read(struct sps_raw_images *out, const char *path, const struct sps_image_size *size)
{
    sps_status status;
    char *text = NULL;
    size_t bytes;
    struct sps_image_list list = {0};
    struct sps_raw_images set = {0};
    if (size != NULL && size->channels != 1 && size->channels != 3)
        SPS_FAIL(EINVAL, "images of '%s' cannot become ones of %d channels, must be 1 or 3", path, size->channels);
    if (size != NULL)
        set = (struct sps_raw_images){.height = size->height, .width = size->width, .channels = size->channels};
    SPS_TRY(sps_file_load(&text, &bytes, path, TEXT_BYTES_MAX));
    SPS_TRY_OUT(sps_image_list_parse(&list, path, text, bytes));
    for (size_t i = 0; i < list.count; i++)
        SPS_TRY_OUT(read_image(&set, path, list.count, &list.images[i], size != NULL));
out:
    sps_image_list_free(&list);
    sps_free(text);
    if (status != SPS_OK)
        sps_raw_images_free(&set);
    else
        *out = set;
    return status;
}
