/* SPDX-License-Identifier: MIT */
/* The packed model in memory, and what must hold of it. */
#include "engine/packed.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/shortcut.h"
#include "kern/kern.h"

enum { PIXELS_MAX = 4096, CHANNELS_MAX = 65536, VALUE_MAX = 1 << 26, CODE_LOW = -128, CODE_HIGH = 127 };

const char *sps_value_kind_name(enum sps_value_kind kind)
{
    static const char *const names[] = {"codes", "bits", "sums", "levels", "reals"};
    return names[kind];
}

const char *sps_op_name(enum sps_op_kind kind)
{
#define NAME(name, summary) #name,
    static const char *const names[] = {SPS_OPS(NAME)};
    return names[kind];
}

const char *sps_noise_name(enum sps_noise_kind kind)
{
    static const char *const names[] = {SPS_NOISES(NAME)};
#undef NAME
    return names[kind];
}

size_t sps_op_fan_in(const struct sps_op *op, const struct sps_value *in)
{
    int conv = op->kind == SPS_OP_binary_conv || op->kind == SPS_OP_float_conv;
    return conv ? (size_t)op->kernel * (size_t)op->kernel * (size_t)in->c : sps_value_size(in);
}

sps_status sps_packed_create(struct sps_packed **out)
{
    return sps_calloc(out, 1, sizeof **out, "a packed model");
}

sps_status sps_packed_alloc(void *out, struct sps_packed *m, size_t count, size_t size, const char *what)
{
    if (m->owned_count == m->owned_room) {
        void **more = NULL;
        size_t room = m->owned_room ? 2 * m->owned_room : 32;
        SPS_TRY(sps_calloc(&more, room, sizeof *more, what));
        if (m->owned_count > 0)
            memcpy(more, m->owned, m->owned_count * sizeof *more);
        sps_free(m->owned);
        m->owned = more;
        m->owned_room = room;
    }
    void *memory = NULL;
    SPS_TRY(sps_calloc(&memory, count, size, what));
    m->owned[m->owned_count++] = memory;
    memcpy(out, &memory, sizeof memory);
    return SPS_OK;
}

void sps_packed_close(sps_packed *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->owned_count; i++)
        sps_free(m->owned[i]);
    sps_free(m->owned);
    sps_safetensors_close(m->file);
    sps_free(m);
}

const struct sps_model_info *sps_packed_get_info(const sps_packed *m)
{
    return &m->info;
}

const char *sps_packed_class_name(const sps_packed *m, int label)
{
    return label >= 0 && label < 256 ? m->class_names[label] : NULL;
}

/* ---- what must hold ---- */

static sps_status floats_are_finite(const float *x, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            SPS_FAIL(EFORMAT, "number %zu of %s is not finite", i, what);
    return SPS_OK;
}

static sps_status rows_end_in_zeros(const uint32_t *rows, size_t count, size_t bits, const char *what)
{
    size_t words = sps_words(bits);
    uint32_t beyond = bits % 32 ? ~0u << bits % 32 : 0;
    for (size_t i = 0; i < count && words > 0; i++)
        if (rows[(i + 1) * words - 1] & beyond)
            SPS_FAIL(EFORMAT, "row %zu of %s has bits past its %zu", i, what, bits);
    return SPS_OK;
}

static sps_status value_fits(const struct sps_value *v)
{
    if (v->h < 1 || v->w < 1 || v->c < 1 || v->h > PIXELS_MAX || v->w > PIXELS_MAX || v->c > CHANNELS_MAX ||
        sps_value_size(v) > VALUE_MAX)
        SPS_FAIL(EFORMAT, "a value of %d x %d x %d is empty or too large", v->h, v->w, v->c);
    return SPS_OK;
}

static sps_status is_one_of(const struct sps_value *v, unsigned kinds)
{
    if (!(kinds >> v->kind & 1))
        SPS_FAIL(EFORMAT, "its input is %s", sps_value_kind_name(v->kind));
    return SPS_OK;
}
#define ONE_OF_1(a) (1u << SPS_VALUE_##a)
#define ONE_OF_2(a, b) (ONE_OF_1(a) | ONE_OF_1(b))

static sps_status conv_shape(struct sps_value *out, const struct sps_op *op, const struct sps_value *in)
{
    if (op->kernel < 1 || op->stride < 1 || op->pad < 0 || op->pad >= op->kernel || in->h + 2 * op->pad < op->kernel ||
        in->w + 2 * op->pad < op->kernel)
        SPS_FAIL(EFORMAT, "kernel %d, stride %d and pad %d do not fit an input of %d x %d", op->kernel, op->stride,
                 op->pad, in->h, in->w);
    out->h = (in->h + 2 * op->pad - op->kernel) / op->stride + 1;
    out->w = (in->w + 2 * op->pad - op->kernel) / op->stride + 1;
    return SPS_OK;
}

static sps_status check_product(struct sps_op *op, const struct sps_value *in)
{
    int conv = op->kind == SPS_OP_binary_conv || op->kind == SPS_OP_float_conv;
    int binary = op->kind == SPS_OP_binary_conv || op->kind == SPS_OP_binary_dense;
    struct sps_value *out = &op->result;
    *out = (struct sps_value){binary ? SPS_VALUE_SUMS : SPS_VALUE_REALS, 1, 1, op->out, 0, 0};
    if (binary)
        SPS_TRY(is_one_of(in, ONE_OF_2(CODES, BITS) | ONE_OF_1(LEVELS)));
    else if (in->kind == SPS_VALUE_SUMS)
        SPS_FAIL(EFORMAT, "its input is sums");
    if (conv)
        SPS_TRY(conv_shape(out, op, in));
    SPS_TRY(value_fits(out));
    size_t fan_in = sps_op_fan_in(op, in);
    if (!binary) {
        SPS_TRY(floats_are_finite(op->weight, (size_t)op->out * fan_in, "its weights"));
        return floats_are_finite(op->bias, (size_t)op->out, "its bias");
    }
    int64_t most = in->kind == SPS_VALUE_BITS ? 1 : in->kind == SPS_VALUE_CODES ? -CODE_LOW : in->high;
    out->high = (int64_t)fan_in * most;
    out->low = -out->high;
    if (out->high > INT32_MAX / 2)
        SPS_FAIL(EFORMAT, "its sums reach %lld, beyond 32 bits", (long long)out->high);
    return rows_end_in_zeros(op->weight_bits, (size_t)op->out, fan_in, "its weights");
}

/* Rows of a table that has one for each bank entry, and perhaps one for the deterministic reading. */
static size_t table_rows(const struct sps_packed *m, const struct sps_op *op)
{
    return (size_t)(op->noise < 0 ? 1 : m->noises[op->noise].entries) + (op->point ? 1 : 0);
}

static sps_status check_threshold(const struct sps_packed *m, struct sps_op *op, const struct sps_value *in)
{
    SPS_TRY(is_one_of(in, ONE_OF_1(SUMS)));
    op->result = (struct sps_value){SPS_VALUE_BITS, in->h, in->w, in->c, -1, 1};
    size_t rows = table_rows(m, op), c = (size_t)in->c;
    for (size_t i = 0; i < rows * c; i++)
        if (op->threshold[i] < in->low || op->threshold[i] > in->high + 1)
            SPS_FAIL(EFORMAT, "threshold %zu is %d, must be %lld to %lld", i, op->threshold[i], (long long)in->low,
                     (long long)in->high + 1);
    return rows_end_in_zeros(op->flip, rows, c, "its flips");
}

static sps_status check_affine(const struct sps_packed *m, struct sps_op *op, const struct sps_value *in)
{
    SPS_TRY(is_one_of(in, ONE_OF_2(SUMS, REALS) | ONE_OF_1(LEVELS)));
    op->result = (struct sps_value){SPS_VALUE_REALS, in->h, in->w, in->c, 0, 0};
    return floats_are_finite(op->affine, table_rows(m, op) * SPS_AFFINE_ROWS * (size_t)in->c, "its table");
}

static sps_status check_pool(struct sps_op *op, const struct sps_value *in)
{
    if (op->average)
        SPS_TRY(is_one_of(in, ONE_OF_1(REALS)));
    if (op->window < 1 || op->window > in->h || op->window > in->w)
        SPS_FAIL(EFORMAT, "window %d does not fit an input of %d x %d", op->window, in->h, in->w);
    op->result = *in;
    op->result.h = (int)sps_pooled((size_t)in->h, (size_t)op->window, op->ceil);
    op->result.w = (int)sps_pooled((size_t)in->w, (size_t)op->window, op->ceil);
    return SPS_OK;
}

static sps_status check_quantise(struct sps_op *op, const struct sps_value *in)
{
    SPS_TRY(is_one_of(in, ONE_OF_1(REALS)));
    if (op->bits < 1 || op->bits > 8)
        SPS_FAIL(EFORMAT, "bits is %d, must be 1 to 8", op->bits);
    SPS_TRY(floats_are_finite(op->step, (size_t)in->c, "its steps"));
    for (int c = 0; c < in->c; c++)
        if (op->step[c] <= 0)
            SPS_FAIL(EFORMAT, "step %d is %g, must be above 0", c, (double)op->step[c]);
    op->result = (struct sps_value){SPS_VALUE_LEVELS, in->h, in->w, in->c, 0, (1 << op->bits) - 1};
    return SPS_OK;
}

static sps_status check_add(const struct sps_packed *m, struct sps_op *op)
{
    const struct sps_value *to = sps_packed_value(m, op->from[0]), *from = sps_packed_value(m, op->from[1]);
    struct sps_shortcut shortcut;
    SPS_TRY(is_one_of(to, ONE_OF_1(REALS)));
    SPS_TRY(is_one_of(from, ONE_OF_1(REALS)));
    if (!sps_shortcut_fits(&shortcut, (const int[]){to->h, to->w, to->c}, (const int[]){from->h, from->w, from->c}))
        SPS_FAIL(EFORMAT, "there is no shortcut from %d x %d x %d to %d x %d x %d", from->h, from->w, from->c, to->h,
                 to->w, to->c);
    op->result = *to;
    return SPS_OK;
}

static sps_status check_concat(const struct sps_packed *m, struct sps_op *op)
{
    const struct sps_value *first = sps_packed_value(m, op->from[0]);
    op->result = *first;
    for (int i = 1; i < op->from_count; i++) {
        const struct sps_value *v = sps_packed_value(m, op->from[i]);
        if (v->kind != first->kind || v->h != first->h || v->w != first->w)
            SPS_FAIL(EFORMAT, "its inputs are %s of %d x %d x %d and %s of %d x %d x %d",
                     sps_value_kind_name(first->kind), first->h, first->w, first->c, sps_value_kind_name(v->kind), v->h,
                     v->w, v->c);
        op->result.low = v->low < op->result.low ? v->low : op->result.low;
        op->result.high = v->high > op->result.high ? v->high : op->result.high;
        op->result.c += v->c;
    }
    return SPS_OK;
}

/* Element-wise operations on reals. */
static sps_status check_activation(struct sps_op *op, const struct sps_value *in)
{
    SPS_TRY(is_one_of(in, ONE_OF_1(REALS)));
    op->result = *in;
    if (op->kind == SPS_OP_sign)
        op->result = (struct sps_value){SPS_VALUE_BITS, in->h, in->w, in->c, -1, 1};
    return op->kind == SPS_OP_rprelu ? floats_are_finite(op->rprelu, SPS_RPRELU_ROWS * (size_t)in->c, "its table")
                                     : SPS_OK;
}

static sps_status check_kind(struct sps_packed *m, struct sps_op *op)
{
    const struct sps_value *in = sps_packed_value(m, op->from[0]);
    switch (op->kind) {
    case SPS_OP_binary_dense:
    case SPS_OP_binary_conv:
    case SPS_OP_float_dense:
    case SPS_OP_float_conv:
        return check_product(op, in);
    case SPS_OP_threshold:
        return check_threshold(m, op, in);
    case SPS_OP_affine:
        return check_affine(m, op, in);
    case SPS_OP_pool:
        return check_pool(op, in);
    case SPS_OP_quantise:
        return check_quantise(op, in);
    case SPS_OP_upsample:
        if (op->factor < 1 || op->factor > PIXELS_MAX)
            SPS_FAIL(EFORMAT, "factor is %d, must be 1 to %d", op->factor, PIXELS_MAX);
        op->result = *in;
        op->result.h = in->h <= PIXELS_MAX / op->factor ? in->h * op->factor : 0;
        op->result.w = in->w <= PIXELS_MAX / op->factor ? in->w * op->factor : 0;
        return SPS_OK;
    case SPS_OP_hard_tanh:
    case SPS_OP_relu:
    case SPS_OP_rprelu:
    case SPS_OP_sign:
        return check_activation(op, in);
    case SPS_OP_add:
        return check_add(m, op);
    case SPS_OP_concat:
    case SPS_OP_KINDS:
        break;
    }
    return check_concat(m, op);
}

/* Which noise may act where, and how many numbers it draws there. */
static sps_status attach_noise(struct sps_packed *m, int index)
{
    const struct sps_op *op = &m->ops[index];
    struct sps_noise *noise = &m->noises[op->noise];
    const struct sps_value *in = sps_packed_value(m, op->from[0]);
    int product = op->kind == SPS_OP_binary_dense || op->kind == SPS_OP_binary_conv;
    int table = op->kind == SPS_OP_threshold || op->kind == SPS_OP_affine;
    int bank = noise->kind == SPS_NOISE_bank || noise->kind == SPS_NOISE_channel;
    if (!(bank ? table : product))
        SPS_FAIL(EFORMAT, "noise '%s' cannot act in it", sps_noise_name(noise->kind));
    if (!bank && noise->entries != 2)
        SPS_FAIL(EFORMAT, "noise '%s' has %d entries, must be 2: kept and dropped", sps_noise_name(noise->kind),
                 noise->entries);
    size_t picks = 1;
    if (noise->kind == SPS_NOISE_channel || noise->kind == SPS_NOISE_map)
        picks = (size_t)in->c;
    else if (noise->kind == SPS_NOISE_neuron)
        picks = sps_value_size(in);
    else if (noise->kind == SPS_NOISE_weight)
        picks = (size_t)op->out * sps_op_fan_in(op, in);
    if (picks > VALUE_MAX || (size_t)m->picks + picks > VALUE_MAX)
        SPS_FAIL(EFORMAT, "a row of picks is too long");
    noise->op = index;
    noise->picks = (int)picks;
    m->picks += (int)picks;
    return SPS_OK;
}

static sps_status check_noise(const struct sps_noise *noise)
{
    double total = 0;
    if (noise->entries < 1 || noise->entries > SPS_ENTRIES_MAX)
        SPS_FAIL(EFORMAT, "it has %d entries, must be 1 to %d", noise->entries, SPS_ENTRIES_MAX);
    if (noise->stream < 0 || noise->stream >= 1 << 24)
        SPS_FAIL(EFORMAT, "its stream is %d, must be 0 to %d", noise->stream, (1 << 24) - 1);
    for (int k = 0; k < noise->entries; k++) {
        if (!(noise->probability[k] >= 0 && noise->probability[k] <= 1))
            SPS_FAIL(EFORMAT, "probability %d is %g", k, noise->probability[k]);
        total += noise->probability[k];
    }
    if (!(fabs(total - 1) < 1e-6))
        SPS_FAIL(EFORMAT, "its probabilities have the sum %g", total);
    return SPS_OK;
}

sps_status sps_packed_check_op(struct sps_packed *m, int index)
{
    struct sps_op *op = &m->ops[index];
    int least = op->kind == SPS_OP_add || op->kind == SPS_OP_concat ? 2 : 1;
    int most = op->kind == SPS_OP_concat ? SPS_OP_INPUTS_MAX : least;
    sps_status status = SPS_OK;
    if (op->from_count < least || op->from_count > most)
        status = sps_fail(SPS_EFORMAT, "it has %d inputs, must be %d to %d", op->from_count, least, most);
    for (int j = 0; j < op->from_count && status == SPS_OK; j++)
        if (op->from[j] < 0 || op->from[j] > index)
            status = sps_fail(SPS_EFORMAT, "it reads value %d, which is not there yet", op->from[j]);
    if (status == SPS_OK)
        status = check_kind(m, op);
    if (status == SPS_OK)
        status = value_fits(&op->result);
    return status == SPS_OK ? SPS_OK : sps_fail_in(status, "operation %d (%s): ", index, sps_op_name(op->kind));
}

/* Every noise source acts once, in the order of the list: a path is read from left to right while the network is walked
 * from input to output. */
static sps_status check_ops(struct sps_packed *m)
{
    int noises = 0;
    m->picks = 0;
    for (int i = 0; i < m->op_count; i++) {
        struct sps_op *op = &m->ops[i];
        SPS_TRY(sps_packed_check_op(m, i));
        if (op->noise < 0)
            continue;
        if (op->noise != noises)
            SPS_FAIL(EFORMAT, "operation %d (%s) uses noise %d, next in order is %d", i, sps_op_name(op->kind),
                     op->noise, noises);
        sps_status status = attach_noise(m, i);
        if (status != SPS_OK)
            return sps_fail_in(status, "operation %d (%s): ", i, sps_op_name(op->kind));
        noises++;
    }
    if (noises != m->noise_count)
        SPS_FAIL(EFORMAT, "noise %d is not used", noises);
    return SPS_OK;
}

static void describe(struct sps_packed *m)
{
    m->info = (struct sps_model_info){.net = m->net,
                                      .method = m->method,
                                      .data = m->data,
                                      .provenance = m->config,
                                      .height = m->input.h,
                                      .width = m->input.w,
                                      .channels = m->input.c,
                                      .classes = m->classes,
                                      .bank_layers = m->noise_count,
                                      .bank_sizes = m->bank_sizes,
                                      .picks = m->picks,
                                      .paths = sps_path_count(m->banks, m->noise_count),
                                      .validation_accuracy = m->validation_accuracy,
                                      .data_sha256 = m->data_sha256,
                                      .temperature = m->calibration != NULL ? m->calibration->temperature : 1};
    for (int i = 0; i < m->op_count; i++) {
        const struct sps_op *op = &m->ops[i];
        size_t row = sps_op_fan_in(op, sps_packed_value(m, op->from[0])) * (size_t)op->out;
        if (op->weight_bits != NULL)
            m->info.weights += row;
        if (op->weight != NULL)
            m->info.float_weights += row;
        if (op->weight_bits != NULL || op->weight != NULL)
            m->info.macs += row * (size_t)op->result.h * (size_t)op->result.w;
    }
}

sps_status sps_packed_validate(struct sps_packed *m)
{
    if (m->op_count < 1 || m->op_count > SPS_OPS_MAX || m->noise_count < 0 || m->noise_count > SPS_NOISES_MAX)
        SPS_FAIL(EFORMAT, "%d operations and %d noise sources, must be 1 to %d and 0 to %d", m->op_count,
                 m->noise_count, SPS_OPS_MAX, SPS_NOISES_MAX);
    m->input.kind = SPS_VALUE_CODES;
    m->input.low = CODE_LOW;
    m->input.high = CODE_HIGH;
    sps_status status = value_fits(&m->input);
    if (status != SPS_OK)
        return sps_fail_in(status, "input: ");
    SPS_TRY(floats_are_finite(m->mean, (size_t)m->input.c, "input.mean"));
    SPS_TRY(floats_are_finite(m->std, (size_t)m->input.c, "input.std"));
    for (int i = 0; i < m->noise_count; i++) {
        status = check_noise(&m->noises[i]);
        if (status != SPS_OK)
            return sps_fail_in(status, "noise %d: ", i);
    }
    SPS_TRY(check_ops(m));
    const struct sps_value *last = &m->ops[m->op_count - 1].result;
    if (last->kind != SPS_VALUE_REALS || (size_t)m->classes != sps_value_size(last) || m->classes < 1 ||
        m->classes > 256)
        SPS_FAIL(EFORMAT, "the last operation gives %s of %d x %d x %d, must be reals, one for each of %d classes",
                 sps_value_kind_name(last->kind), last->h, last->w, last->c, m->classes);
    SPS_TRY(sps_packed_alloc(&m->banks, m, (size_t)m->noise_count, sizeof *m->banks, "banks"));
    SPS_TRY(sps_packed_alloc(&m->bank_sizes, m, (size_t)m->noise_count, sizeof *m->bank_sizes, "bank sizes"));
    for (int i = 0; i < m->noise_count; i++) {
        const struct sps_noise *n = &m->noises[i];
        m->banks[i] = (struct sps_path_bank){n->probability, n->entries, n->picks, (uint32_t)n->stream};
        m->bank_sizes[i] = n->entries;
    }
    describe(m);
    return SPS_OK;
}
