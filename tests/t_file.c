/* SPDX-License-Identifier: MIT */
/* Atomic files.  Everything happens in one folder of our own, which must hold nothing but the named files afterwards: a
 * temporary left behind is found by count_files().
 *
 * fsync(), close() and rename() of the library are ours, because no disk fails on demand. */
#define _DEFAULT_SOURCE /* syscall() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "test.h"

static char folder[] = "file-XXXXXX";
static int fsync_fails_at = -1, close_fails_at = -1, rename_fails; /* call 0 is the next */

int fsync(int fd)
{
    if (fsync_fails_at >= 0 && fsync_fails_at-- == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int close(int fd)
{
    int result = (int)syscall(SYS_close, fd);
    if (close_fails_at >= 0 && close_fails_at-- == 0) {
        errno = EIO;
        return -1;
    }
    return result;
}

int rename(const char *from, const char *to)
{
    if (rename_fails) {
        errno = EBUSY;
        return -1;
    }
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static const char *in(const char *name)
{
    static _Thread_local char path[4][128];
    static _Thread_local int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static int count_files(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void assert_holds(const char *path, const char *text)
{
    char *data;
    size_t bytes;
    OK(sps_file_load(&data, &bytes, path, 1 << 20));
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(data, text); /* also the zero byte behind the data */
    sps_free(data);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "file-XXXXXX");
    return mkdtemp(folder) == NULL;
}

/* Nothing is left: no file, no memory. */
static int tear_down(void **state)
{
    (void)state;
    fsync_fails_at = close_fails_at = -1;
    rename_fails = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (e->d_name[0] != '.')
            remove(in(e->d_name));
    closedir(dir);
    return rmdir(folder) != 0 || sps_memory_live() != 0;
}

static void old_content_stays_until_commit(void **state)
{
    (void)state;
    OK(sps_file_save(in("x"), "old", 3));
    assert_holds(in("x"), "old");
    sps_file *file;
    OK(sps_file_create(&file, in("x")));
    OK(sps_file_write(file, "new ", 4));
    assert_holds(in("x"), "old");
    OK(sps_file_write(file, NULL, 0));
    OK(sps_file_write(file, "content", 7));
    OK(sps_file_commit(file));
    assert_holds(in("x"), "new content");
    assert_int_equal(count_files(), 1);
}

static void abandoning_leaves_no_trace(void **state)
{
    (void)state;
    sps_file_abandon(NULL);
    sps_file *file;
    OK(sps_file_create(&file, in("x")));
    OK(sps_file_write(file, "new", 3));
    assert_int_equal(count_files(), 1);
    sps_file_abandon(file);
    assert_int_equal(count_files(), 0);
}

/* Two writers of one path, and a temporary of a killed process that had our number: none touches the other's. */
static void writers_do_not_meet(void **state)
{
    (void)state;
    char stale[128];
    snprintf(stale, sizeof stale, "x.tmp-%ld-0", (long)getpid());
    OK(sps_file_save(in(stale), "stale", 5));
    sps_file *a, *b;
    OK(sps_file_create(&a, in("x")));
    OK(sps_file_create(&b, in("x")));
    OK(sps_file_write(a, "first", 5));
    OK(sps_file_write(b, "second", 6));
    OK(sps_file_commit(b));
    assert_holds(in("x"), "second");
    OK(sps_file_commit(a));
    assert_holds(in("x"), "first");
    assert_holds(in(stale), "stale");
    assert_int_equal(count_files(), 2);
}

static void links_and_permissions_are_kept(void **state)
{
    (void)state;
    OK(sps_file_save(in("real"), "old", 3));
    assert_int_equal(chmod(in("real"), 0600), 0);
    assert_int_equal(symlink("real", in("link")), 0);
    OK(sps_file_save(in("link"), "new", 3));
    struct stat info;
    assert_int_equal(lstat(in("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_holds(in("real"), "new");
    assert_int_equal(stat(in("real"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void paths_that_cannot_be_written(void **state)
{
    (void)state;
    FAILS(sps_file_save("", "x", 1), EIO, "cannot write '': no such file or directory");
    FAILS(sps_file_save(in("missing/x"), "x", 1), EIO, "x': no such file or directory");
    FAILS(sps_file_save(folder, "x", 1), EIO, "it is a folder");
    /* A pipe of our own stands for all devices: were the check broken, root's test would replace the real /dev/null. */
    assert_int_equal(mkfifo(in("pipe"), 0600), 0);
    FAILS(sps_file_save(in("pipe"), "x", 1), EIO, "pipe': not a regular file");
    struct stat info;
    assert_int_equal(stat(in("pipe"), &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    OK(sps_file_save(in("file"), "x", 1));
    FAILS(sps_file_save(in("file/x"), "x", 1), EIO, "not a directory");
    char longname[PATH_MAX + 10];
    memset(longname, 'x', sizeof longname);
    longname[sizeof longname - 1] = '\0';
    assert_int_equal(sps_file_save(longname, "x", 1), SPS_EIO);
    longname[PATH_MAX - 3] = '\0'; /* fits, but not with the temporary's ending */
    assert_int_equal(sps_file_save(longname, "x", 1), SPS_EIO);
    assert_int_equal(count_files(), 2);
}

/* A file size limit fails like a full disk: a short write, then an error. */
static void full_disk(void **state)
{
    (void)state;
    OK(sps_file_save(in("x"), "old", 3));
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 4096;
    static char data[10000];
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sps_status save = sps_file_save(in("x"), data, sizeof data);
    char message[256];
    snprintf(message, sizeof message, "%s", sps_last_error());
    sps_file *file;
    sps_status create = sps_file_create(&file, in("x"));
    sps_status fits = sps_file_write(file, data, 4096), not = sps_file_write(file, data, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0); /* before any check may jump away */
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(save, SPS_EIO);
    assert_non_null(strstr(message, "x': file too large"));
    assert_int_equal(create, SPS_OK);
    assert_int_equal(fits, SPS_OK);
    assert_int_equal(not, SPS_EIO);
    FAILS(sps_file_write(file, "x", 1), EIO, "file too large"); /* there is room again, but the file has a gap */
    FAILS(sps_file_commit(file), EIO, "file too large");
    assert_holds(in("x"), "old");
    assert_int_equal(count_files(), 1);
}

static void failing_disk(void **state)
{
    (void)state;
    OK(sps_file_save(in("x"), "old", 3));
    fsync_fails_at = 0;
    FAILS(sps_file_save(in("x"), "new", 3), EIO, "x': input/output error");
    assert_int_equal(fsync_fails_at, -1);
    close_fails_at = 0;
    FAILS(sps_file_save(in("x"), "new", 3), EIO, "x': input/output error");
    assert_int_equal(close_fails_at, -1);
    rename_fails = 1;
    FAILS(sps_file_save(in("x"), "new", 3), EIO, "x': device or resource busy");
    rename_fails = 0;
    assert_holds(in("x"), "old");
    fsync_fails_at = 1; /* of the folder: the new file is whole, but may not last */
    FAILS(sps_file_save(in("x"), "new", 3), EIO, "x': input/output error");
    assert_int_equal(fsync_fails_at, -1);
    assert_holds(in("x"), "new");
    assert_int_equal(count_files(), 1);
}

static void loading(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 77;
    OK(sps_file_save(in("empty"), NULL, 0));
    assert_holds(in("empty"), "");
    OK(sps_file_save(in("x"), "12345", 5));
    FAILS(sps_file_load(&data, &bytes, in("x"), 4), EFORMAT, "has 5 bytes, more than the limit of 4 bytes");
    FAILS(sps_file_load(&data, &bytes, in("none"), 4), ENOTFOUND, "none': no such file or directory");
    FAILS(sps_file_load(&data, &bytes, in("x/none"), 4), ENOTFOUND, "none': not a directory");
    FAILS(sps_file_load(&data, &bytes, folder, 4), EIO, "it is a folder");
    FAILS(sps_file_load(&data, &bytes, "/dev/zero", 4), EIO, "cannot read '/dev/zero': not a regular file");
    assert_int_equal(mkfifo(in("pipe"), 0600), 0);
    FAILS(sps_file_load(&data, &bytes, in("pipe"), 4), EIO, "not a regular file"); /* and does not wait */
    assert_null(data);
    assert_int_equal(bytes, 77);
    OK(sps_file_load(&data, &bytes, in("x"), 5));
    assert_int_equal(bytes, 5);
    sps_free(data);
}

/* The system's own files tell wrong sizes, like files that change while they are read: those in /proc have 0 bytes
 * until read, those in /sys 4096 bytes. */
static void files_that_change_size(void **state)
{
    (void)state;
    char *data;
    size_t bytes;
    const char *grows = "/proc/self/status", *shrinks = "/sys/devices/system/cpu/online";
    if (access(grows, R_OK) != 0 || access(shrinks, R_OK) != 0)
        skip();
    FAILS(sps_file_load(&data, &bytes, grows, 1 << 20), EIO, "it goes on after 0 bytes");
    FAILS(sps_file_load(&data, &bytes, shrinks, 1 << 20), EIO, "but it ends after");
}

static void out_of_memory(void **state)
{
    (void)state;
    char *data;
    size_t bytes;
    sps_memory_fail_at(0);
    FAILS(sps_file_save(in("x"), "12345", 5), ENOMEM, "out of memory");
    assert_int_equal(count_files(), 0);
    OK(sps_file_save(in("x"), "12345", 5));
    sps_memory_fail_at(0);
    FAILS(sps_file_load(&data, &bytes, in("x"), 5), ENOMEM, "x");
    sps_memory_fail_at(-1);
}

static int is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void folders(void **state)
{
    (void)state;
    OK(sps_make_folder(in("a/b//c/")));
    assert_true(is_folder(in("a/b/c")));
    OK(sps_make_folder(in("a/b/c")));
    OK(sps_make_folder("/"));
    OK(sps_make_folder("."));
    OK(sps_file_save(in("a/b/x"), "x", 1));
    FAILS(sps_make_folder(in("a/b/x")), EIO, "x': a file has this name");
    FAILS(sps_make_folder(in("a/b/x/y")), EIO, "x': a file has this name");
    FAILS(sps_make_folder(""), EIO, "cannot create folder '': no such file or directory");
    FAILS(sps_make_folder("/proc/none/x"), EIO, "cannot create folder '/proc/none'");
    assert_int_equal(remove(in("a/b/x")) | remove(in("a/b/c")) | remove(in("a/b")), 0);
}

static void *make_deep(void *arg)
{
    return sps_make_folder(arg) == SPS_OK ? arg : NULL;
}

static void folders_made_twice_at_once(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/a/b/c/d/e/f", folder);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_deep, path), 0);
    for (int i = 0; i < 4; i++) {
        void *made;
        pthread_join(threads[i], &made);
        assert_non_null(made);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(rmdir(path), 0);
        *strrchr(path, '/') = '\0';
    }
}

static void system_texts(void **state)
{
    (void)state;
    assert_string_equal(sps_errno_text(ENOSPC), "no space left on device");
    assert_string_equal(sps_errno_text(EIO), "input/output error");
    assert_non_null(strstr(sps_errno_text(123456), "123456"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_content_stays_until_commit),
        TEST(abandoning_leaves_no_trace),
        TEST(writers_do_not_meet),
        TEST(links_and_permissions_are_kept),
        TEST(paths_that_cannot_be_written),
        TEST(full_disk),
        TEST(failing_disk),
        TEST(loading),
        TEST(files_that_change_size),
        TEST(out_of_memory),
        TEST(folders),
        TEST(folders_made_twice_at_once),
        TEST(system_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
