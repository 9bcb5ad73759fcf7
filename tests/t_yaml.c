/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "conf/text.h"
#include "conf/yaml.h"
#include "core/memory.h"
#include "test.h"

/* Every failure leaves no memory behind and the output untouched. */
#define REFUSED(text, bytes, words)                                                                                    \
    do {                                                                                                               \
        long test_live = sps_memory_live();                                                                            \
        sps_yaml *test_yaml = NULL;                                                                                    \
        FAILS(sps_yaml_parse(&test_yaml, "in.yaml", text, bytes), EFORMAT, words);                                     \
        assert_null(test_yaml);                                                                                        \
        assert_int_equal(sps_memory_live(), test_live);                                                                \
    } while (0)
#define REFUSED_TEXT(text, words) REFUSED(text, sizeof(text) - 1, words)

static sps_yaml *parse(const char *text)
{
    sps_yaml *yaml = NULL;
    OK(sps_yaml_parse(&yaml, "in.yaml", text, strlen(text)));
    return yaml;
}

static void is_scalar(const struct sps_yaml_node *node, const char *text, int line, int column)
{
    assert_non_null(node);
    assert_int_equal(node->kind, SPS_YAML_SCALAR);
    assert_string_equal(node->text, text);
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
}

static void tree_knows_its_places(void **state)
{
    (void)state;
    sps_yaml *yaml = parse("# comment\n"
                           "train:\n"
                           "  epochs: 30\n"
                           "  rate:   '1e-3'\n"
                           "layers:\n"
                           "  - conv: {out: 6, näme: ß, k: 5}\n"
                           "  - [a,\n"
                           "     b]\n"
                           "empty: {}\n");
    const struct sps_yaml_node *root = sps_yaml_root(yaml), *train = sps_yaml_get(root, "train");
    assert_string_equal(sps_yaml_name(yaml), "in.yaml");
    assert_int_equal(root->kind, SPS_YAML_MAP);
    assert_null(root->key);
    assert_int_equal(train->kind, SPS_YAML_MAP);
    assert_int_equal(train->key_line, 2);
    assert_int_equal(train->key_column, 1);
    assert_int_equal(train->line, 3);
    assert_int_equal(train->column, 3);
    is_scalar(sps_yaml_get(train, "epochs"), "30", 3, 11);
    assert_false(sps_yaml_get(train, "epochs")->quoted);
    is_scalar(sps_yaml_get(train, "rate"), "1e-3", 4, 11);
    assert_true(sps_yaml_get(train, "rate")->quoted);
    assert_null(sps_yaml_get(train, "layers"));
    const struct sps_yaml_node *layers = sps_yaml_get(root, "layers");
    assert_int_equal(layers->kind, SPS_YAML_LIST);
    assert_null(sps_yaml_get(layers, "conv"));
    const struct sps_yaml_node *conv = sps_yaml_get(layers->first, "conv");
    is_scalar(sps_yaml_get(conv, "k"), "5", 6, 32); /* columns count characters, not bytes */
    assert_int_equal(sps_yaml_get(conv, "k")->key_column, 29);
    const struct sps_yaml_node *pair = layers->first->next;
    is_scalar(pair->first, "a", 7, 6);
    is_scalar(pair->first->next, "b", 8, 6);
    assert_null(pair->first->next->next);
    assert_null(pair->next);
    assert_null(sps_yaml_get(root, "empty")->first);

    assert_int_equal(sps_yaml_fail(yaml, pair, "odd number %d", 7), SPS_EFORMAT);
    assert_string_equal(sps_last_error(), "in.yaml:7:5: odd number 7");
    assert_int_equal(sps_yaml_fail(yaml, NULL, "all %s", "wrong"), SPS_EFORMAT);
    assert_string_equal(sps_last_error(), "in.yaml: all wrong");
    sps_yaml_fail_key(yaml, train, "%s", sps_last_error()); /* the last message may go into the next */
    assert_string_equal(sps_last_error(), "in.yaml:2:1: in.yaml: all wrong");
    sps_yaml_free(yaml);
    sps_yaml_free(NULL);
}

static void empty_documents_are_empty_maps(void **state)
{
    (void)state;
    const char *texts[] = {"", "\n\n", "# only words\n", "---\n", "--- # words\n...\n", "{}", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sps_yaml *yaml = parse(texts[i]);
        assert_int_equal(sps_yaml_root(yaml)->kind, SPS_YAML_MAP);
        assert_null(sps_yaml_root(yaml)->first);
        sps_yaml_free(yaml);
    }
}

static void byte_order_mark_and_windows_lines(void **state)
{
    (void)state;
    sps_yaml *yaml = parse("\xEF\xBB\xBF"
                           "a: 1\r\nb: 2\r\n");
    is_scalar(sps_yaml_get(sps_yaml_root(yaml), "a"), "1", 1, 4);
    is_scalar(sps_yaml_get(sps_yaml_root(yaml), "b"), "2", 2, 4);
    sps_yaml_free(yaml);
}

static void bad_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    REFUSED_TEXT("a: 1\nb: [1, 2\nc: 3\n", "in.yaml:3:2: bad YAML: ");
    REFUSED_TEXT("a:\n\tb: 1\n", "in.yaml:2:1: bad YAML: found character that cannot start any token");
    REFUSED_TEXT("a: 'x\n", "in.yaml:2:1: bad YAML: found unexpected end of stream while scanning a quoted scalar");
    REFUSED_TEXT("a: 1\nb: \xFF\n", "in.yaml:2:4: bad YAML: invalid leading UTF-8 octet");
    REFUSED_TEXT("\xC3\xA4: \x01\n", "in.yaml:1:4: bad YAML: control characters are not allowed");
    REFUSED_TEXT("\xFF\xFE"
                 "a\0:\0",
                 "in.yaml:1:1: bad YAML: ");
    REFUSED_TEXT("a: b\0c\n", "in.yaml:1:5: bad YAML: control characters");
    REFUSED_TEXT("a: \"b\\0c\"\n", "in.yaml:1:4: text with a zero byte is not allowed");
    REFUSED_TEXT("\"b\\0c\": 1\n", "in.yaml:1:1: text with a zero byte is not allowed");
    REFUSED_TEXT("a: 1\n...\n}", "in.yaml:3:1: bad YAML: ");
}

static void what_makes_files_hard_to_read_is_refused(void **state)
{
    (void)state;
    REFUSED_TEXT("a: &x 1\n", "in.yaml:1:4: anchors are not allowed");
    REFUSED_TEXT("a: &x [1]\n", "in.yaml:1:4: anchors are not allowed");
    REFUSED_TEXT("a:\n  &x b: 1\n", "in.yaml:2:3: anchors are not allowed");
    REFUSED_TEXT("&x {a: 1}\n", "in.yaml:1:1: anchors are not allowed");
    REFUSED_TEXT("a: 1\nb: *x\n", "in.yaml:2:4: aliases are not allowed");
    REFUSED_TEXT("*x : 1\n", "in.yaml:1:1: aliases are not allowed");
    REFUSED_TEXT("a: !!int 1\n", "in.yaml:1:4: tags are not allowed");
    REFUSED_TEXT("a: ! 1\n", "in.yaml:1:4: tags are not allowed");
    REFUSED_TEXT("a: !x {b: 1}\n", "in.yaml:1:4: tags are not allowed");
    REFUSED_TEXT("- !x [1]\n", "in.yaml:1:3: tags are not allowed");
    REFUSED_TEXT("%TAG ! tag:x,2000:\n--- 1\n", "in.yaml:1:1: tags are not allowed");
    REFUSED_TEXT("a: 1\n---\nb: 1\n", "in.yaml:2:1: a second document");
    REFUSED_TEXT("--- 1\n---\n", "in.yaml:2:1: a second document");
    REFUSED_TEXT("---\n---\n", "in.yaml:2:1: a second document");
    REFUSED_TEXT("a: 1\nb: 2\n\"a\": 3\n", "in.yaml:3:1: key 'a' is here twice, first in line 1");
    REFUSED_TEXT("x: {a: 1, a: 2}\n", "in.yaml:1:11: key 'a' is here twice");
    REFUSED_TEXT("? [a]\n: 1\n", "in.yaml:1:3: a key must be a word");
    REFUSED_TEXT("{{a: 1}: 1}\n", "in.yaml:1:2: a key must be a word");
    sps_yaml *yaml = parse("x: {a: 1}\ny: {a: 2}\na: 3\n"); /* the same key in different maps */
    sps_yaml_free(yaml);
}

/* repeat(n, "[") and the like */
static char *repeat(int n, const char *unit, const char *tail)
{
    size_t length = strlen(unit);
    char *text = malloc((size_t)n * length + strlen(tail) + 1);
    assert_non_null(text);
    for (int i = 0; i < n; i++)
        memcpy(text + (size_t)i * length, unit, length);
    strcpy(text + (size_t)n * length, tail);
    return text;
}

static void depth_is_limited(void **state)
{
    (void)state;
    char *most = repeat(31, "[", "1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), *more = repeat(32, "[", "1");
    char *far_more = repeat(SPS_YAML_BYTES, "[", "");
    sps_yaml_free(parse(most));
    REFUSED(more, strlen(more), "in.yaml:1:33: more than 32 levels");
    REFUSED(far_more, strlen(far_more), "in.yaml:1:33: more than 32 levels");
    free(most);
    free(more);
    free(far_more);
}

static void sizes_are_limited(void **state)
{
    (void)state;
    char *most = repeat(SPS_YAML_NODES - 1, "- 1\n", ""), *more = repeat(SPS_YAML_NODES, "- 1\n", "");
    sps_yaml_free(parse(most));
    REFUSED(more, strlen(more), "in.yaml:65536:3: more than 65536 values");
    char *large = repeat(SPS_YAML_BYTES, "#", ""), *larger = repeat(SPS_YAML_BYTES + 1, "#", "");
    sps_yaml_free(parse(large));
    REFUSED(larger, strlen(larger), "in.yaml: has 1048577 bytes, at most 1048576 are allowed");
    free(most);
    free(more);
    free(large);
    free(larger);

    char keys[16 * (SPS_YAML_KEYS + 1)];
    size_t length = 0;
    for (int i = 0; i < SPS_YAML_KEYS; i++)
        length += (size_t)snprintf(keys + length, sizeof keys - length, "k%d: 1\n", i);
    sps_yaml_free(parse(keys));
    snprintf(keys + length, sizeof keys - length, "more: 1\n");
    REFUSED(keys, strlen(keys), "in.yaml:1025:1: more than 1024 keys in one map");
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void files_are_read_and_named(void **state)
{
    (void)state;
    sps_yaml *yaml = NULL;
    write_file("t_yaml.yaml", "a: 1\n");
    OK(sps_yaml_read(&yaml, "t_yaml.yaml"));
    is_scalar(sps_yaml_get(sps_yaml_root(yaml), "a"), "1", 1, 4);
    sps_yaml_free(yaml);
    yaml = NULL;
    write_file("t_yaml.yaml", "a: {\n");
    FAILS(sps_yaml_read(&yaml, "t_yaml.yaml"), EFORMAT, "t_yaml.yaml:2:1: bad YAML");
    char *large = repeat(SPS_YAML_BYTES + 1, "#", "");
    write_file("t_yaml.yaml", large);
    free(large);
    assert_int_not_equal(sps_yaml_read(&yaml, "t_yaml.yaml"), SPS_OK);
    assert_int_not_equal(sps_yaml_read(&yaml, "no-such-folder/x.yaml"), SPS_OK);
    assert_non_null(strstr(sps_last_error(), "no-such-folder/x.yaml"));
    assert_null(yaml);
    assert_int_equal(sps_memory_live(), 0);
    remove("t_yaml.yaml");
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *texts[] = {"a: 1\nb: [x, {c: d}]\n", ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sps_status status = SPS_ENOMEM;
        long failures = 0, live = sps_memory_live();
        for (; status != SPS_OK; failures++) {
            sps_yaml *yaml = NULL;
            sps_memory_fail_at(failures);
            status = sps_yaml_parse(&yaml, "in.yaml", texts[i], strlen(texts[i]));
            sps_memory_fail_at(-1);
            assert_true(status == SPS_OK || (status == SPS_ENOMEM && yaml == NULL));
            sps_yaml_free(yaml);
            assert_int_equal(sps_memory_live(), live);
        }
        assert_int_equal(failures - 1, i == 0 ? 8 : 3); /* tree, name, and the nodes */
    }
}

static void distances_between_words(void **state)
{
    (void)state;
    const struct {
        const char *a, *b;
        int distance;
    } rows[] = {{"", "", 0},
                {"", "abc", 3},
                {"abc", "", 3},
                {"epochs", "epochs", 0},
                {"epoch", "epochs", 1},
                {"eopchs", "epochs", 1},
                {"abc", "xyz", 3},
                {"kitten", "sitting", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(sps_edit_distance(rows[i].a, strlen(rows[i].a), rows[i].b, strlen(rows[i].b)),
                         rows[i].distance);
    char *long_word = repeat(65, "a", "");
    assert_int_equal(sps_edit_distance(long_word, 65, "a", 1), SPS_FAR);
    assert_int_equal(sps_edit_distance(long_word, 64, "a", 1), 63);
    free(long_word);
}

static void excerpts_are_short_and_harmless(void **state)
{
    (void)state;
    char out[SPS_EXCERPT];
    assert_string_equal(sps_excerpt(out, "a\033[31m\nb\x7F"), "a?[31m?b?");
    char *fits = repeat(63, "x", ""), *cut = repeat(59, "x", "\xC3\xA4yyyyyy"), *want = repeat(59, "x", "...");
    assert_string_equal(sps_excerpt(out, fits), fits);
    assert_string_equal(sps_excerpt(out, cut), want); /* the character of two bytes would end at byte 61 */
    free(fits);
    free(cut);
    free(want);
}

static void utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    const char *good[] = {"", "a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
    const char *bad[] = {"\x80",         "\xC0\x80",         "\xC3",
                         "\xC3!",        "\xE0\x80\x80",     "\xE2\x82",
                         "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80",
                         "\xFF"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(sps_utf8_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sps_utf8_valid(bad[i]));
    uint32_t code = 0;
    assert_int_equal(sps_utf8_next(&code, "\xE2\x82\xAC!"), 3);
    assert_int_equal(code, 0x20AC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_knows_its_places),
        cmocka_unit_test(empty_documents_are_empty_maps),
        cmocka_unit_test(byte_order_mark_and_windows_lines),
        cmocka_unit_test(bad_yaml_is_refused_with_its_place),
        cmocka_unit_test(what_makes_files_hard_to_read_is_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(files_are_read_and_named),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(distances_between_words),
        cmocka_unit_test(excerpts_are_short_and_harmless),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
