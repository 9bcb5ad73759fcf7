/* SPDX-License-Identifier: MIT */
/* The magnetic tunnel junction: parameters and resistance. */
#include "test.h"

#include "cim/device/device.h"

static void table_is_sound(void **state)
{
    (void)state;
    struct sps_device_params device;
    const struct sps_binding binding = {sps_device_params, &device};
    OK(sps_params_check(&binding, 1));
}

/* R_P = 1 Mohm, TMR 150 % at no bias, half of it at 0.5 V: 2.5 and 1.75 Mohm, at 300 K, where P(T) is P(300 K). */
static void resistance_by_hand(void **state)
{
    (void)state;
    struct sps_device_params device;
    sps_params_default(sps_device_params, &device);
    NEAR(sps_device_resistance(&device, SPS_PARALLEL, 0.5), 1e6, 0);
    NEAR(sps_device_resistance(&device, SPS_ANTIPARALLEL, 0), 2.5e6, 1e-8); /* 1e-14 relative: one square root */
    NEAR(sps_device_resistance(&device, SPS_ANTIPARALLEL, 0.5), 1.75e6, 1e-8);
    device.temperature = 400;
    assert_true(sps_device_resistance(&device, SPS_ANTIPARALLEL, 0) < 2.5e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_is_sound), cmocka_unit_test(resistance_by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
