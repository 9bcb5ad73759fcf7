/* SPDX-License-Identifier: MIT */
/* Figures and pages: well-formed whatever is put in, the same bytes each time, gaps where there are no numbers. */
#include "test.h"

#include <locale.h>
#include <stdlib.h>

#include "core/memory.h"
#include "report/axis.h"
#include "report/writer.h"
#include "spinscale/file.h"
#include "spinscale/report.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
static const char nasty[] = "<a href=\"x\">&'\x01\xff\xed\xa0\x80]]></script>\xf0\x9f\x90\x9f";

/* ---- a checker of XML ---- */

/* Elements close in order, attributes are quoted, '&' begins one of five entities, no bare '<'.  NULL, or what is wrong
 * from there on. */
static const char *find_flaw(const char *at)
{
    char open[32][16];
    int depth = 0;
    for (; *at != 0; at++) {
        if (*at == '&') {
            static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
            int known = 0;
            for (int i = 0; i < COUNT(entities); i++)
                known += strncmp(at, entities[i], strlen(entities[i])) == 0;
            if (!known)
                return at;
        }
        if ((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t')
            return at;
        if (*at != '<')
            continue;
        const char *from = at++, *end;
        if (*at == '!' || *at == '?') {
            at = strchr(at, '>');
            continue;
        }
        int closing = *at == '/';
        at += closing;
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
        for (end = at + length; *end != 0 && *end != '>';)
            if (*end == '"') {
                end = strchr(end + 1, '"');
                if (end++ == NULL)
                    return from;
            } else if (*end++ == '<') {
                return from;
            }
        if (*end == 0 || length == 0 || length > 15 || depth == 31)
            return from;
        if (closing) {
            if (--depth < 0 || strlen(open[depth]) != length || strncmp(open[depth], at, length) != 0)
                return from;
        } else if (end[-1] != '/') {
            snprintf(open[depth++], 16, "%.*s", (int)length, at);
        }
        at = end;
    }
    return depth == 0 ? NULL : at;
}

static void well_formed(const char *text)
{
    const char *flaw = find_flaw(text);
    if (flaw != NULL)
        fail_msg("not well-formed at byte %zu: %.80s", (size_t)(flaw - text), flaw);
    /* Numbers that are none must not reach the paper. */
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
}

static void checker_sees_flaws(void **state)
{
    (void)state;
    assert_null(find_flaw("<a b=\"<>\"><c/>&amp;</a>"));
    assert_non_null(find_flaw("<a><b></a></b>"));
    assert_non_null(find_flaw("<a>&b</a>"));
    assert_non_null(find_flaw("<a>"));
    assert_non_null(find_flaw("<a>\x01</a>"));
    assert_non_null(find_flaw("<a b=\"c></a>"));
}

static int occurrences(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

static char *contents(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

/* ---- text and numbers ---- */

static void escapes(void **state)
{
    (void)state;
    struct sps_writer w = {0};
    sps_write_text(&w, nasty);
    /* The surrogate's three bytes are no characters, one each. */
#define NONE "\xef\xbf\xbd"
    assert_string_equal(w.text, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;" NONE NONE NONE NONE NONE
                                "]]&gt;&lt;/script&gt;\xf0\x9f\x90\x9f");
    sps_writer_reset(&w);
    sps_write_short(&w, "ä<bcd", 3);
    assert_string_equal(w.text, "ä&lt;…");
    sps_writer_reset(&w);
    assert_int_equal(sps_characters("ä€\xff"), 3);
}

static void writes_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *text;
    } rows[] = {{0.70852, 4, "0.7085"},     {-0.0, 3, "0"},        {1.9e-7, 4, "1.9e-7"},
                {1e6, 3, "1000000"},        {65834, 3, "65800"},   {1e7, 3, "1e7"},
                {1e100, 2, "1e100"},        {0.1 + 0.2, 3, "0.3"}, {NAN, 3, "undefined"},
                {-INFINITY, 3, "undefined"}};
    for (int i = 0; i < COUNT(rows); i++) {
        char text[32];
        sps_report_number(text, rows[i].value, rows[i].digits);
        assert_string_equal(text, rows[i].text);
    }
    double by;
    assert_string_equal(sps_report_prefix(7e-7, &by), "n");
    NEAR(by, 1e-9, 0);
    assert_string_equal(sps_report_prefix(0, &by), "");
    NEAR(by, 1, 0);
}

static void keeps_first_failure(void **state)
{
    (void)state;
    struct sps_writer w = {0};
    sps_memory_fail_at(0);
    sps_write(&w, "%d", 1);
    sps_memory_fail_at(-1);
    sps_write(&w, "%d", 2);
    FAILS(sps_writer_status(&w), ENOMEM, "a report");
    sps_writer_reset(&w);
}

/* ---- axes ---- */

static struct sps_axis axis_of(double low, double high, int log, int round)
{
    struct sps_axis axis = sps_axis_none(log);
    sps_axis_see(&axis, low);
    sps_axis_see(&axis, high);
    sps_axis_finish(&axis, 6, round);
    axis.from = 0;
    axis.to = 100;
    return axis;
}

static void axes_have_round_ticks(void **state)
{
    (void)state;
    struct sps_axis a = axis_of(0.21, 0.93, 0, 1);
    /* 0.72 in six steps is nearest to steps of 0.1: 0.2 to 1.0 */
    assert_int_equal(a.ticks, 9);
    NEAR(a.tick[0], 0.2, 1e-12);
    NEAR(a.high, 1, 1e-12);
    NEAR(sps_axis_at(&a, 0.6), 50, 1e-9);
    a = axis_of(64, 512, 1, 0);
    assert_int_equal(a.ticks, 3); /* 100, 200, 500 */
    NEAR(sps_axis_at(&a, sqrt(64.0 * 512)), 50, 1e-9);
    /* Between 3 and 6 bits there are no half bits. */
    a = axis_of(3, 6, 0, 0);
    assert_int_equal(a.ticks, 4);
    static const double given[] = {0, 3, 5.5, 7, NAN};
    sps_axis_set_ticks(&a, given, COUNT(given));
    assert_int_equal(a.ticks, 2); /* what lies beyond its ends is left out */
    NEAR(a.tick[1], 5.5, 0);
    /* 90 to 110 of what cannot be more than 100 */
    a = axis_of(100, 100, 0, 1);
    sps_axis_limit(&a, 0, 100);
    NEAR(a.high, 100, 0);
    NEAR(a.tick[a.ticks - 1], 100, 0);
}

static void axes_bear_extremes(void **state)
{
    (void)state;
    static const double ranges[][2] = {{0, 0},          {5, 5},          {1, 1 + 1e-16},
                                       {-1e300, 1e300}, {1e-300, 1e300}, {1e-320, 2e-320},
                                       {1e300, 1e300},  {-3, -3},        {NAN, NAN}};
    for (int i = 0; i < COUNT(ranges); i++)
        for (int log = 0; log < 2; log++)
            for (int round = 0; round < 2; round++) {
                struct sps_axis a = axis_of(ranges[i][0], ranges[i][1], log, round);
                assert_true(isfinite(a.low) && isfinite(a.high) && a.low < a.high);
                assert_true(a.ticks >= 0 && a.ticks <= SPS_TICKS_MAX);
                for (int t = 0; t < a.ticks; t++)
                    assert_true(isfinite(a.tick[t]));
                double at = sps_axis_at(&a, ranges[i][0]);
                assert_true((at >= 0 && at <= 100) || isnan(ranges[i][0]));
            }
}

/* ---- figures ---- */

enum { PARTS = 11 };
static const char *const bars_names[] = {"layers.0", nasty};
static const char *const part_names[PARTS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", nasty};

static sps_status bars(sps_figure **out, int bar_count, int part_count, const double *values, const double *band)
{
    const struct sps_bars b = {nasty, "energy, nJ", bar_count, part_count, bars_names, part_names, values, band, band};
    return sps_figure_bars(out, &b);
}

static void draws_bars(void **state)
{
    (void)state;
    double values[2 * PARTS], band[2] = {NAN, 7};
    sps_figure *f = NULL;
    for (int i = 0; i < 2 * PARTS; i++)
        values[i] = i < PARTS ? NAN : i;
    OK(bars(&f, 2, PARTS, values, band));
    well_formed(sps_figure_text(f));
    /* Eight colours for eleven parts: the seven largest and the others; the first bar has none. */
    assert_int_equal(occurrences(sps_figure_text(f), ">other</text>"), 1);
    assert_int_equal(occurrences(sps_figure_text(f), "</title></rect>"), 8);
    assert_int_equal(occurrences(sps_figure_text(f), ">undefined<"), 1);
    /* the others are 11, 12, 13 and 14 */
    assert_int_equal(occurrences(sps_figure_text(f), "other: 50</title>"), 1);
    sps_figure_free(f);
    OK(bars(&f, 0, 1, NULL, NULL));
    well_formed(sps_figure_text(f));
    sps_figure_free(f);
    double large[] = {1e300, 1e-300};
    OK(bars(&f, 2, 1, large, large));
    well_formed(sps_figure_text(f));
    sps_figure_free(f);
    large[0] = 2e300;
    FAILS(bars(&f, 2, 1, large, NULL), EINVAL, "must be within 1e+300");
    large[0] = -1;
    FAILS(bars(&f, 2, 1, large, NULL), EINVAL, "must not be negative");
}

static const double x3[] = {3, 4, 8}, y3[] = {0.5, NAN, 0.9}, low3[] = {0.4, 0, NAN}, high3[] = {0.6, 1, 1};

static void draws_lines(void **state)
{
    (void)state;
    static const char *const words[] = {"flash", nasty, "sense"};
    static const double level = 0.95, at[] = {0, 1, 2};
    const struct sps_line lines[] = {{nasty, 3, x3, y3, low3, high3, SPS_LINE_MARKED},
                                     {"band", 3, x3, y3, low3, high3, SPS_LINE_BAND},
                                     {"empty", 0, NULL, NULL, NULL, NULL, SPS_LINE_MARKED},
                                     {"engine", 1, NULL, &level, NULL, NULL, SPS_LINE_LEVEL},
                                     {"limit", 1, NULL, &level, NULL, NULL, SPS_LINE_LEVEL}};
    struct sps_lines l = {.title = nasty, .x_axis = "bits", .y_axis = "%", .line_count = 5, .lines = lines};
    sps_figure *f = NULL, *again = NULL;
    OK(sps_figure_lines(&f, &l));
    const char *text = sps_figure_text(f);
    well_formed(text);
    assert_int_equal(occurrences(text, "</title></path>"), 2); /* the gap has no mark */
    assert_int_equal(occurrences(text, "class=\"eb "), 2);     /* nor an error bar */
    assert_int_equal(occurrences(text, "class=\"lv\""), 2);    /* plot and legend */
    assert_int_equal(occurrences(text, "class=\"lv d2\""), 2); /* a second level looks different */
    OK(sps_figure_lines(&again, &l));
    assert_string_equal(text, sps_figure_text(again));
    sps_figure_free(again);
    sps_figure_free(f);

    const struct sps_line over_words[] = {{"a", 3, at, y3, NULL, NULL, SPS_LINE_MARKED},
                                          {"b", 3, at, y3, NULL, NULL, SPS_LINE_MARKED}};
    struct sps_lines worded = {.title = "t",
                               .x_axis = "x",
                               .y_axis = "y",
                               .words = words,
                               .word_count = 3,
                               .line_count = 2,
                               .lines = over_words};
    OK(sps_figure_lines(&f, &worded));
    well_formed(sps_figure_text(f));
    assert_int_equal(occurrences(sps_figure_text(f), ">flash</text>"), 1);
    sps_figure_free(f);
    worded.word_count = 0;
    FAILS(sps_figure_lines(&f, &worded), EINVAL, "0 words");
}

static void draws_few_and_extreme_points(void **state)
{
    (void)state;
    static const double extremes[] = {-1e300, 0, 1e300}, tiny[] = {1e-320, 1e-300, 1e-290};
    const struct sps_line lines[] = {{"none", 0, NULL, NULL, NULL, NULL, SPS_LINE_MARKED},
                                     {"one", 1, x3, y3, NULL, NULL, SPS_LINE_MARKED},
                                     {"large", 3, extremes, extremes, extremes, extremes, SPS_LINE_MARKED},
                                     {"tiny", 3, tiny, tiny, NULL, NULL, SPS_LINE_BAND},
                                     {"mixed", 3, extremes, tiny, NULL, NULL, SPS_LINE_MARKED}};
    for (int from = 0; from < COUNT(lines); from++)
        for (int log = 0; log < 2; log++) {
            const struct sps_lines l = {.title = "t",
                                        .x_axis = "x",
                                        .y_axis = "y",
                                        .log_x = log,
                                        .log_y = log,
                                        .line_count = from == 4 ? 0 : 1,
                                        .lines = &lines[from]};
            sps_figure *f = NULL;
            OK(sps_figure_lines(&f, &l));
            well_formed(sps_figure_text(f));
            sps_figure_free(f);
        }
    static const double beyond[] = {1, 2, 1e301};
    const struct sps_line line = {"x", 3, x3, beyond, NULL, NULL, SPS_LINE_MARKED};
    const struct sps_lines l = {.title = "t", .x_axis = "x", .y_axis = "y", .line_count = 1, .lines = &line};
    sps_figure *f = NULL;
    FAILS(sps_figure_lines(&f, &l), EINVAL, "1e+301");
}

static void draws_maps(void **state)
{
    (void)state;
    static const double across[] = {1, 0.5}, down[] = {1, 1, 0};
    struct sps_map_group groups[] = {{nasty, "6 arrays", 2, 3, across, down}, {"b", "1 array", 1, 1, across, down}};
    const struct sps_map m = {nasty, "used", "free", 2, groups};
    sps_figure *f = NULL;
    OK(sps_figure_map(&f, &m));
    well_formed(sps_figure_text(f));
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"no\" d="), 2);
    assert_non_null(strstr(sps_figure_text(f), "h12.00v24.00h-12.00z")); /* half of a square of 24 */
    sps_figure_free(f);
    groups[0].columns = SIZE_MAX;
    FAILS(sps_figure_map(&f, &m), EINVAL, "squares");
    groups[0] = (struct sps_map_group){"a", "", 1, 1, &(double){1.5}, down};
    FAILS(sps_figure_map(&f, &m), EINVAL, "share 1.5");
}

static void draws_plain_lines_and_references(void **state)
{
    (void)state;
    static const double diagonal[] = {0, 100};
    const struct sps_line lines[] = {{"plain", 3, x3, y3, NULL, NULL, SPS_LINE_PLAIN},
                                     {"chance", 2, diagonal, diagonal, NULL, NULL, SPS_LINE_REFERENCE}};
    struct sps_lines l = {.title = nasty, .x_axis = "x", .y_axis = "y", .line_count = 2, .lines = lines, .width = 440};
    sps_figure *f = NULL;
    OK(sps_figure_lines(&f, &l));
    well_formed(sps_figure_text(f));
    assert_non_null(strstr(sps_figure_text(f), "viewBox=\"0 0 440 "));
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"lv\""), 2); /* plot and legend */
    assert_null(strstr(sps_figure_text(f), "class=\"bd"));
    assert_int_equal(occurrences(sps_figure_text(f), "</title></path>"), 0); /* no markers */
    sps_figure_free(f);
    l.width = 200;
    FAILS(sps_figure_lines(&f, &l), EINVAL, "200 wide, must be 300");
}

static const char *const panel_names[] = {"home", nasty}, *const series_names[] = {"a", nasty};

static struct sps_histogram histogram(const double *counts, int panels, int series)
{
    return (struct sps_histogram){.title = nasty,
                                  .axis = "entropy, nat",
                                  .low = 0,
                                  .high = 2,
                                  .bins = 2,
                                  .panel_count = panels,
                                  .series_count = series,
                                  .panels = panel_names,
                                  .series = series_names,
                                  .counts = counts,
                                  .name = "histogram"};
}

static void draws_histograms(void **state)
{
    (void)state;
    double counts[] = {3, 1, 0, 0, 1, 1, 2, 8};
    struct sps_histogram h = histogram(counts, 2, 2);
    sps_figure *f = NULL;
    OK(sps_figure_histogram(&f, &h));
    well_formed(sps_figure_text(f));
    /* 3 of 4; the second panel's largest is 8 of 10 */
    assert_int_equal(occurrences(sps_figure_text(f), "largest bar 75 %"), 1);
    assert_int_equal(occurrences(sps_figure_text(f), "largest bar 80 %"), 1);
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"bd f1\""), 1); /* an empty one has no outline */
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"gh\""), 0);
    sps_figure_free(f);
    h = histogram(counts, 2, 1);
    OK(sps_figure_histogram(&f, &h));
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"gh\""), 1); /* home behind the other */
    sps_figure_free(f);
    h.panel_count = 0;
    OK(sps_figure_histogram(&f, &h));
    well_formed(sps_figure_text(f));
    sps_figure_free(f);
    counts[0] = NAN;
    h.panel_count = 1;
    FAILS(sps_figure_histogram(&f, &h), EINVAL, "must be a number and not negative");
    counts[0] = 1;
    h.high = 0;
    FAILS(sps_figure_histogram(&f, &h), EINVAL, "must rise");
    h = histogram(counts, 1, 1);
    h.bins = 0;
    FAILS(sps_figure_histogram(&f, &h), EINVAL, "of 0 bins");
}

static void draws_heat(void **state)
{
    (void)state;
    static const double values[] = {0, 50, 100, NAN};
    struct sps_heat h = {.title = nasty,
                         .axis = "severity",
                         .rows = 2,
                         .columns = 2,
                         .row_names = panel_names,
                         .column_names = series_names,
                         .values = values,
                         .low = 0,
                         .high = 100,
                         .name = "heat"};
    sps_figure *f = NULL;
    OK(sps_figure_heat(&f, &h));
    well_formed(sps_figure_text(f));
    assert_int_equal(occurrences(sps_figure_text(f), "fill-opacity=\"0.060\""), 1); /* 0 is faint, not gone */
    assert_int_equal(occurrences(sps_figure_text(f), "fill-opacity=\"1.000\""), 1);
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"on\""), 1); /* letters on the darkest alone */
    assert_int_equal(occurrences(sps_figure_text(f), "class=\"no\""), 1);
    sps_figure_free(f);
    h.high = 0;
    FAILS(sps_figure_heat(&f, &h), EINVAL, "must rise");
    h.rows = 0;
    FAILS(sps_figure_heat(&f, &h), EINVAL, "0 x 2 cells");
}

/* ---- pages ---- */

static sps_status write_page(const char *path)
{
    static const char *const heads[] = {"name", nasty}, *const cells[] = {"a", "1", NULL, nasty};
    static const double values[] = {1, 2};
    const struct sps_table table = {nasty, "lr", 2, heads, cells, "table"};
    const struct sps_bars b = {"bars", "energy, nJ", 2, 1, bars_names, part_names, values, values, values};
    sps_page *page = NULL;
    sps_status status = sps_page_create(&page, nasty);
    if (status != SPS_OK)
        return status;
    sps_page_heading(page, nasty);
    sps_page_paragraph(page, nasty);
    sps_page_preformatted(page, nasty);
    sps_page_table(page, &table);
    sps_page_bars(page, &b, nasty);
    status = sps_page_save(page, path);
    sps_page_free(page);
    return status;
}

static void writes_pages(void **state)
{
    (void)state;
    OK(write_page("t_report.html"));
    char *page = contents("t_report.html");
    well_formed(page);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<a href"));
    assert_int_equal(occurrences(page, "<td"), 4);
    assert_int_equal(occurrences(page, "<svg"), 1);
    assert_null(strstr(page, "src=")); /* all in one file */
    free(page);
    remove("t_report.html");
}

static void page_tells_what_failed(void **state)
{
    (void)state;
    static const double bad[] = {-1};
    const struct sps_bars b = {"bars", "J", 1, 1, bars_names, part_names, bad, NULL, NULL};
    sps_page *page = NULL;
    remove("t_report_bad.html");
    OK(sps_page_create(&page, "page"));
    sps_page_bars(page, &b, NULL);
    sps_page_paragraph(page, "more");
    FAILS(sps_page_save(page, "t_report_bad.html"), EINVAL, "must not be negative");
    sps_page_free(page);
    assert_null(fopen("t_report_bad.html", "rb"));
}

static void saves_figures(void **state)
{
    (void)state;
    sps_figure *f = NULL;
    OK(bars(&f, 1, 2, x3, NULL));
    OK(sps_figure_save(f, "t_report.svg"));
    char *file = contents("t_report.svg");
    well_formed(file);
    assert_int_equal(occurrences(file, "<style>"), 1);
    assert_null(strstr(sps_figure_text(f), "<style>")); /* a page has it once for all */
    FAILS(sps_figure_save(f, "no/such/folder/f.svg"), EIO, "no/such/folder");
    sps_figure_free(f);
    free(file);
    remove("t_report.svg");
}

/* Skips where no locale with a decimal comma is installed. */
static void locale_changes_nothing(void **state)
{
    (void)state;
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *found = NULL;
    for (int i = 0; i < COUNT(commas) && found == NULL; i++)
        found = setlocale(LC_ALL, commas[i]);
    if (found == NULL)
        skip();
    char text[32];
    sps_report_number(text, 0.5, 3);
    sps_figure *f = NULL;
    sps_status status = bars(&f, 1, 2, y3, NULL);
    setlocale(LC_ALL, "C");
    OK(status);
    assert_string_equal(text, "0.5");
    for (const char *at = sps_figure_text(f); (at = strchr(at, ',')) != NULL; at++)
        assert_false(strchr("0123456789", at[-1]) != NULL && strchr("0123456789", at[1]) != NULL);
    sps_figure_free(f);
}

/* Numbers beside a page: what other programs read. */
static sps_status write_kept_page(const char *path, int use_gnuplot)
{
    static const char *const heads[] = {"name", "a|b"}, *const cells[] = {"x, \"y\"", "1", NULL, "it's"};
    static const double counts[] = {3, 1, 1, 1}, values[] = {0, 50, 100, NAN};
    const struct sps_table table = {"caption", "nr", 2, heads, cells, "table"};
    const struct sps_line lines[] = {{"it's", 3, x3, y3, low3, high3, SPS_LINE_MARKED},
                                     {"b", 3, x3, y3, low3, high3, SPS_LINE_BAND},
                                     {"level", 1, NULL, y3, NULL, NULL, SPS_LINE_LEVEL},
                                     {"chance", 3, x3, y3, NULL, NULL, SPS_LINE_REFERENCE}};
    const struct sps_lines l = {
        .title = "it's", .x_axis = "x", .y_axis = "y", .line_count = 4, .lines = lines, .name = "lines"};
    const struct sps_histogram h = histogram(counts, 2, 1);
    const struct sps_heat heat = {"heat", "x", 2, 2, panel_names, series_names, values, 0, 100, 0, "heat"};
    const struct sps_card_bar bars[] = {{nasty, 0.9, 0.8, 1.2}, {"b", NAN, 0, 0}};
    const struct sps_card card = {"\x89PNG", 4, nasty, nasty, nasty, 1, nasty, 2, bars, 1, nasty};
    sps_page *page = NULL;
    sps_status status = sps_page_create(&page, nasty);
    if (status != SPS_OK)
        return status;
    sps_page_keep(page, "t_report_files");
    if (use_gnuplot)
        sps_page_use_gnuplot(page);
    sps_page_subheading(page, nasty);
    sps_page_table(page, &table);
    sps_page_open_figures(page);
    sps_page_lines(page, &l, NULL);
    sps_page_histogram(page, &h, nasty);
    sps_page_heat(page, &heat, NULL);
    sps_page_close_figures(page);
    sps_page_cards(page, &card, 1);
    sps_page_details(page, nasty, nasty);
    status = sps_page_save(page, path);
    sps_page_free(page);
    return status;
}

static void assert_file(const char *path, const char *text)
{
    char *file = contents(path);
    assert_string_equal(file, text);
    free(file);
}

static void keeps_files_beside(void **state)
{
    (void)state;
    OK(sps_make_folder("t_report_files"));
    OK(write_kept_page("t_report.html", 0));
    char *page = contents("t_report.html");
    well_formed(page);
    assert_int_equal(occurrences(page, "src=\"data:image/png;base64,iVBORw==\""), 1); /* 89 50 4e 47 */
    assert_int_equal(occurrences(page, "width:90.00%"), 1);
    assert_int_equal(occurrences(page, "left:80.00%;width:20.00%"), 1); /* cut at 1 */
    assert_int_equal(occurrences(page, "verdict yes"), 1);
    assert_file("t_report_files/table.csv", "name,a|b\n\"x, \"\"y\"\"\",1\n,it's\n");
    assert_file("t_report_files/tables.md",
                "\n## caption\n\n| name | a\\|b |\n| --- | ---: |\n| x, \"y\" | 1 |\n|  | it's |\n");
    assert_file("t_report_files/lines.csv", "line,x,y,low,high\n"
                                            "it's,3,0.5,0.4,0.6\nit's,4,,0,1\nit's,8,0.9,,1\n"
                                            "b,3,0.5,0.4,0.6\nb,4,,0,1\nb,8,0.9,,1\n"
                                            "level,,0.5,,\n"
                                            "chance,3,0.5,,\nchance,4,,,\nchance,8,0.9,,\n");
    char *script = contents("t_report_files/lines.gp");
    /* Rows 3 to 5 behind the head are the band's, 7 to 9 those of the reference; a quote is doubled. */
    assert_non_null(strstr(script, "'lines.csv' skip 1 every ::3::5 using 2:(valid(4) ? $4 : $3):(valid(5) ? $5 : $3) "
                                   "with filledcurves linetype 2"));
    assert_non_null(strstr(script, "'lines.csv' skip 1 every ::7::9 using 2:3 with lines linecolor '#222222'"));
    assert_non_null(strstr(script, "0.5 with lines linecolor '#222222' linewidth 1 dashtype 2 title 'level'"));
    assert_non_null(strstr(script, "linewidth 1 dashtype 3 title 'chance'")); /* the second reference */
    assert_non_null(strstr(script, "set title 'it''s'"));
    free(script);
    char *csv = contents("t_report_files/histogram.csv");
    assert_non_null(strstr(csv, "home,a,0,1,3,0.75\nhome,a,1,2,1,0.25\n"));
    free(csv);
    csv = contents("t_report_files/heat.csv");
    assert_non_null(strstr(csv, "\nhome,0,50\n"));
    free(csv);
    OK(write_kept_page("t_report_again.html", 0));
    char *again = contents("t_report_again.html");
    assert_string_equal(page, again);
    free(again);
    remove("t_report_again.html");
    free(page);
    remove("t_report.html");
}

/* Names that mean something to XML, to gnuplot, or nothing in UTF-8, through gnuplot and back. */
static void takes_drawings_of_gnuplot(void **state)
{
    (void)state;
    if (sps_report_find_gnuplot() != SPS_OK) {
        print_message("%s\n", sps_last_error());
        skip();
    }
    OK(sps_make_folder("t_report_files"));
    OK(write_kept_page("t_report_drawn.html", 1));
    char *page = contents("t_report_drawn.html");
    well_formed(page);
    assert_int_equal(occurrences(page, "<svg class=\"gnuplot\""), 3);
    assert_int_equal(occurrences(page, "<svg"), 3);
    assert_non_null(strstr(page, "aria-label=\"it&#39;s\""));
    assert_non_null(strstr(page, "\xef\xbf\xbd\xef\xbf\xbd")); /* what is no UTF-8 */
    free(page);
    remove("t_report_drawn.html");
}

/* Each allocation fails in turn: the status says so, and nothing is lost. */
static void bears_lack_of_memory(void **state)
{
    (void)state;
    long before = sps_memory_live();
    sps_status status = SPS_ENOMEM;
    long n;
    for (n = 0; status != SPS_OK && n < 1000; n++) {
        sps_memory_fail_at(n);
        status = write_page("t_report_memory.html");
        sps_memory_fail_at(-1);
        assert_true(status == SPS_OK || status == SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), before);
    }
    assert_int_equal(status, SPS_OK);
    assert_true(n > 5);
    remove("t_report_memory.html");
    OK(sps_make_folder("t_report_files"));
    status = SPS_ENOMEM;
    for (n = 0; status != SPS_OK && n < 1000; n++) {
        sps_memory_fail_at(n);
        status = write_kept_page("t_report_memory.html", 0);
        sps_memory_fail_at(-1);
        assert_true(status == SPS_OK || status == SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), before);
    }
    assert_int_equal(status, SPS_OK);
    assert_true(n > 15);
    remove("t_report_memory.html");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checker_sees_flaws),
        cmocka_unit_test(escapes),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(keeps_first_failure),
        cmocka_unit_test(axes_have_round_ticks),
        cmocka_unit_test(axes_bear_extremes),
        cmocka_unit_test(draws_bars),
        cmocka_unit_test(draws_lines),
        cmocka_unit_test(draws_few_and_extreme_points),
        cmocka_unit_test(draws_plain_lines_and_references),
        cmocka_unit_test(draws_histograms),
        cmocka_unit_test(draws_heat),
        cmocka_unit_test(draws_maps),
        cmocka_unit_test(writes_pages),
        cmocka_unit_test(page_tells_what_failed),
        cmocka_unit_test(keeps_files_beside),
        cmocka_unit_test(takes_drawings_of_gnuplot),
        cmocka_unit_test(saves_figures),
        cmocka_unit_test(locale_changes_nothing),
        cmocka_unit_test(bears_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
