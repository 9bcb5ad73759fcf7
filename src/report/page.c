/* SPDX-License-Identifier: MIT */
#include "report/page.h"

#include <stdio.h>

#include "core/memory.h"
#include "report/figure.h"
#include "report/gnuplot.h"
#include "report/redo.h"
#include "spinscale/file.h"

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 "
    "1rem;background:#fff;color:#222}"
    "h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin-top:2.2rem}h3{font-size:1rem;margin:1.6rem "
    "0 .4rem}"
    "p{max-width:46rem;overflow-wrap:anywhere}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.87rem;margin:1rem 0}"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "th,td{padding:.2rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}"
    "th{border-bottom:1px solid #777}.r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "td:first-child,.n{white-space:nowrap}th{vertical-align:bottom}th.r{white-space:normal}"
    "figure{margin:1.2rem 0}figure svg{max-width:100%;height:auto}figcaption{color:#555;font-size:.87rem}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:0 "
    "1.2rem;align-items:start}"
    ".figures figure{max-width:34rem}.figures svg{width:100%}"
    "@media(max-width:40rem){th,td{padding:.2rem .35rem}td:first-child:not(.r){white-space:normal;min-width:6.5rem}}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:.8rem;margin:.8rem 0}"
    ".card{border:1px solid #ddd;border-radius:.5rem;padding:.8rem;font-size:.87rem;min-width:0}"
    ".top{display:flex;gap:.7rem;margin-bottom:.5rem}.top>div{min-width:0;overflow-wrap:anywhere}"
    ".top img{width:5rem;height:5rem;flex:none;image-rendering:pixelated;object-fit:contain;border-radius:.3rem;"
    "background:#000}"
    ".note{color:#555;font-size:.8rem}.answer{font-size:1.05rem;font-weight:600}.good{color:#19713a}.bad{color:#b3261e}"
    ".row{display:grid;grid-template-columns:6rem 1fr 3.6rem;gap:.5rem;align-items:center}"
    ".row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
    ".row .track{position:relative;height:.5rem;background:#e2e2e2;border-radius:.2rem}"
    ".track i{display:block;height:100%;background:#0072b2;border-radius:.2rem}"
    ".track b{position:absolute;top:37%;height:26%;min-width:2px;background:#222}"
    ".verdict{border-radius:.3rem;padding:.35rem .5rem;margin-top:.6rem;font-size:.8rem}"
    ".yes{background:#e3f4e8}.no{background:#fdf1d7}summary{cursor:pointer}"
    "pre{background:#f4f4f4;padding:.8rem;overflow-x:auto;font-size:.82rem}"
    "@media screen and (prefers-color-scheme:dark){body{background:#16181d;color:#ddd}th,td{border-color:#33363d}"
    "th{border-color:#888}figcaption,.note{color:#aaa}pre{background:#22252b}.card{border-color:#33363d}"
    ".good{color:#72d492}.bad{color:#ff8f86}.row .track{background:#33363d}.track i{background:#4a9fe0}.track b{"
    "background:#ddd}"
    ".yes{background:#163023}.no{background:#33290f}"
    "svg.gnuplot{filter:invert(.91) hue-rotate(180deg)}}"; /* its colours are fixed: lightness turns, hues stay */

sps_status sps_page_create(sps_page **out, const char *title)
{
    sps_page *page = NULL;
    SPS_TRY(sps_calloc(&page, 1, sizeof *page, "a page"));
    struct sps_writer *w = &page->w;
    sps_write_raw(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>");
    sps_write_text(w, title);
    sps_write_raw(w, "</title>\n<style>");
    sps_write_raw(w, style);
    sps_write_raw(w, sps_figure_style);
    sps_write_raw(w, "</style>\n</head>\n<body>\n<h1>");
    sps_write_text(w, title);
    sps_write_raw(w, "</h1>\n");
    *out = page;
    return SPS_OK;
}

void sps_page_keep(sps_page *page, const char *folder)
{
    sps_free(page->folder);
    page->folder = NULL;
    sps_status status = sps_strdup(&page->folder, folder);
    if (status != SPS_OK)
        sps_writer_fail(&page->w, status);
}

void sps_page_use_gnuplot(sps_page *page)
{
    page->use_gnuplot = 1;
}

/* Files beside the page: what fails there is a failure of the page. */
static int keeps(const sps_page *page, const char *name)
{
    return page->folder != NULL && name != NULL;
}

static void see(sps_page *page, sps_status kept)
{
    if (kept != SPS_OK)
        sps_writer_fail(&page->w, kept);
}

static void element(sps_page *page, const char *name, const char *text)
{
    sps_write(&page->w, "<%s>", name);
    sps_write_text(&page->w, text);
    sps_write(&page->w, "</%s>\n", name);
}

void sps_page_heading(sps_page *page, const char *text)
{
    element(page, "h2", text);
}

void sps_page_subheading(sps_page *page, const char *text)
{
    element(page, "h3", text);
}

void sps_page_paragraph(sps_page *page, const char *text)
{
    element(page, "p", text);
}

void sps_page_preformatted(sps_page *page, const char *text)
{
    element(page, "pre", text);
}

void sps_page_details(sps_page *page, const char *summary, const char *text)
{
    sps_write_raw(&page->w, "<details>");
    element(page, "summary", summary);
    element(page, "pre", text);
    sps_write_raw(&page->w, "</details>\n");
}

/* ---- tables ---- */

static void cell(struct sps_writer *w, const char *name, char align, const char *text)
{
    sps_write(w, "<%s", name);
    if (align != 'l')
        sps_write(w, " class=\"%c\"", align);
    sps_write_raw(w, ">");
    sps_write_text(w, text != NULL ? text : "");
    sps_write(w, "</%s>", name);
}

void sps_page_table(sps_page *page, const struct sps_table *table)
{
    struct sps_writer *w = &page->w;
    const char *const *at = table->cells;
    sps_write_raw(w, "<div class=\"wide\"><table>\n");
    if (table->caption != NULL)
        element(page, "caption", table->caption);
    sps_write_raw(w, "<thead><tr>");
    for (int c = 0; table->align[c] != 0; c++)
        cell(w, "th", table->align[c], table->heads[c]);
    sps_write_raw(w, "</tr></thead>\n<tbody>\n");
    for (int r = 0; r < table->rows; r++) {
        sps_write_raw(w, "<tr>");
        for (int c = 0; table->align[c] != 0; c++)
            cell(w, "td", table->align[c], *at++);
        sps_write_raw(w, "</tr>\n");
    }
    sps_write_raw(w, "</tbody></table></div>\n");
    if (!keeps(page, table->name))
        return;
    see(page, sps_redo_table(table, page->folder));
    sps_redo_markdown(&page->tables, table);
}

/* ---- figures ---- */

void sps_page_open_figures(sps_page *page)
{
    sps_write_raw(&page->w, "<div class=\"figures\">\n");
}

void sps_page_close_figures(sps_page *page)
{
    sps_write_raw(&page->w, "</div>\n");
}

static void open_figure(sps_page *page)
{
    sps_write_raw(&page->w, "<figure>\n");
}

static void close_figure(sps_page *page, const char *caption)
{
    if (caption != NULL)
        element(page, "figcaption", caption);
    sps_write_raw(&page->w, "</figure>\n");
}

void sps_page_figure(sps_page *page, const sps_figure *figure, const char *caption)
{
    open_figure(page);
    sps_write_raw(&page->w, sps_figure_text(figure));
    close_figure(page, caption);
}

static void show(sps_page *page, sps_status made, sps_figure *figure, const char *caption)
{
    if (made == SPS_OK)
        sps_page_figure(page, figure, caption);
    else
        sps_writer_fail(&page->w, made);
    sps_figure_free(figure);
}

/* A figure with files of its own, written before this. */
static void show_kept(sps_page *page, sps_status made, sps_figure *figure, const char *title, const char *name,
                      const char *caption)
{
    if (made != SPS_OK || !page->use_gnuplot || !keeps(page, name)) {
        show(page, made, figure, caption);
        return;
    }
    sps_figure_free(figure); /* made all the same: it checks what it draws */
    open_figure(page);
    see(page, sps_gnuplot_draw(&page->w, page->folder, name, title));
    close_figure(page, caption);
}

void sps_page_bars(sps_page *page, const struct sps_bars *bars, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_bars(&figure, bars);
    show(page, status, figure, caption);
}

void sps_page_map(sps_page *page, const struct sps_map *map, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_map(&figure, map);
    show(page, status, figure, caption);
}

void sps_page_lines(sps_page *page, const struct sps_lines *lines, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_lines(&figure, lines);
    if (status == SPS_OK && keeps(page, lines->name))
        see(page, sps_redo_lines(lines, page->folder));
    show_kept(page, status, figure, lines->title, lines->name, caption);
}

void sps_page_histogram(sps_page *page, const struct sps_histogram *histogram, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_histogram(&figure, histogram);
    if (status == SPS_OK && keeps(page, histogram->name))
        see(page, sps_redo_histogram(histogram, page->folder));
    show_kept(page, status, figure, histogram->title, histogram->name, caption);
}

void sps_page_heat(sps_page *page, const struct sps_heat *heat, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_heat(&figure, heat);
    if (status == SPS_OK && keeps(page, heat->name))
        see(page, sps_redo_heat(heat, page->folder));
    show_kept(page, status, figure, heat->title, heat->name, caption);
}

static sps_status save_tables(const sps_page *page)
{
    char path[4600];
    SPS_TRY(sps_writer_status(&page->tables));
    if (page->tables.used == 0)
        return SPS_OK;
    if (snprintf(path, sizeof path, "%s/tables.md", page->folder) >= (int)sizeof path)
        SPS_FAIL(EINVAL, "path '%s' is too long", page->folder);
    return sps_file_save(path, page->tables.text, page->tables.used);
}

sps_status sps_page_save(const sps_page *page, const char *path)
{
    struct sps_writer w = {0};
    SPS_TRY(sps_writer_status(&page->w));
    SPS_TRY(save_tables(page));
    sps_write_bytes(&w, page->w.text, page->w.used);
    sps_write_raw(&w, "</body>\n</html>\n");
    sps_status status = sps_writer_status(&w);
    if (status == SPS_OK)
        status = sps_file_save(path, w.text, w.used);
    sps_writer_reset(&w);
    return status;
}

void sps_page_free(sps_page *page)
{
    if (page == NULL)
        return;
    sps_writer_reset(&page->w);
    sps_writer_reset(&page->tables);
    sps_free(page->folder);
    sps_free(page);
}
