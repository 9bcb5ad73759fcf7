/* SPDX-License-Identifier: MIT */
/* What a float32 network of lenet5-wide's shape takes in oneDNN, built by hand as well as we can: channels last,
 * weights in the format that each primitive prefers, bias (with batch normalisation folded into it) and ReLU fused
 * behind each product, pooling by oneDNN, one user scratch, nothing made anew.  The packed engine is compared with it.
 *
 *   onednn_infer [--json] [--threads N] [--seconds S] */
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 64, STEPS_MAX = 6 };

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "onednn_infer: oneDNN refused %s (status %d)\n", what, (int)status);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct step {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[4];
    int arg_count;
};
static struct step steps[STEPS_MAX];
static int step_count;

static dnnl_memory_t memory(const dnnl_memory_desc_t *desc)
{
    dnnl_memory_t m;
    void *data;
    check(dnnl_memory_create(&m, desc, engine, DNNL_MEMORY_ALLOCATE), "memory");
    check(dnnl_memory_get_data_handle(m, &data), "memory");
    float *x = data;
    for (size_t i = 0; i < dnnl_memory_desc_get_size(desc) / sizeof *x; i++)
        x[i] = (float)(rand() % 2001 - 1000) * 1e-4f;
    return m;
}

static dnnl_memory_desc_t shape(int dims, const dnnl_dims_t size, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    check(dnnl_memory_desc_init_by_tag(&d, dims, size, dnnl_f32, tag), "a shape");
    return d;
}

static void add(dnnl_primitive_desc_t pd, dnnl_memory_t src, dnnl_memory_t weights, dnnl_memory_t bias,
                dnnl_memory_t dst)
{
    struct step *s = &steps[step_count++];
    check(dnnl_primitive_create(&s->primitive, pd), "a primitive");
    s->args[s->arg_count++] = (dnnl_exec_arg_t){DNNL_ARG_SRC, src};
    s->args[s->arg_count++] = (dnnl_exec_arg_t){DNNL_ARG_DST, dst};
    if (weights != NULL) {
        s->args[s->arg_count++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, weights};
        s->args[s->arg_count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, bias};
    }
}

static dnnl_primitive_attr_t relu(int wanted)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    check(dnnl_primitive_attr_create(&attr), "an attribute");
    check(dnnl_post_ops_create(&ops), "a post-operation");
    if (wanted)
        check(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0), "a post-operation");
    check(dnnl_primitive_attr_set_post_ops(attr, ops), "a post-operation");
    return attr;
}

static dnnl_memory_t conv(dnnl_memory_t src, dnnl_dim_t c, dnnl_dim_t o, dnnl_dim_t size)
{
    const dnnl_dims_t in = {BATCH, c, size, size}, w = {o, c, 5, 5}, out = {BATCH, o, size, size}, one = {1, 1},
                      two = {2, 2}, channels = {o};
    dnnl_memory_desc_t sd = shape(4, in, dnnl_nhwc), wd = shape(4, w, dnnl_format_tag_any),
                       bd = shape(1, channels, dnnl_a), dd = shape(4, out, dnnl_nhwc);
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_t pd;
    check(dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &sd, &wd, &bd, &dd,
                                             one, two, two),
          "a convolution");
    check(dnnl_primitive_desc_create(&pd, &desc, relu(1), engine, NULL), "a convolution");
    dnnl_memory_t dst = memory(&dd);
    add(pd, src, memory(dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0)), memory(&bd), dst);
    return dst;
}

static dnnl_memory_t pool(dnnl_memory_t src, dnnl_dim_t c, dnnl_dim_t size)
{
    const dnnl_dims_t in = {BATCH, c, size, size}, out = {BATCH, c, size / 2, size / 2}, two = {2, 2}, none = {0, 0};
    dnnl_memory_desc_t sd = shape(4, in, dnnl_nhwc), dd = shape(4, out, dnnl_nhwc);
    dnnl_pooling_desc_t desc;
    dnnl_primitive_desc_t pd;
    check(
        dnnl_pooling_forward_desc_init(&desc, dnnl_forward_inference, dnnl_pooling_max, &sd, &dd, two, two, none, none),
        "pooling");
    check(dnnl_primitive_desc_create(&pd, &desc, NULL, engine, NULL), "pooling");
    dnnl_memory_t dst = memory(&dd);
    add(pd, src, NULL, NULL, dst);
    return dst;
}

static dnnl_memory_t dense(dnnl_memory_t src, dnnl_dim_t in, dnnl_dim_t out, int with_relu)
{
    const dnnl_dims_t s = {BATCH, in}, w = {out, in}, d = {BATCH, out}, channels = {out};
    dnnl_memory_desc_t sd = shape(2, s, dnnl_ab), wd = shape(2, w, dnnl_format_tag_any),
                       bd = shape(1, channels, dnnl_a), dd = shape(2, d, dnnl_ab);
    dnnl_inner_product_desc_t desc;
    dnnl_primitive_desc_t pd;
    check(dnnl_inner_product_forward_desc_init(&desc, dnnl_forward_inference, &sd, &wd, &bd, &dd), "a product");
    check(dnnl_primitive_desc_create(&pd, &desc, relu(with_relu), engine, NULL), "a product");
    dnnl_memory_t dst = memory(&dd), flat;
    void *data;
    check(dnnl_memory_get_data_handle(src, &data), "memory"); /* nhwc, read as one row an image */
    check(dnnl_memory_create(&flat, &sd, engine, data), "memory");
    add(pd, flat, memory(dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0)), memory(&bd), dst);
    return dst;
}

static void build(void)
{
    const dnnl_dims_t in = {BATCH, 1, 28, 28};
    dnnl_memory_desc_t image = shape(4, in, dnnl_nhwc);
    check(dnnl_engine_create(&engine, dnnl_cpu, 0), "an engine");
    check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "a stream");
    dnnl_memory_t x = memory(&image);
    x = pool(conv(x, 1, 32, 28), 32, 28);
    x = pool(conv(x, 32, 64, 14), 64, 14);
    x = dense(x, 3136, 512, 1);
    dense(x, 512, 10, 0);
}

static void run(void)
{
    for (int i = 0; i < step_count; i++)
        check(dnnl_primitive_execute(steps[i].primitive, stream, steps[i].arg_count, steps[i].args), "to run");
    check(dnnl_stream_wait(stream), "to run");
}

int main(int argc, char **argv)
{
    int json = 0, threads = 2;
    double seconds = 3, best = 1e9;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else {
            fprintf(stderr, "usage: onednn_infer [--json] [--threads N] [--seconds S]\n");
            return 2;
        }
    omp_set_num_threads(threads);
    build();
    for (int i = 0; i < 3; i++)
        run();
    for (double end = now() + seconds; now() < end;) {
        double start = now();
        run();
        double took = now() - start;
        best = took < best ? took : best;
    }
    printf(json ? "{\"images_per_s\": %.1f, \"batch\": %d, \"threads\": %d}\n"
                : "oneDNN, float32, lenet5-wide: %.0f images/s, batch %d, %d threads\n",
           BATCH / best, BATCH, threads);
    return 0;
}
