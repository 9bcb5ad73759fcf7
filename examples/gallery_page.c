/* SPDX-License-Identifier: MIT */
/* The gallery as one HTML page: images are inline PNGs, bars are CSS, nothing is fetched, no script runs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "gallery.h"

static const char STYLE[] =
    ":root{color-scheme:light "
    "dark;--page:#f6f7f9;--card:#fff;--text:#1b2430;--quiet:#5d6b7c;--line:#dde2e8;--bar:#3f74c9;"
    "--whisker:#12233d;--good:#19713a;--bad:#b3261e;--warn:#8a5a00;--good-back:#e3f4e8;--warn-back:#fdf1d7}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#11151b;--card:#1a2029;--text:#e6eaf0;--quiet:#98a5b5;--line:#"
    "2c3542;"
    "--bar:#5f95ec;--whisker:#dfe8f6;--good:#72d492;--bad:#ff8f86;--warn:#f0c060;--good-back:#163023;--warn-back:#"
    "33290f}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 "
    "system-ui,sans-serif}\n"
    "main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;"
    "margin:38px 0 2px}p{margin:4px 0 12px;max-width:78ch}.quiet,th,small{color:var(--quiet)}\n"
    ".numbers{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}.number,.card{background:var(--card);border:1px solid "
    "var(--line);border-radius:10px}.number{padding:12px 18px;flex:1 1 160px}.number b{display:block;font-size:25px;"
    "line-height:1.25}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th{font-weight:"
    "500;font-size:13px;text-align:right;vertical-align:bottom}td{text-align:right;white-space:nowrap}th,td{padding:"
    "6px 9px;"
    "border-bottom:1px solid var(--line)}th:first-child,td:first-child{text-align:left}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(248px,1fr));gap:14px}.card{padding:13px}.top{"
    "display:"
    "flex;gap:12px}.top "
    "img{width:84px;height:84px;image-rendering:pixelated;border-radius:6px;background:#000;flex:none;"
    "object-fit:contain}.top b{font-size:16px}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}.verdict{font-size:13px;border-radius:7px;padding:6px "
    "9px;margin-top:10px}"
    ".accepted{background:var(--good-back)}.rejected{background:var(--warn-back)}.accepted "
    "b{color:var(--good)}.rejected "
    "b{color:var(--warn)}\n"
    ".rows{margin-top:9px;font-size:13px}.row{display:grid;grid-template-columns:84px 1fr "
    "52px;gap:7px;align-items:center}"
    ".row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.row i{font-style:normal;text-align:right;"
    "font-variant-numeric:tabular-nums}\n"
    ".track{position:relative;height:8px;border-radius:3px;background:var(--line)}.bar{height:8px;border-radius:3px;"
    "background:"
    "var(--bar)}.whisker{position:absolute;top:3px;height:2px;min-width:2px;background:var(--whisker);outline:1px "
    "solid "
    "var(--card)}td .track{display:inline-block;width:80px;margin-left:8px}.facts{font-size:13px;margin-top:8px;color:"
    "var(--quiet)}\n";

static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
}

/* RFC 4648. */
static void put_base64(FILE *out, const uint8_t *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned word =
            (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0u);
        fputc(digits[word >> 18], out);
        fputc(digits[word >> 12 & 63], out);
        fputc(left > 1 ? digits[word >> 6 & 63] : '=', out);
        fputc(left > 2 ? digits[word & 63] : '=', out);
    }
}

static int put_image(FILE *out, const struct gallery *g, const uint8_t *pixels, const char *words)
{
    const struct sps_model_info *about = g->about;
    uint8_t *png;
    size_t bytes;
    if (sps_image_encode_png(&png, &bytes, pixels, about->height, about->width, about->channels) != SPS_OK)
        return -1;
    fputs("<img alt=\"", out);
    put_text(out, words);
    fputs("\" src=\"data:image/png;base64,", out);
    put_base64(out, png, bytes);
    fputs("\">", out);
    sps_image_free(png);
    return 0;
}

static double cut(double share)
{
    return fmin(fmax(share, 0), 1);
}

/* Open at the end: more may be drawn on it, close_bar() follows. */
static void open_bar(FILE *out, double share)
{
    fprintf(out, "<div class=\"track\"><div class=\"bar\" style=\"width:%.2f%%\"></div>", 100 * cut(share));
}

static void close_bar(FILE *out)
{
    fputs("</div>", out);
}

/* A class: mean probability, and the stretch that holds `level` of the passes. */
static void put_class_row(FILE *out, const struct gallery *g, const char *name, const struct sps_spread *s)
{
    double low = cut(s->quantile_low), high = cut(s->quantile_high);
    fputs("<div class=\"row\"><span>", out);
    put_text(out, name);
    fprintf(out, "</span><div title=\"%g %% of the passes: %.1f to %.1f %%\">", 100 * g->level, 100 * low, 100 * high);
    open_bar(out, s->mean);
    fprintf(out, "<div class=\"whisker\" style=\"left:%.2f%%;width:%.2f%%\"></div>", 100 * low, 100 * (high - low));
    close_bar(out);
    fprintf(out, "</div><i>%.1f %%</i></div>", 100 * s->mean);
}

/* The likeliest classes with their spread over passes. */
static int put_classes(FILE *out, const struct gallery *g, const struct pick *pick)
{
    const struct group *group = &g->groups[pick->group];
    int classes = g->about->classes, last = -1;
    double before = INFINITY;
    fputs("<div class=\"rows\">", out);
    for (int shown = 0; shown < CLASSES_SHOWN && shown < classes; shown++) {
        struct sps_spread best = {.mean = -1};
        int at = -1;
        for (int c = 0; c < classes; c++) {
            struct sps_spread s;
            if (sps_spread(&s, group->p + pick->image * (size_t)classes + (size_t)c, group->count * (size_t)classes,
                           NULL, g->passes, g->level) != SPS_OK)
                return -1;
            int comes_later = s.mean < before || (s.mean == before && c > last);
            if (comes_later && s.mean > best.mean) {
                best = s;
                at = c;
            }
        }
        char buffer[32];
        put_class_row(out, g, class_text(g, at, buffer), &best);
        before = best.mean;
        last = at;
    }
    fputs("</div>", out);
    return 0;
}

static int put_card(FILE *out, const struct gallery *g, const struct pick *pick)
{
    const struct group *group = &g->groups[pick->group];
    const struct sps_summary *s = &group->summaries[pick->image];
    char truth[128], verdict[200], buffer[32];
    int right = truth_text(g, pick, truth, sizeof truth);
    const char *predicted = class_text(g, s->predicted, buffer);
    verdict_text(g, s, verdict, sizeof verdict);
    fputs("<div class=\"card\"><div class=\"top\">", out);
    size_t pixels = (size_t)g->about->height * (size_t)g->about->width * (size_t)g->about->channels;
    if (put_image(out, g, group->pixels + pick->image * pixels, truth) != 0)
        return -1;
    fputs("<div><small>is</small> ", out);
    put_text(out, truth);
    fprintf(out, "<br><small>says</small> <b class=\"%s\">", right == 1 ? "good" : right == 0 ? "bad" : "");
    put_text(out, predicted);
    fprintf(out, "</b>%s<br>%.1f %% <small>(%.1f to %.1f %%)</small></div></div>",
            right == 1   ? " \342\234\223"
            : right == 0 ? " \342\234\227 wrong"
                         : "",
            100 * s->confidence, 100 * s->quantile_low, 100 * s->quantile_high);
    if (put_classes(out, g, pick) != 0)
        return -1;
    fprintf(out, "<div class=\"facts\">entropy %.4f nats, mutual information %.4f nats<br>%s, image %zu</div>",
            s->entropy, s->mutual_information, group->short_name, pick->image);
    const char *kind = s->accepted ? "accepted" : "rejected"; /* the verdict's first word */
    fprintf(out, "<div class=\"verdict %s\"><b>%s</b>", kind, kind);
    put_text(out, verdict + 8);
    fputs("</div></div>\n", out);
    return 0;
}

static void put_number(FILE *out, double share, const char *words)
{
    if (isnan(share))
        fprintf(out, "<div class=\"number\"><b>-</b>%s</div>", words);
    else
        fprintf(out, "<div class=\"number\"><b>%.1f %%</b>%s</div>", 100 * share, words);
}

static void put_share_cell(FILE *out, double share)
{
    if (isnan(share))
        fputs("<td>-</td>", out);
    else
        fprintf(out, "<td>%.1f %%</td>", 100 * share);
}

static void put_summary(FILE *out, const struct gallery *g)
{
    const struct group *home = &g->groups[0];
    double foreign = 0, images = 0;
    for (int i = 4; i < g->group_count; i++) {
        foreign += (1 - g->groups[i].accepted) * (double)g->groups[i].count;
        images += (double)g->groups[i].count;
    }
    fputs("<div class=\"numbers\">", out);
    put_number(out, home->accuracy, "of the test images right");
    put_number(out, home->accepted, "of them accepted");
    put_number(out, home->accepted_accuracy, "of the accepted right");
    put_number(out, foreign / images, "of foreign images rejected");
    fputs("</div>\n<div class=\"wide\"><table><tr><th>group<th>images<th>right<th>accepted<th>right among<br>accepted"
          "<th>rejected<th>mean entropy,<br>nats<th>mean mutual<br>information, nats<th>AUROC</tr>\n",
          out);
    for (int i = 0; i < g->group_count; i++) {
        const struct group *group = &g->groups[i];
        fputs("<tr><td>", out);
        put_text(out, group->name);
        fprintf(out, "</td><td>%zu</td>", group->count);
        put_share_cell(out, group->accuracy);
        put_share_cell(out, group->accepted);
        put_share_cell(out, group->accepted_accuracy);
        fprintf(out, "<td>%.1f %%", 100 * (1 - group->accepted));
        open_bar(out, 1 - group->accepted);
        close_bar(out);
        fprintf(out, "</td><td>%.4f</td><td>%.4f</td>", group->entropy, group->mutual_information);
        if (i == 0)
            fputs("<td></td></tr>\n", out);
        else
            fprintf(out, "<td>%.3f</td></tr>\n", group->auroc);
    }
    fputs("</table></div>\n", out);
}

static void put_introduction(FILE *out, const struct gallery *g)
{
    fputs("<h1>", out);
    put_text(out, g->about->net);
    fputs(" on ", out);
    put_text(out, sps_dataset_get_info(g->groups[0].set)->name);
    fputs("</h1>\n<p class=\"quiet\">", out);
    put_text(out, g->model_path);
    fputs(", method ", out);
    put_text(out, g->about->method);
    fprintf(out, ", %zu binary weights. T = %zu passes an image, seed %llu. spinscale %s.</p>\n", g->about->weights,
            g->passes, (unsigned long long)g->seed, sps_version());
    fprintf(out,
            "<p>Each image is predicted %zu times; each time every layer picks one of its stored scale vectors at "
            "random. The "
            "probability is the mean over passes, the stretch in brackets holds %g %% of them. An answer is accepted "
            "where its surest class keeps at least %g %% in %g %% of the passes.</p>\n",
            g->passes, 100 * g->level, 100 * g->rule.threshold, 100 - 100 * g->rule.quantile);
}

static int put_page(FILE *out, const struct gallery *g)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width,initial-scale=1\"><title>spinscale gallery: ",
          out);
    put_text(out, g->about->net);
    fprintf(out, "</title>\n<style>\n%s</style></head>\n<body><main>\n", STYLE);
    put_introduction(out, g);
    put_summary(out, g);
    fputs("<p class=\"quiet\">AUROC: how well mutual information tells this group from the test images; 0.5 is not at "
          "all, 1 is "
          "always. Turned images keep their class.</p>\n",
          out);
    for (int i = 0; i < g->section_count; i++) {
        const struct section *section = &g->sections[i];
        if (section->count == 0)
            continue;
        fprintf(out, "<h2>%s</h2>\n<p>%s</p>\n<div class=\"cards\">\n", section->title, section->text);
        for (int j = 0; j < section->count; j++)
            if (put_card(out, g, &section->picks[j]) != 0)
                return -1;
        fputs("</div>\n", out);
    }
    fputs("</main></body></html>\n", out);
    return ferror(out) ? -1 : 0;
}

int write_page(const struct gallery *g, const char *path)
{
    FILE *out = fopen(path, "wb");
    if (out == NULL)
        return -1;
    errno = EIO; /* for a failure that sets none */
    int result = put_page(out, g);
    return fclose(out) != 0 ? -1 : result;
}
