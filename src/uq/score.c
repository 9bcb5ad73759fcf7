/* SPDX-License-Identifier: MIT */
/* Scores of one image, higher for more foreign, from what its passes say.  All scores are in the one table here. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "spinscale/scores.h"

static double max_probability(const struct sps_summary *s)
{
    return 1 - s->confidence;
}

static double entropy(const struct sps_summary *s)
{
    return s->entropy;
}

static double mutual_information(const struct sps_summary *s)
{
    return s->mutual_information;
}

static double variance(const struct sps_summary *s)
{
    return s->variance;
}

static double expected_entropy(const struct sps_summary *s)
{
    return s->expected_entropy;
}

static double nll_rule(const struct sps_summary *s)
{
    return -log(fmax(s->confidence, 1e-12)); /* the floor of the metric nll, which is its threshold */
}

/* Its sign turned, not 1 - score: so that a threshold turned likewise gives the very verdicts of eq. 26. */
static double eq26(const struct sps_summary *s)
{
    return -s->score;
}

static const struct score {
    const char *name, *summary, *unit, *source;
    double (*of)(const struct sps_summary *s); /* NULL: the energy of its logits */
} scores[] = {
    {"max_probability", "1 less the largest mean probability", "1", "Hendrycks and Gimpel, ICLR 2017", max_probability},
    {"entropy", "entropy of the mean distribution", "nat", "Shannon 1948", entropy},
    {"mutual_information", "entropy less expected entropy: what passes disagree about", "nat",
     "Depeweg et al., ICML 2018", mutual_information},
    {"variance", "variance over passes of the predicted class's probability", "1", "Scale-Dropout, eq. 21", variance},
    {"expected_entropy", "mean over passes of their entropy", "nat", "Depeweg et al., ICML 2018", expected_entropy},
    {"energy", "mean over passes of -ln sum exp logits", "nat", "Liu et al., NeurIPS 2020", NULL},
    {"nll_rule", "-ln of the largest mean probability; foreign above the mean NLL at home", "nat",
     "subset-parameter paper (DATE 2023)", nll_rule},
    {"eq26", "minus the largest over classes of the quantile over passes; foreign above minus the rule's threshold",
     "1", "Scale-Dropout (arXiv 2311.15816), eq. 26", eq26},
};
enum { SCORES = sizeof scores / sizeof *scores };

static const struct score *find(const char *name)
{
    for (size_t k = 0; k < SCORES; k++)
        if (strcmp(scores[k].name, name) == 0)
            return &scores[k];
    return NULL;
}

const char *sps_score_list(size_t index, const char **summary, const char **unit, const char **source)
{
    if (index >= SCORES)
        return NULL;
    if (summary != NULL)
        *summary = scores[index].summary;
    if (unit != NULL)
        *unit = scores[index].unit;
    if (source != NULL)
        *source = scores[index].source;
    return scores[index].name;
}

double sps_score_of(const char *name, const struct sps_summary *summary)
{
    const struct score *score = find(name);
    return score != NULL && score->of != NULL ? score->of(summary) : NAN;
}

int sps_score_needs_logits(const char *name)
{
    const struct score *score = find(name);
    return score != NULL && score->of == NULL;
}

sps_status sps_score(double *out, const char *name, const struct sps_predictions *set, const double *energy)
{
    const struct score *score = find(name);
    if (score == NULL)
        SPS_FAIL(EINVAL, "unknown score '%s'", name);
    if (score->of == NULL && energy == NULL)
        SPS_FAIL(EINVAL, "score '%s' needs logits", name);
    for (size_t i = 0; i < set->count; i++)
        out[i] = score->of != NULL ? score->of(&set->summaries[i]) : energy[i];
    return SPS_OK;
}
