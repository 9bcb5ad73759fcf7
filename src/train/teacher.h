/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_TEACHER_H
#define SPS_TRAIN_TEACHER_H
/* What trained models say about the training images, for a network to learn from (Hinton et al. 2015, "Distilling the
 * knowledge in a neural network").  An ensemble teaches its mean. */
#include "spinscale/data.h"
#include "spinscale/ranks.h"
#include "spinscale/status.h"

struct sps_teacher {
    float *p; /* [mirrored or not][images][classes] */
    size_t images;
    int classes;
};

/* models: paths of model files, packed models or run folders, joined by '+'.  Where the run mirrors images, the teacher
 * looks at the mirrored ones too; it sees no other augmentation.  A model with a bank or dropout gives the mean of
 * `samples` passes.  Ranks share the images.  Takes a second per 10,000 images for a packed network of LeNet's size.
 * Release with reset. */
sps_status sps_teacher_init(struct sps_teacher *out, const char *models, const sps_dataset *data, int mirror,
                            uint32_t samples, int threads, const sps_ranks *ranks);
void sps_teacher_reset(struct sps_teacher *teacher); /* an empty one is allowed */
/* [classes] */
const float *sps_teacher_row(const struct sps_teacher *teacher, size_t image, int mirrored);
#endif
