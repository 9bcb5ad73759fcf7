/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_FOREIGN_H
#define SPINSCALE_FOREIGN_H
/* Images that a model was not trained for, in the size that it reads: another data set, resized, or noise, drawn. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/images.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Any set in another size, by sps_image_fit() (data.h), image by image as they are asked for.  Height and width are 1
 * to 8192; channels 1 or 3, or as many as `from` has.  What `from` stands for must outlive the wrapper; its name and
 * labels are the wrapper's.  Released with sps_fitted_free(). */
typedef struct sps_fitted sps_fitted;
sps_status sps_fitted_create(sps_fitted **out, const struct sps_images *from, int height, int width, int channels);
void sps_fitted_free(sps_fitted *fitted); /* NULL is allowed */
struct sps_images sps_fitted_images(const sps_fitted *fitted);

struct sps_foreign_options {
    const char *data_dir; /* as for sps_dataset_open() */
    uint64_t seed;        /* of what is drawn; image i of a name, a size and a seed is always the same */
    size_t count;         /* images; 0: 10,000 drawn ones, or all of a set (whose number is also the most) */
};

/* The test part of a set, or drawn images, by name:
 *   noise-gaussian          each value is normal with mean 0 and standard deviation 1, where 0 is black and 1 white,
 *                           clipped to 0 .. 1 and rounded to 8 bits; no image has a label
 *   noise-uniform           each value is uniform on 0 .. 1
 *   SET+gaussian:STRENGTH   images of a set, each value plus STRENGTH times a standard normal number, clipped
 *   SET+uniform:STRENGTH    the same with a number uniform on -1 .. 1
 *   SET                     anything that sps_dataset_open() takes
 * Drawn images may have any number of channels; a set's are grey or colour and become either.  They are fitted to the
 * size first, noise is added then.  STRENGTH is above 0, at most 10.  Fails as
 * sps_dataset_open() does, SPS_EINVAL also for a wrong strength or size.  Released with sps_foreign_close(). */
typedef struct sps_foreign sps_foreign;
sps_status sps_foreign_open(sps_foreign **out, const char *name, int height, int width, int channels,
                            const struct sps_foreign_options *options); /* NULL: all 0 */
void sps_foreign_close(sps_foreign *foreign);                           /* NULL is allowed */
struct sps_images sps_foreign_images(const sps_foreign *foreign);
/* The size that the images had before they were fitted; 0 where that is the size asked for. */
int sps_foreign_fitted(const sps_foreign *foreign, int *height, int *width, int *channels);

/* The names above that need no set, and the endings, for help and info; NULL after the last. */
const char *sps_foreign_list(size_t index, const char **summary);

#ifdef __cplusplus
}
#endif
#endif
