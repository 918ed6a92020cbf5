/* The walk that rewrites: blocks, then what is below, then rules at each term until
 * none fits, and the whole again until nothing changes. Runs in the `cml` worker;
 * recursion is bounded by LIMIT_CML_HEIGHT. A unit never grows. */
#include "workers/cml/canonical.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/canonical_int.h"

#define PASSES 16
#define STEPS 32 /* rules at one term */
#define FOLD_FUEL 4096
#define CALLED_BYTES 8 /* of a CID in a name */

int canonical_init(struct canonical *c, struct cml_dag *dag)
{
    *c = (struct canonical){.dag = dag};
    return eval_init(&c->eval, dag, FOLD_FUEL);
}

void canonical_release(struct canonical *c)
{
    eval_release(&c->eval);
    free(c->known);
    c->known = NULL;
}

static const struct canonical_known *known(const struct canonical *c,
                                           uint32_t id)
{
    for (uint32_t i = 0; i < c->known_n; i++) {
        if (c->known[i].id == id) {
            return &c->known[i];
        }
    }
    return NULL;
}

/* A Unit under another name. */
static int named(struct canonical *c, uint32_t unit, const char *name,
                 uint32_t *out_id)
{
    struct cml_value fields[CML_FIELDS_MAX];
    struct diag d;

    diag_init(&d);
    memcpy(fields, cml_dag_at(c->dag, unit)->fields, 4 * sizeof(*fields));
    fields[0] = cml_word(name);
    return cml_add(c->dag, CML_UNIT, fields, out_id, &d);
}

/* Names tell Units apart where a text is made of them. */
static int called_form(struct canonical *c, uint32_t made, uint32_t *out_id)
{
    char name[3 + 2 * CALLED_BYTES] = "u_";

    hex_text(cml_dag_at(c->dag, made)->cid.b, CALLED_BYTES, name + 2);
    return named(c, made, name, out_id);
}

static int remember(struct canonical *c, uint32_t id, uint32_t made,
                    uint32_t errors)
{
    if (c->known_n == c->known_cap) {
        uint32_t cap = c->known_cap > 0 ? c->known_cap * 2 : 16;
        struct canonical_known *more =
            reallocarray(c->known, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        c->known = more;
        c->known_cap = cap;
    }
    c->known[c->known_n] =
        (struct canonical_known){.id = id, .made = made, .errors = errors};
    TRY(called_form(c, made, &c->known[c->known_n].called));
    c->known_n++;
    return 0;
}

static uint32_t unit_errors(const struct canonical *c, uint32_t called)
{
    for (uint32_t i = 0; i < c->known_n; i++) {
        if (c->known[i].called == called) {
            return c->known[i].errors;
        }
    }
    return CANONICAL_ERRORS_ALL;
}

static uint32_t core_errors(enum core core)
{
    switch ((int)core) {
    case CORE_get:
    case CORE_put:
    case CORE_byte_at:
    case CORE_char_at:
        return 1u << EVAL_E_INDEX;
    case CORE_append:
    case CORE_range:
    case CORE_fill:
    case CORE_replace:
    case CORE_split:
    case CORE_join:
    case CORE_repeat_text:
    case CORE_hex:
        return 1u << EVAL_E_SIZE;
    case CORE_parse_int:
    case CORE_parse_float:
    case CORE_from_utf8:
    case CORE_from_hex:
        return 1u << EVAL_E_FORM;
    case CORE_from_chars:
        return 1u << EVAL_E_FORM | 1u << EVAL_E_SIZE;
    case CORE_map:
    case CORE_filter:
    case CORE_fold:
    case CORE_any:
    case CORE_all:
        return CANONICAL_ERRORS_ALL;
    default:
        return 0;
    }
}

static uint32_t call_errors(const struct canonical *c, const struct term *t)
{
    const struct term *target = t->fields[0].kids[0];

    switch ((int)target->kind) {
    case CML_UNIT:
        return unit_errors(c, target->id);
    case CML_VAR:
        return CANONICAL_ERRORS_ALL;
    case CML_REFERENCE:
        if (tree_core_of(t) != CORES) {
            return core_errors(tree_core_of(t));
        }
        return target->fields[1].n == 2 ? 0 : CANONICAL_ERRORS_ALL;
    default:
        return 0; /* conversions, composites and arrays */
    }
}

static uint32_t binop_errors(const struct canonical *c, const struct term *t)
{
    enum cml_op op = tree_op_of(t);
    const struct term *r = t->fields[2].kids[0];
    enum cml_primitive p = canonical_primitive(c, t->type);

    if (op == CML_OP_CAT) {
        return 1u << EVAL_E_SIZE;
    }
    if ((op == CML_OP_DIV || op == CML_OP_REM) &&
        (p == CML_PRIMITIVES || cml_primitive_info(p)->tag == CML_INT) &&
        (r->kind != CML_LITERAL || tree_is_bits(r, 0))) {
        return 1u << EVAL_E_DIVISION;
    }
    return 0;
}

/* Does every value fit?
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int fits_all(const struct term *p)
{
    if (cml_is_word(&p->fields[0].value, "Literal")) {
        return 0;
    }
    for (uint32_t k = 0; k < p->fields[2].n; k++) {
        if (!fits_all(p->fields[2].kids[k])) {
            return 0;
        }
    }
    return 1;
}

static uint32_t match_errors(const struct term *t)
{
    int seen[2] = {0, 0};

    for (uint32_t k = 0; k < t->fields[1].n; k++) {
        const struct term *p = t->fields[1].kids[k]->fields[0].kids[0];
        struct val v;

        if (fits_all(p)) {
            return 0;
        }
        if (cml_is_word(&p->fields[0].value, "Literal") &&
            tree_constant(p->fields[1].kids[0], &v) && v.kind == VAL_BOOL) {
            seen[v.u.bits] = 1;
        }
    }
    return seen[0] && seen[1] ? 0 : 1u << EVAL_E_MATCH;
}

uint32_t canonical_errors(const struct canonical *c, const struct term *t)
{
    uint32_t errors = 0;

    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k])) {
                errors |= t->fields[i].kids[k]->mark;
            }
        }
    }
    switch ((int)t->kind) {
    case CML_CALL:
        return errors | call_errors(c, t);
    case CML_BINOP:
        return errors | binop_errors(c, t);
    case CML_MATCH:
        return errors | match_errors(t);
    case CML_LOOP:
        return errors | 1u << EVAL_E_FUEL;
    case CML_REFERENCE:
        return cml_is_word(&t->fields[0].value, CORE_SUBJECT)
                   ? 0
                   : 1u << EVAL_E_REFERENCE;
    default:
        return errors;
    }
}

int canonical_may_turn(const struct term *a, const struct term *b)
{
    return a->mark == 0 || b->mark == 0 ||
           (a->mark == b->mark && (a->mark & (a->mark - 1)) == 0);
}

struct term *canonical_seal(struct canonical *c, struct term *t)
{
    struct diag d;
    int code;

    if (t == NULL) {
        return NULL;
    }
    diag_init(&d);
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            struct term *kid = t->fields[i].kids[k];

            if (!tree_walks_into(kid) && kid->kind != CML_UNIT) {
                code = term_intern(kid, c->dag, &d);
                c->code = c->code != 0 ? c->code : code;
            } else if (kid->kind == CML_LEAF || kid->kind == CML_REFERENCE) {
                code = term_intern(kid, c->dag, &d);
                if (code == ERR_INPUT) {
                    return NULL; /* a text that is not in normal form */
                }
                c->code = c->code != 0 ? c->code : code;
            }
        }
    }
    code = c->code == 0 ? term_intern_one(t, c->dag, &d) : c->code;
    c->code = code;
    t->mark = canonical_errors(c, t);
    return code == 0 ? t : NULL;
}

static struct term *expression(struct canonical *c, struct term *t);

static int is_simple(const struct canonical *c, const struct term *e)
{
    return e->kind == CML_VAR ||
           (e->kind == CML_LITERAL &&
            canonical_primitive(c, e->type) != CML_PRIMITIVES);
}

/* May what is bound stand where it is used, once? Functions may not: a Call's
 * target is no expression. */
static int may_move(const struct canonical *c, const struct term *e)
{
    return e->mark == 0 &&
           cml_dag_at(c->dag, e->type)->kind != CML_FUNCTION_TYPE;
}

/* Statements k + 1 ... of a block with the k-th put in, or left out. */
static int put_in(struct canonical *c, struct term *b, uint32_t k,
                  const struct term *e)
{
    struct term_field *s = &b->fields[0];

    for (uint32_t i = k + 1; i < s->n; i++) {
        s->kids[i] = tree_substitute(&c->tree->arena, s->kids[i], i - k - 1, e);
        if (s->kids[i] == NULL) {
            return ERR_NOMEM;
        }
        s->kids[i - 1] = s->kids[i];
    }
    s->n--;
    return 0;
}

static uint32_t uses_of(const struct term *b, uint32_t k)
{
    uint32_t n = 0;

    for (uint32_t i = k + 1; i < b->fields[0].n; i++) {
        n += tree_uses(b->fields[0].kids[i], i - k - 1);
    }
    return n;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static struct term *block(struct canonical *c, struct term *b)
{
    struct term_field *s = &b->fields[0];

    for (uint32_t k = 0; k < s->n;) {
        struct term *at = s->kids[k];
        struct term_field *value = &at->fields[at->kind == CML_RETURN ? 0 : 1];
        struct term *e = expression(c, value->kids[0]);
        uint32_t uses = at->kind == CML_RETURN ? 2 : uses_of(b, k);

        if (e == NULL) {
            return NULL;
        }
        value->kids[0] = e;
        if (at->kind == CML_BINDING &&
            (is_simple(c, e) || (uses == 0 && e->mark == 0) ||
             (uses == 1 && may_move(c, e)))) {
            c->code = c->code != 0 ? c->code : put_in(c, b, k, e);
            if (c->code != 0) {
                return NULL;
            }
            continue;
        }
        if (at->kind == CML_BINDING) {
            at->fields[0].n = 0; /* its type is that of the value */
        }
        if (canonical_seal(c, at) == NULL) {
            return NULL;
        }
        k++;
    }
    return canonical_seal(c, b);
}

/* Children in order. NOLINTNEXTLINE(misc-no-recursion): see the head */
static int kids(struct canonical *c, struct term *t)
{
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            struct term **kid = &t->fields[i].kids[k];

            if (!tree_walks_into(*kid)) {
                continue;
            }
            if ((*kid)->kind == CML_BLOCK) {
                *kid = block(c, *kid);
            } else if (tree_is_expression(*kid) &&
                       (*kid)->kind != CML_REFERENCE) {
                *kid = expression(c, *kid);
            } else {
                c->code = c->code != 0 ? c->code : kids(c, *kid);
                *kid = canonical_seal(c, *kid);
            }
            if (*kid == NULL || c->code != 0) {
                return c->code != 0 ? c->code : (c->code = ERR_NOMEM);
            }
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static struct term *expression(struct canonical *c, struct term *t)
{
    if (kids(c, t) != 0 || canonical_seal(c, t) == NULL) {
        c->code = c->code != 0 ? c->code : ERR_NOMEM;
        return NULL;
    }
    for (unsigned step = 0; step < STEPS && c->code == 0; step++) {
        struct term *next = t->kind == CML_BINOP   ? canonical_binop(c, t)
                            : t->kind == CML_CALL  ? canonical_call(c, t)
                            : t->kind == CML_MATCH ? canonical_match(c, t)
                                                   : NULL;

        if (next == NULL) {
            break;
        }
        t = next;
    }
    if (t->kind == CML_LOOP && cml_is_word(&t->fields[0].value, "repeat") &&
        tree_is_bits(t->fields[2].kids[0], 0)) {
        return t->fields[1].kids[0]->fields[1].kids[0];
    }
    return c->code == 0 ? t : NULL;
}

/* Stubs get the ids of their units' canonical forms.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void turn_stubs(const struct canonical *c, struct term *t)
{
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            struct term *kid = t->fields[i].kids[k];

            if (kid->kind == CML_UNIT) {
                const struct canonical_known *as = known(c, kid->id);

                kid->id = as != NULL ? as->called : kid->id;
            } else if (tree_walks_into(kid)) {
                turn_stubs(c, kid);
            }
        }
    }
}

/* Rewrites the body until nothing changes. */
static int rewrite(struct canonical *c, struct term *u)
{
    uint32_t before = UINT32_MAX;

    for (unsigned pass = 0; pass < PASSES; pass++) {
        struct term *body = block(c, u->fields[3].kids[0]);

        if (body == NULL) {
            return c->code != 0 ? c->code : ERR_NOMEM;
        }
        u->fields[3].kids[0] = body;
        if (body->id == before) {
            break;
        }
        before = body->id;
    }
    u->fields[0].value = cml_word("u");
    return tree_intern(c->tree, u);
}

static int rename_only(struct canonical *c, uint32_t unit, uint32_t *out_id)
{
    TRY(named(c, unit, "u", out_id));
    return remember(c, unit, *out_id, CANONICAL_ERRORS_ALL);
}

/* Units below the root have lower ids: a dag holds children before parents. */
static struct tree_unit *next_unit(const struct canonical *c,
                                   const struct tree *t)
{
    struct tree_unit *least = NULL;

    for (uint32_t i = 0; i < t->units_n; i++) {
        struct tree_unit *u = &t->units[i];

        if (known(c, u->id) == NULL && (least == NULL || u->id < least->id)) {
            least = u;
        }
    }
    return least;
}

static int rewrite_all(struct canonical *c, struct tree *t)
{
    struct tree_unit *u;

    c->tree = t;
    c->code = 0;
    while ((u = next_unit(c, t)) != NULL) {
        turn_stubs(c, u->term);
        TRY(rewrite(c, u->term));
        TRY(remember(c, u->id, u->term->id, u->term->fields[3].kids[0]->mark));
    }
    return 0;
}

int canonical_of(struct canonical *c, uint32_t unit, uint32_t *out_id)
{
    const struct canonical_known *have = known(c, unit);
    struct tree t;
    int code = 0;

    if (have == NULL) {
        code = tree_open(&t, c->dag, unit);
        code = code == 0 ? rewrite_all(c, &t) : code;
        tree_release(&t);
        if (code == ERR_LIMIT) {
            return rename_only(c, unit, out_id);
        }
        have = code == 0 ? known(c, unit) : NULL;
    }
    *out_id = have != NULL ? have->made : unit;
    return code;
}
