/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target on every file given, or in every folder given, so that each input that once found a fault is tried
 * in the normal tests.  No files is a failure: a corpus that went missing must not look like one that passed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { LONGEST_PATH = 4096 };

static int passed, failed;

/* The block is exactly as long as the input, so that a sanitizer sees a read past its end. */
static int run(FILE *file, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        return 0;
    int ok = fread(data, 1, size, file) == size;
    if (ok)
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return ok;
}

static void replay_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    printf("%s\n", path); /* first, so that the last line names the file that ended the program */
    fflush(stdout);
    if (file != NULL && fstat(fileno(file), &info) == 0 && run(file, (size_t)info.st_size)) {
        passed++;
    } else {
        printf("cannot read %s\n", path);
        failed++;
    }
    if (file != NULL)
        fclose(file);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_folder(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count <= 0) {
        printf("no files in %s\n", path);
        failed++;
    }
    for (int i = 0; i < count; i++) {
        char full[LONGEST_PATH];
        snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
        replay_file(full);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
            replay_folder(argv[i]);
        else
            replay_file(argv[i]);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return passed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
