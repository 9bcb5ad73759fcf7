/* SPDX-License-Identifier: MIT */
/* first MODEL IMAGE.png: what is it, and how sure is the model? */
#include <spinscale/data.h>
#include <spinscale/model.h>
#include <spinscale/uq.h>
#include <stdio.h>
#include <stdlib.h>

enum { T = 20 };

static sps_status predict(sps_model *model, const char *path)
{
    const struct sps_model_info *m = sps_model_get_info(model);
    const struct sps_predict_options options = SPS_PREDICT_OPTIONS_DEFAULT; /* T = 20 sampled paths, seed 1 */
    struct sps_summary s;
    uint8_t *png = NULL, *image = malloc((size_t)m->height * (size_t)m->width * (size_t)m->channels);
    float *p = malloc(T * (size_t)m->classes * sizeof *p); /* [T][1 image][classes] */
    int height, width, channels;
    sps_status status = image && p ? sps_image_read_png(&png, &height, &width, &channels, path) : SPS_ENOMEM;
    if (status == SPS_OK) {
        sps_image_fit(image, m->height, m->width, m->channels, png, height, width, channels);
        const struct sps_predictor predictor = sps_model_predictor(model);
        const struct sps_predictions out = {.p = p};
        status = sps_predict(&predictor, &options, 1, (const uint8_t *[]){image}, NULL, &out);
    }
    if (status == SPS_OK)
        status = sps_summarise(&s, NULL, p, (size_t)m->classes, NULL, T, m->classes, 0.95, NULL);
    if (status == SPS_OK)
        printf("class %d, probability %.3f, mutual information %.4f nats, %s\n", s.predicted, s.confidence,
               s.mutual_information, s.accepted ? "accepted" : "rejected");
    sps_image_free(png);
    free(image);
    free(p);
    return status;
}

int main(int argc, char **argv)
{
    sps_model *model = NULL;
    sps_status status = argc == 3 ? sps_model_open(&model, argv[1]) : SPS_EINVAL;
    if (status == SPS_OK)
        status = predict(model, argv[2]);
    if (status != SPS_OK)
        fprintf(stderr, "first: %s\n", argc == 3 ? sps_last_error() : "usage: first MODEL IMAGE.png");
    sps_model_close(model);
    return sps_exit_status(status);
}
