/* SPDX-License-Identifier: MIT */
#ifndef SPS_BAYES_BAYES_H
#define SPS_BAYES_BAYES_H
/* Methods: how a network is trained so that its scale bank means something.  Registered in list.h; the interface is
 * struct sps_method in nn/nn.h. */
#include "nn/nn.h"

const struct sps_method *sps_method_find(const char *name);
const struct sps_method *sps_method_at(size_t index);

/* First values of a layer's scale vector: uniform on [1 - spread, 1 + spread]. */
void sps_scale_initialise(const struct sps_scale *scale, float *value, double spread, uint64_t seed);

/* A scale as a cell of so many bits holds it (PACT, clipped to 0 .. clip); 0 bits leave it as it is. */
float sps_scale_quantise(int bits, double clip, float scale);

/* A setting that is one number for all layers, or a list with one a layer: its value for this layer, and the two checks
 * that a list has as many as there are layers (in attach, and in check). */
double sps_scale_setting(const struct sps_scale *scale, const struct sps_reals *setting);
sps_status sps_scale_setting_reaches(const struct sps_scale *scale, const struct sps_reals *setting, const char *key);
sps_status sps_scale_setting_fits(const struct sps_graph *graph, const struct sps_reals *setting, const char *key);

/* What methods without randomness in the scale share: one learned scale vector, a bank of one entry. */
sps_status sps_point_attach(struct sps_graph *graph, struct sps_scale *scale, double spread, uint64_t seed);
/* The same where the noise is elsewhere: all scales start at one. */
sps_status sps_point_attach_ones(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed);
void sps_point_draw(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1);
void sps_point_backward(struct sps_scale *scale, const struct sps_pass *pass);
sps_status sps_point_make_bank(struct sps_scale *scale, uint64_t seed, uint32_t attempt);

/* A dropout layer (nn/dropout.c), as a description has it. */
void sps_dropout_text(char layer[SPS_NOISE_TEXT], double p, int map);

/* The stream of one sample's draw in training: per sample it is the image's, per batch one for all. */
struct sps_random;
struct sps_random sps_scale_stream(const struct sps_scale *scale, const struct sps_pass *pass, int sample,
                                   int per_batch);
#endif
