/* SPDX-License-Identifier: MIT */
/* Tables of numbers as text. */
#include "test.h"

#include "conf/csv.h"

static sps_status parse(struct sps_csv *csv, const char *text, int header)
{
    return sps_csv_parse(csv, "t.csv", text, strlen(text), header);
}

static void reads_numbers(void **state)
{
    (void)state;
    struct sps_csv csv;
    OK(parse(&csv, "# a remark\n\n 1 ,2e3\r\n-inf,\t.5", 0));
    assert_int_equal(csv.rows, 2);
    assert_int_equal(csv.columns, 2);
    assert_true(csv.values[0] == 1 && csv.values[1] == 2e3 && csv.values[2] == -INFINITY && csv.values[3] == 0.5);
    assert_int_equal(csv.lines[1], 4);
    assert_null(csv.names);
    sps_csv_reset(&csv);
}

static void reads_names(void **state)
{
    (void)state;
    struct sps_csv csv;
    OK(parse(&csv, "I_A, t_s\n1,2\n", 1));
    assert_int_equal(sps_csv_column(&csv, "t_s"), 1);
    assert_int_equal(sps_csv_column(&csv, "t"), -1);
    sps_csv_reset(&csv);
}

static void refuses(void **state)
{
    (void)state;
    struct sps_csv csv;
    FAILS(parse(&csv, "", 0), EFORMAT, "has no rows");
    FAILS(parse(&csv, "a,b\n", 1), EFORMAT, "has no rows");
    FAILS(parse(&csv, "1,2\n3\n", 0), EFORMAT, "line 2: 1 numbers, must be 2");
    FAILS(parse(&csv, "1,0x3\n", 0), EFORMAT, "line 1: '0x3' is no decimal number");
    FAILS(parse(&csv, "1,\n", 0), EFORMAT, "'' is no decimal number");
    FAILS(parse(&csv, "nan\n", 0), EFORMAT, "'nan' is no decimal number");
    FAILS(parse(&csv, "1 2\n", 0), EFORMAT, "'1 2' is no decimal number");
    FAILS(parse(&csv, "a,a\n1,2\n", 1), EFORMAT, "two columns have the same name");
    FAILS(sps_csv_parse(&csv, "t.csv", "1\0,2", 4, 0), EFORMAT, "zero byte");
    FAILS(sps_csv_read(&csv, "no-such.csv", 0), ENOTFOUND, "no-such.csv");
}

static void writes_what_reads_back(void **state)
{
    (void)state;
    const double values[] = {1.0 / 3, -1e-300, INFINITY, 4, 5, 0.1};
    const char *const names[] = {"a", "b", "c"};
    const double no_number = NAN;
    struct sps_csv csv;
    OK(sps_csv_write("t_csv.csv", names, 2, 3, values));
    OK(sps_csv_read(&csv, "t_csv.csv", 1));
    assert_memory_equal(csv.values, values, sizeof values);
    assert_string_equal(csv.names[2], "c");
    sps_csv_reset(&csv);
    FAILS(sps_csv_write("t_csv.csv", NULL, 1, 1, &no_number), EINVAL, "is no number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_numbers), cmocka_unit_test(reads_names),
                                       cmocka_unit_test(refuses), cmocka_unit_test(writes_what_reads_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
