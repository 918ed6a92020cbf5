/* The walk over scopes that names need. Runs in the `cml` worker; recursion is
 * bounded by LIMIT_CML_HEIGHT. */
#include "workers/cml/names.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"

#define SCOPE_MAX 4096 /* as the checker's */

struct names {
    struct arena *a;
    struct term *scope[SCOPE_MAX]; /* what binds; the last is nearest */
    uint32_t scope_n;
    uint32_t fresh;
    int code;
};

static void walk(struct names *n, struct term *t);

static void bind(struct names *n, struct term *t)
{
    if (n->scope_n == SCOPE_MAX) {
        n->code = ERR_LIMIT;
        return;
    }
    n->scope[n->scope_n++] = t;
}

static void rename_it(struct names *n, struct term *t)
{
    char text[80];

    /* two underscores: no name that fmt or a person is likely to have made */
    snprintf(text, sizeof(text), "%.60s__%u", t->name, ++n->fresh);
    t->name = arena_text(n->a, text, strlen(text));
    n->code = t->name != NULL ? n->code : ERR_NOMEM;
}

static void use(struct names *n, const struct term *t)
{
    uint64_t i = t->fields[0].value.u.bits;
    const char *name = i < n->scope_n ? n->scope[n->scope_n - 1 - i]->name : NULL;

    for (uint64_t k = 0; name != NULL && k < i && n->code == 0; k++) {
        struct term *near = n->scope[n->scope_n - 1 - k];

        if (near->name != NULL && strcmp(near->name, name) == 0) {
            rename_it(n, near);
        }
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void field(struct names *n, const struct term *t, unsigned f)
{
    for (uint32_t i = 0; t->fields[f].kids != NULL && i < t->fields[f].n; i++) {
        if (t->fields[f].kids[i]->kind != CML_UNIT) {
            walk(n, t->fields[f].kids[i]);
        }
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void loop(struct names *n, struct term *t)
{
    struct term *state = t->fields[1].kids[0];
    int is_while = cml_is_word(&t->fields[0].value, "while");
    uint32_t kept = n->scope_n;

    field(n, t, 1);
    n->scope_n = kept; /* the state's binder comes behind what is gone over */
    if (!is_while) {
        field(n, t, 2);
    }
    bind(n, state);
    if (is_while) {
        field(n, t, 2);
    } else if (cml_is_word(&t->fields[0].value, "for")) {
        bind(n, t);
    }
    field(n, t, 3);
    n->scope_n = kept;
}

/* Leaves in scope what t binds for what follows it.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void walk(struct names *n, struct term *t)
{
    uint32_t kept = n->scope_n;

    if (t->kind == CML_VAR) {
        use(n, t);
        return;
    }
    if (t->kind == CML_LOOP) {
        loop(n, t);
        return;
    }
    for (unsigned f = 0; f < cml_kind_info(t->kind)->fields_n; f++) {
        field(n, t, f);
    }
    if (t->kind == CML_BINDING ||
        (t->kind == CML_PATTERN &&
         cml_is_word(&t->fields[0].value, "Bind"))) {
        bind(n, t);
    } else if (t->kind != CML_PATTERN) {
        n->scope_n = kept;
    }
}

int names_unhide(struct document *d)
{
    struct names *n = arena_get(&d->arena, sizeof(*n));

    if (n == NULL) {
        return ERR_NOMEM;
    }
    n->a = &d->arena;
    for (uint32_t i = 0; i < d->units_n && n->code == 0; i++) {
        n->scope_n = 0;
        walk(n, d->units[i].term);
    }
    return n->code;
}
