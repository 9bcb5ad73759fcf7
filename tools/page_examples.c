/* SPDX-License-Identifier: MIT */
/* Images to look at: what a model is sure of, what not, where it is wrong, and what it makes of images that it was
 * never trained for.  They are chosen by rules that the page states, from the sets that were predicted already, and
 * predicted once more for the spread of each class. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "page_parts.h"
#include "spinscale/data.h"
#include "spinscale/predict.h"
#include "spinscale/shift.h"

enum { CARDS_MAX = 8, BARS = 3, TEXT = 200, SHIFT_SEED = 1 };

/* A card with the texts that it points to. */
struct example {
    uint8_t *png;
    char alt[TEXT], note[TEXT], title[TEXT], facts[TEXT], verdict[TEXT], bar[BARS][TEXT];
    struct sps_card_bar bars[BARS];
};

struct gallery {
    sps_page *page;
    const struct sps_shown *shown;
    const struct sps_shown_model *model;
    int count;
    struct example example[CARDS_MAX];
    struct sps_card card[CARDS_MAX];
    size_t chosen[CARDS_MAX]; /* images of home */
    int each;                 /* cards of a kind */
};

static void name_of(char text[TEXT], const struct gallery *g, int label)
{
    const struct sps_predictor *p = g->model->predictor;
    const char *name = p->class_name != NULL ? p->class_name(p->self, label) : NULL;
    if (name != NULL)
        snprintf(text, TEXT, "%s", name);
    else
        snprintf(text, TEXT, "class %d", label);
}

/* ---- one card ---- */

/* The likeliest classes, each with the stretch that holds `level` of the passes. */
static sps_status make_bars(struct example *e, struct sps_card *card, const struct gallery *g, const float *p)
{
    int classes = g->model->info->classes, last = -1;
    double before = INFINITY;
    card->bars = e->bars;
    for (int b = 0; b < BARS && b < classes; b++) {
        struct sps_spread best = {.mean = -1};
        int at = -1;
        for (int c = 0; c < classes; c++) {
            struct sps_spread s;
            sps_status status = sps_spread(&s, p + c, (size_t)classes, NULL, g->shown->passes, g->shown->level);
            if (status != SPS_OK)
                return status;
            if ((s.mean < before || (s.mean == before && c > last)) && s.mean > best.mean) {
                best = s;
                at = c;
            }
        }
        name_of(e->bar[b], g, at);
        e->bars[b] = (struct sps_card_bar){e->bar[b], best.mean, best.quantile_low, best.quantile_high};
        before = best.mean;
        last = at;
        card->bar_count++;
    }
    return SPS_OK;
}

static void make_words(struct example *e, struct sps_card *card, const struct gallery *g, const struct sps_summary *s,
                       int label, const char *is)
{
    const struct sps_shown *shown = g->shown;
    name_of(e->title, g, s->predicted);
    snprintf(e->alt, TEXT, "the image: %s", is);
    snprintf(e->note, TEXT, "is: %s", is);
    snprintf(e->facts, TEXT, "%.1f %%, passes %.1f to %.1f %%; entropy %.3f, mutual information %.3f nat",
             100 * s->confidence, 100 * s->quantile_low, 100 * s->quantile_high, s->entropy, s->mutual_information);
    snprintf(e->verdict, TEXT, "%s: some class keeps %.1f %% in %g %% of the passes; %g %% are asked for",
             s->accepted ? "accepted" : "rejected", 100 * s->score, 100 - 100 * shown->rule.quantile,
             100 * shown->rule.threshold);
    card->alt = e->alt;
    card->note = e->note;
    card->title = e->title;
    card->right = label >= 0 ? s->predicted == label : -1;
    card->facts = e->facts;
    card->accepted = s->accepted;
    card->verdict = e->verdict;
}

/* label: -1 where there is no right answer.  index: of the image in its set. */
static sps_status add_card(struct gallery *g, const uint8_t *pixels, size_t index, int label, const char *is)
{
    const struct sps_model_info *info = g->model->info;
    const uint32_t at = (uint32_t)index;
    if (g->count == CARDS_MAX)
        return SPS_OK;
    struct example *e = &g->example[g->count];
    struct sps_card *card = &g->card[g->count];
    struct sps_summary s;
    float *p = calloc(g->shown->passes, (size_t)info->classes * sizeof *p);
    if (p == NULL)
        return SPS_ENOMEM;
    const struct sps_passes to = {.p = p};
    *e = (struct example){0};
    *card = (struct sps_card){0};
    sps_status status = sps_predict(g->model->predictor, g->shown->predict, 1, &pixels, &at, &to);
    if (status == SPS_OK)
        status = sps_summarise(&s, NULL, p, (size_t)info->classes, NULL, g->shown->passes, info->classes,
                               g->shown->level, &g->shown->rule);
    if (status == SPS_OK)
        status = make_bars(e, card, g, p);
    if (status == SPS_OK)
        status = sps_image_encode_png(&e->png, &card->png_bytes, pixels, info->height, info->width, info->channels);
    free(p);
    if (status != SPS_OK)
        return status;
    make_words(e, card, g, &s, label, is);
    card->png = e->png;
    g->count++;
    return SPS_OK;
}

static sps_status add_from(struct gallery *g, const struct sps_images *images, size_t index, int label, const char *is)
{
    sps_status status = sps_images_load(images, index, 1);
    return status == SPS_OK ? add_card(g, images->image(images->self, index), index, label, is) : status;
}

static void truth_of(char text[TEXT], const struct gallery *g, int label)
{
    if (label >= 0)
        name_of(text, g, label);
    else
        snprintf(text, TEXT, "unknown");
}

static sps_status add_home(struct gallery *g, size_t index)
{
    char is[TEXT];
    int label = g->model->home.labels[index];
    truth_of(is, g, label);
    if (g->count < CARDS_MAX)
        g->chosen[g->count] = index;
    return add_from(g, &g->shown->home, index, label, is);
}

/* Shows the cards, if there are any. */
static void flush(struct gallery *g, const char *heading, const char *words)
{
    if (g->count > 0) {
        sps_page_subheading(g->page, heading);
        sps_page_paragraph(g->page, words);
        sps_page_cards(g->page, g->card, g->count);
    }
    for (int i = 0; i < g->count; i++)
        sps_image_free(g->example[i].png);
    g->count = 0;
}

/* ---- which ---- */

/* What to look for at home: the largest value; -INFINITY is never taken. */
typedef double (*wanted)(const struct gallery *g, const struct sps_summary *s, int label);

static double sure_and_right(const struct gallery *g, const struct sps_summary *s, int label)
{
    for (int i = 0; i < g->count; i++) /* a class once */
        if (g->model->home.summaries[g->chosen[i]].predicted == s->predicted)
            return -INFINITY;
    return s->accepted && s->predicted == label ? -s->entropy : -INFINITY;
}

static double disagreement(const struct gallery *g, const struct sps_summary *s, int label)
{
    (void)g;
    (void)label;
    return s->mutual_information;
}

static double all_doubt(const struct gallery *g, const struct sps_summary *s, int label)
{
    (void)g;
    (void)label;
    return s->entropy;
}

static double sure_and_wrong(const struct gallery *g, const struct sps_summary *s, int label)
{
    (void)g;
    return label >= 0 && s->predicted != label ? s->confidence : -INFINITY;
}

static sps_status pick(struct gallery *g, wanted value, int count)
{
    const struct sps_shown_set *home = &g->model->home;
    sps_status status = SPS_OK;
    for (int found = 0; found < count && status == SPS_OK; found++) {
        double best = -INFINITY;
        size_t at = home->count;
        for (size_t i = 0; i < home->count; i++) {
            double v = value(g, &home->summaries[i], home->labels[i]);
            int taken = 0;
            for (int k = 0; k < g->count; k++)
                taken |= g->chosen[k] == i;
            if (v > best && !taken) {
                best = v;
                at = i;
            }
        }
        if (at == home->count)
            return SPS_OK;
        status = add_home(g, at);
    }
    return status;
}

static sps_status pick_foreign(struct gallery *g)
{
    sps_status status = SPS_OK;
    /* Data sets come after noise: they say more. */
    for (size_t k = g->shown->away_count; k > 0 && g->count < g->each && status == SPS_OK; k--)
        if (g->model->away[k - 1].count > 0)
            status = add_from(g, &g->shown->away[k - 1], 0, -1, g->shown->away[k - 1].name);
    return status;
}

static sps_status pick_turned(struct gallery *g)
{
    const struct sps_shown_set *home = &g->model->home;
    const struct sps_shift *rotation = sps_shift_find("rotation");
    const struct sps_images *images = &g->shown->home;
    size_t at = 0;
    if (images->channels != 1 && images->channels != 3)
        return SPS_OK; /* shifts know grey and colour */
    while (at < home->count && !(home->summaries[at].accepted && home->summaries[at].predicted == home->labels[at]))
        at++;
    at = at < home->count ? at : 0;
    uint8_t *turned = malloc((size_t)images->height * (size_t)images->width * (size_t)images->channels);
    sps_status status = turned != NULL ? sps_images_load(images, at, 1) : SPS_ENOMEM;
    const uint8_t *upright = status == SPS_OK ? images->image(images->self, at) : NULL;
    for (int severity = 0; severity <= rotation->levels && status == SPS_OK; severity += rotation->levels / 3) {
        char is[TEXT], name[TEXT];
        status = sps_shift_apply(turned, upright, images->height, images->width, images->channels, rotation, severity,
                                 SHIFT_SEED, (uint32_t)at);
        truth_of(name, g, home->labels[at]);
        if (severity == 0)
            snprintf(is, sizeof is, "%.150s, upright", name);
        else
            snprintf(is, sizeof is, "%.150s, turned by %g degrees", name, rotation->amount[severity - 1]);
        if (status == SPS_OK)
            status = add_card(g, turned, at, home->labels[at], is);
    }
    free(turned);
    return status;
}

static sps_status show_model(struct gallery *g)
{
    sps_status status = pick(g, sure_and_right, g->each);
    flush(g, "Sure, and right", "Accepted answers of the lowest entropy, one for a class.");
    if (status == SPS_OK)
        status = pick(g, disagreement, g->each / 2);
    if (status == SPS_OK)
        status = pick(g, all_doubt, g->each / 2);
    flush(g, "Unsure",
          "First those on which the passes disagree most (mutual information), then those of the highest entropy.");
    if (status == SPS_OK)
        status = pick(g, sure_and_wrong, g->each);
    flush(g, "Surest mistakes",
          "The wrong answers of the highest probability. Where such an answer is accepted, nothing warns of it.");
    if (status == SPS_OK)
        status = pick_foreign(g);
    flush(g, "Foreign", "The first image of each set: there is no right answer, so none should be accepted.");
    if (status == SPS_OK)
        status = pick_turned(g);
    flush(g, "Turned",
          "The first image that is accepted and right (where there is none: the first), upright and turned.");
    return status;
}

sps_status sps_show_examples(sps_page *page, const struct sps_shown *shown)
{
    struct gallery *g = calloc(1, sizeof *g);
    sps_status status = g != NULL ? SPS_OK : SPS_ENOMEM;
    for (int m = 0; m < shown->models && status == SPS_OK; m++) {
        char heading[96];
        *g = (struct gallery){
            .page = page, .shown = shown, .model = &shown->model[m], .each = shown->models > 1 ? 2 : 4};
        snprintf(heading, sizeof heading, "Examples%s%s", shown->models > 1 ? ": " : "",
                 shown->models > 1 ? shown->model[m].name : "");
        sps_page_heading(page, heading);
        if (m == 0)
            sps_page_paragraph(page, "Bars: mean probability over the passes of the likeliest classes; whiskers: where "
                                     "the passes lie.");
        status = show_model(g);
    }
    free(g);
    return status;
}
