/* SPDX-License-Identifier: MIT */
/* Each member writes its rows where they belong in the caller's arrays; only picks, whose rows may be shorter than the
 * ensemble's, go through an array of their own. */
#include "spinscale/ensemble.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

struct sps_ensemble {
    struct sps_model_info info;
    size_t count;
    struct sps_predictor *members; /* [count] */
    int *bank_sizes;               /* [info.bank_layers] */
    char *net, *method, *data, *provenance;
};

/* ---- what they must share ---- */

struct pair {
    const struct sps_predictor *a, *b;
    char name_a[256], name_b[256];
};

static void name_member(char name[256], const char *const *names, size_t member)
{
    if (names != NULL)
        snprintf(name, 256, "'%s'", names[member]);
    else
        snprintf(name, 256, "member %zu", member + 1);
}

static const char *name_of(const struct sps_predictor *member, int label)
{
    return member->class_name != NULL ? member->class_name(member->self, label) : NULL;
}

static sps_status check_pair(const struct pair *p)
{
    const struct sps_model_info *a = p->a->info, *b = p->b->info;
    if (a->height != b->height || a->width != b->width || a->channels != b->channels)
        SPS_FAIL(EINVAL, "%s reads images of %d x %d x %d, %s of %d x %d x %d: an ensemble's must be the same",
                 p->name_a, a->height, a->width, a->channels, p->name_b, b->height, b->width, b->channels);
    if (a->classes != b->classes)
        SPS_FAIL(EINVAL, "%s has %d classes, %s has %d: an ensemble's must be the same", p->name_a, a->classes,
                 p->name_b, b->classes);
    for (int c = 0; c < a->classes; c++) {
        const char *x = name_of(p->a, c), *y = name_of(p->b, c);
        if (x != NULL && y != NULL && strcmp(x, y) != 0)
            SPS_FAIL(EINVAL, "class %d of %s is '%s', that of %s is '%s': an ensemble's must be the same", c, p->name_a,
                     x, p->name_b, y);
    }
    return SPS_OK;
}

static sps_status check_members(const struct sps_predictor *members, const char *const *names, size_t count)
{
    struct pair pair = {.a = &members[0]};
    if (count < 1 || count > SPS_ENSEMBLE_MAX)
        SPS_FAIL(EINVAL, "an ensemble of %zu models, must be 1 to %d", count, SPS_ENSEMBLE_MAX);
    name_member(pair.name_a, names, 0);
    for (size_t m = 1; m < count; m++) {
        pair.b = &members[m];
        name_member(pair.name_b, names, m);
        SPS_TRY(check_pair(&pair));
    }
    return SPS_OK;
}

/* ---- what is said about it ---- */

enum text { NET, METHOD, DATA, PROVENANCE };

static const char *text_of(const struct sps_model_info *info, enum text which)
{
    const char *const text[] = {info->net, info->method, info->data, info->provenance};
    return text[which] != NULL ? text[which] : "";
}

static int said_before(const sps_ensemble *e, size_t member, enum text which)
{
    for (size_t m = 0; m < member; m++)
        if (strcmp(text_of(e->members[m].info, which), text_of(e->members[member].info, which)) == 0)
            return 1;
    return 0;
}

/* Different names joined by the separator; all texts where `all` is set. */
static sps_status join(char **out, const sps_ensemble *e, enum text which, const char *separator, int all)
{
    size_t bytes = 1;
    for (size_t m = 0; m < e->count; m++)
        bytes += strlen(separator) + strlen(text_of(e->members[m].info, which));
    SPS_TRY(sps_calloc(out, bytes, 1, "names of an ensemble"));
    char *end = *out;
    for (size_t m = 0; m < e->count; m++)
        if (all || !said_before(e, m, which))
            end += snprintf(end, bytes - (size_t)(end - *out), "%s%s", end > *out ? separator : "",
                            text_of(e->members[m].info, which));
    return SPS_OK;
}

/* A model that says nothing has NULL. */
static const char *said(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static sps_status describe(sps_ensemble *e)
{
    struct sps_model_info *info = &e->info;
    const struct sps_model_info *first = e->members[0].info;
    double macs = 0;
    *info = (struct sps_model_info){.height = first->height,
                                    .width = first->width,
                                    .channels = first->channels,
                                    .classes = first->classes,
                                    .members = (int)e->count,
                                    .validation_accuracy = NAN,
                                    .temperature = 1};
    for (size_t m = 0; m < e->count; m++) {
        const struct sps_model_info *member = e->members[m].info;
        info->bank_layers = larger(info->bank_layers, member->bank_layers);
        info->picks = larger(info->picks, member->picks);
        info->weights += member->weights;
        info->float_weights += member->float_weights;
        info->paths += member->picks > member->bank_layers ? INFINITY : member->paths;
        macs += (double)member->macs / (double)e->count;
    }
    info->macs = (size_t)(macs + 0.5);
    SPS_TRY(sps_calloc(&e->bank_sizes, (size_t)info->bank_layers + 1, sizeof *e->bank_sizes, "banks of an ensemble"));
    for (size_t m = 0; m < e->count; m++)
        for (int k = 0; k < e->members[m].info->bank_layers; k++)
            e->bank_sizes[k] = larger(e->bank_sizes[k], e->members[m].info->bank_sizes[k]);
    SPS_TRY(join(&e->net, e, NET, "+", 0));
    SPS_TRY(join(&e->method, e, METHOD, "+", 0));
    SPS_TRY(join(&e->data, e, DATA, "+", 0));
    SPS_TRY(join(&e->provenance, e, PROVENANCE, "\n---\n", 1));
    info->bank_sizes = e->bank_sizes;
    info->net = said(e->net);
    info->method = said(e->method);
    info->data = said(e->data);
    info->provenance = said(e->provenance);
    return SPS_OK;
}

sps_status sps_ensemble_create(sps_ensemble **out, const struct sps_predictor *members, const char *const *names,
                               size_t count)
{
    sps_ensemble *e = NULL;
    sps_status status = SPS_OK;
    SPS_TRY(check_members(members, names, count));
    SPS_TRY_OUT(sps_calloc(&e, 1, sizeof *e, "an ensemble"));
    SPS_TRY_OUT(sps_calloc(&e->members, count, sizeof *e->members, "members of an ensemble"));
    memcpy(e->members, members, count * sizeof *members);
    e->count = count;
    SPS_TRY_OUT(describe(e));
    *out = e;
    e = NULL;
out:
    sps_ensemble_free(e);
    return status;
}

void sps_ensemble_free(sps_ensemble *e)
{
    if (e == NULL)
        return;
    sps_free(e->members);
    sps_free(e->bank_sizes);
    sps_free(e->net);
    sps_free(e->method);
    sps_free(e->data);
    sps_free(e->provenance);
    sps_free(e);
}

/* ---- predicting ---- */

/* The caller's arrays from row `first` on. */
static struct sps_passes rows_from(const struct sps_passes *out, size_t first, size_t classes)
{
    const size_t skip = first * out->stride * classes;
    return (struct sps_passes){.p = out->p + skip,
                               .logits = out->logits != NULL ? out->logits + skip : NULL,
                               .weights = out->weights != NULL ? out->weights + first : NULL,
                               .stride = out->stride};
}

/* Rows of a member's picks, from[T][stride][short], to the ensemble's, to[T][stride][row]. */
static void copy_picks(uint8_t *to, size_t row, const uint8_t *from, size_t shorter, size_t passes, size_t stride,
                       size_t n)
{
    for (size_t t = 0; t < passes; t++)
        for (size_t i = 0; i < n; i++) {
            uint8_t *picks = to + (t * stride + i) * row;
            memcpy(picks, from + (t * stride + i) * shorter, shorter);
            memset(picks + shorter, 0, row - shorter);
        }
}

struct call {
    const struct sps_predict_options *options;
    size_t n;
    const uint8_t *const *images;
    const uint32_t *index;
    const struct sps_passes *out;
};

static sps_status predict_member(const sps_ensemble *e, size_t member, const struct call *c, size_t first,
                                 size_t passes)
{
    const struct sps_predictor *of = &e->members[member];
    const size_t row = (size_t)e->info.picks, shorter = (size_t)of->info->picks;
    struct sps_passes to = rows_from(c->out, first, (size_t)e->info.classes);
    uint8_t *picks = NULL, *wanted = c->out->picks != NULL ? c->out->picks + first * c->out->stride * row : NULL;
    if (wanted != NULL && shorter < row)
        SPS_TRY(sps_calloc(&picks, passes * c->out->stride, shorter + 1, "picks of a member"));
    to.picks = picks != NULL ? picks : wanted;
    sps_status status = of->predict(of->self, c->options, c->n, c->images, c->index, &to);
    if (status == SPS_OK && picks != NULL)
        copy_picks(wanted, row, picks, shorter, passes, to.stride, c->n);
    sps_free(picks);
    for (size_t t = 0; status == SPS_OK && t < passes && to.weights != NULL; t++)
        to.weights[t] /= (double)e->count;
    return status;
}

static sps_status predict(void *self, const struct sps_predict_options *options, size_t n, const uint8_t *const *images,
                          const uint32_t *index, const struct sps_passes *out)
{
    const sps_ensemble *e = self;
    const struct call call = {options, n, images, index, out};
    size_t first = 0, passes = 0;
    if (options->settle != NULL)
        SPS_FAIL(EINVAL, "passes of an ensemble cannot end early: its members predict one after the other");
    for (size_t m = 0; m < e->count; m++, first += passes) {
        SPS_TRY(sps_predict_passes(e->members[m].info, options, &passes));
        SPS_TRY(predict_member(e, m, &call, first, passes));
    }
    for (size_t i = 0; i < n && out->used != NULL; i++)
        out->used[i] = (uint32_t)first;
    return SPS_OK;
}

static const char *class_name(const void *self, int label)
{
    const sps_ensemble *e = self;
    const char *name = NULL;
    for (size_t m = 0; m < e->count && name == NULL; m++)
        name = name_of(&e->members[m], label);
    return name;
}

struct sps_predictor sps_ensemble_predictor(sps_ensemble *ensemble)
{
    return (struct sps_predictor){ensemble, &ensemble->info, class_name, predict};
}
