/* Numbers, sizes and durations. Runs in the confined `config` worker. No
 * rounding but the one that the type asks for, no locale, nothing wraps. */
#include "workers/config/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum int_kind {
    INT_OK,
    INT_BAD,
    INT_HUGE
};

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : 99;
}

/* -? digits or 0x hex; *out_end where it stopped; magnitude in *out. */
static enum int_kind scan_int(const char *s, int *out_negative, uint64_t *out,
                              const char **out_end)
{
    uint64_t base = 10;
    int huge = 0;

    *out = 0;
    *out_negative = *s == '-';
    s += *s == '-';
    if (s[0] == '0' && s[1] == 'x') {
        base = 16;
        s += 2;
    } else if (s[0] == '0' && s[1] >= '0' && s[1] <= '9') {
        return INT_BAD; /* 017: octal for some, decimal for others */
    }
    if ((uint64_t)hex_digit(*s) >= base) {
        return INT_BAD;
    }
    for (; (uint64_t)hex_digit(*s) < base; s++) {
        huge |= __builtin_mul_overflow(*out, base, out);
        huge |= __builtin_add_overflow(*out, (uint64_t)hex_digit(*s), out);
    }
    *out_end = s;
    return huge ? INT_HUGE : INT_OK;
}

static enum int_kind whole_int(const struct yaml_node *n, int *out_negative,
                               uint64_t *out)
{
    const char *end = NULL;
    enum int_kind kind;

    if (n->kind != YAML_SCALAR || !n->plain) {
        return INT_BAD;
    }
    kind = scan_int(n->text, out_negative, out, &end);
    return kind != INT_BAD && *end == '\0' ? kind : INT_BAD;
}

int schema_uint(struct config *c, const struct yaml_node *n, uint64_t lo,
                uint64_t hi, uint64_t *out)
{
    char what[64];
    int negative = 0;
    enum int_kind kind = whole_int(n, &negative, out);

    if (kind == INT_OK && (!negative || *out == 0) && *out >= lo &&
        *out <= hi) {
        return 0;
    }
    (void)snprintf(what, sizeof(what), "%" PRIu64 "..%" PRIu64, lo, hi);
    schema_expected(c, n, what);
    if (kind == INT_BAD && n->kind == YAML_SCALAR && n->n > 0) {
        config_hint(c, "write a whole number, decimal or 0x, without quotes "
                       "and leading zeros");
    }
    return ERR_INPUT;
}

int schema_int(struct config *c, const struct yaml_node *n, int64_t lo,
               int64_t hi, int64_t *out)
{
    char what[64];
    int negative = 0;
    uint64_t v = 0;
    enum int_kind kind = whole_int(n, &negative, &v);

    if (kind == INT_OK && v <= (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        *out = negative ? (int64_t)(0 - v) : (int64_t)v;
        if (*out >= lo && *out <= hi) {
            return 0;
        }
    }
    (void)snprintf(what, sizeof(what), "%" PRId64 "..%" PRId64, lo, hi);
    schema_expected(c, n, what);
    if (kind == INT_BAD && n->kind == YAML_SCALAR && n->n > 0) {
        config_hint(c, "write a whole number, decimal or 0x, without quotes "
                       "and leading zeros");
    }
    return ERR_INPUT;
}

/* The text of a number that strtod reads alike in every locale we have. */
static int is_decimal(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && n->plain && n->n > 0 && n->n <= 400 &&
           n->text[strspn(n->text, "+-0123456789.eE")] == '\0' &&
           strpbrk(n->text, "0123456789") != NULL;
}

int schema_double(struct config *c, const struct yaml_node *n, double *out)
{
    char *end = NULL;

    if (is_decimal(n)) {
        *out = strtod(n->text, &end);
        if (*end == '\0' && isfinite(*out)) {
            return 0;
        }
        if (*end == '\0') {
            return schema_expected(c, n, "a number that fits f64");
        }
    }
    return schema_expected(c, n, "a number");
}

int schema_float(struct config *c, const struct yaml_node *n, float *out)
{
    char *end = NULL;

    if (is_decimal(n)) {
        *out = strtof(n->text, &end);
        if (*end == '\0' && isfinite(*out)) {
            return 0;
        }
        if (*end == '\0') {
            return schema_expected(c, n, "a number that fits f32");
        }
    }
    return schema_expected(c, n, "a number");
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* digits UNIT, no space, within lo..hi in units of factor 1. */
static int read_units(const struct yaml_node *n, const struct unit *units,
                      size_t units_n, uint64_t *out)
{
    const char *end = NULL;
    int negative = 0;

    if (n->kind != YAML_SCALAR || n->n == 0 ||
        scan_int(n->text, &negative, out, &end) != INT_OK || negative) {
        return 0;
    }
    for (size_t i = 0; i < units_n; i++) {
        if (strcmp(end, units[i].name) == 0) {
            return !__builtin_mul_overflow(*out, units[i].factor, out);
        }
    }
    return 0;
}

int schema_size(struct config *c, const struct yaml_node *n, uint64_t lo,
                uint64_t hi, uint64_t *out)
{
    static const struct unit units[] = {{"", 1},
                                        {"KiB", 1ull << 10},
                                        {"MiB", 1ull << 20},
                                        {"GiB", 1ull << 30},
                                        {"TiB", 1ull << 40}};
    char what[96];

    if (!read_units(n, units, ARRAY_N(units), out)) {
        return schema_expected(c, n,
                               "a size such as 4096, 64KiB, 512MiB or 2GiB");
    }
    if (*out < lo || *out > hi) {
        (void)snprintf(what, sizeof(what), "%" PRIu64 "..%" PRIu64 " bytes", lo,
                       hi);
        return schema_expected(c, n, what);
    }
    return 0;
}

int schema_duration(struct config *c, const struct yaml_node *n, uint64_t lo,
                    uint64_t hi, uint64_t *out)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char what[96];

    if (!read_units(n, units, ARRAY_N(units), out)) {
        return schema_expected(c, n, "a duration such as 500ms, 10s, 5m or 2h");
    }
    if (*out < lo || *out > hi) {
        (void)snprintf(what, sizeof(what), "%" PRIu64 "..%" PRIu64 " ms", lo,
                       hi);
        return schema_expected(c, n, what);
    }
    return 0;
}
