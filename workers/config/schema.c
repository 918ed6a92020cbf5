/* Maps, lists, words and text by table. Runs in the confined `config`
 * worker. */
#include "workers/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"

#define NAMES_MAX 32u

const char *schema_found(const struct yaml_node *n, char out[static 64])
{
    char text[48];

    if (n->kind == YAML_LIST) {
        return "a list";
    }
    if (n->kind == YAML_MAP) {
        return "a map";
    }
    if (n->plain && n->n == 0) {
        return "nothing";
    }
    utf8_escape((struct ubytes){(const uint8_t *)n->text, n->n}, text,
                sizeof(text));
    if (n->plain && !schema_is_text(n)) {
        (void)snprintf(out, 64, "%s%s", text,
                       n->n >= sizeof(text) ? "..." : "");
    } else {
        (void)snprintf(out, 64, "\"%s%s\"", text,
                       n->n >= sizeof(text) ? "..." : "");
    }
    return out;
}

int schema_expected(struct config *c, const struct yaml_node *n,
                    const char *what)
{
    char found[64];

    return config_fail(c, n, "expected %s, got %s", what,
                       schema_found(n, found));
}

/* "known keys: a, b, c" as the hint. */
static void hint_keys(struct config *c, const struct schema_key *keys,
                      size_t keys_n)
{
    char text[DIAG_TEXT_BYTES];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < keys_n && n < sizeof(text); i++) {
        if (!keys[i].refused) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
                                  n ? ", " : "", keys[i].name);
        }
    }
    config_hint(c, "known keys: %s", text);
}

size_t schema_find(struct config *c, const struct yaml_node *key,
                   const struct schema_key *keys, size_t keys_n)
{
    const char *names[NAMES_MAX];
    const char *nearest;
    size_t n = 0;
    char found[64];

    ASSERT(keys_n <= NAMES_MAX);
    for (size_t i = 0; i < keys_n; i++) {
        if (strcmp(key->text, keys[i].name) == 0) {
            if (keys[i].refused) {
                config_fail(c, key, "key \"%s\": %s", key->text,
                            keys[i].refused);
                config_hint(c, "leave this key out");
                return keys_n;
            }
            return i;
        }
        if (!keys[i].refused) {
            names[n++] = keys[i].name;
        }
    }
    nearest = diag_nearest(key->text, names, n);
    utf8_escape((struct ubytes){(const uint8_t *)key->text, key->n}, found,
                sizeof(found));
    if (nearest) {
        config_fail(c, key, "unknown key \"%s\"; did you mean \"%s\"?", found,
                    nearest);
    } else {
        config_fail(c, key, "unknown key \"%s\"", found);
    }
    hint_keys(c, keys, keys_n);
    return keys_n;
}

int schema_map(struct config *c, const struct yaml_node *n,
               const struct schema_key *keys, size_t keys_n,
               const struct yaml_node **values)
{
    memset(values, 0, keys_n * sizeof(const struct yaml_node *));
    if (n->kind != YAML_MAP) {
        schema_expected(c, n, "a map");
        hint_keys(c, keys, keys_n);
        return ERR_INPUT;
    }
    for (const struct yaml_node *v = n->first; v; v = v->next) {
        size_t i = schema_find(c, v->key, keys, keys_n);

        if (i == keys_n) {
            return ERR_INPUT;
        }
        if (values[i]) {
            config_fail(c, v->key, "key \"%s\" is given twice", keys[i].name);
            config_hint(c, "the first is on line %u", values[i]->key->line);
            return ERR_INPUT;
        }
        values[i] = v;
    }
    for (size_t i = 0; i < keys_n; i++) {
        if (keys[i].required && !values[i]) {
            config_fail(c, n, "key \"%s\" is missing", keys[i].name);
            hint_keys(c, keys, keys_n);
            return ERR_INPUT;
        }
    }
    return 0;
}

int schema_word(struct config *c, const struct yaml_node *n,
                const char *const *words, size_t words_n, size_t *out_i)
{
    char list[DIAG_TEXT_BYTES];
    char found[64];
    const char *nearest;
    size_t at = 0;

    for (size_t i = 0; n->kind == YAML_SCALAR && i < words_n; i++) {
        if (strcmp(n->text, words[i]) == 0 && n->n == strlen(words[i])) {
            *out_i = i;
            return 0;
        }
    }
    list[0] = '\0';
    for (size_t i = 0; i < words_n && at < sizeof(list); i++) {
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
                               i == 0             ? ""
                               : i + 1 == words_n ? " or "
                                                  : ", ",
                               words[i]);
    }
    nearest =
        n->kind == YAML_SCALAR ? diag_nearest(n->text, words, words_n) : NULL;
    schema_expected(c, n, list);
    if (nearest && at > DIAG_TEXT_BYTES / 3) { /* it would be cut off */
        config_fail(c, n, "got %s; did you mean \"%s\"?",
                    schema_found(n, found), nearest);
        config_hint(c, "one of %s", list);
    } else if (nearest) {
        config_fail(c, n, "expected %s, got %s; did you mean \"%s\"?", list,
                    schema_found(n, found), nearest);
    } else if (at > DIAG_TEXT_BYTES * 2 / 3) {
        config_fail(c, n, "%s is none of the words that are known here",
                    schema_found(n, found));
        config_hint(c, "one of %s", list);
    }
    return ERR_INPUT;
}

int schema_list(struct config *c, const struct yaml_node *n, size_t max_n)
{
    char found[64];

    if (n->kind != YAML_LIST) {
        schema_expected(c, n, "a list");
        if (n->kind == YAML_SCALAR && n->n > 0) {
            config_hint(c, "write [%s]", schema_found(n, found));
        }
        return ERR_INPUT;
    }
    if (n->n > max_n) {
        return config_limit(c, n, "at most %zu entries, got %u", max_n, n->n);
    }
    return 0;
}

int schema_is_bool(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && n->plain &&
           (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0);
}

static int is_null(const char *s)
{
    return s[0] == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 ||
           strcmp(s, "Null") == 0 || strcmp(s, "NULL") == 0;
}

/* What YAML's core schema or JSON would read as a number. */
static int is_number(const char *s)
{
    static const char *const words[] = {".inf", ".Inf", ".INF",
                                        ".nan", ".NaN", ".NAN"};
    int digits = 0;

    s += *s == '-' || *s == '+';
    for (size_t i = 0; i < ARRAY_N(words); i++) {
        if (strcmp(s, words[i]) == 0) {
            return 1;
        }
    }
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o') && s[2] != '\0') {
        return s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0';
    }
    for (; *s >= '0' && *s <= '9'; s++) {
        digits = 1;
    }
    if (*s == '.') {
        s++;
        for (; *s >= '0' && *s <= '9'; s++) {
            digits = 1;
        }
    }
    if (digits && (*s == 'e' || *s == 'E')) {
        s++;
        s += *s == '-' || *s == '+';
        digits = *s >= '0' && *s <= '9';
        s += strspn(s, "0123456789");
    }
    return digits && *s == '\0';
}

int schema_is_text(const struct yaml_node *n)
{
    if (n->kind != YAML_SCALAR) {
        return 0;
    }
    return !n->plain ||
           !(is_null(n->text) || is_number(n->text) || schema_is_bool(n));
}

int schema_text(struct config *c, const struct yaml_node *n, size_t max_bytes,
                const char **out)
{
    struct ubytes rest;
    char found[64];

    if (!schema_is_text(n)) {
        schema_expected(c, n, "text");
        if (n->kind == YAML_SCALAR && n->n > 0) {
            config_hint(c, "put it in quotes: \"%s\"", schema_found(n, found));
        }
        return ERR_INPUT;
    }
    if (n->n == 0) {
        return config_fail(c, n, "expected text, got an empty string");
    }
    if (n->n > max_bytes) {
        return config_limit(c, n, "at most %zu bytes, got %u", max_bytes, n->n);
    }
    rest = (struct ubytes){(const uint8_t *)n->text, n->n};
    while (rest.n > 0) {
        uint32_t cp = 0;
        size_t used = utf8_next(rest, &cp);

        if (used == 0 || cp == 0 || utf8_is_unsafe(cp)) {
            return config_fail(c, n, "holds the control character U+%04X",
                               used == 0 ? 0xfffd : cp);
        }
        rest.p += used;
        rest.n -= used;
    }
    *out = n->text;
    return 0;
}

int schema_texts(struct config *c, const struct yaml_node *n, size_t max_n,
                 size_t max_bytes, char ***out, size_t *out_n)
{
    char **texts;
    size_t i = 0;

    TRY(schema_list(c, n, max_n));
    if (n->n == 0) {
        *out = NULL;
        *out_n = 0;
        return 0;
    }
    texts = arena_array(&c->reply, n->n, sizeof(*texts));
    if (!texts) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        const char *text = NULL;

        config_enter_at(c, i);
        TRY(schema_text(c, e, max_bytes, &text));
        config_leave(c);
        texts[i] = arena_text(&c->reply, text, e->n);
        if (!texts[i]) {
            return ERR_NOMEM;
        }
    }
    *out = texts;
    *out_n = n->n;
    return 0;
}

int schema_bool(struct config *c, const struct yaml_node *n, int *out)
{
    if (!schema_is_bool(n)) {
        return schema_expected(c, n, "true or false");
    }
    *out = n->text[0] == 't';
    return 0;
}
