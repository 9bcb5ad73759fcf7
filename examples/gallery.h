/* SPDX-License-Identifier: MIT */
#ifndef GALLERY_H
#define GALLERY_H
/* What the gallery shows: groups of predicted images, and sections that pick some of them. */
#include <stdint.h>

#include "spinscale/data.h"
#include "spinscale/model.h"
#include "spinscale/uq.h"

enum { GROUPS_MAX = 16, SECTIONS_MAX = 16, PICKS_MAX = 20, CLASSES_SHOWN = 3 };

/* Images of one kind, predicted: test images, the same turned, noise, another set. */
struct group {
    char name[80], short_name[24];
    const sps_dataset *set; /* where the images come from; NULL for noise */
    int foreign_labels;     /* labels are of another set's classes */
    double degrees;         /* turned by this much */
    size_t count;
    uint8_t *pixels; /* [count][H][W][C] */
    float *p;        /* [passes][count][classes] */
    struct sps_summary *summaries;
    /* Of the whole group; NaN where undefined. */
    double accuracy, accepted, accepted_accuracy, entropy, mutual_information;
    double auroc; /* of mutual information against the first group */
};

struct pick {
    int group;
    size_t image;
};

struct section {
    const char *title, *text;
    int count;
    struct pick picks[PICKS_MAX];
};

struct gallery {
    const char *model_path;
    sps_model *model;
    const struct sps_model_info *about;
    size_t passes;
    uint64_t seed;
    double level;
    struct sps_accept_rule rule;
    int group_count, section_count;
    struct group groups[GROUPS_MAX]; /* [0] is home */
    struct section sections[SECTIONS_MAX];
};

/* Name of a class of the model; a number where it has none. */
const char *class_text(const struct gallery *g, int label, char buffer[32]);
/* What the image really is, and whether the prediction is right: 1, 0, or -1 where that has no meaning. */
int truth_text(const struct gallery *g, const struct pick *pick, char *text, size_t size);
/* The verdict in plain words. */
void verdict_text(const struct gallery *g, const struct sps_summary *s, char *text, size_t size);

/* The page, in one file without scripts or outside references; 0, or -1 with errno. */
int write_page(const struct gallery *g, const char *path);
#endif
