/* SPDX-License-Identifier: MIT */
/* gallery: look at what a model is sure of, what it is not sure of, and what it makes of images that it was never
 * trained for: test images turned, noise, other data sets.  A table on standard output, and one HTML page.
 *
 *   gallery MODEL --data NAME [--data-dir DIR] [--samples T] [--seed N] --out FILE.html
 *
 * An example of the library: it sees the public headers only. */
#include "gallery.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOME_MAX = 2000, FOREIGN_MAX = 500, SAMPLES_LIMIT = 1000 };

struct arguments {
    const char *model, *data, *data_dir, *out;
    uint32_t samples;
    uint64_t seed;
};

/* ---- messages ---- */

static int failed(sps_status status)
{
    fprintf(stderr, "gallery: %s\n", sps_last_error());
    return sps_exit_status(status);
}

static int wrong_usage(const char *words, const char *value)
{
    fprintf(stderr, "gallery: %s%s%s%s\n", words, value ? " '" : "", value ? value : "", value ? "'" : "");
    fputs("usage: gallery MODEL --data NAME [--data-dir DIR] [--samples T] [--seed N] --out FILE.html\n", stderr);
    return 2;
}

static int out_of_memory(void)
{
    fputs("gallery: out of memory\n", stderr);
    return 1;
}

/* ---- arguments ---- */

static int whole_number(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min || value > max)
        return -1;
    *out = value;
    return 0;
}

static int parse(struct arguments *a, int argc, char **argv)
{
    uint64_t samples = 20;
    *a = (struct arguments){.seed = 1};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = argv[i + 1]; /* argv[argc] is NULL */
        if (strncmp(name, "--", 2) != 0) {
            if (a->model != NULL)
                return wrong_usage("unexpected argument", name);
            a->model = name;
            continue;
        }
        if (value == NULL)
            return wrong_usage("a value is missing after", name);
        if (strcmp(name, "--data") == 0)
            a->data = value;
        else if (strcmp(name, "--data-dir") == 0)
            a->data_dir = value;
        else if (strcmp(name, "--out") == 0)
            a->out = value;
        else if (strcmp(name, "--samples") == 0) {
            if (whole_number(&samples, value, 1, SAMPLES_LIMIT) != 0)
                return wrong_usage("--samples must be a whole number from 1 to 1000, not", value);
        } else if (strcmp(name, "--seed") == 0) {
            if (whole_number(&a->seed, value, 0, UINT64_MAX) != 0)
                return wrong_usage("--seed must be a whole number, not", value);
        } else
            return wrong_usage("unknown option", name);
        i++;
    }
    a->samples = (uint32_t)samples;
    if (a->model == NULL || a->data == NULL || a->out == NULL)
        return wrong_usage("MODEL, --data and --out are needed", NULL);
    return 0;
}

/* ---- images ---- */

static size_t image_bytes(const struct gallery *g)
{
    return (size_t)g->about->height * (size_t)g->about->width * (size_t)g->about->channels;
}

/* Turned counter-clockwise about the centre; bilinear, zeros outside. */
static void turn(uint8_t *out, const uint8_t *in, int height, int width, int channels, double degrees)
{
    const double angle = degrees * 3.14159265358979323846 / 180, cosine = cos(angle), sine = sin(angle);
    const double middle_y = (height - 1) / 2.0, middle_x = (width - 1) / 2.0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double dy = y - middle_y, dx = x - middle_x;
            double from_y = middle_y + cosine * dy + sine * dx, from_x = middle_x + cosine * dx - sine * dy;
            int top = (int)floor(from_y), left = (int)floor(from_x);
            for (int c = 0; c < channels; c++) {
                double sum = 0;
                for (int corner = 0; corner < 4; corner++) {
                    int at_y = top + corner / 2, at_x = left + corner % 2;
                    double weight = (1 - fabs(from_y - at_y)) * (1 - fabs(from_x - at_x));
                    if (at_y >= 0 && at_y < height && at_x >= 0 && at_x < width)
                        sum +=
                            weight * in[((size_t)at_y * (size_t)width + (size_t)at_x) * (size_t)channels + (size_t)c];
                }
                *out++ = (uint8_t)lrint(sum);
            }
        }
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014): enough for noise to look at. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill_pixels(const struct gallery *g, struct group *group)
{
    size_t bytes = image_bytes(g);
    uint64_t state = g->seed;
    for (size_t i = 0; i < group->count; i++) {
        uint8_t *out = group->pixels + i * bytes;
        if (group->set == NULL)
            for (size_t j = 0; j < bytes; j++)
                out[j] = (uint8_t)(next_random(&state) >> 56);
        else if (group->degrees != 0)
            turn(out, sps_dataset_image(group->set, i), g->about->height, g->about->width, g->about->channels,
                 group->degrees);
        else
            memcpy(out, sps_dataset_image(group->set, i), bytes);
    }
}

/* ---- prediction ---- */

static sps_status summarise(const struct gallery *g, struct group *group)
{
    int classes = g->about->classes;
    size_t stride = group->count * (size_t)classes;
    for (size_t i = 0; i < group->count; i++) {
        sps_status status = sps_summarise(&group->summaries[i], NULL, group->p + i * (size_t)classes, stride, NULL,
                                          g->passes, classes, g->level, &g->rule);
        if (status != SPS_OK)
            return status;
    }
    return SPS_OK;
}

static int label_of(const struct group *group, size_t image)
{
    return group->set == NULL || group->foreign_labels ? -1 : sps_dataset_label(group->set, image);
}

/* sps_metrics has these too; here one sees what they are. */
static void measure(struct group *group)
{
    double right = 0, accepted = 0, accepted_right = 0, n = (double)group->count;
    for (size_t i = 0; i < group->count; i++) {
        const struct sps_summary *s = &group->summaries[i];
        int is_right = s->predicted == label_of(group, i);
        right += is_right;
        accepted += s->accepted;
        accepted_right += s->accepted && is_right;
        group->entropy += s->entropy / n;
        group->mutual_information += s->mutual_information / n;
    }
    int labelled = label_of(group, 0) >= 0;
    group->accuracy = labelled ? right / n : NAN;
    group->accepted = accepted / n;
    group->accepted_accuracy = labelled && accepted > 0 ? accepted_right / accepted : NAN;
}

static sps_status compare_with_home(struct group *group, const struct group *home)
{
    double *a = malloc(home->count * sizeof *a), *b = malloc(group->count * sizeof *b);
    sps_status status = a != NULL && b != NULL ? SPS_OK : SPS_ENOMEM;
    for (size_t i = 0; i < home->count && status == SPS_OK; i++)
        a[i] = home->summaries[i].mutual_information;
    for (size_t i = 0; i < group->count && status == SPS_OK; i++)
        b[i] = group->summaries[i].mutual_information;
    if (status == SPS_OK)
        status = sps_auroc(&group->auroc, a, home->count, b, group->count);
    free(a);
    free(b);
    return status;
}

/* The group takes its place in the gallery; description[0].set and .count say what it is of. */
static int add_group(struct gallery *g, struct group description)
{
    if (g->group_count == GROUPS_MAX)
        return 0;
    struct group *group = &g->groups[g->group_count++];
    *group = description;
    size_t n = group->count, bytes = image_bytes(g);
    group->pixels = calloc(n, bytes);
    group->p = calloc(g->passes * n, (size_t)g->about->classes * sizeof *group->p);
    group->summaries = calloc(n, sizeof *group->summaries);
    const uint8_t **images = calloc(n, sizeof *images);
    if (group->pixels == NULL || group->p == NULL || group->summaries == NULL || images == NULL) {
        free(images);
        return out_of_memory();
    }
    fill_pixels(g, group);
    for (size_t i = 0; i < n; i++)
        images[i] = group->pixels + i * bytes;
    struct sps_predict_options options = SPS_PREDICT_OPTIONS_DEFAULT;
    options.samples = (uint32_t)g->passes;
    options.seed = g->seed;
    const struct sps_predictor predictor = sps_model_predictor(g->model);
    const struct sps_passes out = {.p = group->p};
    sps_status status = sps_predict(&predictor, &options, n, images, NULL, &out);
    free(images);
    if (status == SPS_OK)
        status = summarise(g, group);
    if (status != SPS_OK)
        return failed(status);
    measure(group);
    status = compare_with_home(group, &g->groups[0]);
    return status == SPS_OK ? 0 : status == SPS_ENOMEM ? out_of_memory() : failed(status);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int add_home_turned_and_noise(struct gallery *g, const sps_dataset *home)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(home);
    struct group group = {.set = home, .count = smaller(info->count, HOME_MAX), .short_name = "test"};
    snprintf(group.name, sizeof group.name, "%s, test images", info->name);
    int exit_status = add_group(g, group);
    group.count = smaller(info->count, FOREIGN_MAX);
    for (int degrees = 30; degrees <= 90 && exit_status == 0; degrees += 30) {
        group.degrees = degrees;
        snprintf(group.name, sizeof group.name, "the same, turned by %d degrees", degrees);
        snprintf(group.short_name, sizeof group.short_name, "turned %d", degrees);
        exit_status = add_group(g, group);
    }
    if (exit_status == 0)
        exit_status =
            add_group(g, (struct group){.count = FOREIGN_MAX, .name = "uniform noise", .short_name = "noise"});
    return exit_status;
}

static int fits(const struct gallery *g, const struct sps_dataset_info *info)
{
    return info->height == g->about->height && info->width == g->about->width && info->channels == g->about->channels;
}

enum { SETS_MAX = 8 };

/* Registered sets that are at hand, are neither the home nor what the model was trained on, and have its image size. */
static int add_other_sets(struct gallery *g, const char *home, const char *data_dir, sps_dataset **sets)
{
    const char *name, *summary, *how_to_get;
    int count = 0, exit_status = 0;
    for (size_t i = 0; (name = sps_dataset_list(i, &summary, &how_to_get)) != NULL && exit_status == 0; i++) {
        if (count == SETS_MAX || strcmp(name, home) == 0 || strcmp(name, g->about->data) == 0)
            continue;
        sps_dataset *set = NULL;
        sps_status status = sps_dataset_open(&set, name, SPS_TEST, data_dir);
        if (status != SPS_OK) {
            if (status != SPS_ENOTFOUND)
                fprintf(stderr, "gallery: '%s' is left out: %s\n", name, sps_last_error());
            continue;
        }
        sets[count++] = set;
        const struct sps_dataset_info *info = sps_dataset_get_info(set);
        if (!fits(g, info))
            continue;
        struct group group = {.set = set, .foreign_labels = 1, .count = smaller(info->count, FOREIGN_MAX)};
        snprintf(group.name, sizeof group.name, "%s: %s", name, summary);
        group.name[strcspn(group.name, ",")] = '\0';
        snprintf(group.short_name, sizeof group.short_name, "%s", name);
        exit_status = add_group(g, group);
    }
    return exit_status;
}

/* ---- what is shown ---- */

static struct section *add_section(struct gallery *g, const char *title, const char *text)
{
    struct section *section = &g->sections[g->section_count++];
    *section = (struct section){.title = title, .text = text};
    return section;
}

static void add_pick(struct section *section, int group, size_t image)
{
    if (section->count < PICKS_MAX)
        section->picks[section->count++] = (struct pick){group, image};
}

static int is_picked(const struct section *section, size_t image)
{
    for (int i = 0; i < section->count; i++)
        if (section->picks[i].image == image)
            return 1;
    return 0;
}

/* What to look for among the test images: the largest value that is above -INFINITY. */
typedef double (*wanted)(const struct group *home, size_t image, int parameter);

static double certain_of_class(const struct group *home, size_t image, int label)
{
    const struct sps_summary *s = &home->summaries[image];
    return s->predicted == label && s->accepted ? -s->entropy : -INFINITY;
}

static double disagreement(const struct group *home, size_t image, int unused)
{
    (void)unused;
    return home->summaries[image].mutual_information;
}

static double entropy_in_all(const struct group *home, size_t image, int unused)
{
    (void)unused;
    return home->summaries[image].entropy;
}

static double sure_and_wrong(const struct group *home, size_t image, int unused)
{
    (void)unused;
    const struct sps_summary *s = &home->summaries[image];
    return s->predicted != label_of(home, image) ? s->confidence : -INFINITY;
}

static void pick_largest(struct section *section, const struct group *home, wanted value, int parameter, int count)
{
    for (int found = 0; found < count; found++) {
        double best = -INFINITY;
        size_t at = home->count;
        for (size_t i = 0; i < home->count; i++) {
            double v = value(home, i, parameter);
            if (v > best && !is_picked(section, i)) {
                best = v;
                at = i;
            }
        }
        if (at == home->count)
            return;
        add_pick(section, 0, at);
    }
}

static void choose(struct gallery *g)
{
    const struct group *home = &g->groups[0];
    struct section *sure =
        add_section(g, "Sure", "For each class the accepted image whose answer has the lowest entropy.");
    for (int label = 0; label < g->about->classes && sure->count < 8; label++)
        pick_largest(sure, home, certain_of_class, label, 1);
    struct section *unsure =
        add_section(g, "Unsure",
                    "First four images on which the passes disagree most (mutual information: what the network does "
                    "not know), then "
                    "the four with the highest entropy (images that are hard to tell, whatever the network knows).");
    pick_largest(unsure, home, disagreement, 0, 4);
    pick_largest(unsure, home, entropy_in_all, 0, 4);
    pick_largest(add_section(g, "Mistakes it is surest of",
                             "The wrong answers with the highest probability. Where such an image is accepted, nothing "
                             "warns of the mistake."),
                 home, sure_and_wrong, 0, 4);
    struct section *turned = add_section(g, "Turned",
                                         "The same images upright and turned by 30, 60 and 90 degrees. "
                                         "The network has seen upright ones only.");
    for (size_t row = 0, shown = 0; row < home->count && shown < 3; row++) {
        if (!home->summaries[row].accepted || row >= g->groups[1].count)
            continue;
        for (int group = 0; group <= 3; group++)
            add_pick(turned, group, row);
        shown++;
    }
    struct section *foreign = add_section(
        g, "Foreign", "Noise, and images of other data sets: there is no right answer, so none should be given.");
    int others = g->group_count - 4;
    for (int group = 4; group < g->group_count; group++)
        for (size_t i = 0; i < (others > 3 ? 2 : 4); i++)
            add_pick(foreign, group, i);
}

/* ---- words ---- */

const char *class_text(const struct gallery *g, int label, char buffer[32])
{
    const char *name = sps_model_class_name(g->model, label);
    if (name != NULL)
        return name;
    snprintf(buffer, 32, "class %d", label);
    return buffer;
}

int truth_text(const struct gallery *g, const struct pick *pick, char *text, size_t size)
{
    char buffer[32];
    const struct group *group = &g->groups[pick->group];
    int label = label_of(group, pick->image);
    if (group->set == NULL) {
        snprintf(text, size, "nothing, uniform noise");
        return -1;
    }
    if (group->foreign_labels) {
        const char *name = sps_dataset_class_name(group->set, sps_dataset_label(group->set, pick->image));
        snprintf(text, size, "%s%s%s", group->short_name, name ? ": " : "", name ? name : "");
        return -1;
    }
    if (group->degrees != 0)
        snprintf(text, size, "%s, turned %g degrees", class_text(g, label, buffer), group->degrees);
    else
        snprintf(text, size, "%s", class_text(g, label, buffer));
    return group->summaries[pick->image].predicted == label;
}

void verdict_text(const struct gallery *g, const struct sps_summary *s, char *text, size_t size)
{
    snprintf(text, size, "%s: its surest class keeps at least %.1f %% in %g %% of the passes; %g %% are asked for",
             s->accepted ? "accepted" : "rejected", 100 * s->score, 100 - 100 * g->rule.quantile,
             100 * g->rule.threshold);
}

static void print_share(double share)
{
    if (isnan(share))
        printf(" %10s", "-");
    else
        printf(" %8.1f %%", 100 * share);
}

static void print_text(const struct gallery *g)
{
    printf("%-36s %6s %10s %10s %10s %10s %12s %12s %9s\n", "group", "images", "accuracy", "rejected", "accepted",
           "acc. right", "entropy/nat", "mut. i./nat", "AUROC");
    for (int i = 0; i < g->group_count; i++) {
        const struct group *group = &g->groups[i];
        printf("%-36s %6zu", group->name, group->count);
        print_share(group->accuracy);
        print_share(1 - group->accepted);
        print_share(group->accepted);
        print_share(group->accepted_accuracy);
        printf(" %12.4f %12.4f", group->entropy, group->mutual_information);
        if (i > 0)
            printf(" %9.3f", group->auroc);
        putchar('\n');
    }
    for (int i = 0; i < g->section_count; i++) {
        const struct section *section = &g->sections[i];
        printf("\n%-24s %5s  %-28s %-14s %11s %12s %12s  verdict\n", section->title, "image", "is", "predicted",
               "probability", "entropy/nat", "mut. i./nat");
        for (int j = 0; j < section->count; j++) {
            const struct pick *pick = &section->picks[j];
            const struct sps_summary *s = &g->groups[pick->group].summaries[pick->image];
            char truth[128], buffer[32];
            truth_text(g, pick, truth, sizeof truth);
            printf("%-24s %5zu  %-28s %-14s %9.1f %% %12.4f %12.4f  %s\n", g->groups[pick->group].short_name,
                   pick->image, truth, class_text(g, s->predicted, buffer), 100 * s->confidence, s->entropy,
                   s->mutual_information, s->accepted ? "accepted" : "rejected");
        }
    }
}

/* ---- all of it ---- */

static int show(struct gallery *g, const struct arguments *a, const sps_dataset *home, sps_dataset **others)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(home);
    if (!fits(g, info)) {
        fprintf(stderr, "gallery: images of '%s' are %d x %d with %d channels, the model reads %d x %d with %d\n",
                info->name, info->height, info->width, info->channels, g->about->height, g->about->width,
                g->about->channels);
        return 2;
    }
    int exit_status = add_home_turned_and_noise(g, home);
    if (exit_status == 0)
        exit_status = add_other_sets(g, info->name, a->data_dir, others);
    if (exit_status != 0)
        return exit_status;
    choose(g);
    print_text(g);
    if (write_page(g, a->out) != 0) {
        fprintf(stderr, "gallery: cannot write '%s': %s\n", a->out, strerror(errno));
        return 1;
    }
    printf("\npage: %s\n", a->out);
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a;
    int exit_status = parse(&a, argc, argv);
    if (exit_status != 0)
        return exit_status;
    static struct gallery g;
    g = (struct gallery){
        .model_path = a.model, .passes = a.samples, .seed = a.seed, .level = 0.95, .rule = SPS_ACCEPT_RULE_DEFAULT};
    sps_dataset *home = NULL, *others[SETS_MAX] = {NULL};
    sps_status status = sps_model_open(&g.model, a.model);
    if (status == SPS_OK)
        status = sps_dataset_open(&home, a.data, SPS_TEST, a.data_dir);
    if (status == SPS_OK) {
        g.about = sps_model_get_info(g.model);
        exit_status = show(&g, &a, home, others);
    } else
        exit_status = failed(status);
    for (int i = 0; i < g.group_count; i++) {
        free(g.groups[i].pixels);
        free(g.groups[i].p);
        free(g.groups[i].summaries);
    }
    for (int i = 0; i < SETS_MAX; i++)
        sps_dataset_free(others[i]);
    sps_dataset_free(home);
    sps_model_close(g.model);
    return exit_status;
}
