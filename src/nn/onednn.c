/* SPDX-License-Identifier: MIT */
/* The only file that knows oneDNN (C API of 2.6).  Primitives are made once per shape and kept; activations are NHWC
 * (measured 2 to 4 times faster than NCHW); weights go through a reorder where oneDNN prefers a blocked format. */
#include "nn/onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <string.h>

#include "core/memory.h"

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    void *room; /* for weights in the format that a primitive prefers: one at a time */
    size_t room_bytes;
};

static sps_status check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return SPS_OK;
    if (status == dnnl_out_of_memory)
        SPS_FAIL(ENOMEM, "out of memory: oneDNN, %s", what);
    SPS_FAIL(EUNSUPPORTED, "oneDNN refused %s (status %d)", what, (int)status);
}

sps_status sps_onednn_create(void **out)
{
    struct onednn *d = NULL;
    sps_status status = SPS_OK;
    SPS_TRY(sps_calloc(&d, 1, sizeof *d, "oneDNN"));
    SPS_TRY_OUT(check(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "an engine"));
    SPS_TRY_OUT(check(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags), "a stream"));
    *out = d;
    return SPS_OK;
out:
    sps_onednn_free(d);
    return status;
}

void sps_onednn_free(void *onednn)
{
    struct onednn *d = onednn;
    if (d == NULL)
        return;
    dnnl_stream_destroy(d->stream);
    dnnl_engine_destroy(d->engine);
    sps_free(d->room);
    sps_free(d);
}

int sps_onednn_likes_bfloat16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

void sps_gemm(int a_transposed, int b_transposed, size_t m, size_t n, size_t k, const float *a, const float *b,
              float beta, float *c)
{
    dnnl_dim_t M = (dnnl_dim_t)m, N = (dnnl_dim_t)n, K = (dnnl_dim_t)k;
    dnnl_sgemm(a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', M, N, K, 1.0f, a, a_transposed ? M : K, b,
               b_transposed ? K : N, beta, c, N);
}

/* One direction: a primitive with its three memories; the weights' plain and preferred form with the reorder between.
 */
enum { ROLE_SRC, ROLE_WEIGHTS, ROLE_DST, ROLES };
struct direction {
    dnnl_primitive_t primitive, reorder;
    dnnl_memory_t memory[ROLES], plain;
};
enum { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS, DIRECTIONS };
struct sps_conv_op {
    struct onednn *onednn;
    struct direction direction[DIRECTIONS];
    dnnl_primitive_desc_t hint;                       /* forward, for the backward descriptors */
    dnnl_memory_desc_t operand[ROLES], result[ROLES]; /* plain formats: nhwc, ohwi, nhwc; results are floats */
};

/* What the roles of a direction are: one is its result. */
static const dnnl_memory_desc_t *desc_of(const struct sps_conv_op *op, int which, int role)
{
    static const int result[DIRECTIONS] = {ROLE_DST, ROLE_SRC, ROLE_WEIGHTS};
    return result[which] == role ? &op->result[role] : &op->operand[role];
}

static sps_status describe(struct sps_conv_op *op, const struct sps_conv_shape *s, enum sps_precision precision)
{
    dnnl_dims_t src = {s->n, s->c, s->h, s->w}, weights = {s->o, s->c, s->kernel, s->kernel},
                dst = {s->n, s->o, s->oh, s->ow};
    dnnl_data_type_t type = precision == SPS_BFLOAT16 ? dnnl_bf16 : dnnl_f32;
    SPS_TRY(check(dnnl_memory_desc_init_by_tag(&op->operand[ROLE_SRC], 4, src, type, dnnl_nhwc), "a shape"));
    SPS_TRY(check(dnnl_memory_desc_init_by_tag(&op->operand[ROLE_WEIGHTS], 4, weights, type, dnnl_ohwi), "a shape"));
    SPS_TRY(check(dnnl_memory_desc_init_by_tag(&op->operand[ROLE_DST], 4, dst, type, dnnl_nhwc), "a shape"));
    SPS_TRY(check(dnnl_memory_desc_init_by_tag(&op->result[ROLE_SRC], 4, src, dnnl_f32, dnnl_nhwc), "a shape"));
    SPS_TRY(check(dnnl_memory_desc_init_by_tag(&op->result[ROLE_WEIGHTS], 4, weights, dnnl_f32, dnnl_ohwi), "a shape"));
    return check(dnnl_memory_desc_init_by_tag(&op->result[ROLE_DST], 4, dst, dnnl_f32, dnnl_nhwc), "a shape");
}

static sps_status make_room(struct onednn *d, size_t bytes)
{
    if (bytes <= d->room_bytes)
        return SPS_OK;
    sps_free(d->room);
    d->room = NULL;
    d->room_bytes = 0;
    SPS_TRY(sps_calloc(&d->room, bytes, 1, "weights for oneDNN"));
    d->room_bytes = bytes;
    return SPS_OK;
}

static sps_status make_direction(struct sps_conv_op *op, const struct sps_conv_shape *s, int which, int wanted)
{
    struct direction *d = &op->direction[which];
    dnnl_convolution_desc_t desc;
    dnnl_dims_t strides = {s->stride, s->stride}, pads = {s->pad, s->pad};
    dnnl_dims_t pads_end = {(s->oh - 1) * s->stride + s->kernel - s->h - s->pad,
                            (s->ow - 1) * s->stride + s->kernel - s->w - s->pad};
    const dnnl_memory_desc_t *x = desc_of(op, which, ROLE_SRC), *y = desc_of(op, which, ROLE_DST),
                             *w = desc_of(op, which, ROLE_WEIGHTS);
    dnnl_memory_desc_t any;
    SPS_TRY(check(dnnl_memory_desc_init_by_tag(&any, 4, w->dims, w->data_type, dnnl_format_tag_any), "a shape"));
    dnnl_status_t init =
        which == FORWARD ? dnnl_convolution_forward_desc_init(&desc, dnnl_forward_training, dnnl_convolution_direct, x,
                                                              &any, NULL, y, strides, pads, pads_end)
        : which == BACKWARD_DATA ? dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, x, &any, y,
                                                                            strides, pads, pads_end)
                                 : dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, x, &any,
                                                                               NULL, y, strides, pads, pads_end);
    SPS_TRY(check(init, "a convolution"));
    dnnl_primitive_desc_t pd = NULL;
    SPS_TRY(check(dnnl_primitive_desc_create(&pd, &desc, NULL, op->onednn->engine, op->hint), "a convolution"));
    dnnl_memory_desc_t weights = *dnnl_primitive_desc_query_md(
        pd, which == BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    if (which == FORWARD && !wanted) { /* only as the hint of the others */
        op->hint = pd;
        return SPS_OK;
    }
    sps_status status = check(dnnl_primitive_create(&d->primitive, pd), "a convolution");
    if (status != SPS_OK || which != FORWARD)
        dnnl_primitive_desc_destroy(pd);
    else
        op->hint = pd;
    SPS_TRY(status);
    dnnl_engine_t engine = op->onednn->engine;
    SPS_TRY(check(dnnl_memory_create(&d->memory[ROLE_SRC], x, engine, DNNL_MEMORY_NONE), "memory"));
    SPS_TRY(check(dnnl_memory_create(&d->memory[ROLE_DST], y, engine, DNNL_MEMORY_NONE), "memory"));
    if (dnnl_memory_desc_equal(&weights, w))
        return check(dnnl_memory_create(&d->memory[ROLE_WEIGHTS], &weights, engine, DNNL_MEMORY_NONE), "memory");
    SPS_TRY(make_room(op->onednn, dnnl_memory_desc_get_size(&weights)));
    SPS_TRY(check(dnnl_memory_create(&d->memory[ROLE_WEIGHTS], &weights, engine, DNNL_MEMORY_NONE), "memory"));
    SPS_TRY(check(dnnl_memory_create(&d->plain, w, engine, DNNL_MEMORY_NONE), "memory"));
    const dnnl_memory_desc_t *from = which == BACKWARD_WEIGHTS ? &weights : w;
    const dnnl_memory_desc_t *to = which == BACKWARD_WEIGHTS ? w : &weights;
    dnnl_primitive_desc_t reorder = NULL;
    SPS_TRY(check(dnnl_reorder_primitive_desc_create(&reorder, from, engine, to, engine, NULL), "a reorder"));
    status = check(dnnl_primitive_create(&d->reorder, reorder), "a reorder");
    dnnl_primitive_desc_destroy(reorder);
    return status;
}

sps_status sps_conv_op_create(sps_conv_op **out, void *onednn, const struct sps_conv_shape *shape, int directions,
                              enum sps_precision precision)
{
    sps_conv_op *op = NULL;
    sps_status status = SPS_OK;
    SPS_TRY(sps_calloc(&op, 1, sizeof *op, "a convolution"));
    op->onednn = onednn;
    SPS_TRY_OUT(describe(op, shape, precision));
    for (int i = 0; i < (directions & SPS_CONV_BACKWARD ? DIRECTIONS : 1); i++)
        SPS_TRY_OUT(make_direction(op, shape, i, i != FORWARD || directions & SPS_CONV_FORWARD));
    *out = op;
    return SPS_OK;
out:
    sps_conv_op_free(op);
    return status;
}

void sps_conv_op_free(sps_conv_op *op)
{
    if (op == NULL)
        return;
    for (int i = 0; i < DIRECTIONS; i++) {
        struct direction *d = &op->direction[i];
        for (int r = 0; r < ROLES; r++)
            dnnl_memory_destroy(d->memory[r]);
        dnnl_memory_destroy(d->plain);
        dnnl_primitive_destroy(d->primitive);
        dnnl_primitive_destroy(d->reorder);
    }
    dnnl_primitive_desc_destroy(op->hint);
    sps_free(op);
}

static void reorder(struct sps_conv_op *op, struct direction *d, dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_execute(d->reorder, op->onednn->stream, 2, args);
}

/* oneDNN takes plain pointers without const, but reads inputs only. */
static void run(struct sps_conv_op *op, int which, const int arg[ROLES], const void *src, const void *weights,
                const void *dst)
{
    struct direction *d = &op->direction[which];
    dnnl_memory_set_data_handle(d->memory[ROLE_SRC], (void *)src);
    dnnl_memory_set_data_handle(d->memory[ROLE_DST], (void *)dst);
    if (d->reorder == NULL)
        dnnl_memory_set_data_handle(d->memory[ROLE_WEIGHTS], (void *)weights);
    else {
        dnnl_memory_set_data_handle(d->plain, (void *)weights);
        dnnl_memory_set_data_handle(d->memory[ROLE_WEIGHTS], op->onednn->room);
    }
    if (d->reorder != NULL && which != BACKWARD_WEIGHTS)
        reorder(op, d, d->plain, d->memory[ROLE_WEIGHTS]);
    dnnl_exec_arg_t args[ROLES];
    for (int r = 0; r < ROLES; r++)
        args[r] = (dnnl_exec_arg_t){arg[r], d->memory[r]};
    dnnl_primitive_execute(d->primitive, op->onednn->stream, ROLES, args);
    if (d->reorder != NULL && which == BACKWARD_WEIGHTS)
        reorder(op, d, d->memory[ROLE_WEIGHTS], d->plain);
    dnnl_stream_wait(op->onednn->stream);
}

void sps_conv_op_forward(sps_conv_op *op, float *y, const float *x, const float *w)
{
    const int arg[ROLES] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    run(op, FORWARD, arg, x, w, y);
}

void sps_conv_op_backward_data(sps_conv_op *op, float *dx, const void *dy, const void *w)
{
    const int arg[ROLES] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
    run(op, BACKWARD_DATA, arg, dx, w, dy);
}

void sps_conv_op_backward_weights(sps_conv_op *op, float *dw, const void *dy, const void *x)
{
    const int arg[ROLES] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
    run(op, BACKWARD_WEIGHTS, arg, x, dw, dy);
}
