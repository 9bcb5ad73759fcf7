/* SPDX-License-Identifier: MIT */
/* gnuplot, where it is installed, draws the figures of a page from the files beside it. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/file.h"
#include "core/memory.h"
#include "report/redo.h"
#include "spinscale/report.h"

extern char **environ;

static const size_t SVG_MAX = 64u << 20;

/* ---- the program ---- */

/* What it prints is dropped: a library's caller has not asked for it. */
static int spawn(pid_t *child, char *const *arguments)
{
    posix_spawn_file_actions_t files;
    int error = posix_spawn_file_actions_init(&files);
    if (error != 0)
        return error;
    for (int fd = 0; fd < 3 && error == 0; fd++)
        error = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
    if (error == 0)
        error = posix_spawnp(child, arguments[0], &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* Runs commands, then a script (NULL: none).  -d: the reader's own settings stay out. */
static sps_status run(const char *commands, const char *script)
{
    const char *const arguments[] = {"gnuplot", "-d", "-e", commands, script, NULL};
    pid_t child = 0;
    int how = 0, error = spawn(&child, (char *const *)arguments);
    if (error != 0)
        SPS_FAIL(ENOTFOUND, "cannot run 'gnuplot': %s", sps_errno_text(error));
    while (waitpid(child, &how, 0) < 0)
        if (errno != EINTR)
            SPS_FAIL(EIO, "cannot wait for 'gnuplot': %s", sps_errno_text(errno));
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        SPS_FAIL(EIO, "'gnuplot' ended with %s %d", WIFEXITED(how) ? "status" : "signal",
                 WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
    return SPS_OK;
}

sps_status sps_report_find_gnuplot(void)
{
    return run("set terminal svg dynamic noenhanced background 'white'", NULL); /* versions before 5.0 do not know it */
}

/* ---- its drawing, inside a page ---- */

/* All figures of a page share its names: each gets its own, and so do references to it. */
static void copy_body(struct sps_writer *w, const char *at, const char *end, const char *name)
{
    static const char *const before[] = {" id=\"", " id='", "href='#"};
    const char *from = at;
    while (at < end) {
        size_t length = 0;
        for (size_t i = 0; i < sizeof before / sizeof *before && length == 0; i++)
            length = strncmp(at, before[i], strlen(before[i])) == 0 ? strlen(before[i]) : 0;
        at += length > 0 ? length : 1;
        if (length == 0 && at < end)
            continue;
        sps_write_bytes(w, from, (size_t)(at - from));
        if (length > 0)
            sps_write(w, "%s-", name);
        from = at;
    }
}

static sps_status copy_figure(struct sps_writer *w, const char *svg, const char *name, const char *title)
{
    int width = 0, height = 0;
    static const char box_words[] = "viewBox=\"0 0 ";
    const char *box = strstr(svg, box_words), *body = strstr(svg, "<g id="), *end = strstr(svg, "</svg>");
    if (box == NULL || body == NULL || end == NULL || end < body ||
        sscanf(box + strlen(box_words), "%d %d", &width, &height) != 2)
        SPS_FAIL(EFORMAT, "no figure with a view box and a canvas");
    if (strstr(svg, "<script") != NULL)
        SPS_FAIL(EFORMAT, "a script in a figure");
    sps_write(w,
              "<svg class=\"gnuplot\" xmlns=\"http://www.w3.org/2000/svg\" "
              "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
              "role=\"img\" aria-label=\"",
              width, height, width, height);
    sps_write_text(w, title);
    sps_write_raw(w, "\">\n");
    copy_body(w, body, end, name);
    sps_write_raw(w, "</svg>\n");
    return SPS_OK;
}

static sps_status draw(const char *folder, const char *name)
{
    struct sps_writer commands = {0}, script = {0};
    sps_write_raw(&commands, "cd ");
    sps_redo_quote(&commands, folder);
    sps_write(&script, "%s.gp", name);
    sps_status status = sps_writer_status(&commands);
    if (status == SPS_OK)
        status = sps_writer_status(&script);
    if (status == SPS_OK)
        status = run(commands.text, script.text);
    sps_writer_reset(&commands);
    sps_writer_reset(&script);
    return status == SPS_OK ? SPS_OK : sps_fail_in(status, "figure '%s/%s.gp': ", folder, name);
}

sps_status sps_gnuplot_draw(struct sps_writer *w, const char *folder, const char *name, const char *title)
{
    char path[4600], *svg = NULL;
    size_t bytes;
    if (snprintf(path, sizeof path, "%s/%s.svg", folder, name) >= (int)sizeof path)
        SPS_FAIL(EINVAL, "path '%s' is too long", folder);
    SPS_TRY(draw(folder, name));
    SPS_TRY(sps_file_load(&svg, &bytes, path, SVG_MAX));
    sps_status status = copy_figure(w, svg, name, title);
    sps_free(svg);
    return status == SPS_OK ? SPS_OK : sps_fail_in(status, "figure '%s': ", path);
}
