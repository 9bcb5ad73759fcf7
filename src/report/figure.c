/* SPDX-License-Identifier: MIT */
#include "report/figure.h"

#include <math.h>

#include "core/memory.h"
#include "spinscale/file.h"

/* Eight colours that people with any of the three kinds of colour blindness tell apart, in each scheme (Okabe and Ito's
 * set, its lightness moved so that it stands on white and on dark). */
const char *const sps_figure_style =
    "svg.sps{font:12px system-ui,sans-serif}"
    "svg.sps .bg{fill:#fff}svg.sps text{fill:#222}svg.sps .title{font-size:14px;font-weight:600}"
    "svg.sps .ax{stroke:#555;fill:none}svg.sps .gr{stroke:#e2e2e2;fill:none}"
    "svg.sps .ink{stroke:#222;fill:none}svg.sps .lv{stroke:#222;fill:none;stroke-dasharray:6 4}"
    "svg.sps .no{fill:#e8e8e8}svg.sps .ln{fill:none;stroke-width:2}svg.sps .eb{fill:none;stroke-width:1.2}"
    "svg.sps .bd{fill-opacity:.2}svg.sps .on{fill:#fff}svg.sps .gh{fill:#ddd}svg.sps .d1{stroke-dasharray:7 3}svg.sps "
    ".d2{stroke-dasharray:2 3}"
    ".f0{fill:#0072b2}.f1{fill:#c04a00}.f2{fill:#009e73}.f3{fill:#d068b4}"
    ".f4{fill:#cc9a00}.f5{fill:#55aee5}.f6{fill:#7a4b2a}.f7{fill:#5c5c5c}"
    ".s0{stroke:#0072b2}.s1{stroke:#c04a00}.s2{stroke:#009e73}.s3{stroke:#d068b4}"
    ".s4{stroke:#cc9a00}.s5{stroke:#55aee5}.s6{stroke:#7a4b2a}.s7{stroke:#5c5c5c}"
    "@media screen and (prefers-color-scheme:dark){"
    "svg.sps .bg{fill:#16181d}svg.sps text{fill:#ddd}svg.sps .ax{stroke:#999}svg.sps .gr{stroke:#33363d}"
    "svg.sps .ink,svg.sps .lv{stroke:#ddd}svg.sps .no{fill:#33363d}svg.sps .on{fill:#0b0d10}svg.sps .gh{fill:#3d4149}"
    ".f0{fill:#4a9fe0}.f1{fill:#f07b33}.f2{fill:#2dc292}.f3{fill:#eba0d6}"
    ".f4{fill:#f2d15a}.f5{fill:#8fd3ff}.f6{fill:#b98560}.f7{fill:#808080}"
    ".s0{stroke:#4a9fe0}.s1{stroke:#f07b33}.s2{stroke:#2dc292}.s3{stroke:#eba0d6}"
    ".s4{stroke:#f2d15a}.s5{stroke:#8fd3ff}.s6{stroke:#b98560}.s7{stroke:#808080}}";

enum { TITLE_CHARACTERS = 80, WIDTH_LEAST = 300, WIDTH_MOST = 4000 };
static const double TITLE_LETTER = 7.5;

sps_status sps_figure_width(double *out, const char *title, int asked)
{
    if (asked != 0 && (asked < WIDTH_LEAST || asked > WIDTH_MOST))
        SPS_FAIL(EINVAL, "figure '%s' is %d wide, must be %d to %d", title, asked, WIDTH_LEAST, WIDTH_MOST);
    *out = asked != 0 ? asked : SPS_FIGURE_WIDTH;
    return SPS_OK;
}

sps_status sps_figure_begin(sps_figure **out, const char *title, double width, double height)
{
    double room = (width - SPS_LEGEND_LEFT) / TITLE_LETTER;
    sps_figure *figure = NULL;
    SPS_TRY(sps_calloc(&figure, 1, sizeof *figure, "a figure"));
    struct sps_writer *w = &figure->w;
    sps_write(w,
              "<svg class=\"sps\" xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
              "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
              width, height, width, height);
    sps_write_text(w, title);
    sps_write_raw(w, "\">\n");
    figure->inside = w->used;
    sps_figure_rect(w, "bg", 0, 0, width, height);
    sps_write(w, "<text class=\"title\" x=\"%d\" y=\"22\">", SPS_LEGEND_LEFT);
    sps_write_short(w, title, room < TITLE_CHARACTERS ? (size_t)room : TITLE_CHARACTERS);
    sps_write_raw(w, "</text>\n");
    *out = figure;
    return SPS_OK;
}

sps_status sps_figure_end(sps_figure **out, sps_figure *figure)
{
    sps_write_raw(&figure->w, "</svg>\n");
    sps_status status = sps_writer_status(&figure->w);
    if (status == SPS_OK)
        *out = figure;
    else
        sps_figure_free(figure);
    return status;
}

sps_status sps_figure_check(const char *title, double value)
{
    if (isfinite(value) && fabs(value) > SPS_VALUE_MAX)
        SPS_FAIL(EINVAL, "figure '%s' has the value %g, must be within %g", title, value, SPS_VALUE_MAX);
    return SPS_OK;
}

const char *sps_figure_text(const sps_figure *figure)
{
    return figure->w.text;
}

sps_status sps_figure_save(const sps_figure *figure, const char *path)
{
    struct sps_writer w = {0};
    sps_write_raw(&w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    sps_write_bytes(&w, figure->w.text, figure->inside);
    sps_write_raw(&w, "<style>");
    sps_write_raw(&w, sps_figure_style);
    sps_write_raw(&w, "</style>\n");
    sps_write_raw(&w, figure->w.text + figure->inside);
    sps_status status = sps_writer_status(&w);
    if (status == SPS_OK)
        status = sps_file_save(path, w.text, w.used);
    sps_writer_reset(&w);
    return status;
}

void sps_figure_free(sps_figure *figure)
{
    if (figure == NULL)
        return;
    sps_writer_reset(&figure->w);
    sps_free(figure);
}

/* ---- strokes and words ---- */

static void open_words(struct sps_writer *w, double x, double y, enum sps_anchor anchor)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    sps_write(w, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, anchors[anchor]);
}

void sps_figure_words(struct sps_writer *w, double x, double y, enum sps_anchor anchor, const char *text,
                      size_t characters)
{
    open_words(w, x, y, anchor);
    sps_write_short(w, text, characters);
    if (sps_characters(text) > characters) {
        sps_write_raw(w, "<title>");
        sps_write_text(w, text);
        sps_write_raw(w, "</title>");
    }
    sps_write_raw(w, "</text>\n");
}

void sps_figure_number(struct sps_writer *w, double x, double y, enum sps_anchor anchor, double value, int digits)
{
    open_words(w, x, y, anchor);
    sps_write_number(w, value, digits);
    sps_write_raw(w, "</text>\n");
}

void sps_figure_upwards(struct sps_writer *w, double x, double y, const char *text)
{
    sps_write(w, "<text text-anchor=\"middle\" transform=\"translate(%.1f %.1f) rotate(-90)\">", x, y);
    sps_write_short(w, text, TITLE_CHARACTERS / 2);
    sps_write_raw(w, "</text>\n");
}

void sps_figure_line(struct sps_writer *w, const char *classes, double x1, double y1, double x2, double y2)
{
    sps_write(w, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", classes, x1, y1, x2, y2);
}

void sps_figure_rect(struct sps_writer *w, const char *classes, double x, double y, double width, double height)
{
    sps_write(w, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", classes, x, y, width,
              height);
}

/* ---- legends ---- */

struct sps_legend sps_legend_next(struct sps_legend *legend, const char *name)
{
    size_t characters = sps_characters(name);
    characters = characters < SPS_LEGEND_NAME ? characters : SPS_LEGEND_NAME;
    double width = SPS_LEGEND_KEY + ((double)characters + 2) * SPS_LETTER;
    if (legend->x > 0 && SPS_LEGEND_LEFT + legend->x + width > legend->figure_width) {
        legend->x = 0;
        legend->y += SPS_LINE_HEIGHT;
    }
    struct sps_legend place = {SPS_LEGEND_LEFT + legend->x, SPS_LEGEND_TOP + legend->y, 0};
    legend->x += width;
    return place;
}
