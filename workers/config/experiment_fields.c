/* Fields of experiment files by table, and what is kept of their problems. Runs in
 * the confined `config` worker. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/limits.h"
#include "workers/config/experiment_int.h"
#include "workers/config/schema.h"

#define FIELDS_MAX 48u

static int add_problem(struct exp_reader *r)
{
    struct config *c = r->c;
    Proctor__Problem *p;

    if (r->problems_n == EXPERIMENT_PROBLEMS_MAX) {
        return 0; /* a person has enough to do */
    }
    p = arena_get(&c->reply, sizeof(*p));
    if (!p) {
        return ERR_NOMEM;
    }
    proctor__problem__init(p);
    p->line = c->problem.at.line;
    p->col = c->problem.at.col;
    p->what = arena_text(&c->reply, c->problem.what, strlen(c->problem.what));
    p->hint = arena_text(&c->reply, c->problem.hint, strlen(c->problem.hint));
    p->kind = c->problem.code == ERR_LIMIT;
    r->problems[r->problems_n++] = p;
    return p->what && p->hint ? 0 : ERR_NOMEM;
}

int exp_keep(struct exp_reader *r, size_t path_n, int code)
{
    struct config *c = r->c;
    int rc = code;

    if (code == ERR_INPUT || code == ERR_LIMIT) {
        rc = add_problem(r);
    }
    diag_init(&c->problem);
    c->path_n = path_n;
    return rc;
}

int exp_fail(struct exp_reader *r, const struct yaml_node *n, const char *key,
             const char *hint, const char *fmt, ...)
{
    struct config *c = r->c;
    size_t path_n = c->path_n;
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (key) {
        config_enter(c, key);
    }
    config_fail(c, n, "%s", text);
    if (hint[0] != '\0') {
        config_hint(c, "%s", hint);
    }
    return exp_keep(r, path_n, ERR_INPUT);
}

int exp_warn(struct exp_reader *r, const struct yaml_node *n, const char *fmt,
             ...)
{
    struct config *c = r->c;
    char text[DIAG_TEXT_BYTES];
    char line[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    config_fail(c, n, "%s", text); /* for the path before it */
    if (n && n->line > 0) {
        (void)snprintf(line, sizeof(line), "line %u: %.200s", n->line,
                       c->problem.what);
    } else {
        (void)snprintf(line, sizeof(line), "%s", c->problem.what);
    }
    diag_init(&c->problem);
    for (size_t i = 0; i < r->warnings_n; i++) {
        if (strcmp(r->warnings[i], line) == 0) {
            return 0; /* of another setting of a search */
        }
    }
    if (r->warnings_n == EXPERIMENT_WARNINGS_MAX) {
        return 0;
    }
    r->warnings[r->warnings_n] = arena_text(&c->reply, line, strlen(line));
    return r->warnings[r->warnings_n++] ? 0 : ERR_NOMEM;
}

/* YAML 1.1's words too: the harness's files are read by a reader of that age. */
static int read_bool(struct config *c, const struct yaml_node *n, int *out)
{
    static const char *const yes[] = {"true", "yes", "on"};
    static const char *const no[] = {"false", "no", "off"};

    for (size_t i = 0; n->kind == YAML_SCALAR && n->plain && i < 3; i++) {
        if (strcasecmp(n->text, yes[i]) == 0 ||
            strcasecmp(n->text, no[i]) == 0) {
            *out = strcasecmp(n->text, yes[i]) == 0;
            return 0;
        }
    }
    return schema_expected(c, n, "true or false");
}

static int read_number(struct config *c, const struct yaml_node *n,
                       const struct exp_field *f, double *out)
{
    char what[64];

    TRY(schema_double(c, n, out));
    if (*out < f->least || (f->flags & X_OPEN && *out == f->least)) {
        (void)snprintf(what, sizeof(what), "a number %s %g",
                       f->flags & X_OPEN ? "above" : "of at least", f->least);
        return schema_expected(c, n, what);
    }
    return 0;
}

static int read_word(struct config *c, const struct yaml_node *n,
                     const struct exp_field *f, const char **out)
{
    size_t i = 0;

    for (; n->kind == YAML_SCALAR && i < f->words_n; i++) {
        if (strcasecmp(n->text, f->words[i]) == 0) {
            *out = f->words[i];
            return 0;
        }
    }
    return schema_word(c, n, f->words, f->words_n, &i);
}

static int read_uints(struct config *c, const struct yaml_node *n,
                      const struct exp_field *f)
{
    size_t i = 0;

    TRY(schema_list(c, n, 256));
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        uint64_t v = 0;

        config_enter_at(c, i);
        TRY(schema_uint(c, e, f->lo, f->hi, &v));
        config_leave(c);
    }
    return 0;
}

static int read_field(struct config *c, const struct yaml_node *n,
                      const struct exp_field *f, struct exp_value *v)
{
    config_enter(c, f->name);
    switch (f->type) {
    case X_UINT:
        TRY(schema_uint(c, n, f->lo, f->hi, &v->u));
        break;
    case X_NUMBER:
        TRY(read_number(c, n, f, &v->f));
        break;
    case X_BOOL:
        TRY(read_bool(c, n, &v->b));
        break;
    case X_TEXT:
        TRY(schema_text(c, n, LIMIT_PATH_BYTES, &v->s));
        break;
    case X_WORD:
        TRY(read_word(c, n, f, &v->s));
        break;
    case X_MAP:
        if (n->kind != YAML_MAP) {
            return schema_expected(c, n, "an object");
        }
        break;
    case X_UINTS:
        TRY(read_uints(c, n, f));
        break;
    case X_ANY:
        break;
    }
    config_leave(c);
    return 0;
}

static size_t find_field(const struct yaml_node *key,
                         const struct exp_field *fields, size_t n,
                         uint32_t kind)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(key->text, fields[i].name) == 0 &&
            (fields[i].kinds == 0 || (fields[i].kinds & kind) != 0)) {
            return i;
        }
    }
    return n;
}

static int warn_unknown(struct exp_reader *r, const struct yaml_node *key,
                        const struct exp_field *fields, size_t n,
                        uint32_t kind)
{
    const char *names[FIELDS_MAX];
    const char *nearest;
    size_t names_n = 0;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(key->text, fields[i].name) == 0) {
            return exp_warn(r, key, "key \"%.60s\" says nothing here", key->text);
        }
        if (fields[i].kinds == 0 || (fields[i].kinds & kind) != 0) {
            names[names_n++] = fields[i].name;
        }
    }
    nearest = diag_nearest(key->text, names, names_n);
    return nearest ? exp_warn(r, key,
                              "unknown key \"%.60s\" is ignored; did you mean "
                              "\"%s\"?", key->text, nearest)
                   : exp_warn(r, key, "unknown key \"%.60s\" is ignored",
                              key->text);
}

static int sort_entries(struct exp_reader *r, const struct yaml_node *map,
                        const struct exp_field *fields, size_t n, uint32_t kind,
                        struct exp_value *v)
{
    for (const struct yaml_node *e = map->first; e; e = e->next) {
        size_t i = find_field(e->key, fields, n, kind);

        if (i == n) {
            TRY(warn_unknown(r, e->key, fields, n, kind));
            continue;
        }
        if (v[i].n) {
            TRY(exp_warn(r, e->key, "key \"%s\" is given twice: the last one "
                                    "holds", fields[i].name));
        }
        v[i].n = e;
    }
    return 0;
}

/* Reads v, if it is there; what is wrong is told and makes it bad. */
static int take_value(struct exp_reader *r, const struct yaml_node *map,
                      const struct exp_field *f, uint32_t kind,
                      struct exp_value *v)
{
    size_t before = r->problems_n;

    if (v->n && f->flags & X_NULL && build_is_null(v->n)) {
        v->n = NULL;
    }
    if (v->n) {
        KEEP(r, read_field(r->c, v->n, f, v));
    } else if (f->flags & X_REQUIRED &&
               (f->kinds == 0 || (f->kinds & kind) != 0)) {
        TRY(exp_fail(r, map, NULL, "", "missing required field \"%s\"",
                     f->name));
        v->is_bad = 1;
    }
    if (r->problems_n > before) {
        v->n = NULL;
        v->is_bad = 1;
    }
    return 0;
}

int exp_fields(struct exp_reader *r, const struct yaml_node *map,
               const struct exp_field *fields, size_t n, uint32_t kind,
               struct exp_value *v)
{
    ASSERT(n <= FIELDS_MAX);
    memset(v, 0, n * sizeof(*v));
    if (!map) {
        return 0;
    }
    TRY(sort_entries(r, map, fields, n, kind, v));
    for (size_t i = 0; i < n; i++) {
        TRY(take_value(r, map, &fields[i], kind, &v[i]));
    }
    return 0;
}
