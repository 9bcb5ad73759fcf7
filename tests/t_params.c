/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/number.h"
#include "conf/params.h"
#include "core/memory.h"
#include "test.h"

#define DEMO_PARAMS(X)                                                                                                 \
    X(epochs, INT, "train.epochs", "30", "", 1, 100000, "passes over the training images", "")                         \
    X(rate, REAL, "train.rate", "0.001", "", 0, 10, "learning rate of Adam", "Kingma 2015")                            \
    X(seed, INT, "seed", "1", "", -HUGE_VAL, HUGE_VAL, "seed of all draws", "")                                        \
    X(pulse, REAL, "device.write.pulse", "10 ns", "s", 1e-10, 1e-6, "write pulse", "")                                 \
    X(area, REAL, "device.area", "1 um2", "m2", 0, HUGE_VAL, "area of a cell", "")                                     \
    X(flip, BOOL, "data.flip", "true", "", 0, 0, "mirror half of the images", "")
#define MORE_PARAMS(X)                                                                                                 \
    X(method, CHOICE, "method.name", "point", "point|scale_dropout|scale_vi", 0, 0, "how uncertainty arises", "")      \
    X(name, TEXT, "data.name", "mnist", "", 0, 0, "data set or folder", "")                                            \
    X(lambda, REAL_OR_WORD, "method.lambda", "0.001", "elbo|off", 0, 1, "weight of the penalty", "eq. 11")             \
    X(p, REALS, "method.p", "[0.1, 0.2]", "rule", 0, 1, "probability of each layer", "")                               \
    X(milestones, REALS, "train.milestones", "5", "", 0, HUGE_VAL, "epochs at which the rate falls", "")
struct demo {
    SPS_PARAMS_STRUCT(DEMO_PARAMS)
};
struct more {
    SPS_PARAMS_STRUCT(MORE_PARAMS)
};
#define SPS_PARAMS_OWNER struct demo
static const struct sps_param demo_params[] = {SPS_PARAMS_TABLE(DEMO_PARAMS)};
#undef SPS_PARAMS_OWNER
#define SPS_PARAMS_OWNER struct more
static const struct sps_param more_params[] = {SPS_PARAMS_TABLE(MORE_PARAMS)};

static struct demo demo;
static struct more more;
static const struct sps_binding bindings[] = {{demo_params, &demo}, {more_params, &more}};

static int defaults(void **state)
{
    (void)state;
    memset(&demo, 0x55, sizeof demo);
    memset(&more, 0x55, sizeof more);
    sps_params_default(demo_params, &demo);
    sps_params_default(more_params, &more);
    return 0;
}

static sps_status read_text(const char *text)
{
    sps_yaml *yaml = NULL;
    sps_status status = sps_yaml_parse(&yaml, "run.yaml", text, strlen(text));
    if (status == SPS_OK)
        status = sps_params_read(bindings, 2, yaml, sps_yaml_root(yaml));
    sps_yaml_free(yaml);
    return status;
}

static sps_status set(const char *assignment)
{
    return sps_params_set(bindings, 2, assignment);
}

/* The text is refused with exactly this message, and no field has changed. */
static void refused(const char *text, const char *message)
{
    struct demo demo_before = demo;
    struct more more_before = more;
    assert_int_equal(read_text(text), SPS_EFORMAT);
    assert_string_equal(sps_last_error(), message);
    assert_memory_equal(&demo, &demo_before, sizeof demo);
    assert_memory_equal(&more, &more_before, sizeof more);
}

static void set_refused(const char *assignment, const char *message)
{
    struct demo demo_before = demo;
    struct more more_before = more;
    assert_int_equal(set(assignment), SPS_EINVAL);
    assert_string_equal(sps_last_error(), message);
    assert_memory_equal(&demo, &demo_before, sizeof demo);
    assert_memory_equal(&more, &more_before, sizeof more);
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    OK(sps_params_check(bindings, 2));
    assert_int_equal(demo.epochs, 30);
    assert_true(demo.rate == 0.001);
    assert_true(demo.pulse == 1e-8); /* not 10 * 1e-9, which is another number */
    assert_true(demo.area == 1e-12);
    assert_int_equal(demo.flip, 1);
    assert_int_equal(more.method, 0);
    assert_string_equal(more.name, "mnist");
    assert_int_equal(more.lambda.word, -1);
    assert_true(more.lambda.value == 0.001);
    assert_int_equal(more.p.count, 2);
    assert_true(more.p.value[0] == 0.1 && more.p.value[1] == 0.2);
    assert_int_equal(more.milestones.count, 1);
    assert_true(more.milestones.value[0] == 5);
}

static void a_file_sets_what_it_names(void **state)
{
    (void)state;
    OK(read_text("train: {epochs: 12, milestones: [3, 6, 9.5]}\n"
                 "device:\n"
                 "  write: {pulse: 0.5 us}\n"
                 "  area: 2e-13\n"
                 "data: {flip: false, name: 007}\n"
                 "method: {name: 'scale_vi', lambda: elbo, p: rule}\n"
                 "seed: -9223372036854775808\n"));
    assert_int_equal(demo.epochs, 12);
    assert_true(demo.rate == 0.001);
    assert_true(demo.pulse == 0.5e-6);
    assert_true(demo.area == 2e-13);
    assert_int_equal(demo.flip, 0);
    assert_true(demo.seed == INT64_MIN);
    assert_string_equal(more.name, "007");
    assert_int_equal(more.method, 2);
    assert_int_equal(more.lambda.word, 0);
    assert_true(more.lambda.value == 0);
    assert_int_equal(more.p.word, 0);
    assert_int_equal(more.p.count, 0);
    assert_int_equal(more.milestones.count, 3);
    assert_true(more.milestones.value[2] == 9.5);
    OK(read_text("method: {lambda: 0.25, p: 0.5}\ndata: {name: 'null'}\ntrain: {}\n"));
    assert_int_equal(more.lambda.word, -1);
    assert_true(more.lambda.value == 0.25);
    assert_int_equal(more.p.word, -1);
    assert_int_equal(more.p.count, 1);
    assert_string_equal(more.name, "null");
    OK(read_text(""));
}

static void wrong_values_are_refused_with_their_place(void **state)
{
    (void)state;
    const char *const whole[] = {"1e3", "1.0", "0x10",  "1_000", "007",
                                 "+",   "-",   "1 000", "ten",   "99999999999999999999"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        char text[100], message[200];
        snprintf(text, sizeof text, "train:\n  epochs: %s\n", whole[i]);
        snprintf(message, sizeof message,
                 "run.yaml:2:11: train.epochs is '%s', must be a whole number from 1 to 100000", whole[i]);
        if (strcmp(whole[i], "-") != 0) /* a list in YAML */
            refused(text, message);
        snprintf(text, sizeof text, "train.epochs=%s", whole[i]);
        set_refused(text, strstr(message, "train.epochs"));
    }
    const char *const real[] = {"0x10", "1_000", ".inf", "-.inf", ".nan", "inf",   "nan",     "1e999", "1,5",
                                ".",    "e3",    "1e",   "1..2",  "--1",  "1e5x5", "0.1 0.2", "-1e-9", "10.000001"};
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        char text[100], message[200];
        snprintf(text, sizeof text, "train:\n  rate: \n    %s\n", real[i]);
        snprintf(message, sizeof message, "run.yaml:3:5: train.rate is '%s', must be a number from 0 to 10", real[i]);
        if (strcmp(real[i], "1e") != 0)
            refused(text, message);
        snprintf(text, sizeof text, "train.rate=%s", real[i]);
        if (strcmp(real[i], "1e") != 0)
            set_refused(text, strstr(message, "train.rate"));
    }
    set_refused("train.rate=1e", "train.rate has no unit, but 'e' is given");
    refused("train: {epochs: 0}", "run.yaml:1:17: train.epochs is '0', must be a whole number from 1 to 100000");
    refused("seed: 9223372036854775808", "run.yaml:1:7: seed is '9223372036854775808', must be a whole number");
    refused("data: {flip: yes}", "run.yaml:1:14: data.flip is 'yes', must be true or false");
    refused("data: {flip: 1}", "run.yaml:1:14: data.flip is '1', must be true or false");
    refused("method: {name: vi}", "run.yaml:1:16: method.name is 'vi', must be point, scale_dropout or scale_vi");
    refused("method: {name: point|scale_vi}",
            "run.yaml:1:16: method.name is 'point|scale_vi', must be point, scale_dropout or scale_vi");
    refused("method: {lambda: elb}",
            "run.yaml:1:18: method.lambda is 'elb', must be a number from 0 to 1, or elbo or off");
    refused("method: {p: [0.1,\n 1.5]}",
            "run.yaml:2:2: method.p is '1.5', must be 1 to 32 numbers from 0 to 1, or rule");
    refused("method: {p: []}",
            "run.yaml:1:13: method.p is an empty list, must be 1 to 32 numbers from 0 to 1, or rule");
    refused("method: {p: [0, [0]]}", "run.yaml:1:17: in the list of method.p is something else than a number");
    refused("method: {p: [0, '0']}", "run.yaml:1:17: in the list of method.p is something else than a number");
    refused("method: {p: [rule]}", "run.yaml:1:14: method.p is 'rule', must be 1 to 32 numbers from 0 to 1, or rule");
    refused("method: {p: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]}",
            "run.yaml:1:78: method.p has more than 32 numbers");
}

static void null_lists_maps_and_quotes_are_refused(void **state)
{
    (void)state;
    const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        char text[100];
        snprintf(text, sizeof text, "data: {name: %s}", nulls[i]);
        assert_int_equal(read_text(text), SPS_EFORMAT);
        assert_non_null(strstr(sps_last_error(), "data.name has no value, must be UTF-8 text of at most 255 bytes"));
    }
    refused("seed:\n", "run.yaml:1:6: seed has no value, must be a whole number");
    refused("train:\n", "run.yaml:1:7: train must be a map of parameters");
    refused("train: 3\n", "run.yaml:1:8: train must be a map of parameters");
    refused("seed: [1]\n", "run.yaml:1:7: seed is a list, must be a whole number");
    refused("data: {flip: {a: 1}}\n", "run.yaml:1:14: data.flip is a map, must be true or false");
    refused("seed: '1'\n", "run.yaml:1:7: seed is text in quotes, must be a whole number");
    refused("seed: |\n  1\n", "run.yaml:1:7: seed is text in quotes, must be a whole number");
    refused("data: {flip: \"true\"}\n", "run.yaml:1:14: data.flip is text in quotes, must be true or false");
    refused("- 1\n", "run.yaml:1:1: parameters must be a map");
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    refused("train:\n  epochs: 3\n  epoch: 3\n",
            "run.yaml:3:3: unknown key 'train.epoch', did you mean 'train.epochs'?");
    refused("trian: {epochs: 3}\n", "run.yaml:1:1: unknown key 'trian', did you mean 'train'?");
    refused("epochs: 3\n", "run.yaml:1:1: unknown key 'epochs', did you mean 'train.epochs'?");
    refused("data: {pulse: 3 ns}\n", "run.yaml:1:8: unknown key 'data.pulse', did you mean 'device.write.pulse'?");
    refused("something: 3\n", "run.yaml:1:1: unknown key 'something'");
    refused("'': 3\n", "run.yaml:1:1: unknown key ''");
    refused("train.epochs: 3\n", "run.yaml:1:1: key 'train.epochs' has a dot; in a file it is a map in a map");
    refused("seed: 1\nseed: 2\n", "run.yaml:2:1: key 'seed' is here twice, first in line 1");
    refused("\"a\\eb\\n\": 2\n", "run.yaml:1:1: unknown key 'a?b?'");
    set_refused("train.epoch=3", "unknown key 'train.epoch', did you mean 'train.epochs'?");
    set_refused("trian.epochs=3", "unknown key 'trian.epochs', did you mean 'train.epochs'?");
    char text[400];
    snprintf(text, sizeof text, "? %0300d\n: 1\n", 0);
    assert_int_equal(read_text(text), SPS_EFORMAT);
    assert_non_null(strstr(sps_last_error(), "run.yaml:1:3: unknown key '0000"));
    snprintf(text, sizeof text, "%0300d=1", 0);
    FAILS(set(text), EINVAL, "unknown key in '0000");
}

static void units_are_scaled_and_checked(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double pulse;
    } good[] = {{"1e-7", 1e-7},     {"1e-7 s", 1e-7}, {"100 ns", 1e-7},    {"100ns", 1e-7},   {"0.1 us", 1e-7},
                {"0.3 ns", 0.3e-9}, {"7 ns", 7e-9},   {"0.7e1  ns", 7e-9}, {"200 ps", 2e-10}, {"1e6fs", 1e-9}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[100];
        snprintf(text, sizeof text, "device: {write: {pulse: %s}}", good[i].text);
        OK(read_text(text));
        assert_true(demo.pulse == good[i].pulse);
    }
    OK(set("device.area=0.25um2"));
    assert_true(demo.area == 0.25e-12);
    OK(set("device.area=3 m2"));
    assert_true(demo.area == 3);
    OK(set("device.area=3 nm2"));
    assert_true(demo.area == 3e-18);
    refused("device: {write: {pulse: 10 ohm}}",
            "run.yaml:1:25: unit of device.write.pulse is 'ohm', must be s, also with a prefix f p n u m k M G");
    refused("device: {write: {pulse: 10 xs}}",
            "run.yaml:1:25: unit of device.write.pulse is 'xs', must be s, also with a prefix f p n u m k M G");
    refused("device: {write: {pulse: 10 S}}",
            "run.yaml:1:25: unit of device.write.pulse is 'S', must be s, also with a prefix f p n u m k M G");
    refused("device: {write: {pulse: 10 s}}",
            "run.yaml:1:25: device.write.pulse is '10 s', must be a number from 1e-10 to 1e-06 s");
    refused("device: {write: {pulse: 10 n s}}",
            "run.yaml:1:25: device.write.pulse is '10 n s', must be a number from 1e-10 to 1e-06 s");
    refused("device: {area: -1}", "run.yaml:1:16: device.area is '-1', must be a number of at least 0 m2");
    refused("device: {area: 1e308 Gm2}",
            "run.yaml:1:16: device.area is '1e308 Gm2', must be a number of at least 0 m2");
    refused("train: {rate: 1 s}", "run.yaml:1:15: train.rate has no unit, but 's' is given");
    refused("method: {p: 1 s}", "run.yaml:1:13: method.p has no unit, but 's' is given");

    const char *const units[] = {"s", "A", "V", "ohm", "J", "m", "m2", "K", "Hz", "F", "W"};
    const char *const prefixes[] = {"f", "p", "n", "u", "m", "", "k", "M", "G"};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++)
            for (size_t other = 0; other < sizeof units / sizeof *units; other++) {
                char unit[8];
                int power = 99, want = 3 * ((int)p - 5) * (strcmp(units[u], "m2") == 0 ? 2 : 1);
                snprintf(unit, sizeof unit, "%s%s", prefixes[p], units[u]);
                assert_int_equal(sps_unit_power(&power, unit, units[other]), u == other);
                assert_int_equal(power, u == other ? want : 99);
            }
}

static void set_reads_like_the_file(void **state)
{
    (void)state;
    OK(set("train.epochs=7"));
    OK(set("method.p=[0.5]"));
    OK(set("data.flip=false"));
    OK(set("method.name=scale_dropout"));
    OK(set("method.lambda=off"));
    OK(set("data.name=/a folder/x=y: #'\"[null"));
    assert_int_equal(demo.epochs, 7);
    assert_int_equal(more.p.count, 1);
    assert_int_equal(demo.flip, 0);
    assert_int_equal(more.method, 1);
    assert_int_equal(more.lambda.word, 1);
    assert_string_equal(more.name, "/a folder/x=y: #'\"[null");
    OK(set("method.p=[ 0.25 , 0.5,1]"));
    assert_int_equal(more.p.count, 3);
    assert_true(more.p.value[0] == 0.25 && more.p.value[1] == 0.5 && more.p.value[2] == 1);
    OK(set("method.p=0.75"));
    assert_int_equal(more.p.count, 1);
    OK(set("method.p=rule"));
    assert_int_equal(more.p.word, 0);
    OK(set("data.name="));
    assert_string_equal(more.name, "");

    const char *const lists[] = {"[]", "[", "[1", "[1,]", "[,1]", "[1]]", "[1] ", "[1,,0]", "1]", "rule]", "[ ]"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char text[100], message[200];
        snprintf(text, sizeof text, "method.p=%s", lists[i]);
        snprintf(message, sizeof message, "method.p is '%s', must be 1 to 32 numbers from 0 to 1, or rule", lists[i]);
        set_refused(text, message);
    }
    set_refused("method.p=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]",
                "method.p has more than 32 numbers");
    set_refused("train.epochs", "'train.epochs' must be key=value");
    set_refused("=3", "'=3' must be key=value");
    set_refused("", "'' must be key=value");
    set_refused("train=3", "'train' is a group of parameters; name one of them, as in train.KEY=VALUE");
    set_refused("train.=3", "unknown key 'train.'");
    set_refused("train.epochs=", "train.epochs is '', must be a whole number from 1 to 100000");
    set_refused("data.name=a\xFF", "data.name is 'a\xFF', must be UTF-8 text of at most 255 bytes");
}

static void text_has_a_longest(void **state)
{
    (void)state;
    char text[300];
    snprintf(text, sizeof text, "data.name=%0255d", 0);
    OK(set(text));
    assert_int_equal(strlen(more.name), 255);
    snprintf(text, sizeof text, "data.name=%0256d", 0);
    FAILS(set(text), EINVAL, "must be UTF-8 text of at most 255 bytes");
}

/* Written, read into other fields, written again: the same values and text. */
static void round_trip(void)
{
    struct demo demo_before = demo;
    struct more more_before = more;
    char *first = NULL, *second = NULL;
    OK(sps_params_write(&first, bindings, 2));
    defaults(NULL);
    OK(read_text(first));
    OK(sps_params_write(&second, bindings, 2));
    assert_string_equal(first, second);
    assert_int_equal(demo.epochs, demo_before.epochs);
    assert_true(demo.seed == demo_before.seed);
    assert_int_equal(demo.flip, demo_before.flip);
    assert_memory_equal(&demo.rate, &demo_before.rate, sizeof demo.rate);
    assert_memory_equal(&demo.area, &demo_before.area, sizeof demo.area);
    assert_int_equal(more.method, more_before.method);
    assert_string_equal(more.name, more_before.name);
    assert_int_equal(more.lambda.word, more_before.lambda.word);
    assert_true(more.lambda.value == more_before.lambda.value);
    assert_int_equal(more.p.word, more_before.p.word);
    assert_int_equal(more.p.count, more_before.p.count);
    assert_memory_equal(more.p.value, more_before.p.value, (size_t)more.p.count * sizeof *more.p.value);
    sps_free(first);
    sps_free(second);
}

static void written_text_reads_back(void **state)
{
    (void)state;
    round_trip();
    OK(set("seed=9223372036854775807"));
    OK(set("data.flip=false"));
    OK(set("method.lambda=off"));
    OK(set("method.p=rule"));
    round_trip();
    OK(set("seed=-9223372036854775808"));
    OK(set("method.p=[1,0.1,0.30000000000000004,2.2250738585072014e-308,4.9406564584124654e-324]"));
    round_trip();
    const double reals[] = {0.1, 1.0 / 3, 4e-324, 1.7976931348623157e308, 0, 123456789.125, 5e-324, 9007199254740993.0};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        demo.area = reals[i];
        demo.rate = reals[i] <= 10 ? reals[i] : -0.0;
        round_trip();
    }
    const char *const texts[] = {"",
                                 " ",
                                 "null",
                                 "~",
                                 "1",
                                 "true",
                                 "a: b",
                                 "# a",
                                 "'",
                                 "\"",
                                 "\\",
                                 "\\n",
                                 "a\nb",
                                 "\t",
                                 "\r\n",
                                 "\x01\x1F\x7F",
                                 "- a",
                                 "[a]",
                                 "&a",
                                 "*a",
                                 "!a",
                                 "%a",
                                 "@",
                                 "`",
                                 "ä€😀",
                                 "\xC2\x80\xC2\x85\xC2\xA0",
                                 "\xE2\x80\xA8\xE2\x80\xA9",
                                 "\xEF\xBB\xBF",
                                 "\xEF\xBF\xBE\xEF\xBF\xBF",
                                 "\xF4\x8F\xBF\xBF",
                                 "---",
                                 "...",
                                 "%s%n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        strcpy(more.name, texts[i]);
        round_trip();
        assert_string_equal(more.name, texts[i]);
    }
    memset(more.name, 1, sizeof more.name - 1); /* the most that escapes can take */
    round_trip();
}

/* Groups that several tables share are written once, where they first appear. */
static void writing_and_description_have_their_form(void **state)
{
    (void)state;
    char *text = NULL;
    OK(sps_params_write(&text, bindings, 2));
    assert_string_equal(text, "train:\n"
                              "  epochs: 30\n"
                              "  rate: 0.001\n"
                              "  milestones: [5]\n"
                              "seed: 1\n"
                              "device:\n"
                              "  write:\n"
                              "    pulse: 1e-08\n"
                              "  area: 1e-12\n"
                              "data:\n"
                              "  flip: true\n"
                              "  name: \"mnist\"\n"
                              "method:\n"
                              "  name: point\n"
                              "  lambda: 0.001\n"
                              "  p: [0.1, 0.2]\n");
    sps_free(text);
    OK(sps_params_describe(&text, bindings, 1));
    assert_string_equal(text,
                        "train.epochs        30     passes over the training images; a whole number from 1 to 100000\n"
                        "train.rate          0.001  learning rate of Adam; a number from 0 to 10 [Kingma 2015]\n"
                        "seed                1      seed of all draws; a whole number\n"
                        "device.write.pulse  10 ns  write pulse; a number from 1e-10 to 1e-06 s\n"
                        "device.area         1 um2  area of a cell; a number of at least 0 m2\n"
                        "data.flip           true   mirror half of the images; true or false\n");
    sps_free(text);
    OK(sps_params_write(&text, bindings, 0));
    assert_string_equal(text, "");
    sps_free(text);
}

#define ROW(key, type, def, unit, min, max, help)                                                                      \
    (const struct sps_param[])                                                                                         \
    {                                                                                                                  \
        {key, SPS_PARAM_##type, 0, def, unit, min, max, help, ""},                                                     \
        {                                                                                                              \
            NULL, SPS_PARAM_INT, 0, NULL, NULL, 0, 0, NULL, NULL                                                       \
        }                                                                                                              \
    }
static sps_status check(const struct sps_param *a, const struct sps_param *b)
{
    struct sps_binding both[] = {{a, NULL}, {b, NULL}};
    return sps_params_check(both, b ? 2 : 1);
}

static void bad_tables_are_found(void **state)
{
    (void)state;
    OK(check(ROW("a.b", INT, "1", "", 0, 9, "x"), ROW("a.c", REAL, "1", "Hz", 0, 9, "x")));
    FAILS(check(ROW("a", INT, "10", "", 0, 9, "x"), NULL), EINVAL, "a is '10', must be a whole number from 0 to 9");
    FAILS(check(ROW("a", REAL, "1 s", "V", 0, 9, "x"), NULL), EINVAL, "unit of a is 's'");
    FAILS(check(ROW("a", REAL, "1", "sec", 0, 9, "x"), NULL), EINVAL, "unit 'sec' is unknown");
    FAILS(check(ROW("a", REAL, "1", "", 9, 0, "x"), NULL), EINVAL, "least value is above its largest");
    FAILS(check(ROW("a", INT, "1", "", 0, 9, ""), NULL), EINVAL, "a has no help");
    FAILS(check(ROW("a", CHOICE, "c", "c||d", 0, 0, "x"), NULL), EINVAL, "must be words");
    FAILS(check(ROW("a", CHOICE, "c", "c|null", 0, 0, "x"), NULL), EINVAL, "must be words");
    FAILS(check(ROW("a", REAL_OR_WORD, "c", "c|1e3", 0, 0, "x"), NULL), EINVAL, "must be words");
    FAILS(check(ROW("a", CHOICE, "c", "", 0, 0, "x"), NULL), EINVAL, "must be words");
    FAILS(check(ROW("", INT, "1", "", 0, 9, "x"), NULL), EINVAL, "key ''");
    FAILS(check(ROW("a..b", INT, "1", "", 0, 9, "x"), NULL), EINVAL, "key 'a..b'");
    FAILS(check(ROW("a b", INT, "1", "", 0, 9, "x"), NULL), EINVAL, "key 'a b'");
    FAILS(check(ROW("a", INT, "1", "", 0, 9, "x"), ROW("a", INT, "1", "", 0, 9, "x")), EINVAL,
          "'a' is in the tables twice");
    FAILS(check(ROW("a", INT, "1", "", 0, 9, "x"), ROW("a.b.c", INT, "1", "", 0, 9, "x")), EINVAL,
          "'a.b.c' stands below another");
    FAILS(check(ROW("a.b.c", INT, "1", "", 0, 9, "x"), ROW("a.b", INT, "1", "", 0, 9, "x")), EINVAL,
          "'a.b.c' stands below another");
}

/* Makes a locale whose decimal point is a comma, if localedef is there (glibc): its warnings are about what the
 * locale leaves out. */
static int use_comma_locale(void)
{
    FILE *source = fopen("comma.txt", "w");
    assert_non_null(source);
    fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\nEND LC_NUMERIC\n", source);
    fclose(source);
    char folder[4096];
    assert_non_null(getcwd(folder, sizeof folder));
    setenv("LOCPATH", folder, 1);
    if (system("localedef -c -i comma.txt -f ANSI_X3.4-1968 ./comma_point >comma.log 2>&1") == -1)
        return 0;
    return setlocale(LC_NUMERIC, "comma_point") != NULL;
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    if (!use_comma_locale())
        skip();
    char text[SPS_NUMBER_TEXT];
    snprintf(text, sizeof text, "%.1f", 1.5);
    assert_string_equal(text, "1,5"); /* else the test would guard nothing */
    defaults(NULL);
    assert_true(demo.rate == 0.001);
    refused("train: {rate: '1,5'}", "run.yaml:1:15: train.rate is text in quotes, must be a number from 0 to 10");
    set_refused("train.rate=1,5", "train.rate is '1,5', must be a number from 0 to 10");
    OK(set("train.rate=1.25e-1"));
    assert_true(demo.rate == 0.125);
    OK(set("method.p=[0.5,0.25]"));
    assert_true(more.p.count == 2 && more.p.value[1] == 0.25);
    assert_string_equal(sps_number_print(text, -1234.5e-9), "-1.2345e-06");
    assert_string_equal(sps_number_print(text, 1234567.5), "1234567.5");
    round_trip();
    setlocale(LC_NUMERIC, "C");
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    sps_status (*const calls[])(char **, const struct sps_binding *, int) = {sps_params_write, sps_params_describe};
    for (int i = 0; i < 3; i++) {
        sps_status status = SPS_ENOMEM;
        long failures = 0, live = sps_memory_live();
        for (; status != SPS_OK; failures++) {
            char *text = NULL;
            sps_memory_fail_at(failures);
            status =
                i < 2 ? calls[i](&text, bindings, 2) : read_text("seed: 2\ntrain: {rate: 1, milestones: [1, 2]}\n");
            sps_memory_fail_at(-1);
            assert_true(status == SPS_OK || (status == SPS_ENOMEM && text == NULL));
            sps_free(text);
            assert_int_equal(sps_memory_live(), live);
        }
        assert_true(failures > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_those_of_the_table, defaults),
        cmocka_unit_test_setup(a_file_sets_what_it_names, defaults),
        cmocka_unit_test_setup(wrong_values_are_refused_with_their_place, defaults),
        cmocka_unit_test_setup(null_lists_maps_and_quotes_are_refused, defaults),
        cmocka_unit_test_setup(unknown_keys_name_the_nearest, defaults),
        cmocka_unit_test_setup(units_are_scaled_and_checked, defaults),
        cmocka_unit_test_setup(set_reads_like_the_file, defaults),
        cmocka_unit_test_setup(text_has_a_longest, defaults),
        cmocka_unit_test_setup(written_text_reads_back, defaults),
        cmocka_unit_test_setup(writing_and_description_have_their_form, defaults),
        cmocka_unit_test_setup(bad_tables_are_found, defaults),
        cmocka_unit_test_setup(the_locale_changes_nothing, defaults),
        cmocka_unit_test_setup(every_allocation_may_fail, defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
