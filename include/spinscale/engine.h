/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_ENGINE_H
#define SPINSCALE_ENGINE_H
/* The packed engine: T passes (or all paths) of a packed binary network for little more than the price of one.
 *
 * Paths of an image that begin with the same picks share their work up to where they part; where they part, the sums of
 * the next layer are updated by the bits that differ.  All sums are integers, so the numbers are those of T separate
 * passes, whatever is shared. docs/engine.md has the details. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/predict.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A packed model ("spinscale pack").  Immutable: sessions and threads may share it. */
typedef struct sps_packed sps_packed;

/* Maps the file.  Hostile input: everything is checked.  The file may be replaced (renamed over) while it is open, but
 * must not be cut short.  Release with sps_packed_close(), after its sessions. */
sps_status sps_packed_open(sps_packed **out, const char *path);
void sps_packed_close(sps_packed *packed); /* NULL is allowed */
/* Is it the file of a packed model, as far as its header says?  False if it cannot be read. */
int sps_packed_is(const char *path);
/* Atomic. */
sps_status sps_packed_write(const sps_packed *packed, const char *path);
const struct sps_model_info *sps_packed_get_info(const sps_packed *packed);
/* Name of a class, or NULL. */
const char *sps_packed_class_name(const sps_packed *packed, int label);

/* From here on the model is that of a chip whose dropout probabilities differ from the declared ones: p of each noise
 * source is normal with standard deviation sigma (0 to 1; 0: as declared), cut to 0 .. 0.95, drawn once by seed and chip
 * (Scale-Dropout paper eq. 24).  The first entry of a source is what is kept.  For the one caller who has the model, and
 * between sessions.  SPS_EINVAL, SPS_ENOMEM. */
sps_status sps_packed_spread(sps_packed *packed, double sigma, uint64_t seed, uint32_t chip);

struct sps_session_options {
    int threads;    /* 1 to 1024; 0: all cores */
    int no_sharing; /* each pass alone: an oracle, and the price to compare with */
    int no_deltas;  /* every node of the path tree in full */
    int profile;    /* measure time in each layer */
};

/* Room to predict in: threads, and one arena for all of them, sized beforehand; predicting allocates nothing.  A
 * session serves one caller at a time. */
typedef struct sps_session sps_session;
/* Bytes of the arena. */
sps_status sps_session_size(size_t *bytes, const sps_packed *packed, const struct sps_session_options *options);
/* options may be NULL. */
sps_status sps_session_create(sps_session **out, const sps_packed *packed, const struct sps_session_options *options);
void sps_session_free(sps_session *session); /* NULL is allowed */

/* As sps_predict() of spinscale/predict.h describes. */
struct sps_predictor sps_session_predictor(sps_session *session);

/* Share of activation bits that differ between two different entries of each bank: share[L], averaged over entry pairs
 * and n images, whose paths up to there are drawn from seed (pass 0).  NaN for a layer without a threshold behind it
 * (the last one), with one entry, or with masks. */
sps_status sps_session_flips(double *share, sps_session *session, size_t n, const uint8_t *const *images,
                             const uint32_t *index, uint64_t seed);

int sps_session_threads(const sps_session *session);
int sps_session_layers(const sps_session *session);

/* What a session did since it was made or reset. */
struct sps_layer_work {
    const char *name; /* of the layer */
    size_t macs;      /* multiply-accumulates of one node in full */
    uint64_t nodes;   /* nodes of path trees whose sums were needed */
    uint64_t updated; /* of these, by update from the node before */
    uint64_t flips;   /* input bits that differed in those updates */
    uint64_t bits;    /* input bits of those updates */
    uint64_t passes;  /* passes that used them: nodes without sharing */
    double seconds;   /* with options.profile: time in its sums, pooling and thresholds, all threads together */
};
struct sps_session_work {
    int layers;
    const struct sps_layer_work *layer; /* [layers] */
    uint64_t images, passes, paths;     /* paths: distinct ones, summed over images */
    uint64_t skipped;                   /* passes that early stopping saved */
};
void sps_session_get_work(struct sps_session_work *out, sps_session *session);
void sps_session_reset_work(sps_session *session);

#ifdef __cplusplus
}
#endif
#endif
