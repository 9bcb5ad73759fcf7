/* SPDX-License-Identifier: MIT */
/* Atomic files by the usual recipe: write a temporary beside the target, sync it, rename it over the target, sync the
 * folder.  Whoever looks sees the old file or the new one; a full disk or a power cut loses at most the new one. */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

enum { TEMPORARY_TRIES = 100 };

struct sps_file {
    int fd;
    int error;             /* errno of the first failure */
    char path[PATH_MAX];   /* as the caller calls it */
    char target[PATH_MAX]; /* links resolved */
    char temporary[PATH_MAX];
};

const char *sps_errno_text(int error)
{
    static _Thread_local char text[128];
    if (strerror_r(error, text, sizeof text) != 0)
        snprintf(text, sizeof text, "system error %d", error);
    int is_word = text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z'; /* not "RPC ..." */
    if (is_word)
        text[0] = (char)(text[0] - 'A' + 'a');
    return text;
}

static sps_status fail_to(const char *what, const char *path, int error)
{
    return sps_fail(SPS_EIO, "cannot %s '%s': %s", what, path, sps_errno_text(error));
}

/* Where the data will be in the end, and the permissions a new file gets.  Renaming over a device would destroy it. */
static sps_status resolve_target(sps_file *file, mode_t *mode)
{
    struct stat old;
    *mode = 0666;
    if (stat(file->path, &old) != 0) {
        if (errno != ENOENT)
            return fail_to("write", file->path, errno);
        memcpy(file->target, file->path, sizeof file->target);
        return SPS_OK;
    }
    if (S_ISDIR(old.st_mode))
        SPS_FAIL(EIO, "cannot write '%s': it is a folder", file->path);
    if (!S_ISREG(old.st_mode))
        SPS_FAIL(EIO, "cannot write '%s': not a regular file", file->path);
    *mode = old.st_mode & 0777;
    if (realpath(file->path, file->target) == NULL)
        return fail_to("write", file->path, errno);
    return SPS_OK;
}

/* A name may be taken: by another thread, or by a run that was killed, where process numbers repeat (containers). */
static sps_status create_temporary(sps_file *file, mode_t mode)
{
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        int length =
            snprintf(file->temporary, sizeof file->temporary, "%s.tmp-%ld-%d", file->target, (long)getpid(), i);
        if (length < 0 || (size_t)length >= sizeof file->temporary)
            return fail_to("write", file->path, ENAMETOOLONG);
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file->fd >= 0)
            return SPS_OK;
        if (errno != EEXIST)
            return fail_to("write", file->path, errno);
    }
    SPS_FAIL(EIO, "cannot write '%s': %d temporary files like '%s' are in the way", file->path, TEMPORARY_TRIES,
             file->temporary);
}

sps_status sps_file_create(sps_file **out, const char *path)
{
    if (strlen(path) >= PATH_MAX)
        return fail_to("write", path, ENAMETOOLONG);
    sps_file *file;
    SPS_TRY(sps_calloc(&file, 1, sizeof *file, "a file to write"));
    strcpy(file->path, path);
    mode_t mode;
    sps_status status;
    SPS_TRY_OUT(resolve_target(file, &mode));
    SPS_TRY_OUT(create_temporary(file, mode));
    *out = file;
    return SPS_OK;
out:
    sps_free(file);
    return status;
}

sps_status sps_file_write(sps_file *file, const void *data, size_t bytes)
{
    const char *at = data;
    while (file->error == 0 && bytes > 0) {
        ssize_t written = write(file->fd, at, bytes);
        if (written >= 0) {
            at += written;
            bytes -= (size_t)written;
        } else if (errno != EINTR) {
            file->error = errno;
        }
    }
    return file->error == 0 ? SPS_OK : fail_to("write", file->path, file->error);
}

/* 0 or an errno value.  A folder may be writable but not readable, and some file systems cannot sync folders: then
 * durability is the system's. */
static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    strcpy(folder, path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : errno;
    int error = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    close(fd);
    return error;
}

static void release(sps_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->temporary[0] != '\0')
        unlink(file->temporary);
    sps_free(file);
}

sps_status sps_file_commit(sps_file *file)
{
    if (file->error == 0 && fsync(file->fd) != 0)
        file->error = errno;
    if (close(file->fd) != 0 && file->error == 0 && errno != EINTR) /* interrupted, it is closed nevertheless */
        file->error = errno;
    file->fd = -1;
    if (file->error == 0) {
        if (rename(file->temporary, file->target) == 0) {
            file->temporary[0] = '\0';
            file->error = sync_folder_of(file->target);
        } else {
            file->error = errno;
        }
    }
    sps_status status = file->error == 0 ? SPS_OK : fail_to("write", file->path, file->error);
    release(file);
    return status;
}

void sps_file_abandon(sps_file *file)
{
    if (file != NULL)
        release(file);
}

sps_status sps_file_save(const char *path, const void *data, size_t bytes)
{
    sps_file *file;
    SPS_TRY(sps_file_create(&file, path));
    sps_status status = sps_file_write(file, data, bytes);
    if (status == SPS_OK)
        return sps_file_commit(file);
    sps_file_abandon(file);
    return status;
}

/* Up to bytes; fewer only at the end of the file. */
static sps_status read_up_to(size_t *got, int fd, const char *path, char *data, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = read(fd, data + done, bytes - done);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return fail_to("read", path, errno);
    }
    *got = done;
    return SPS_OK;
}

/* The file's size, if it is a regular file within the limit. */
static sps_status size_of(size_t *size, int fd, const char *path, size_t limit)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return fail_to("read", path, errno);
    if (S_ISDIR(info.st_mode))
        SPS_FAIL(EIO, "cannot read '%s': it is a folder", path);
    if (!S_ISREG(info.st_mode))
        SPS_FAIL(EIO, "cannot read '%s': not a regular file", path);
    if ((uintmax_t)info.st_size > limit)
        SPS_FAIL(EFORMAT, "'%s' has %jd bytes, more than the limit of %zu bytes", path, (intmax_t)info.st_size, limit);
    *size = (size_t)info.st_size;
    return SPS_OK;
}

static sps_status load_open(void *out, size_t *bytes, int fd, const char *path, size_t limit)
{
    size_t size = 0, got = 0;
    char *data;
    SPS_TRY(size_of(&size, fd, path, limit));
    SPS_TRY(sps_calloc(&data, size + 1, 1, path));
    sps_status status;
    SPS_TRY_OUT(read_up_to(&got, fd, path, data, size + 1)); /* one more byte would tell that it grew */
    if (got != size) {
        status = sps_fail(SPS_EIO, "cannot read '%s': its size is said to be %zu bytes, but %s after %zu bytes", path,
                          size, got < size ? "it ends" : "it goes on", got < size ? got : size);
        goto out;
    }
    *(char **)out = data;
    *bytes = size;
    return SPS_OK;
out:
    sps_free(data);
    return status;
}

static sps_status map_open(void *out, size_t *bytes, int fd, const char *path, size_t limit)
{
    size_t size = 0;
    SPS_TRY(size_of(&size, fd, path, limit));
    if (size == 0)
        SPS_FAIL(EFORMAT, "'%s' is empty", path);
    void *mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED)
        return fail_to("map", path, errno);
    *(void **)out = mapped;
    *bytes = size;
    return SPS_OK;
}

static sps_status with_open(sps_status (*take)(void *out, size_t *bytes, int fd, const char *path, size_t limit),
                            void *out, size_t *bytes, const char *path, size_t limit)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe without a writer would block */
    if (fd < 0) {
        int error = errno;
        sps_status status = error == ENOENT || error == ENOTDIR ? SPS_ENOTFOUND : SPS_EIO;
        return sps_fail(status, "cannot open '%s': %s", path, sps_errno_text(error));
    }
    sps_status status = take(out, bytes, fd, path, limit);
    close(fd);
    return status;
}

sps_status sps_file_load(char **out, size_t *bytes, const char *path, size_t limit)
{
    return with_open(load_open, out, bytes, path, limit);
}

sps_status sps_file_map(void **out, size_t *bytes, const char *path, size_t limit)
{
    return with_open(map_open, out, bytes, path, limit);
}

void sps_file_unmap(void *mapped, size_t bytes)
{
    if (mapped != NULL)
        munmap(mapped, bytes);
}

static sps_status make_one(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return SPS_OK;
    int error = errno;
    struct stat info;
    int there = stat(path, &info) == 0; /* not only after EEXIST: some systems say EROFS or EACCES first */
    if (there && S_ISDIR(info.st_mode))
        return SPS_OK;
    if (there)
        SPS_FAIL(EIO, "cannot create folder '%s': a file has this name", path);
    return fail_to("create folder", path, error);
}

sps_status sps_make_folder(const char *path)
{
    size_t length = strlen(path);
    if (length >= PATH_MAX)
        return fail_to("create folder", path, ENAMETOOLONG);
    char part[PATH_MAX];
    for (size_t i = 1; i < length; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            SPS_TRY(make_one(part));
        }
    return make_one(path);
}
