/* SPDX-License-Identifier: MIT */
/* Every layer against a naive version of itself.  Sums of binary products are compared exactly, floats with the
 * tolerance said beside them.  A layer is looked at alone: the graph around it only gives it inputs of the right kind,
 * which the test overwrites. */
#include "core/affine.h"
#include "net.h"
#include "nn/list.h"

/* ---- values of an input, whatever its kind ---- */

static double value_at(const struct sps_graph *graph, const struct sps_layer *layer, int image, size_t i)
{
    const void *x = sps_layer_input(graph, layer, image);
    switch (layer->in.kind) {
    case SPS_CODES:
        return ((const int8_t *)x)[i];
    case SPS_BITS:
        return ((const uint32_t *)x)[i / 32] >> i % 32 & 1 ? 1 : -1;
    case SPS_LEVELS:
        return ((const uint8_t *)x)[i];
    case SPS_SUMS:
        return ((const int32_t *)x)[i];
    case SPS_SUMS16:
        return ((const int16_t *)x)[i];
    default:
        return ((const float *)x)[i];
    }
}

/* Random numbers of the right kind into the layer's input, all images of the batch. */
static void fill_input(struct sps_graph *graph, struct sps_layer *layer, struct sps_random *r)
{
    size_t size = sps_shape_size(&layer->in), words = sps_words(size);
    for (int i = 0; i < graph->batch; i++) {
        char *x = layer->input ? (char *)layer->input->y + (size_t)i * layer->input->y_stride : NULL;
        switch (layer->in.kind) {
        case SPS_CODES:
            fill_codes(r, graph->codes + (size_t)i * size, size);
            break;
        case SPS_BITS:
            for (size_t w = 0; w < words; w++)
                ((uint32_t *)(void *)x)[w] =
                    sps_random_u32(r) & (size - 32 * w < 32 ? (1u << (size - 32 * w)) - 1 : ~0u);
            break;
        case SPS_SUMS:
            for (size_t j = 0; j < size; j++)
                ((int32_t *)(void *)x)[j] = (int32_t)sps_random_below(r, 81) - 40;
            break;
        case SPS_LEVELS:
            for (size_t j = 0; j < size; j++)
                x[j] = (char)sps_random_below(r, 256);
            break;
        case SPS_SUMS16:
            for (size_t j = 0; j < size; j++)
                ((int16_t *)(void *)x)[j] = (int16_t)((int)sps_random_below(r, 81) - 40);
            break;
        case SPS_REALS:
            fill_normal(r, (float *)(void *)x, size);
            break;
        }
    }
}

/* Runs the backward pass of one layer; returns the gradient of its input, good until the next; dy[n][out] is kept. */
static const float *run_backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass,
                                 const float *dy)
{
    static float buffer[2][1 << 18];
    size_t images = (size_t)graph->batch, in = sps_shape_size(&layer->in), out = sps_shape_size(&layer->out);
    assert_true(images * in <= sizeof buffer[0] / sizeof **buffer &&
                images * out <= sizeof buffer[0] / sizeof **buffer);
    memcpy(buffer[0], dy, (size_t)pass->n * out * sizeof *dy);
    float *dx = sps_layer_in_place(layer) ? buffer[0] : buffer[1];
    sps_layer_backward(graph, layer, pass, buffer[0], layer->input ? dx : NULL);
    return dx;
}

static struct sps_weight *find_weight(const struct sps_graph *graph, int layer, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "layers.%d.%s", layer, name);
    for (int i = 0; i < graph->weight_count; i++)
        if (strcmp(graph->weights[i]->name, full) == 0)
            return graph->weights[i];
    fail_msg("no weight '%s'", full);
    return NULL;
}

/* ---- convolution ---- */

struct conv_case {
    int h, w, c, o, kernel, stride, pad, pool;
    enum sps_kind kind; /* of the input */
    int ceil;           /* windows at the end may be smaller */
};

static const char *activation_of(enum sps_kind kind)
{
    return kind == SPS_BITS ? "  - sign: {}\n" : kind == SPS_LEVELS ? "  - pact: {bits: 8}\n" : "";
}

/* A graph whose layer of that kind of input is the last but two (binary) or last but one.  drawn: setting of a layer
 * whose weights are drawn (", drop: 0.3"), or empty. */
static struct sps_graph *conv_graph(const struct conv_case *q, const char *drawn, int binary, int training, int threads,
                                    int batch)
{
    char text[1024], front[256] = "", back[64] = "";
    int input_c = q->kind == SPS_CODES ? q->c : 1;
    if (q->kind != SPS_CODES)
        snprintf(front, sizeof front, "  - conv: {out: %d, kernel: 1}\n%s", q->c, activation_of(q->kind));
    if (binary)
        snprintf(back, sizeof back, "  - batchnorm: {}\n");
    snprintf(text, sizeof text,
             "input: {height: %d, width: %d, channels: %d}\nclasses: 3\nlayers:\n%s"
             "  - conv: {out: %d, kernel: %d, stride: %d, pad: %d, pool: %d, pool_ceil: %s, binary: %s%s}\n%s  - "
             "dense: {out: classes}\n",
             q->h, q->w, input_c, front, q->o, q->kernel, q->stride, q->pad, q->pool,
             q->ceil && q->pool > 1 ? "true" : "false", binary ? "true" : "false", drawn, back);
    return make_graph(text,
                      &(struct sps_graph_options){.training = training, .threads = threads, .batch = batch, .seed = 5});
}

static struct sps_layer *conv_layer(const struct sps_graph *graph, const struct conv_case *q)
{
    return graph->layers[q->kind == SPS_CODES ? 0 : q->kind == SPS_REALS ? 1 : 2];
}

/* Rows or columns of so many pixels before and behind pooling. */
static int positions_of(const struct conv_case *q, int pixels)
{
    return (pixels + 2 * q->pad - q->kernel) / q->stride + 1;
}

static int pooled_of(const struct conv_case *q, int pixels)
{
    int n = positions_of(q, pixels);
    return n / q->pool + (q->ceil && n % q->pool > 0);
}

/* The plain sum at one position before pooling; padding is a true zero.  Adds g times the derivatives if asked. */
static double conv_at(const struct conv_case *q, const double *x, const double *w, int i, int j, int o, double g,
                      double *dx, double *dw)
{
    double sum = 0;
    for (int a = 0; a < q->kernel; a++)
        for (int b = 0; b < q->kernel; b++)
            for (int c = 0; c < q->c; c++) {
                int y = i * q->stride - q->pad + a, z = j * q->stride - q->pad + b;
                if (y < 0 || y >= q->h || z < 0 || z >= q->w)
                    continue;
                size_t at_x = (size_t)((y * q->w + z) * q->c + c);
                size_t at_w = (size_t)(((o * q->kernel + a) * q->kernel + b) * q->c + c);
                sum += x[at_x] * w[at_w];
                if (dx != NULL) {
                    dx[at_x] += g * w[at_w];
                    dw[at_w] += g * x[at_x];
                }
            }
    return sum;
}

/* Pooled sums of one image, with the first position of equals in raster order; gradients are added if dy is given. */
static void conv_reference(const struct conv_case *q, double *y, const double *x, const double *w, const float *dy,
                           double *dx, double *dw)
{
    int oh = pooled_of(q, q->h), ow = pooled_of(q, q->w);
    for (int i = 0; i < oh; i++)
        for (int j = 0; j < ow; j++)
            for (int o = 0; o < q->o; o++) {
                size_t at = (size_t)((i * ow + j) * q->o + o);
                int row = 0, column = 0;
                y[at] = -INFINITY;
                for (int a = 0; a < q->pool * q->pool; a++) {
                    int r = i * q->pool + a / q->pool, s = j * q->pool + a % q->pool;
                    if (r >= positions_of(q, q->h) || s >= positions_of(q, q->w))
                        continue;
                    double z = conv_at(q, x, w, r, s, o, 0, NULL, NULL);
                    if (z > y[at]) {
                        y[at] = z;
                        row = r;
                        column = s;
                    }
                }
                if (dy != NULL)
                    conv_at(q, x, w, row, column, o, dy[at], dx, dw);
            }
}

/* Of bits, where signs are not kept. */
static double sign_at(const struct sps_weight *w, size_t i)
{
    size_t row = i / w->row, k = i % w->row;
    if (w->sign != NULL)
        return w->sign[i];
    return w->bits[row * sps_words(w->row) + k / 32] >> k % 32 & 1 ? 1 : -1;
}

/* Those of the last pass, which are drawn or not. */
static void read_weights(double *w, const struct sps_weight *weight, int binary)
{
    const struct sps_weight *used = weight->drawn != NULL ? weight->drawn : weight;
    for (size_t i = 0; i < weight->rows * weight->row; i++)
        w[i] = binary ? sign_at(used, i) : used->value[i];
}

static void check_drawn_conv(const struct conv_case *q, const char *drawn, int binary, int training, int threads,
                             int batch, int n, uint32_t seed)
{
    struct sps_graph *graph = conv_graph(q, drawn, binary, training, threads, batch);
    struct sps_layer *layer = conv_layer(graph, q);
    struct sps_weight *weight = find_weight(graph, layer->index, "weight");
    struct sps_random r = test_random(seed);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, n);
    size_t in = sps_shape_size(&layer->in), out = sps_shape_size(&layer->out), count = weight->rows * weight->row;
    assert_int_equal(layer->out.h, pooled_of(q, q->h));
    assert_int_equal(layer->out.w, pooled_of(q, q->w));
    assert_int_equal(layer->out.c, q->o);
    assert_int_equal(layer->in.kind, q->kind);
    double *x = ROOM(double, in), *w = ROOM(double, count), *y = ROOM(double, out), *dx = ROOM(double, (size_t)n *in),
           *dw = ROOM(double, count);
    float *dy = ROOM(float, (size_t)batch *out);
    double step = !binary && q->kind == SPS_CODES ? graph->code_step : 1;
    /* What an earlier, larger batch left behind must not show in a smaller one. */
    fill_input(graph, layer, &r);
    fill_normal(&r, dy, (size_t)batch * out);
    pass.n = batch;
    sps_layer_forward(graph, layer, &pass);
    if (training)
        run_backward(graph, layer, &pass, dy);
    pass.n = n;
    fill_input(graph, layer, &r);
    fill_normal(&r, dy, (size_t)n * out);
    sps_layer_forward(graph, layer, &pass);
    read_weights(w, weight, binary);
    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < in; j++)
            x[j] = step * value_at(graph, layer, i, j);
        conv_reference(q, y, x, w, training ? dy + (size_t)i * out : NULL, dx + (size_t)i * in, dw);
        for (size_t j = 0; j < out; j++)
            if (binary)
                assert_int_equal(layer->out.kind == SPS_SUMS16 ? ((const int16_t *)layer->y)[(size_t)i * out + j]
                                                               : ((const int32_t *)layer->y)[(size_t)i * out + j],
                                 (int32_t)y[j]);
            else /* float sums of up to a few hundred products of size 1 */
                NEAR(((const float *)layer->y)[(size_t)i * out + j], y[j], 2e-5);
    }
    if (training) {
        const float *got = run_backward(graph, layer, &pass, dy);
        /* Float sums of at most a few thousand terms: 1e-4 of the largest input they are made of. */
        double tolerance = q->kind == SPS_LEVELS ? 2e-2 : q->kind == SPS_CODES && binary ? 1e-2 : 1e-4;
        for (size_t i = 0; i < count; i++)
            NEAR(weight->grad[i], weight->drop > 0 ? dw[i] * weight->noise[i] : dw[i], tolerance);
        for (size_t i = 0; i < (size_t)n * in && layer->input != NULL; i++)
            NEAR(got[i], dx[i], 1e-4);
    }
    sps_free(x), sps_free(w), sps_free(y), sps_free(dx), sps_free(dw), sps_free(dy);
    sps_graph_free(graph);
}

static void check_conv(const struct conv_case *q, int binary, int training, int threads, int batch, int n,
                       uint32_t seed)
{
    check_drawn_conv(q, "", binary, training, threads, batch, n, seed);
}

static void binary_convolution_by_hand_picked_shapes(void **state)
{
    (void)state;
    const struct conv_case cases[] = {
        {6, 6, 1, 1, 3, 1, 1, 1, SPS_CODES, 0},
        {7, 5, 3, 5, 3, 1, 1, 2, SPS_CODES, 0}, /* rows and columns cut off */
        {9, 9, 2, 17, 5, 1, 2, 2, SPS_CODES, 0},
        {9, 8, 1, 4, 3, 2, 1, 1, SPS_CODES, 0},
        {11, 11, 1, 33, 3, 2, 0, 3, SPS_CODES, 0},
        {5, 5, 4, 16, 5, 1, 0, 1, SPS_CODES, 0},
        {4, 4, 1, 2, 1, 1, 0, 1, SPS_CODES, 0},
        {6, 6, 5, 7, 3, 1, 1, 1, SPS_BITS, 0},
        {8, 8, 32, 16, 3, 1, 1, 2, SPS_BITS, 0},
        {7, 7, 33, 20, 3, 1, 1, 2, SPS_BITS, 0},
        {5, 9, 7, 40, 5, 1, 2, 2, SPS_BITS, 0},
        {10, 10, 3, 5, 3, 2, 1, 2, SPS_BITS, 0},
        {11, 10, 2, 3, 3, 1, 0, 3, SPS_BITS, 0},
        {3, 3, 1, 1, 3, 1, 2, 1, SPS_BITS, 0},
        {6, 7, 64, 64, 1, 1, 0, 1, SPS_BITS, 0},
        {2, 2, 6, 9, 5, 1, 4, 2, SPS_BITS, 0}, /* kernel larger than the image */
        {9, 9, 3, 4, 2, 3, 1, 1, SPS_BITS, 0},
        {13, 4, 9, 6, 4, 4, 3, 1, SPS_BITS, 0},
        {7, 7, 3, 5, 3, 1, 1, 2, SPS_CODES, 1}, /* windows cut by the edge: 7 x 7 to 4 x 4 */
        {7, 7, 33, 20, 3, 1, 1, 2, SPS_BITS, 1},
        {5, 5, 4, 9, 3, 1, 1, 3, SPS_CODES, 1},
        {5, 5, 32, 40, 3, 1, 1, 3, SPS_BITS, 1},
        {6, 7, 5, 8, 3, 1, 1, 2, SPS_BITS, 1},
        {7, 6, 5, 8, 3, 1, 1, 2, SPS_BITS, 1},
        {8, 8, 5, 8, 3, 1, 1, 2, SPS_BITS, 1}, /* nothing is left over */
        {6, 6, 5, 7, 3, 1, 1, 1, SPS_LEVELS, 0},
        {8, 8, 32, 16, 3, 1, 1, 2, SPS_LEVELS, 0},
        {7, 7, 9, 20, 5, 2, 2, 2, SPS_LEVELS, 1},
        {6, 7, 64, 30, 1, 1, 0, 1, SPS_LEVELS, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_conv(&cases[i], 1, 1, 1, 3, 3, (uint32_t)(1000 + i));
        check_conv(&cases[i], 1, 1, 2, 3, 2, (uint32_t)(1100 + i));
        check_conv(&cases[i], 1, 0, 2, 2, 2, (uint32_t)(1200 + i)); /* no gradient: another pooling path */
    }
}

static void binary_convolution_by_random_shapes(void **state)
{
    (void)state;
    struct sps_random r = test_random(11);
    for (uint32_t i = 0; i < 40; i++) {
        struct conv_case q = {.kernel = 1 + (int)sps_random_below(&r, 5),
                              .stride = 1 + (int)sps_random_below(&r, 3),
                              .pool = 1 + (int)sps_random_below(&r, 3),
                              .o = 1 + (int)sps_random_below(&r, 40)};
        q.pad = (int)sps_random_below(&r, (uint32_t)q.kernel);
        int least = q.kernel + (q.pool - 1) * q.stride - 2 * q.pad;
        least = least > 1 ? least : 1;
        q.h = least + (int)sps_random_below(&r, 6);
        q.w = least + (int)sps_random_below(&r, 6);
        q.kind = sps_random_below(&r, 3) == 0 ? SPS_CODES : SPS_BITS;
        q.c = 1 + (int)sps_random_below(&r, q.kind == SPS_CODES ? 4 : 37);
        q.ceil = (int)sps_random_below(&r, 2);
        check_conv(&q, 1, (int)(i % 3 != 0), 1 + (int)(i % 2), 2, 2, 2000 + i);
    }
}

/* oneDNN, all kinds of input; also batches smaller than the one that its primitives are made for. */
static void float_convolution(void **state)
{
    (void)state;
    const struct conv_case cases[] = {
        {6, 6, 1, 2, 3, 1, 1, 1, SPS_CODES, 0}, {7, 5, 3, 5, 3, 2, 1, 1, SPS_CODES, 0},
        {6, 6, 3, 4, 3, 1, 0, 1, SPS_REALS, 0}, {8, 8, 16, 8, 5, 1, 2, 1, SPS_REALS, 0},
        {6, 7, 5, 3, 3, 2, 0, 1, SPS_REALS, 0}, /* a row is left over */
        {9, 9, 2, 9, 2, 3, 1, 1, SPS_REALS, 0}, {5, 5, 7, 4, 3, 1, 1, 1, SPS_BITS, 0},
        {4, 4, 1, 1, 1, 1, 0, 1, SPS_REALS, 0}, {10, 8, 33, 17, 3, 4, 2, 1, SPS_REALS, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_conv(&cases[i], 0, 1, 1, 3, 3, (uint32_t)(3000 + i));
        check_conv(&cases[i], 0, 1, 2, 5, 2, (uint32_t)(3100 + i));
        check_conv(&cases[i], 0, 0, 1, 3, 2, (uint32_t)(3200 + i));
    }
}

/* Threads may change after a graph is built, up and down; the backward pass has a partial gradient of each. */
static void convolution_after_a_change_of_threads(void **state)
{
    (void)state;
    const struct conv_case q = {6, 6, 5, 7, 3, 1, 1, 2, SPS_BITS, 0};
    struct sps_graph *graph = conv_graph(&q, "", 1, 1, 1, 6);
    struct sps_layer *layer = conv_layer(graph, &q);
    struct sps_weight *weight = find_weight(graph, layer->index, "weight");
    struct sps_random r = test_random(12);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 6);
    size_t count = weight->rows * weight->row, out = 6 * sps_shape_size(&layer->out);
    float *dy = ROOM(float, out), *one = ROOM(float, count);
    fill_input(graph, layer, &r);
    fill_normal(&r, dy, out);
    for (int threads = 1; threads <= 4; threads++) {
        OK(sps_graph_set_threads(graph, threads == 4 ? 1 : threads));
        sps_layer_forward(graph, layer, &pass);
        run_backward(graph, layer, &pass, dy);
        if (threads == 1)
            memcpy(one, weight->grad, count * sizeof *one);
        for (size_t i = 0; i < count; i++) /* another order of adding */
            NEAR(weight->grad[i], one[i], threads == 4 ? 0 : 1e-5);
    }
    sps_free(dy), sps_free(one);
    sps_graph_free(graph);
}

/* ---- dense ---- */

static void check_dense(int h, int w, int c, int out, enum sps_kind kind, int binary, int training, int n,
                        uint32_t seed, const char *drawn)
{
    char text[1024], front[256] = "";
    if (kind != SPS_CODES)
        snprintf(front, sizeof front, "  - conv: {out: %d, kernel: 1}\n%s", c, activation_of(kind));
    snprintf(
        text, sizeof text,
        "input: {height: %d, width: %d, channels: %d}\nclasses: %d\nlayers:\n%s  - dense: {out: %d, binary: %s%s}\n%s",
        h, w, kind == SPS_CODES ? c : 1, out, front, out, binary ? "true" : "false", drawn,
        binary ? "  - batchnorm: {}\n" : "");
    struct sps_graph *graph =
        make_graph(text, &(struct sps_graph_options){.training = training, .threads = 1 + (int)(seed % 2), .batch = 5});
    struct sps_layer *layer = graph->layers[kind == SPS_CODES ? 0 : kind == SPS_REALS ? 1 : 2];
    struct sps_weight *weight = find_weight(graph, layer->index, "weight");
    struct sps_random r = test_random(seed);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, n);
    size_t in = sps_shape_size(&layer->in), outs = (size_t)out;
    double step = !binary && kind == SPS_CODES ? graph->code_step : 1;
    double *dw = ROOM(double, in *outs), *used = ROOM(double, in *outs);
    float *dy = ROOM(float, (size_t)n *outs);
    fill_input(graph, layer, &r);
    fill_normal(&r, dy, (size_t)n * outs);
    sps_layer_forward(graph, layer, &pass);
    read_weights(used, weight, binary);
    for (int i = 0; i < n; i++)
        for (size_t o = 0; o < outs; o++) {
            double sum = 0;
            for (size_t j = 0; j < in; j++) {
                double x = step * value_at(graph, layer, i, j);
                sum += x * used[o * in + j];
                dw[o * in + j] += dy[(size_t)i * outs + o] * x;
            }
            size_t at = (size_t)i * outs + o;
            if (binary)
                assert_int_equal(((const int32_t *)layer->y)[at], (int32_t)sum);
            else
                NEAR(((const float *)layer->y)[at], sum, 2e-5);
        }
    if (training) {
        const float *dx = run_backward(graph, layer, &pass, dy);
        for (size_t i = 0; i < in * outs; i++)
            /* Codes go up to 127, levels to 255. */
            NEAR(weight->grad[i], weight->drop > 0 ? dw[i] * weight->noise[i] : dw[i],
                 kind == SPS_LEVELS            ? 2e-3
                 : kind == SPS_CODES && binary ? 1e-3
                                               : 1e-5);
        for (int i = 0; i < n && layer->input != NULL; i++)
            for (size_t j = 0; j < in; j++) {
                double sum = 0;
                for (size_t o = 0; o < outs; o++)
                    sum += (double)dy[(size_t)i * outs + o] * used[o * in + j];
                NEAR(dx[(size_t)i * in + j], sum, 2e-5);
            }
    }
    sps_free(dw), sps_free(dy), sps_free(used);
    sps_graph_free(graph);
}

static void dense_layers(void **state)
{
    (void)state;
    const int shapes[][4] = {{3, 3, 1, 2}, {1, 1, 3, 17}, {4, 4, 2, 16}, {5, 3, 3, 33}, {2, 2, 4, 1}, {7, 7, 3, 10}};
    const enum sps_kind kinds[] = {SPS_CODES, SPS_BITS, SPS_REALS, SPS_LEVELS};
    for (uint32_t i = 0; i < 6; i++)
        for (uint32_t k = 0; k < 4; k++)
            for (int binary = 0; binary < 2; binary++)
                for (int training = 0; training < 2; training++)
                    if (kinds[k] != (binary ? SPS_REALS : SPS_LEVELS))
                        check_dense(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], kinds[k], binary, training,
                                    1 + (int)i % 5, 4000 + 10 * i + k, "");
}

/* ---- drawn weights ---- */

static const char drop_text[] = ", drop: 0.3", sigma_text[] = ", sigma: 0.6";

/* The product of what was drawn, forward and backward, as that of any weights. */
static void products_of_drawn_weights(void **state)
{
    (void)state;
    const struct conv_case cases[] = {
        {6, 6, 2, 5, 3, 1, 1, 1, SPS_CODES, 0}, {7, 5, 3, 18, 3, 1, 1, 2, SPS_CODES, 1},
        {6, 6, 5, 7, 3, 1, 1, 1, SPS_BITS, 0},  {8, 8, 33, 20, 3, 2, 1, 2, SPS_BITS, 0},
        {7, 7, 6, 9, 3, 1, 1, 2, SPS_BITS, 1},  {6, 6, 3, 4, 3, 1, 1, 1, SPS_REALS, 0},
    };
    for (uint32_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const struct conv_case *q = &cases[i / 2];
        const char *drawn = i % 2 ? sigma_text : drop_text;
        for (int binary = 0; binary < 2; binary++)
            if (!(binary ? q->kind == SPS_REALS : q->pool > 1)) {
                check_drawn_conv(q, drawn, binary, 1, 2, 3, 2, 8000 + i);
                check_drawn_conv(q, drawn, binary, 0, 1, 2, 2, 8100 + i);
            }
    }
    const enum sps_kind kinds[] = {SPS_CODES, SPS_BITS, SPS_REALS};
    for (uint32_t i = 0; i < 12; i++)
        if (!(i % 2 && kinds[i / 4] == SPS_REALS))
            check_dense(5, 3, 3, 33, kinds[i / 4], i % 2, 1, 4, 8200 + i, i / 2 % 2 ? sigma_text : drop_text);
}

/* Two dense layers whose weights are drawn, 40 x 75 = 3,000 and 2 x 40. */
static struct sps_graph *drawn_graph(const char *drawn, int binary, int threads)
{
    char text[512];
    const char *sign = binary ? ", binary: true" : "";
    snprintf(text, sizeof text,
             "input: {height: 5, width: 5, channels: 3}\nclasses: 2\nlayers:\n  - dense: {out: 40%s%s}\n"
             "  - batchnorm: {}\n  - sign: {}\n  - dense: {out: 2%s%s}\n  - batchnorm: {}\n",
             sign, drawn, sign, drawn);
    return make_graph(text, &(struct sps_graph_options){.training = 1, .threads = threads, .seed = 5});
}

/* A share p is dropped, within 5 standard deviations; a Gaussian has its moments.  What is kept is scaled where it is
 * real; the sign is that of the value drawn. */
static void draws_of_weights(void **state)
{
    (void)state;
    enum { N = 3000 };
    for (int which = 0; which < 4; which++) {
        int gaussian = which / 2, binary = which % 2;
        struct sps_graph *graph = drawn_graph(gaussian ? sigma_text : drop_text, binary, 1);
        struct sps_weight *w = graph->weights[0], *d = w->drawn;
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 2);
        sps_layer_forward(graph, graph->layers[0], &pass);
        double dropped = 0, sum = 0, square = 0, flipped = 0;
        float v[N];
        for (size_t o = 0; o < w->rows && gaussian; o++)
            graph->binariser->standardise(v + o * w->row, d->value + o * w->row, w->row);
        for (int i = 0; i < N; i++) {
            double noise = w->noise[i], sigma = 0.6 * sqrt(2 / 75.0), up = binary ? 1 : 1 / 0.7;
            dropped += noise == 0;
            sum += noise, square += noise * noise;
            if (gaussian) {
                NEAR(d->value[i], w->value[i] + sigma * noise, 1e-6);
                assert_true(!binary || d->sign[i] == (v[i] >= 0 ? 1 : -1));
                flipped += binary && d->sign[i] != w->sign[i];
            } else if (binary)
                assert_true(d->sign[i] == (noise > 0 ? w->sign[i] : 0));
            else
                NEAR(d->value[i], noise > 0 ? up * w->value[i] : 0, 1e-6);
            assert_true(gaussian || noise == 0 || noise == (float)up);
        }
        if (gaussian) {
            NEAR(sum / N, 0, 5 / sqrt(N));
            NEAR(square / N, 1, 5 * sqrt(2.0 / N));
            /* of two Gaussians: atan(0.6) / pi of the signs, 17 % */
            if (binary)
                NEAR(flipped / N, atan(0.6) / acos(-1), 0.04);
        } else
            NEAR(dropped / N, 0.3, 5 * sqrt(0.21 / N));
        assert_int_equal(sps_graph_first_random(graph, SPS_FROM_METHOD), 0);
        assert_true(sps_graph_draws(graph));
        sps_graph_free(graph);
    }
}

/* A draw belongs to seed, pass, batch (of a training) and layer, to nothing else. */
static void draws_of_weights_have_their_own_stream(void **state)
{
    (void)state;
    enum { N = 3000 };
    for (int gaussian = 0; gaussian < 2; gaussian++) {
        struct sps_graph *graph = drawn_graph(gaussian ? sigma_text : drop_text, 1, 1),
                         *threads = drawn_graph(gaussian ? sigma_text : drop_text, 1, 3);
        struct sps_weight *w = graph->weights[0];
        float first[N];
        const struct sps_pass pass = make_pass(SPS_PASS_EVALUATE, SPS_FROM_BANK, 2);
        static const uint32_t others[] = {9, 8, 7, 6};
        for (int i = 0; i < 6; i++) {
            struct sps_pass other = pass;
            other.n = i == 1 ? 4 : 2;
            other.index = i == 1 ? others : pass.index;
            other.seed += i == 2;
            other.epoch += i == 3;
            other.batch += i == 4;
            graph->layers[0]->index = i == 5 ? 1 : 0;
            sps_layer_forward(graph, graph->layers[0], &other);
            if (i == 0)
                memcpy(first, w->noise, sizeof first);
            assert_int_equal(memcmp(first, w->noise, sizeof first) == 0, i < 2);
        }
        graph->layers[0]->index = 0;
        sps_layer_forward(threads, threads->layers[0], &pass);
        assert_memory_equal(first, threads->weights[0]->noise, sizeof first);
        sps_graph_free(graph);
        sps_graph_free(threads);
    }
}

/* The deterministic reading draws nothing; nor is there anything in a posterior without width, to the last bit. */
static void nothing_is_drawn(void **state)
{
    (void)state;
    for (int which = 0; which < 6; which++) {
        int binary = which % 2;
        struct sps_graph *plain = drawn_graph("", binary, 2),
                         *graph = drawn_graph(which < 2 ? drop_text : sigma_text, binary, 2);
        struct sps_random r = test_random(8300), same = test_random(8300);
        struct sps_pass pass = make_pass(SPS_PASS_EVALUATE, which < 4 ? SPS_FROM_POINT : SPS_FROM_METHOD, 4);
        fill_codes(&r, plain->codes, 4 * 75);
        fill_codes(&same, graph->codes, 4 * 75);
        for (int i = 0; i < graph->weight_count; i++)
            if (graph->weights[i]->of_posterior)
                for (size_t j = 0; j < graph->weights[i]->rows * graph->weights[i]->row && which >= 4; j++)
                    graph->weights[i]->value[j] = -200;
        sps_graph_forward(plain, &pass);
        sps_graph_forward(graph, &pass);
        assert_memory_equal(sps_graph_logits(graph), sps_graph_logits(plain), 8 * sizeof(float));
        assert_int_equal(sps_graph_draws(plain), 0);
        sps_graph_free(plain);
        sps_graph_free(graph);
    }
}

static void drawn_weights_refused(void **state)
{
    (void)state;
    struct sps_graph *graph = NULL;
    const struct sps_graph_options o = {.training = 1};
    FAILS(try_graph(&graph, "layers:\n  - dense: {out: classes, drop: 0.1, sigma: 0.1}\n", &o), EFORMAT,
          "weights are dropped or have a posterior, not both");
    FAILS(try_graph(&graph, "layers:\n  - dense: {out: classes, drop: 1}\n", &o), EFORMAT, "drop");
}

/* ---- batchnorm ---- */

/* A method that the test steers: the scale of sample n and channel c is steer[n][c]. */
static float steer[64][64];
static int steered_backwards;

static void steered_draw(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1)
{
    (void)pass;
    for (int i = n0; i < n1; i++)
        memcpy(scale->effective + (size_t)i * (size_t)scale->channels, steer[i],
               (size_t)scale->channels * sizeof(float));
}
static sps_status steered_attach(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed)
{
    (void)graph, (void)scale, (void)seed;
    return SPS_OK;
}
static void steered_backward(struct sps_scale *scale, const struct sps_pass *pass)
{
    (void)scale, (void)pass;
    steered_backwards++;
}
static const struct sps_method steered = {
    .name = "steered", .attach = steered_attach, .draw = steered_draw, .backward = steered_backward};

struct norm_case {
    int h, w, c, n;
    int sums, scale, bias; /* kind of the input, what the layer has */
};

/* The layer under test is the last but one; in front a float (1x1) or binary (1x1 after sign) convolution. */
static struct sps_graph *norm_graph(const struct norm_case *q, int training, struct sps_layer **layer)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "input: {height: %d, width: %d, channels: 2}\nclasses: 2\nlayers:\n  - conv: {out: %d, kernel: 1, binary: %s}\n"
        "  - batchnorm: {scale: %s, bias: %s, eps: 0.25, momentum: 0.125}\n  - dense: {out: 2}\n",
        q->h, q->w, q->c, q->sums ? "true" : "false", q->scale ? "true" : "false", q->bias ? "true" : "false");
    struct sps_graph *graph = make_graph(
        text, &(struct sps_graph_options){.training = training, .method = &steered, .batch = 6, .threads = 2});
    *layer = graph->layers[1];
    return graph;
}

/* All that the output depends on, as doubles, so that finite differences can move them. */
struct norm_values {
    double z[1024], s[256], b[64], gamma[64], beta[64];
};

/* sum dy y with y straight from the definition; also mean and variance, and y. */
static double norm_reference(const struct norm_case *q, const struct norm_values *v, const float *dy, double *y,
                             double *mean, double *var)
{
    size_t channels = (size_t)q->c, positions = (size_t)(q->h * q->w);
    double loss = 0, count = (double)q->n * (double)positions;
    for (size_t c = 0; c < channels; c++) {
        double m = 0, square = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < (size_t)q->n; i++)
                for (size_t p = 0; p < positions; p++) {
                    double a = v->s[i * channels + c] * (v->z[(i * positions + p) * channels + c] + v->b[c]);
                    m += pass == 0 ? a / count : 0;
                    square += pass == 1 ? (a - m) * (a - m) / count : 0;
                }
        for (size_t i = 0; i < (size_t)q->n; i++)
            for (size_t p = 0; p < positions; p++) {
                size_t at = (i * positions + p) * channels + c;
                double a = v->s[i * channels + c] * (v->z[at] + v->b[c]);
                double out = v->gamma[c] * (a - m) / sqrt(square + 0.25) + v->beta[c];
                loss += dy[at] * out;
                if (y != NULL)
                    y[at] = out;
            }
        if (mean != NULL) {
            mean[c] = m;
            var[c] = square;
        }
    }
    return loss;
}

static double slope(const struct norm_case *q, struct norm_values *v, const float *dy, double *x)
{
    double at = *x, h = 1e-4;
    *x = at + h;
    double up = norm_reference(q, v, dy, NULL, NULL, NULL);
    *x = at - h;
    double down = norm_reference(q, v, dy, NULL, NULL, NULL);
    *x = at;
    return (up - down) / (2 * h);
}

static void set_norm(struct sps_graph *graph, struct sps_layer *layer, const struct norm_case *q, struct norm_values *v,
                     struct sps_random *r)
{
    struct sps_norm *norm = sps_layer_norm(layer);
    size_t channels = (size_t)q->c, size = sps_shape_size(&layer->in);
    fill_input(graph, layer, r);
    for (size_t i = 0; i < (size_t)q->n; i++) {
        for (size_t j = 0; j < size; j++)
            v->z[i * size + j] = value_at(graph, layer, (int)i, j);
        for (size_t c = 0; c < channels; c++) {
            steer[i][c] = uniform(r, -0.5, 1.5);
            v->s[i * channels + c] = q->scale ? steer[i][c] : 1;
        }
    }
    for (size_t c = 0; c < channels; c++) {
        v->gamma[c] = norm->gamma->value[c] = uniform(r, -2, 2);
        v->beta[c] = norm->beta->value[c] = uniform(r, -1, 1);
        v->b[c] = 0;
        if (norm->bias != NULL)
            v->b[c] = norm->bias->value[c] = uniform(r, -1, 1);
    }
}

static const struct norm_case norm_cases[] = {
    {3, 3, 5, 4, 1, 1, 1}, {3, 3, 5, 4, 0, 1, 1}, {1, 1, 7, 6, 1, 1, 0}, {2, 5, 3, 5, 0, 1, 0}, {4, 2, 4, 3, 1, 0, 1},
    {4, 2, 4, 3, 0, 0, 1}, {3, 2, 6, 6, 1, 0, 0}, {3, 2, 6, 6, 0, 0, 0}, {2, 2, 1, 2, 1, 1, 1}, {3, 3, 2, 1, 0, 1, 1}};
enum { NORM_CASES = sizeof norm_cases / sizeof *norm_cases };

/* Values are of size 1 (sums: 40) and held as float, statistics as double: 1e-5 of the largest is far above what
 * rounding does, and far below any missing term. */
static void batchnorm_forward_and_gradients(void **state)
{
    (void)state;
    static struct norm_values v;
    static double y[1024];
    for (uint32_t i = 0; i < NORM_CASES; i++) {
        const struct norm_case *q = &norm_cases[i];
        struct sps_layer *layer;
        struct sps_graph *graph = norm_graph(q, 1, &layer);
        struct sps_norm *norm = sps_layer_norm(layer);
        struct sps_random r = test_random(5000 + i);
        size_t channels = (size_t)q->c, size = sps_shape_size(&layer->in), total = (size_t)q->n * size;
        assert_int_equal(norm->scale != NULL, q->scale);
        assert_int_equal(norm->bias != NULL, q->bias);
        set_norm(graph, layer, q, &v, &r);
        float *dy = ROOM(float, total);
        fill_normal(&r, dy, total);
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, q->n);
        sps_layer_forward(graph, layer, &pass);
        norm_reference(q, &v, dy, y, NULL, NULL);
        for (size_t j = 0; j < total; j++)
            NEAR(((const float *)layer->y)[j], y[j], 1e-5);
        steered_backwards = 0;
        const float *dz = run_backward(graph, layer, &pass, dy);
        assert_int_equal(steered_backwards, q->scale);
        for (size_t j = 0; j < total; j++)
            NEAR(dz[j], slope(q, &v, dy, &v.z[j]), 1e-5);
        for (size_t c = 0; c < channels; c++) {
            NEAR(norm->gamma->grad[c], slope(q, &v, dy, &v.gamma[c]), 1e-4);
            NEAR(norm->beta->grad[c], slope(q, &v, dy, &v.beta[c]), 1e-4);
            if (q->bias)
                NEAR(norm->bias->grad[c], slope(q, &v, dy, &v.b[c]), 1e-4);
        }
        for (size_t j = 0; j < (size_t)q->n * channels && q->scale; j++)
            NEAR(norm->scale->effective_grad[j], slope(q, &v, dy, &v.s[j]), 2e-4);
        sps_free(dy);
        sps_graph_free(graph);
    }
}

/* Statistics that move by momentum 1/8 from (0, 1); the running variance is unbiased, as PyTorch's. */
static void batchnorm_running_statistics(void **state)
{
    (void)state;
    static struct norm_values v;
    for (uint32_t i = 0; i < NORM_CASES; i++) {
        const struct norm_case *q = &norm_cases[i];
        struct sps_layer *layer;
        struct sps_graph *graph = norm_graph(q, 0, &layer);
        struct sps_norm *norm = sps_layer_norm(layer);
        struct sps_random r = test_random(5100 + i);
        double mean[64], var[64], running_mean[64] = {0}, running_var[64], count = q->n * q->h * q->w;
        float *none = ROOM(float, (size_t)q->n *sps_shape_size(&layer->in));
        for (int c = 0; c < q->c; c++)
            running_var[c] = 1;
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, q->n);
        for (int step = 0; step < 2; step++) {
            set_norm(graph, layer, q, &v, &r);
            sps_layer_forward(graph, layer, &pass);
            norm_reference(q, &v, none, NULL, mean, var);
            for (int c = 0; c < q->c; c++) {
                running_mean[c] += (mean[c] - running_mean[c]) / 8;
                running_var[c] += (var[c] * count / (count - 1) - running_var[c]) / 8;
            }
        }
        for (int c = 0; c < q->c; c++) {
            NEAR(norm->running_mean[c], running_mean[c], 1e-6 * (1 + fabs(running_mean[c])));
            NEAR(norm->running_var[c], running_var[c], 1e-6 * running_var[c] + 1e-6);
        }
        sps_free(none);
        sps_graph_free(graph);
    }
}

/* Between begin and end: three batches of equal size, whose statistics together are those of all their numbers. */
static void batchnorm_re_estimation(void **state)
{
    (void)state;
    static struct norm_values v;
    for (int point = 0; point < 2; point++) {
        const struct norm_case *q = &norm_cases[0];
        struct sps_layer *layer;
        struct sps_graph *graph = norm_graph(q, 0, &layer);
        struct sps_norm *norm = sps_layer_norm(layer);
        struct sps_random r = test_random(5200);
        OK(sps_scale_reserve(norm->scale, 1));
        sps_graph_layout_picks(graph);
        double sum[64] = {0}, square[64] = {0}, mean[64], var[64];
        float *none = ROOM(float, (size_t)q->n *sps_shape_size(&layer->in)), before_mean[64], before_var[64];
        struct sps_pass pass = make_pass(SPS_PASS_ESTIMATE, point ? SPS_FROM_POINT : SPS_FROM_METHOD, q->n);
        for (int c = 0; c < q->c; c++) {
            norm->running_mean[c] = before_mean[c] = uniform(&r, -1, 1);
            norm->running_var[c] = before_var[c] = uniform(&r, 1, 2);
        }
        for (int round = 0; round < 2; round++) { /* the second must not remember the first */
            memset(sum, 0, sizeof sum), memset(square, 0, sizeof square);
            sps_graph_norms_begin(graph);
            for (int batch = 0; batch < 3; batch++) {
                set_norm(graph, layer, q, &v, &r);
                for (int c = 0; c < q->c && point; c++) {
                    norm->scale->point[c] = uniform(&r, 0.5, 1.5);
                    for (int i = 0; i < q->n; i++)
                        v.s[i * q->c + c] = norm->scale->point[c];
                }
                sps_layer_forward(graph, layer, &pass);
                norm_reference(q, &v, none, NULL, mean, var);
                for (int c = 0; c < q->c; c++) {
                    sum[c] += mean[c] / 3;
                    square[c] += (var[c] + mean[c] * mean[c]) / 3;
                }
            }
            if (round == 0) /* nothing moves before the end */
                assert_memory_equal(norm->running_mean, before_mean, (size_t)q->c * sizeof(float));
            OK(sps_graph_norms_end(graph, point));
        }
        assert_int_equal(norm->point_mean != NULL, point);
        for (int c = 0; c < q->c; c++) {
            NEAR((point ? norm->point_mean : norm->running_mean)[c], sum[c], 1e-5);
            NEAR((point ? norm->point_var : norm->running_var)[c], square[c] - sum[c] * sum[c], 1e-6 * square[c]);
        }
        if (point) {
            assert_memory_equal(norm->running_mean, before_mean, (size_t)q->c * sizeof(float));
            assert_memory_equal(norm->running_var, before_var, (size_t)q->c * sizeof(float));
        }
        sps_free(none);
        sps_graph_free(graph);
    }
}

/* Without a pass in between, end leaves all as it was. */
static void batchnorm_re_estimation_of_nothing(void **state)
{
    (void)state;
    struct sps_layer *layer;
    struct sps_graph *graph = norm_graph(&norm_cases[0], 0, &layer);
    struct sps_norm *norm = sps_layer_norm(layer);
    sps_graph_norms_begin(graph);
    OK(sps_graph_norms_end(graph, 0));
    for (int c = 0; c < norm->channels; c++)
        assert_true(norm->running_mean[c] == 0 && norm->running_var[c] == 1);
    sps_graph_free(graph);
}

/* Evaluation is sps_affine_at() and nothing else, bit for bit, whoever chooses the scale. */
static void batchnorm_evaluation_is_the_shared_expression(void **state)
{
    (void)state;
    static struct norm_values v;
    for (uint32_t i = 0; i < NORM_CASES; i++)
        for (int way = 0; way < 4; way++) { /* method, bank by layer, bank by channel, point */
            const struct norm_case *q = &norm_cases[i];
            struct sps_layer *layer;
            struct sps_graph *graph = norm_graph(q, 0, &layer);
            struct sps_norm *norm = sps_layer_norm(layer);
            struct sps_random r = test_random(5300 + i);
            size_t channels = (size_t)q->c, size = sps_shape_size(&layer->in);
            set_norm(graph, layer, q, &v, &r);
            for (size_t c = 0; c < channels; c++) {
                norm->running_mean[c] = uniform(&r, -3, 3);
                norm->running_var[c] = uniform(&r, 0.1, 9);
            }
            if (q->scale) {
                OK(sps_scale_reserve(norm->scale, 3));
                for (size_t j = 0; j < 3 * channels; j++)
                    norm->scale->bank[j] = uniform(&r, -1, 2);
                for (size_t j = 0; j < channels; j++)
                    norm->scale->point[j] = uniform(&r, -1, 2);
                norm->scale->per_channel = way == 2;
            }
            sps_graph_layout_picks(graph);
            assert_int_equal(graph->picks, !q->scale ? 0 : way == 2 ? q->c : 1);
            OK(sps_norm_keep_point(norm));
            for (size_t c = 0; c < channels; c++) {
                assert_true(norm->point_mean[c] == norm->running_mean[c] && norm->point_var[c] == norm->running_var[c]);
                norm->point_mean[c] = uniform(&r, -3, 3);
                norm->point_var[c] = uniform(&r, 0.1, 9);
            }
            uint8_t picks[64 * 64];
            for (int j = 0; j < q->n * graph->picks; j++)
                picks[j] = (uint8_t)sps_random_below(&r, 3);
            struct sps_pass pass = make_pass(SPS_PASS_EVALUATE,
                                             way == 0   ? SPS_FROM_METHOD
                                             : way == 3 ? SPS_FROM_POINT
                                                        : SPS_FROM_BANK,
                                             q->n);
            pass.picks = picks;
            sps_layer_forward(graph, layer, &pass);
            for (size_t n = 0; n < (size_t)q->n; n++)
                for (size_t j = 0; j < size; j++) {
                    size_t c = j % channels;
                    float s = !q->scale  ? 1
                              : way == 0 ? steer[n][c]
                              : way == 1 ? norm->scale->bank[picks[n] * channels + c]
                              : way == 2 ? norm->scale->bank[picks[n * channels + c] * channels + c]
                                         : norm->scale->point[c];
                    struct sps_affine a = {
                        s,
                        q->bias ? norm->bias->value[c] : 0,
                        way == 3 ? norm->point_mean[c] : norm->running_mean[c],
                        1.0f / sqrtf((way == 3 ? norm->point_var[c] : norm->running_var[c]) + norm->eps),
                        norm->gamma->value[c],
                        norm->beta->value[c]};
                    float expected = sps_affine_at(&a, (float)v.z[n * size + j]);
                    assert_true(((const float *)layer->y)[n * size + j] == expected);
                }
            sps_graph_free(graph);
        }
}

/* ---- element-wise layers and pooling ---- */

static struct sps_graph *reals_graph(const char *layer_text, int h, int w, int c, struct sps_layer **layer)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "input: {height: %d, width: %d, channels: 1}\nclasses: 2\nlayers:\n  - conv: {out: %d, kernel: 1}\n  - %s\n"
        "  - dense: {out: 2}\n",
        h, w, c, layer_text);
    struct sps_graph *graph = make_graph(text, &(struct sps_graph_options){.training = 1, .threads = 2, .batch = 3});
    *layer = graph->layers[1];
    return graph;
}

static void element_wise_layers(void **state)
{
    (void)state;
    const char *const names[] = {"htanh: {}", "relu: {}", "sign: {}"};
    for (uint32_t kind = 0; kind < 3; kind++) {
        struct sps_layer *layer;
        struct sps_graph *graph = reals_graph(names[kind], 3, 5, 7, &layer);
        struct sps_random r = test_random(6000 + kind);
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 3);
        pass.t = 2, pass.k = 1.5f;
        size_t size = sps_shape_size(&layer->in);
        fill_input(graph, layer, &r);
        float *given = graph->layers[0]->y, *dy = ROOM(float, 3 * size), *x = ROOM(float, 3 * size);
        /* -0 and 0 are +1; at the corners of relu and htanh the gradient is 0. */
        given[0] = 0, given[1] = -0.0f, given[2] = 1, given[3] = -1, given[4] = 5, given[5] = -5;
        memcpy(x, given, 3 * size * sizeof *x); /* the layer may write over it */
        fill_normal(&r, dy, 3 * size);
        sps_layer_forward(graph, layer, &pass);
        const float *dx = run_backward(graph, layer, &pass, dy);
        for (size_t i = 0; i < 3 * size; i++) {
            size_t image = i / size, at = i % size;
            if (kind == 2) {
                const uint32_t *bits =
                    (const uint32_t *)(const void *)((const char *)layer->y + image * layer->y_stride);
                assert_int_equal(bits[at / 32] >> at % 32 & 1, x[i] >= 0);
                double slope_here = 1.5 * 2 / pow(cosh(2.0 * x[i]), 2);
                NEAR(dx[i], dy[i] * slope_here, 2e-5);
                continue;
            }
            float y = ((const float *)layer->y)[i];
            if (kind == 0) {
                assert_true(y == (x[i] > 1 ? 1 : x[i] < -1 ? -1 : x[i]));
                assert_true(dx[i] == (fabsf(x[i]) < 1 ? dy[i] : 0));
            } else {
                assert_true(y == (x[i] > 0 ? x[i] : 0));
                assert_true(dx[i] == (x[i] > 0 ? dy[i] : 0));
            }
        }
        /* Past the end of the stream bits are zero. */
        if (kind == 2)
            for (size_t image = 0; image < 3; image++) {
                const uint32_t *bits =
                    (const uint32_t *)(const void *)((const char *)layer->y + image * layer->y_stride);
                assert_int_equal(bits[size / 32] >> size % 32, 0);
            }
        sps_free(dy), sps_free(x);
        sps_graph_free(graph);
    }
}

/* What is dropped is 0 and has no gradient; the rest is scaled (reals) or kept (bits, now codes).  About a share p of
 * the units goes: within 5 standard deviations.  A feature map goes as a whole.  Draws belong to image, pass and seed.
 */
static void dropout(void **state)
{
    (void)state;
    enum { H = 6, W = 5, MAPS = 64, SIZE = H * W * MAPS };
    for (int kind = 0; kind < 4; kind++) {
        int bits = kind & 1, map = kind >> 1;
        char text[512];
        snprintf(text, sizeof text,
                 "input: {height: %d, width: %d, channels: 1}\nclasses: 2\nlayers:\n  - conv: {out: %d, kernel: 1}\n"
                 "%s  - dropout: {p: 0.3, unit: %s}\n  - dense: {out: 2, binary: %s}\n%s",
                 H, W, MAPS, bits ? "  - sign: {}\n" : "  - relu: {}\n", map ? "map" : "neuron",
                 bits ? "true" : "false", bits ? "  - batchnorm: {}\n" : "");
        struct sps_graph *graph =
            make_graph(text, &(struct sps_graph_options){.training = 1, .threads = 2, .batch = 3});
        struct sps_layer *layer = graph->layers[2];
        struct sps_random r = test_random(6100 + (uint32_t)kind);
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 3);
        float *dy = ROOM(float, 3 * SIZE);
        int *kept = ROOM(int, 3 * SIZE), dropped = 0, units = 0;
        fill_input(graph, layer, &r);
        for (int i = 0; i < 3 * SIZE; i++)
            dy[i] = uniform(&r, 1, 2);
        assert_int_equal(layer->out.kind, bits ? SPS_CODES : SPS_REALS);
        sps_layer_forward(graph, layer, &pass);
        const float *dx = run_backward(graph, layer, &pass, dy);
        for (int i = 0; i < 3 * SIZE; i++) {
            double x = value_at(graph, layer, i / SIZE, (size_t)(i % SIZE));
            double y = bits ? ((const int8_t *)layer->y)[i] : ((const float *)layer->y)[i];
            kept[i] = dx[i] != 0;
            NEAR(y, kept[i] ? (bits ? x : x / 0.7) : 0, 1e-6 * fabs(x));
            NEAR(dx[i], kept[i] ? (bits ? dy[i] : dy[i] / 0.7) : 0, 1e-6);
            if (map && i % SIZE >= MAPS)
                assert_int_equal(kept[i], kept[i - MAPS]);
            else {
                units++;
                dropped += !kept[i];
            }
        }
        NEAR((double)dropped / units, 0.3, 5 * sqrt(0.3 * 0.7 / units));
        assert_true(memcmp(kept, kept + SIZE, SIZE * sizeof *kept) != 0);
        /* Image 2 alone, with its index: the same draw. */
        const uint32_t own[] = {2};
        struct sps_pass alone = pass;
        alone.n = 1, alone.index = own;
        sps_layer_forward(graph, layer, &alone);
        dx = run_backward(graph, layer, &alone, dy);
        for (int i = 0; i < SIZE; i++)
            assert_int_equal(dx[i] != 0, kept[2 * SIZE + i]);
        /* The deterministic reading keeps all of it, as it is. */
        pass.source = SPS_FROM_POINT;
        sps_layer_forward(graph, layer, &pass);
        for (int i = 0; i < SIZE; i++) {
            double y = bits ? ((const int8_t *)layer->y)[i] : ((const float *)layer->y)[i];
            assert_true(y == value_at(graph, layer, 0, (size_t)i));
        }
        assert_int_equal(sps_graph_first_random(graph, SPS_FROM_BANK), 2);
        assert_true(sps_graph_draws(graph));
        sps_free(dy), sps_free(kept);
        sps_graph_free(graph);
    }
}

/* The sign layer asks the graph's binariser. */
static void sign_uses_the_binariser(void **state)
{
    (void)state;
    struct sps_graph *graph = make_graph(
        "input: {height: 1, width: 1, channels: 1}\nclasses: 2\nlayers:\n  - conv: {out: 4, kernel: 1}\n  - sign: {}\n"
        "  - dense: {out: 2}\n",
        &(struct sps_graph_options){.training = 1, .binariser = sps_binariser_find("bnn")});
    const float x[4] = {-2, -1, 0.5f, 1.5f}, dy[4] = {1, 2, 3, 4}, expected[4] = {0, 2, 3, 0};
    memcpy(graph->layers[0]->y, x, sizeof x);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 1);
    sps_layer_forward(graph, graph->layers[1], &pass);
    assert_memory_equal(run_backward(graph, graph->layers[1], &pass, dy), expected, sizeof expected);
    sps_graph_free(graph);
}

/* The sign layer's own learned number: its gradient is the sum over images, of a soft step tanh(k x) / (1 - a). */
static void sign_learns_with_dsq(void **state)
{
    (void)state;
    struct sps_graph *graph = make_graph(
        "input: {height: 2, width: 2, channels: 1}\nclasses: 2\nlayers:\n  - conv: {out: 3, kernel: 1}\n  - sign: {}\n"
        "  - dense: {out: 2, binary: true}\n  - batchnorm: {scale: true}\n",
        &(struct sps_graph_options){.training = 1, .threads = 2, .batch = 3, .binariser = sps_binariser_find("dsq")});
    struct sps_weight *a = graph->weights[1], *w = graph->weights[2], *rows = graph->weights[3];
    assert_string_equal(a->name, "layers.1.sharpness");
    assert_string_equal(rows->name, "layers.2.weight.sharpness");
    assert_int_equal(rows->row, 2);
    assert_ptr_equal(w->learned, rows);
    assert_int_equal(graph->scales[0]->layer_weights, 2 * 12); /* those of the product, not the numbers behind them */
    struct sps_random r = test_random(80);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 3);
    float *x = graph->layers[0]->y, dy[36];
    fill_normal(&r, x, 36);
    fill_normal(&r, dy, 36);
    sps_layer_forward(graph, graph->layers[1], &pass);
    run_backward(graph, graph->layers[1], &pass, dy);
    double sum = 0, h = 1e-5;
    for (int i = 0; i < 36; i++)
        for (int side = -1; side <= 1; side += 2) {
            double at = a->value[0] + side * h, in = fmin(fmax(x[i], -1), 1);
            sum += side * dy[i] * tanh(0.5 * log(2 / at - 1) * in) / (1 - at) / (2 * h);
        }
    NEAR(a->grad[0], sum, 1e-4);
    /* An update takes the numbers of both along, and keeps them in their range. */
    struct sps_step step = {.rate = 0.1, .count = 1};
    a->grad[0] = 0.5f;
    fill_normal(&r, w->grad, 24);
    w->grad[0] = 1e6f; /* row 0: far out */
    sps_graph_update(graph, sps_optimiser_find("sgd"), &step, 1, 1);
    NEAR(a->value[0], 0.15, 1e-6);
    assert_true(rows->value[0] == 0.01f || rows->value[0] == 0.5f);
    assert_true(rows->value[1] != 0.2f && rows->value[1] >= 0.01f && rows->value[1] <= 0.5f);
    sps_graph_free(graph);
    /* A graph that does not train has no use for them. */
    graph = make_graph("layers:\n  - dense: {out: 10, binary: true}\n  - batchnorm: {}\n",
                       &(struct sps_graph_options){.binariser = sps_binariser_find("dsq")});
    assert_int_equal(graph->weight_count, 3);
    sps_graph_free(graph);
}

/* On paper: shift 1, offset 0.5, slope 0.25.  x = 3 is 2 right of the corner: 2.5; x = -1 is 2 left: -0.5 + 0.5 = 0. */
static void rprelu_on_paper(void **state)
{
    (void)state;
    struct sps_layer *layer;
    struct sps_graph *graph = reals_graph("rprelu: {}", 1, 2, 2, &layer);
    struct sps_weight *shift = graph->weights[1], *offset = graph->weights[2], *slope = graph->weights[3];
    const float x[4] = {3, 10, -1, 20}, dy[4] = {1, 0, 2, 0};
    NEAR(slope->value[0], 0.25, 0);
    shift->value[0] = 1, offset->value[0] = 0.5f;
    memcpy(graph->layers[0]->y, x, sizeof x);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 1);
    sps_layer_forward(graph, layer, &pass);
    const float *y = layer->y, *dx = run_backward(graph, layer, &pass, dy);
    NEAR(y[0], 2.5, 0);
    NEAR(y[2], 0, 0);
    NEAR(y[1], 10, 0);
    NEAR(dx[0], 1, 0);
    NEAR(dx[2], 0.5, 0);
    NEAR(shift->grad[0], -1.5, 0);
    NEAR(offset->grad[0], 3, 0);
    NEAR(slope->grad[0], -4, 0);
    assert_true(shift->grad[1] == 0 && slope->grad[1] == 0 && slope->decay == 0);
    sps_graph_free(graph);
}

/* On paper: two bits below 3 have the levels 0, 1, 2, 3 at multiples of 1; halves go up.  The slope inside is 1, and a
 * bound that rises pushes what is below it down, by x / 3 a unit. */
static void pact_on_paper(void **state)
{
    (void)state;
    struct sps_graph *graph =
        make_graph("input: {height: 1, width: 1, channels: 1}\nclasses: 2\nlayers:\n  - conv: {out: 6, kernel: 1}\n"
                   "  - pact: {bits: 2, alpha: 3}\n  - dense: {out: 2, binary: true}\n  - batchnorm: {}\n",
                   &(struct sps_graph_options){.training = 1, .batch = 2});
    struct sps_weight *alpha = graph->weights[1];
    const float x[12] = {-1, 0.4f, 0.5f, 1.7f, 2.9f, 5, 0, 3, 2.4f, -0.1f, 1, 1.5f},
                dy[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const uint8_t levels[12] = {0, 0, 1, 2, 3, 3, 0, 3, 2, 0, 1, 2};
    memcpy(graph->layers[0]->y, x, sizeof x);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 2);
    sps_layer_forward(graph, graph->layers[1], &pass);
    assert_memory_equal(graph->layers[1]->y, levels, sizeof levels);
    const float *dx = run_backward(graph, graph->layers[1], &pass, dy);
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        int inside = x[i] > 0 && x[i] < 3;
        NEAR(dx[i], inside ? dy[i] : 0, 0);
        sum -= inside ? dy[i] * x[i] / 3 : 0;
    }
    NEAR(alpha->grad[0], sum, 1e-5);
    assert_true(sum < -10 && alpha->decay);
    /* However far training takes it, the bound stays a bound. */
    alpha->value[0] = -5;
    sps_layer_forward(graph, graph->layers[1], &pass);
    assert_int_equal(((uint8_t *)graph->layers[1]->y)[1], 3);
    sps_graph_free(graph);
}

static void pooling(void **state)
{
    (void)state;
    const int shapes[][4] = {
        {4, 4, 3, 2}, {5, 7, 2, 2}, {7, 8, 5, 3}, {3, 3, 1, 3}, {3, 4, 2, 1}}; /* h, w, c, window */
    for (uint32_t q = 0; q < 10; q++) {
        int h = shapes[q / 2][0], w = shapes[q / 2][1], c = shapes[q / 2][2], k = shapes[q / 2][3], average = q % 2;
        char text[64];
        snprintf(text, sizeof text, "pool: {kernel: %d, mode: %s}", k, average ? "average" : "max");
        struct sps_layer *layer;
        struct sps_graph *graph = reals_graph(text, h, w, c, &layer);
        struct sps_random r = test_random(7000 + q);
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 3);
        size_t in = sps_shape_size(&layer->in), out = sps_shape_size(&layer->out);
        assert_int_equal(layer->out.h, h / k);
        assert_int_equal(layer->out.w, w / k);
        fill_input(graph, layer, &r);
        const float *x = graph->layers[0]->y;
        float *dy = ROOM(float, 3 * out);
        double *dx = ROOM(double, 3 * in);
        fill_normal(&r, dy, 3 * out);
        sps_layer_forward(graph, layer, &pass);
        for (size_t n = 0; n < 3; n++)
            for (size_t o = 0; o < out; o++) {
                int channel = (int)o % c, column = (int)o / c % (w / k), row = (int)o / c / (w / k);
                double best = -INFINITY, sum = 0;
                size_t from = 0;
                for (int a = 0; a < k; a++)
                    for (int b = 0; b < k; b++) {
                        size_t at = n * in + (size_t)(((row * k + a) * w + column * k + b) * c + channel);
                        sum += x[at];
                        from = x[at] > best ? at : from;
                        best = x[at] > best ? x[at] : best;
                        dx[at] += average ? dy[n * out + o] / (double)(k * k) : 0;
                    }
                dx[from] += average ? 0 : dy[n * out + o];
                NEAR(((const float *)layer->y)[n * out + o], average ? sum / (k * k) : best, average ? 1e-6 : 0);
            }
        const float *got = run_backward(graph, layer, &pass, dy);
        for (size_t i = 0; i < 3 * in; i++)
            NEAR(got[i], dx[i], 1e-6);
        sps_free(dy), sps_free(dx);
        sps_graph_free(graph);
    }
}

/* ---- the list ---- */

static void every_layer_type_is_what_its_list_says(void **state)
{
    (void)state;
#define NAME(name) #name,
    const char *const names[] = {SPS_LAYER_LIST(NAME)};
    size_t count = sizeof names / sizeof *names;
    for (size_t i = 0; i < count; i++) {
        const struct sps_layer_type *t = sps_layer_type_at(i);
        assert_non_null(t);
        assert_string_equal(t->name, names[i]);
        assert_ptr_equal(sps_layer_type_find(names[i]), t);
        if (t->summary[0] == 0 || t->source == NULL || t->source[0] == 0)
            fail_msg("layer type %s lacks summary or source", t->name);
        assert_true(t->setup != NULL && (t->forward != NULL) != (t->forward_image != NULL) &&
                    (t->backward != NULL) != (t->backward_image != NULL) &&
                    (t->forward_image != NULL) == (t->backward_image != NULL) && t->size >= sizeof(struct sps_layer));
        if (t->params == NULL)
            continue;
        void *settings = ROOM(char, t->size);
        struct sps_binding binding = {t->params, (char *)settings + t->settings_offset};
        OK(sps_params_check(&binding, 1));
        sps_free(settings);
    }
    assert_null(sps_layer_type_at(count));
    assert_null(sps_layer_type_find("nothing"));
}

/* ---- trained tensors ---- */

/* Signs, bits and panels say the same, before and after an update; weights stay within the binariser's limit. */
static void signs_follow_the_weights(void **state)
{
    (void)state;
    for (int which = 0; sps_binariser_at((size_t)which) != NULL; which++) {
        struct sps_graph *graph =
            make_graph("input: {height: 3, width: 3, channels: 2}\nclasses: 3\nlayers:\n"
                       "  - conv: {out: 5, kernel: 2, binary: true}\n  - batchnorm: {}\n  - sign: {}\n"
                       "  - dense: {out: 3, binary: true}\n  - batchnorm: {}\n",
                       &(struct sps_graph_options){.training = 1, .binariser = sps_binariser_at((size_t)which)});
        struct sps_random r = test_random(8);
        struct sps_step step = {.rate = 3, .count = 1};
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < graph->weight_count; i++) {
                struct sps_weight *w = graph->weights[i];
                fill_normal(&r, w->grad, w->rows * w->row);
            }
            if (round > 0)
                sps_graph_update(graph, sps_optimiser_find("sgd"), &step, 1, 1);
            for (int i = 0; i < graph->weight_count; i++) {
                struct sps_weight *w = graph->weights[i];
                for (size_t o = 0; o < w->rows && w->binary; o++) {
                    float v[64];
                    graph->binariser->standardise(v, w->value + o * w->row, w->row);
                    for (size_t k = 0; k < w->row; k++) {
                        int sign = v[k] >= 0 ? 1 : -1;
                        assert_true(sign_at(w, o * w->row + k) == sign);
                        assert_true(w->sign == NULL || w->sign[o * w->row + k] == (float)sign);
                        uint32_t bit = w->bits[o * sps_words(w->row) + k / 32] >> k % 32 & 1;
                        assert_int_equal(bit, sign > 0);
                        if (w->wants_quads)
                            assert_int_equal(w->quads[((k / 4) * SPS_PANEL + o) * 4 + k % 4], sign);
                        else
                            assert_int_equal(w->panels[(k / 32) * SPS_PANEL + o] >> k % 32 & 1, sign > 0);
                        float limit = graph->binariser->limit;
                        assert_true(limit == 0 || round == 0 || fabsf(w->value[o * w->row + k]) <= limit);
                    }
                }
            }
        }
        sps_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(binary_convolution_by_hand_picked_shapes),
        TEST(binary_convolution_by_random_shapes),
        TEST(float_convolution),
        TEST(convolution_after_a_change_of_threads),
        TEST(dense_layers),
        TEST(products_of_drawn_weights),
        TEST(draws_of_weights),
        TEST(draws_of_weights_have_their_own_stream),
        TEST(nothing_is_drawn),
        TEST(drawn_weights_refused),
        TEST(batchnorm_forward_and_gradients),
        TEST(batchnorm_running_statistics),
        TEST(batchnorm_re_estimation),
        TEST(batchnorm_re_estimation_of_nothing),
        TEST(batchnorm_evaluation_is_the_shared_expression),
        TEST(element_wise_layers),
        TEST(dropout),
        TEST(sign_uses_the_binariser),
        TEST(sign_learns_with_dsq),
        TEST(rprelu_on_paper),
        TEST(pact_on_paper),
        TEST(pooling),
        TEST(every_layer_type_is_what_its_list_says),
        TEST(signs_follow_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
