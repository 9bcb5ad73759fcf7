/* SPDX-License-Identifier: MIT */
/* From a set's name to its decoded images: where it lies, which files it has, what they hash to. */
#include "data/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/memory.h"
#include "data/find.h"
#include "data/hash.h"
#include "data/list.h"
#include "data/view.h"

enum { PATH_BYTES = SPS_PATH_BYTES, PLACES_BYTES = 640 };

struct registered_set {
    const char *name;
    const struct sps_data_format *format;
    const char *summary, *how_to_get;
    int classes;
    const char *const *class_names;
};

static const struct registered_set registered[] = {
#define SET_ROW(NAME, FORMAT, SUMMARY, HOW_TO_GET, ...)                                                                \
    {NAME,                                                                                                             \
     &sps_format_##FORMAT,                                                                                             \
     SUMMARY,                                                                                                          \
     HOW_TO_GET,                                                                                                       \
     (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),                                              \
     (const char *const[]){__VA_ARGS__}},
    SPS_DATASET_LIST(SET_ROW)
#undef SET_ROW
};
enum { REGISTERED = sizeof registered / sizeof *registered };

const struct sps_data_format *const sps_data_formats[] = {
#define FORMAT_ROW(NAME) &sps_format_##NAME,
    SPS_DATA_FORMAT_LIST(FORMAT_ROW)
#undef FORMAT_ROW
        NULL};

struct sps_dataset {
    struct sps_dataset_info info;
    const struct registered_set *set; /* NULL for a path */
    struct sps_raw_images images;
    struct sps_npy_images *file; /* the images are in it; NULL: they are decoded, and the set's own */
};

/* ---- where the files are ---- */

static int has_files_of(const char *folder, const struct sps_data_format *format)
{
    char path[PATH_BYTES];
    for (int part = SPS_TRAIN; part <= SPS_TEST; part++)
        for (const char *const *file = format->files[part]; *file != NULL; file++)
            if (sps_find_file(path, folder, *file))
                return 1;
    return 0;
}

/* What the folder has: the format, or the other one in which such sets are kept.  NULL: neither. */
static const struct sps_data_format *format_in(const char *folder, const struct sps_data_format *format)
{
    while (format != NULL && !has_files_of(folder, format))
        format = format->also;
    return format;
}

struct search {
    const struct registered_set *set;
    char folder[PATH_BYTES];              /* the last looked at */
    char places[PLACES_BYTES];            /* all looked at, for the message */
    const struct sps_data_format *format; /* of the files that were found */
};

/* Look in root[0..length) + below. */
static int look_in(struct search *s, const char *root, size_t length, const char *below)
{
    if (length == 0 || length >= PATH_BYTES)
        return 0;
    int n = snprintf(s->folder, sizeof s->folder, "%.*s%s/%s", (int)length, root, below, s->set->name);
    if (n < 0 || (size_t)n >= sizeof s->folder)
        return 0;
    size_t used = strlen(s->places), room = sizeof s->places - used;
    n = snprintf(s->places + used, room, "%s%s", used ? ", " : "", s->folder);
    if (n < 0 || (size_t)n >= room)
        strcpy(s->places + sizeof s->places - sizeof " ...", " ..."); /* more than a message can hold */
    s->format = format_in(s->folder, s->set->format);
    return s->format != NULL;
}

static int look_in_list(struct search *s, const char *roots)
{
    while (roots != NULL) {
        size_t length = strcspn(roots, ":");
        if (look_in(s, roots, length, ""))
            return 1;
        roots = roots[length] == ':' ? roots + length + 1 : NULL;
    }
    return 0;
}

/* The user's data folder; the XDG specification says to ignore a relative one. */
static int look_in_home(struct search *s)
{
    const char *data_home = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data_home != NULL && data_home[0] == '/')
        return look_in(s, data_home, strlen(data_home), "/spinscale");
    return home != NULL && look_in(s, home, strlen(home), "/.local/share/spinscale");
}

static sps_status find_set(struct search *s, const char *data_dir)
{
    int found;
    if (data_dir != NULL) {
        if (data_dir[0] == '\0' || strlen(data_dir) + strlen(s->set->name) + 2 > sizeof s->folder)
            SPS_FAIL(EINVAL, "data folder is %zu characters long, must be 1 to %d", strlen(data_dir), PATH_BYTES - 64);
        found = look_in(s, data_dir, strlen(data_dir), "");
    } else {
        static const char system[] = "/usr/share/datasets";
        found =
            look_in_list(s, getenv("SPINSCALE_DATA")) || look_in_home(s) || look_in(s, system, sizeof system - 1, "");
    }
    if (!found)
        SPS_FAIL(ENOTFOUND, "data set '%s' was not found in %s; to get it: %s", s->set->name, s->places,
                 s->set->how_to_get);
    return SPS_OK;
}

static int is_path(const char *name)
{
    return strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* *format stays NULL for a file. */
static sps_status find_path(const char *path, const struct sps_data_format **format)
{
    struct stat info;
    char wanted[512] = "";
    if (strlen(path) + 64 > PATH_BYTES)
        SPS_FAIL(EINVAL, "path of the data is %zu characters long, must be below %d", strlen(path), PATH_BYTES - 64);
    if (stat(path, &info) != 0)
        SPS_FAIL(ENOTFOUND, "cannot open data '%s': %s", path, sps_errno_text(errno));
    if (!S_ISDIR(info.st_mode))
        return SPS_OK;
    for (size_t i = 0; sps_data_formats[i] != NULL; i++) {
        *format = format_in(path, sps_data_formats[i]);
        if (*format != NULL)
            return SPS_OK;
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%s", i > 0 ? ", " : "",
                 sps_data_formats[i]->files[SPS_TEST][0]);
    }
    SPS_FAIL(ENOTFOUND, "data folder '%s' holds no data: there is none of %s, nor the like, plain, .gz or .xz", path,
             wanted);
}

/* ---- reading ---- */

static sps_status read_part(struct sps_raw_images *out, const struct sps_data_format *format, const char *folder,
                            enum sps_part part)
{
    sps_status status = SPS_OK;
    sps_source *files[SPS_PART_FILES_MAX] = {NULL};
    size_t count = 0;
    if (format->files[part][0] == NULL)
        SPS_FAIL(ENOTFOUND, "data folder '%s' has %s alone, nothing for %s", folder,
                 format->files[part == SPS_TRAIN ? SPS_TEST : SPS_TRAIN][0],
                 part == SPS_TRAIN ? "training" : "testing");
    for (; count < SPS_PART_FILES_MAX && format->files[part][count] != NULL; count++) {
        char path[PATH_BYTES];
        const char *file = format->files[part][count];
        if (!sps_find_file(path, folder, file)) {
            status = sps_fail(SPS_ENOTFOUND, "data folder '%s' has no %s (plain, .gz or .xz), needed for %s", folder,
                              file, part == SPS_TRAIN ? "training" : "testing");
            goto out;
        }
        SPS_TRY_OUT(sps_source_open(&files[count], path));
    }
    status = format->read(out, files, count);
out:
    for (size_t i = 0; i < SPS_PART_FILES_MAX; i++)
        sps_source_close(files[i]);
    return status;
}

void sps_raw_images_free(struct sps_raw_images *images)
{
    sps_free(images->pixels);
    sps_free(images->labels);
    *images = (struct sps_raw_images){0};
}

static size_t image_bytes(const struct sps_raw_images *images)
{
    return (size_t)images->height * (size_t)images->width * (size_t)images->channels;
}

/* The last part of a path, without the slashes behind it. */
static void name_of_path(char *out, size_t bytes, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    snprintf(out, bytes, "%.*s", (int)(end - begin), path + begin);
}

static void fill_info(sps_dataset *d, const char *name, const char *folder)
{
    const struct sps_raw_images *images = &d->images;
    struct sps_dataset_info *info = &d->info;
    if (d->set != NULL)
        snprintf(info->name, sizeof info->name, "%s", name);
    else
        name_of_path(info->name, sizeof info->name, name);
    snprintf(info->folder, sizeof info->folder, "%s", folder);
    info->count = images->count;
    info->height = images->height;
    info->width = images->width;
    info->channels = images->channels;
    info->classes = d->set != NULL ? d->set->classes : 0;
    for (size_t i = 0; i < images->count; i++)
        if (images->labels[i] != SPS_UNLABELLED && images->labels[i] >= info->classes)
            info->classes = images->labels[i] + 1;
    sps_hash(info->sha256, images->pixels, images->count * image_bytes(images), images->labels, images->count);
}

/* NULL: there is none. */
static const struct registered_set *registered_as(const char *name)
{
    for (int i = 0; i < REGISTERED; i++)
        if (strcmp(name, registered[i].name) == 0)
            return &registered[i];
    return NULL;
}

static sps_status fail_unknown(const char *name)
{
    char known[256] = "";
    for (int i = 0; i < REGISTERED; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", registered[i].name);
    }
    SPS_FAIL(EINVAL, "no data set is called '%s': there are %s; a folder is written with a '/', as ./%s", name, known,
             name);
}

static sps_status open_npy(sps_dataset *d, const char *path)
{
    struct sps_images images;
    SPS_TRY(sps_npy_images_open(&d->file, &images, path));
    d->images = sps_npy_images_shown(d->file);
    return SPS_OK;
}

sps_status sps_dataset_open_sized(sps_dataset **out, const char *name, enum sps_part part, const char *data_dir,
                                  const struct sps_image_size *size)
{
    sps_status status;
    sps_dataset *d = NULL;
    struct search search = {.set = NULL};
    if (name == NULL || name[0] == '\0')
        SPS_FAIL(EINVAL, "name of the data set is empty");
    search.set = is_path(name) ? NULL : registered_as(name);
    const int is_npy = search.set == NULL && sps_npy_images_is(name);
    if (search.set != NULL) {
        SPS_TRY(find_set(&search, data_dir));
    } else {
        if (!is_path(name) && !is_file(name) && !is_npy)
            return fail_unknown(name);
        if (!is_npy)
            SPS_TRY(find_path(name, &search.format));
        snprintf(search.folder, sizeof search.folder, "%s", name);
    }
    SPS_TRY(sps_calloc(&d, 1, sizeof *d, "data set"));
    if (search.format != NULL)
        SPS_TRY_OUT(read_part(&d->images, search.format, search.folder, part));
    else if (is_npy)
        SPS_TRY_OUT(open_npy(d, name));
    else
        SPS_TRY_OUT(sps_read_one_file(&d->images, name, size));
    d->set = search.set;
    fill_info(d, name, search.folder);
out:
    if (status != SPS_OK)
        sps_dataset_free(d);
    else
        *out = d;
    return status;
}

sps_status sps_dataset_open(sps_dataset **out, const char *name, enum sps_part part, const char *data_dir)
{
    return sps_dataset_open_sized(out, name, part, data_dir, NULL);
}

void sps_dataset_free(sps_dataset *d)
{
    if (d == NULL)
        return;
    if (d->file == NULL)
        sps_raw_images_free(&d->images);
    sps_npy_images_close(d->file);
    sps_free(d);
}

const struct sps_dataset_info *sps_dataset_get_info(const sps_dataset *d)
{
    return &d->info;
}

const uint8_t *sps_dataset_image(const sps_dataset *d, size_t index)
{
    return d->images.pixels + index * image_bytes(&d->images);
}

int sps_dataset_label(const sps_dataset *d, size_t index)
{
    int label = d->images.labels[index];
    return label == SPS_UNLABELLED ? -1 : label;
}

const char *sps_dataset_class_name(const sps_dataset *d, int label)
{
    return d->set != NULL && label >= 0 && label < d->set->classes ? d->set->class_names[label] : NULL;
}

const char *sps_dataset_list(size_t index, const char **summary, const char **how_to_get)
{
    if (index >= REGISTERED)
        return NULL;
    if (summary != NULL)
        *summary = registered[index].summary;
    if (how_to_get != NULL)
        *how_to_get = registered[index].how_to_get;
    return registered[index].name;
}

static const uint8_t *image_of(const void *self, size_t index)
{
    return sps_dataset_image(self, index);
}

static int label_of(const void *self, size_t index)
{
    return sps_dataset_label(self, index);
}

struct sps_images sps_dataset_images(const sps_dataset *set)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    return (struct sps_images){.name = info->name,
                               .count = info->count,
                               .height = info->height,
                               .width = info->width,
                               .channels = info->channels,
                               .self = set,
                               .image = image_of,
                               .label = label_of};
}
