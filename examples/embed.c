/* SPDX-License-Identifier: MIT */
/* embed MODEL.packed IMAGE.pgm: what is it, and how sure is the model? */
#include <spinscale/engine.h>
#include <stdio.h>

enum { T = 20, PIXELS = 1 << 16, CLASSES = 256 /* no model has more */ };

/* An 8-bit grey image of the model's size. */
static int read_pgm(uint8_t *pixels, const struct sps_model_info *m, const char *path)
{
    int width, height, count = m->channels == 1 && m->height <= PIXELS / m->width ? m->height * m->width : 0;
    FILE *file = fopen(path, "rb");
    int good = file != NULL && fscanf(file, "P5 %d %d 255%*c", &width, &height) == 2 && width == m->width &&
               height == m->height && count > 0 && fread(pixels, 1, (size_t)count, file) == (size_t)count;
    if (file != NULL)
        fclose(file);
    return good;
}

static int fail(const char *why)
{
    fprintf(stderr, "embed: %s\n", why);
    return 1;
}

int main(int argc, char **argv)
{
    static uint8_t pixels[PIXELS];
    static float p[T * CLASSES];                                            /* [T][1 image][classes] */
    const struct sps_predict_options options = SPS_PREDICT_OPTIONS_DEFAULT; /* T = 20 sampled paths, seed 1 */
    const struct sps_passes out = {.p = p};
    sps_packed *model = NULL;
    sps_session *session = NULL;
    struct sps_summary s;
    if (argc != 3)
        return fail("usage: embed MODEL.packed IMAGE.pgm");
    if (sps_packed_open(&model, argv[1]) != SPS_OK || sps_session_create(&session, model, NULL) != SPS_OK)
        return fail(sps_last_error());
    const struct sps_predictor predictor = sps_session_predictor(session);
    const size_t classes = (size_t)predictor.info->classes;
    if (!read_pgm(pixels, predictor.info, argv[2]))
        return fail("the image is no 8-bit PGM of the model's size");
    if (sps_predict(&predictor, &options, 1, (const uint8_t *[]){pixels}, NULL, &out) != SPS_OK ||
        sps_summarise(&s, NULL, p, classes, NULL, T, (int)classes, 0.95, NULL) != SPS_OK)
        return fail(sps_last_error());
    printf("class %d, probability %.4f, mutual information %.4f nats, %s\n", s.predicted, s.confidence,
           s.mutual_information, s.accepted ? "accept" : "reject");
    sps_session_free(session);
    sps_packed_close(model);
    return 0;
}
