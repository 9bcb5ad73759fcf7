/* SPDX-License-Identifier: MIT */
/* One parser of values serves YAML, --set and the defaults; it only differs in what a complaint puts in front. */
#include "conf/params.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conf/number.h"
#include "conf/params_text.h"
#include "conf/text.h"

/* A value of any type, as the struct's field holds it. */
union value {
    sps_param_INT whole;
    sps_param_REAL real;
    sps_param_CHOICE index;
    sps_param_TEXT text;
    sps_param_REAL_OR_WORD real_or_word;
    sps_param_REALS reals;
};

static const size_t value_bytes[] = {
    [SPS_PARAM_INT] = sizeof(sps_param_INT),     [SPS_PARAM_REAL] = sizeof(sps_param_REAL),
    [SPS_PARAM_BOOL] = sizeof(sps_param_BOOL),   [SPS_PARAM_CHOICE] = sizeof(sps_param_CHOICE),
    [SPS_PARAM_TEXT] = sizeof(sps_param_TEXT),   [SPS_PARAM_REAL_OR_WORD] = sizeof(sps_param_REAL_OR_WORD),
    [SPS_PARAM_REALS] = sizeof(sps_param_REALS),
};

static void store(const struct sps_param *row, void *target, const union value *value)
{
    memcpy((char *)target + row->offset, value, value_bytes[row->type]);
}

/* "KEY is 'TEXT', must be RULE" */
static sps_status refuse(const struct sps_param *row, const char *text)
{
    char shown[SPS_EXCERPT], rule[SPS_PARAM_RULE];
    SPS_FAIL(EINVAL, "%s is '%s', must be %s", row->key, sps_excerpt(shown, text), sps_param_rule(rule, row));
}

static bool in_range(const struct sps_param *row, double value)
{
    return value >= row->min && value <= row->max;
}

static sps_status parse_real(const struct sps_param *row, double *out, const char *text)
{
    const char *unit = row->type == SPS_PARAM_REAL ? row->unit : "";
    size_t length = sps_number_length(text);
    int power = 0;
    double value = 0;
    if (length == 0)
        return refuse(row, text);
    if (text[length] != 0) {
        const char *given = text + length + strspn(text + length, " ");
        bool letters = given[strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2")] == 0;
        if (!letters || *given == 0 || *given == '2')
            return refuse(row, text);
        char shown[SPS_EXCERPT];
        if (*unit == 0)
            SPS_FAIL(EINVAL, "%s has no unit, but '%s' is given", row->key, sps_excerpt(shown, given));
        if (!sps_unit_power(&power, given, unit))
            SPS_FAIL(EINVAL, "unit of %s is '%s', must be %s, also with a prefix f p n u m k M G", row->key,
                     sps_excerpt(shown, given), unit);
    }
    if (!sps_number_real(&value, text, length, power) || !in_range(row, value))
        return refuse(row, text);
    *out = value;
    return SPS_OK;
}

static sps_status parse_scalar(const struct sps_param *row, union value *out, const char *text)
{
    int word = -1;
    switch (row->type) {
    case SPS_PARAM_INT:
        if (!sps_number_whole(&out->whole, text) || !in_range(row, (double)out->whole))
            return refuse(row, text);
        return SPS_OK;
    case SPS_PARAM_REAL:
        return parse_real(row, &out->real, text);
    case SPS_PARAM_BOOL:
        out->index = strcmp(text, "true") == 0;
        if (!out->index && strcmp(text, "false") != 0)
            return refuse(row, text);
        return SPS_OK;
    case SPS_PARAM_CHOICE:
        out->index = sps_param_word(row, text);
        if (out->index < 0)
            return refuse(row, text);
        return SPS_OK;
    case SPS_PARAM_TEXT:
        if (strlen(text) >= sizeof out->text || !sps_utf8_valid(text))
            return refuse(row, text);
        strcpy(out->text, text);
        return SPS_OK;
    case SPS_PARAM_REAL_OR_WORD:
        word = sps_param_word(row, text);
        out->real_or_word = (struct sps_real_or_word){.word = word};
        return word >= 0 ? SPS_OK : parse_real(row, &out->real_or_word.value, text);
    case SPS_PARAM_REALS:
        word = sps_param_word(row, text);
        out->reals = (struct sps_reals){.word = word, .count = word < 0};
        return word >= 0 ? SPS_OK : parse_real(row, &out->reals.value[0], text);
    }
    return refuse(row, text);
}

/* One more number of a list. */
static sps_status parse_item(const struct sps_param *row, struct sps_reals *list, const char *text)
{
    if (list->count == SPS_REALS_MAX)
        SPS_FAIL(EINVAL, "%s has more than %d numbers", row->key, SPS_REALS_MAX);
    SPS_TRY(parse_real(row, &list->value[list->count], text));
    list->count++;
    return SPS_OK;
}

/* "[0.1, 0.2]" in one piece of text, as it stands in defaults and --set. */
static sps_status parse_list(const struct sps_param *row, union value *out, const char *text)
{
    out->reals = (struct sps_reals){.word = -1};
    const char *p = text;
    do {
        char item[64];
        p++; /* the bracket or comma */
        p += strspn(p, " ");
        size_t length = strcspn(p, ",]"), end = length;
        while (end > 0 && p[end - 1] == ' ')
            end--;
        if (end == 0 || end >= sizeof item)
            return refuse(row, text);
        memcpy(item, p, end);
        item[end] = 0;
        SPS_TRY(parse_item(row, &out->reals, item));
        p += length;
    } while (*p == ',');
    return strcmp(p, "]") == 0 ? SPS_OK : refuse(row, text);
}

static sps_status parse_text(const struct sps_param *row, union value *out, const char *text)
{
    if (row->type == SPS_PARAM_REALS && *text == '[')
        return parse_list(row, out, text);
    return parse_scalar(row, out, text);
}

void sps_params_default(const struct sps_param *table, void *target)
{
    for (const struct sps_param *row = table; row->key != NULL; row++) {
        union value value;
        sps_status status = parse_text(row, &value, row->default_text);
        assert(status == SPS_OK);
        if (status == SPS_OK)
            store(row, target, &value);
    }
}

/* What a path of keys stands for. */
struct place {
    const struct sps_param *row; /* NULL if there is no such parameter */
    void *target;
    bool group; /* parameters stand below it */
};

static struct place find(const struct sps_binding *bindings, int count, const char *path, size_t length)
{
    struct place place = {0};
    for (int i = 0; i < count; i++)
        for (const struct sps_param *row = bindings[i].table; row->key != NULL; row++) {
            if (strncmp(row->key, path, length) != 0)
                continue;
            if (row->key[length] == 0)
                return (struct place){.row = row, .target = bindings[i].target};
            place.group |= row->key[length] == '.';
        }
    return place;
}

/* The first n parts of a dotted key. */
static size_t parts_length(const char *key, int n)
{
    const char *p = key;
    while (*p && !(*p == '.' && --n == 0))
        p++;
    return (size_t)(p - key);
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* "unknown key 'PATH'" and the nearest that there is: with as many parts, or under another group. */
static sps_status unknown_key(const struct sps_binding *bindings, int count, const char *path)
{
    int parts = 1;
    for (const char *p = path; *p; p++)
        parts += *p == '.';
    size_t length = strlen(path), nearest_length = 0;
    int nearest_distance = 2 + (int)length / 6; /* farther ones would be no help */
    const char *nearest = NULL;
    for (int i = 0; i < count; i++)
        for (const struct sps_param *row = bindings[i].table; row->key != NULL; row++) {
            size_t row_length = parts_length(row->key, parts);
            int distance = sps_edit_distance(path, length, row->key, row_length);
            if (strcmp(last_part(path), last_part(row->key)) == 0 && distance > 1) {
                distance = 1;
                row_length = strlen(row->key);
            }
            if (distance < nearest_distance) {
                nearest_distance = distance;
                nearest = row->key;
                nearest_length = row_length;
            }
        }
    char shown[SPS_EXCERPT];
    sps_excerpt(shown, path);
    if (nearest == NULL)
        SPS_FAIL(EINVAL, "unknown key '%s'", shown);
    SPS_FAIL(EINVAL, "unknown key '%s', did you mean '%.*s'?", shown, (int)nearest_length, nearest);
}

struct reader {
    const struct sps_binding *bindings;
    int count;
    const sps_yaml *yaml;
    bool store; /* the second time round: the first only checks, so that a bad file changes nothing */
};

/* Put the node's place in front of what the parser of values said. */
static sps_status forward(const struct reader *r, const struct sps_yaml_node *node, sps_status status)
{
    return status == SPS_OK ? SPS_OK : sps_yaml_fail(r->yaml, node, "%s", sps_last_error());
}

static bool is_null(const struct sps_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (node->kind == SPS_YAML_SCALAR && !node->quoted && strcmp(node->text, words[i]) == 0)
            return true;
    return false;
}

static sps_status read_value(const struct reader *r, const struct sps_param *row, union value *out,
                             const struct sps_yaml_node *node)
{
    char rule[SPS_PARAM_RULE];
    sps_param_rule(rule, row);
    if (is_null(node))
        return sps_yaml_fail(r->yaml, node, "%s has no value, must be %s", row->key, rule);
    if (node->kind == SPS_YAML_LIST && row->type == SPS_PARAM_REALS) {
        out->reals = (struct sps_reals){.word = -1};
        if (node->first == NULL)
            return sps_yaml_fail(r->yaml, node, "%s is an empty list, must be %s", row->key, rule);
        for (const struct sps_yaml_node *item = node->first; item != NULL; item = item->next) {
            if (item->kind != SPS_YAML_SCALAR || item->quoted)
                return sps_yaml_fail(r->yaml, item, "in the list of %s is something else than a number", row->key);
            SPS_TRY(forward(r, item, parse_item(row, &out->reals, item->text)));
        }
        return SPS_OK;
    }
    if (node->kind != SPS_YAML_SCALAR)
        return sps_yaml_fail(r->yaml, node, "%s is a %s, must be %s", row->key,
                             node->kind == SPS_YAML_LIST ? "list" : "map", rule);
    bool takes_text = row->type == SPS_PARAM_TEXT || sps_param_word(row, node->text) >= 0;
    if (node->quoted && !takes_text)
        return sps_yaml_fail(r->yaml, node, "%s is text in quotes, must be %s", row->key, rule);
    return forward(r, node, parse_scalar(row, out, node->text));
}

/* path holds the keys above the map, each with a dot behind it. */
static sps_status read_map(const struct reader *r, const struct sps_yaml_node *map, const char *path)
{
    for (const struct sps_yaml_node *node = map->first; node != NULL; node = node->next) {
        char full[SPS_PARAM_KEY], shown[SPS_EXCERPT];
        sps_excerpt(shown, node->key);
        if (strchr(node->key, '.') != NULL)
            return sps_yaml_fail_key(r->yaml, node, "key '%s' has a dot; in a file it is a map in a map", shown);
        int length = snprintf(full, sizeof full, "%s%s", path, node->key);
        if (length >= (int)sizeof full - 1)
            return sps_yaml_fail_key(r->yaml, node, "unknown key '%s'", shown);
        struct place place = find(r->bindings, r->count, full, (size_t)length);
        if (place.row != NULL) {
            union value value;
            SPS_TRY(read_value(r, place.row, &value, node));
            if (r->store)
                store(place.row, place.target, &value);
        } else if (place.group) {
            if (node->kind != SPS_YAML_MAP)
                return sps_yaml_fail(r->yaml, node, "%s must be a map of parameters", full);
            strcpy(full + length, ".");
            SPS_TRY(read_map(r, node, full));
        } else {
            (void)unknown_key(r->bindings, r->count, full);
            return sps_yaml_fail_key(r->yaml, node, "%s", sps_last_error());
        }
    }
    return SPS_OK;
}

sps_status sps_params_read(const struct sps_binding *bindings, int count, const sps_yaml *yaml,
                           const struct sps_yaml_node *map)
{
    struct reader r = {.bindings = bindings, .count = count, .yaml = yaml};
    if (map->kind != SPS_YAML_MAP)
        return sps_yaml_fail(yaml, map, "parameters must be a map");
    SPS_TRY(read_map(&r, map, ""));
    r.store = true;
    return read_map(&r, map, "");
}

sps_status sps_params_set(const struct sps_binding *bindings, int count, const char *assignment)
{
    char key[SPS_PARAM_KEY], shown[SPS_EXCERPT];
    const char *equals = strchr(assignment, '=');
    sps_excerpt(shown, assignment);
    if (equals == NULL || equals == assignment)
        SPS_FAIL(EINVAL, "'%s' must be key=value", shown);
    size_t length = (size_t)(equals - assignment);
    if (length >= sizeof key)
        SPS_FAIL(EINVAL, "unknown key in '%s'", shown);
    memcpy(key, assignment, length);
    key[length] = 0;
    struct place place = find(bindings, count, key, length);
    if (place.group)
        SPS_FAIL(EINVAL, "'%s' is a group of parameters; name one of them, as in %s.KEY=VALUE", key, key);
    if (place.row == NULL)
        return unknown_key(bindings, count, key);
    union value value;
    SPS_TRY(parse_text(place.row, &value, equals + 1));
    store(place.row, place.target, &value);
    return SPS_OK;
}

static sps_status check_words(const struct sps_param *row)
{
    static const char *const forbidden[] = {"null", "true", "false"};
    size_t length = 0;
    for (const char *word = row->unit;; word += length + 1) {
        length = strcspn(word, "|");
        bool bad = length == 0 || length != strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-");
        bad = bad || sps_number_length(word) > 0;
        for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
            bad = bad || (strlen(forbidden[i]) == length && memcmp(word, forbidden[i], length) == 0);
        if (bad)
            SPS_FAIL(EINVAL, "%s: '%s' must be words of a-z, 0-9, _ and - between bars", row->key, row->unit);
        if (word[length] == 0)
            return SPS_OK;
    }
}

static sps_status check_row(const struct sps_param *row)
{
    size_t length = strlen(row->key);
    bool has_words = row->type == SPS_PARAM_CHOICE ||
                     ((row->type == SPS_PARAM_REAL_OR_WORD || row->type == SPS_PARAM_REALS) && *row->unit != 0);
    if (length == 0 || length >= SPS_PARAM_KEY ||
        length != strspn(row->key, "abcdefghijklmnopqrstuvwxyz0123456789_.") || row->key[0] == '.' ||
        row->key[length - 1] == '.' || strstr(row->key, "..") != NULL)
        SPS_FAIL(EINVAL, "key '%s' must be words of a-z, 0-9 and _ between dots", row->key);
    if (*row->help == 0)
        SPS_FAIL(EINVAL, "%s has no help", row->key);
    if (has_words)
        SPS_TRY(check_words(row));
    else if (!sps_unit_known(row->unit))
        SPS_FAIL(EINVAL, "%s: unit '%s' is unknown", row->key, row->unit);
    if (!(row->min <= row->max))
        SPS_FAIL(EINVAL, "%s: its least value is above its largest", row->key);
    union value value;
    SPS_TRY(parse_text(row, &value, row->default_text));
    return SPS_OK;
}

sps_status sps_params_check(const struct sps_binding *bindings, int count)
{
    for (int i = 0; i < count; i++)
        for (const struct sps_param *row = bindings[i].table; row->key != NULL; row++) {
            SPS_TRY(check_row(row));
            if (find(bindings, count, row->key, strlen(row->key)).row != row)
                SPS_FAIL(EINVAL, "key '%s' is in the tables twice", row->key);
            for (size_t n = parts_length(row->key, 1); row->key[n] == '.'; n += 1 + parts_length(row->key + n + 1, 1))
                if (find(bindings, count, row->key, n).row != NULL)
                    SPS_FAIL(EINVAL, "key '%s' stands below another parameter", row->key);
        }
    return SPS_OK;
}
