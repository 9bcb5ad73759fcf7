/* SPDX-License-Identifier: MIT */
/* Any bytes as a settings file.  What is accepted must be written and read back to the same values, and all memory must
 * be released whether it is accepted or not. */
#include <math.h>
#include <string.h>

#include "conf/params.h"
#include "core/memory.h"
#include "fuzz.h"

#define DEMO_PARAMS(X)                                                                                                 \
    X(epochs, INT, "train.epochs", "30", "", 1, 100000, "passes over the images", "")                                  \
    X(seed, INT, "seed", "1", "", 0, 9.3e18, "seed of all draws", "")                                                  \
    X(rate, REAL, "train.rate", "0.001", "", 0, 10, "learning rate", "")                                               \
    X(pulse, REAL, "device.write.pulse", "10 ns", "s", 0, 1, "write pulse", "")                                        \
    X(area, REAL, "device.area", "1 um2", "m2", -HUGE_VAL, HUGE_VAL, "area", "")                                       \
    X(flip, BOOL, "data.flip", "true", "", 0, 0, "mirror images", "")                                                  \
    X(method, CHOICE, "method.name", "point", "point|scale_dropout|scale_vi", 0, 0, "method", "")                      \
    X(name, TEXT, "data.name", "mnist", "", 0, 0, "data set", "")                                                      \
    X(lambda, REAL_OR_WORD, "method.lambda", "elbo", "elbo|off", 0, 1, "weight of the penalty", "")                    \
    X(p, REALS, "method.p", "[0.1, 0.2]", "rule", 0, 1, "probability of each layer", "")
struct demo {
    SPS_PARAMS_STRUCT(DEMO_PARAMS)
};
#define SPS_PARAMS_OWNER struct demo
static const struct sps_param demo_params[] = {SPS_PARAMS_TABLE(DEMO_PARAMS)};

static sps_status read_demo(struct demo *demo, const char *text, size_t size)
{
    struct sps_binding binding = {demo_params, demo};
    sps_yaml *yaml = NULL;
    memset(demo, 0, sizeof *demo);
    sps_params_default(demo_params, demo);
    SPS_TRY(sps_yaml_parse(&yaml, "fuzz", text, size));
    sps_status status = sps_params_read(&binding, 1, yaml, sps_yaml_root(yaml));
    sps_yaml_free(yaml);
    return status;
}

static char *write_demo(struct demo *demo)
{
    struct sps_binding binding = {demo_params, demo};
    char *text = NULL;
    FUZZ_MUST(sps_params_write(&text, &binding, 1) == SPS_OK);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demo demo, again;
    long live = sps_memory_live();
    if (read_demo(&demo, (const char *)data, size) == SPS_OK) {
        char *first = write_demo(&demo);
        FUZZ_MUST(read_demo(&again, first, strlen(first)) == SPS_OK);
        char *second = write_demo(&again);
        FUZZ_MUST(strcmp(first, second) == 0);
        FUZZ_MUST(memcmp(&demo.rate, &again.rate, sizeof demo.rate) == 0);
        FUZZ_MUST(memcmp(&demo.pulse, &again.pulse, sizeof demo.pulse) == 0);
        FUZZ_MUST(memcmp(&demo.area, &again.area, sizeof demo.area) == 0);
        FUZZ_MUST(demo.seed == again.seed && strcmp(demo.name, again.name) == 0);
        sps_free(first);
        sps_free(second);
    }
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
