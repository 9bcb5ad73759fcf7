/* SPDX-License-Identifier: MIT */
/* first MODEL IMAGE.png: what is it, and how sure is the model? */
#include <spinscale/data.h>
#include <spinscale/model.h>
#include <spinscale/uq.h>
#include <stdio.h>

enum { T = 20, CLASSES_MAX = 256 };

static sps_status predict(sps_model *model, const char *path)
{
    static float p[T * CLASSES_MAX]; /* [T][1][classes] */
    const struct sps_model_info *about = sps_model_get_info(model);
    struct sps_predict_options options = SPS_PREDICT_OPTIONS_DEFAULT; /* T = 20 sampled paths, seed 1 */
    struct sps_summary s;
    uint8_t *pixels = NULL, fitted[64 * 64 * 3];
    int height, width, channels;
    sps_status status = sps_image_read_png(&pixels, &height, &width, &channels, path);
    if (status != SPS_OK)
        return status;
    if (about->height > 64 || about->width > 64 || about->channels > 3)
        status = SPS_EUNSUPPORTED;
    else
        sps_image_fit(fitted, about->height, about->width, about->channels, pixels, height, width, channels);
    sps_image_free(pixels);
    if (status == SPS_OK)
        status = sps_model_predict(model, &options, 1, (const uint8_t *[]){fitted}, NULL, p, NULL, NULL, NULL);
    if (status == SPS_OK)
        status = sps_summarise(&s, NULL, p, (size_t)about->classes, NULL, T, about->classes, 0.95, NULL);
    if (status == SPS_OK)
        printf("%s: class %d, probability %.3f, mutual information %.4f nats, %s\n", path, s.predicted, s.confidence,
               s.mutual_information, s.accepted ? "accepted" : "rejected");
    return status;
}

int main(int argc, char **argv)
{
    sps_model *model = NULL;
    if (argc != 3)
        return 2;
    sps_status status = sps_model_open(&model, argv[1]);
    if (status == SPS_OK)
        status = predict(model, argv[2]);
    if (status != SPS_OK)
        fprintf(stderr, "first: %s\n", sps_last_error());
    sps_model_close(model);
    return sps_exit_status(status);
}
