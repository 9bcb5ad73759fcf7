/* SPDX-License-Identifier: MIT */
#include "core/memory.h"
#include "report/figure.h"
#include "spinscale/file.h"

struct sps_page {
    struct sps_writer w;
};

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
    "1rem;background:#fff;color:#222}"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.87rem;margin:1rem 0}"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "th,td{padding:.2rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}"
    "th{border-bottom:1px solid #777}.r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "td:first-child{white-space:nowrap}"
    "figure{margin:1.2rem 0}figure svg{max-width:100%;height:auto}figcaption{color:#555;font-size:.87rem}"
    "pre{background:#f4f4f4;padding:.8rem;overflow-x:auto;font-size:.82rem}"
    "@media screen and (prefers-color-scheme:dark){body{background:#16181d;color:#ddd}th,td{border-color:#33363d}"
    "th{border-color:#888}figcaption{color:#aaa}pre{background:#22252b}}";

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

void sps_page_paragraph(sps_page *page, const char *text)
{
    element(page, "p", text);
}

void sps_page_preformatted(sps_page *page, const char *text)
{
    element(page, "pre", text);
}

/* ---- tables ---- */

static void cell(struct sps_writer *w, const char *name, char align, const char *text)
{
    sps_write(w, align == 'r' ? "<%s class=\"r\">" : "<%s>", name);
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
}

/* ---- figures ---- */

void sps_page_figure(sps_page *page, const sps_figure *figure, const char *caption)
{
    sps_write_raw(&page->w, "<figure>\n");
    sps_write_raw(&page->w, sps_figure_text(figure));
    if (caption != NULL)
        element(page, "figcaption", caption);
    sps_write_raw(&page->w, "</figure>\n");
}

static void show(sps_page *page, sps_status made, sps_figure *figure, const char *caption)
{
    if (made == SPS_OK)
        sps_page_figure(page, figure, caption);
    else
        sps_writer_fail(&page->w, made);
    sps_figure_free(figure);
}

void sps_page_bars(sps_page *page, const struct sps_bars *bars, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_bars(&figure, bars);
    show(page, status, figure, caption);
}

void sps_page_lines(sps_page *page, const struct sps_lines *lines, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_lines(&figure, lines);
    show(page, status, figure, caption);
}

void sps_page_map(sps_page *page, const struct sps_map *map, const char *caption)
{
    sps_figure *figure = NULL;
    sps_status status = sps_figure_map(&figure, map);
    show(page, status, figure, caption);
}

sps_status sps_page_save(const sps_page *page, const char *path)
{
    struct sps_writer w = {0};
    SPS_TRY(sps_writer_status(&page->w));
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
    sps_free(page);
}
