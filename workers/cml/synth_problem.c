/* A problem from its message. Everything in it is foreign. Runs in the `cml`
 * worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define PROBLEM_BYTES ((size_t)64 << 20)
#define BUDGET_DEFAULT 400000000u
#define SIZE_DEFAULT 60u

static struct ubytes field(const ProtobufCBinaryData *f)
{
    return (struct ubytes){f->data, f->len};
}

struct shape_of problem_shape(const struct type *t)
{
    switch (type_tag_at(t, 0)) {
    case TYPE_BOOL:
        return (struct shape_of){'b', 0};
    case TYPE_INT:
        return (struct shape_of){'w', t->b[1]};
    case TYPE_STRING:
        return (struct shape_of){'s', 0};
    case TYPE_LIST:
        if (t->n == 3 && t->b[1] == TYPE_INT && t->b[2] == 8) {
            return (struct shape_of){'l', 0};
        }
        break;
    case TYPE_FLOAT:
    case TYPE_BYTES:
    case TYPE_TUPLE:
        break;
    }
    return (struct shape_of){0, 0};
}

static int is_shape(struct shape_of a, struct shape_of b)
{
    return a.letter == b.letter && a.code == b.code;
}

int synth_fits(enum synth_op op, const struct shape_of *args, uint32_t n,
               uint8_t *out_code)
{
    const char *s = synth_op_info(op)->signature;
    struct shape_of any = {0, 0};
    uint8_t code = 0;

    if (n != synth_op_args(op)) {
        return 0;
    }
    for (uint32_t i = 0; i <= n; i++) {
        char letter = s[i < n ? i : n + 1];
        struct shape_of is = args[i];

        if (letter == 'a') {
            if (any.letter != 0 && !is_shape(any, is)) {
                return 0;
            }
            any = is;
        } else if (letter == 'w') {
            if (is.letter != 'w' || (code != 0 && code != is.code)) {
                return 0;
            }
            code = is.code;
        } else if (letter == 'i' ? is.letter != 'w' || is.code != 8
                                 : is.letter != letter) {
            return 0;
        }
    }
    *out_code = code != 0 ? code : 8;
    return 1;
}

/* --- values --- */

static uint64_t read_int(struct rd *r, uint8_t code)
{
    unsigned bytes = code & 0x7fu;
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v = v << 8 | rd_u8(r);
    }
    if ((code & TYPE_UNSIGNED) == 0 && bytes < 8 &&
        (v >> (8 * bytes - 1) & 1) != 0) {
        v |= ~(uint64_t)0 << (8 * bytes);
    }
    return v;
}

static int read_list(struct problem *p, struct rd *r, uint64_t *out)
{
    struct arena_mark mark = arena_mark(&p->arena);
    uint32_t n = rd_u32(r);
    int64_t *v;

    if (n > SYNTH_SEQUENCE_MAX) {
        return ERR_LIMIT;
    }
    v = arena_array(&p->arena, n + 1, sizeof(*v));
    if (v == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        (void)rd_u16(r); /* tag and code */
        v[i] = (int64_t)read_int(r, 8);
    }
    *out = pool_list(&p->pool, v, n);
    arena_rewind(&p->arena, mark);
    return 0;
}

int problem_value(struct problem *p, const struct type *t, struct ubytes in,
                  uint64_t *out, size_t *out_used)
{
    struct ubytes text;
    struct rd r;
    size_t used = 0;
    uint8_t tag;

    TRY(value_check(in, t, &used));
    if (out_used != NULL) {
        *out_used = used;
    } else if (used != in.n) {
        return ERR_ENCODING;
    }
    rd_init(&r, in);
    tag = rd_u8(&r);
    switch (problem_shape(t).letter) {
    case 'b':
        *out = tag == VALUE_TRUE;
        return 0;
    case 'w':
        (void)rd_u8(&r);
        *out = read_int(&r, t->b[1]);
        return 0;
    case 's':
        text = rd_bytes32(&r);
        *out = pool_text(&p->pool, text.p, text.n);
        break;
    default:
        TRY(read_list(p, &r, out));
        break;
    }
    return *out == SYNTH_NO_VALUE ? ERR_LIMIT : 0;
}

int problem_put(const struct problem *p, const struct type *t, uint64_t v,
                struct buf *out)
{
    struct type element = {.n = 2, .b = {TYPE_INT, 8}};
    const struct pool_item *e;

    switch (problem_shape(t).letter) {
    case 'b':
        return value_put_bool(out, v != 0);
    case 'w':
        return value_put_int(out, t, v);
    case 's':
        e = pool_at(&p->pool, v);
        return value_put_string(out, (struct ubytes){e->p, e->n});
    default:
        e = pool_at(&p->pool, v);
        TRY(value_put_list(out, e->n));
        for (uint32_t i = 0; i < e->n; i++) {
            int64_t x;

            memcpy(&x, e->p + i * sizeof(x), sizeof(x));
            TRY(value_put_int(out, &element, (uint64_t)x));
        }
        return 0;
    }
}

static int bad_type(const struct type *t, const char *what, uint32_t number,
                    struct diag *d)
{
    char text[64];

    type_text(t, text, sizeof(text));
    (void)diag_set(d, ERR_INPUT, (struct loc){0},
                   "%s %u is of type %s, of which the enumerator has no terms",
                   what, number, text);
    diag_hint(d, "it has those of bool, integers, string and [i64]");
    return ERR_INPUT;
}

/* --- grammar --- */

int problem_sort(struct problem *p, const struct type *t, uint32_t *out,
                 struct diag *d)
{
    struct sort *s = &p->sorts[p->sorts_n];

    if (p->sorts_n == SYNTH_SORTS_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "over %u sorts in the grammar", SYNTH_SORTS_MAX);
    }
    *s = (struct sort){.type = *t, .shape = problem_shape(t)};
    s->first = p->rules_n;
    if (s->shape.letter == 0) {
        return bad_type(t, "sort", p->sorts_n + 1, d);
    }
    *out = p->sorts_n++;
    return 0;
}

static int is_commutative(enum synth_op op)
{
    switch ((int)op) {
    case SYNTH_OP_and:
    case SYNTH_OP_or:
    case SYNTH_OP_xor:
    case SYNTH_OP_add:
    case SYNTH_OP_mul:
    case SYNTH_OP_min:
    case SYNTH_OP_max:
    case SYNTH_OP_eq:
    case SYNTH_OP_ne:
    case SYNTH_OP_band:
    case SYNTH_OP_bor:
    case SYNTH_OP_bxor:
    case SYNTH_OP_zip_add:
    case SYNTH_OP_zip_mul:
    case SYNTH_OP_zip_min:
    case SYNTH_OP_zip_max:
        return 1;
    default:
        return 0;
    }
}

int problem_rule(struct problem *p, struct rule *r, struct diag *d)
{
    struct sort *s = &p->sorts[p->sorts_n - 1];

    if (p->rules_n == SYNTH_RULES_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "over %u rules in the grammar", SYNTH_RULES_MAX);
    }
    r->sort = (uint8_t)(p->sorts_n - 1);
    r->is_symmetric = r->kind == RULE_OPERATOR && is_commutative(r->op) &&
                      r->args[0] == r->args[1];
    p->rules[p->rules_n++] = *r;
    s->n++;
    return 0;
}

static int bad_rule(struct diag *d, const char *op)
{
    (void)diag_set(d, ERR_INPUT, (struct loc){0},
                   "operator \"%.40s\" does not fit where the grammar has it",
                   op);
    diag_hint(d, "docs/synth.md lists the operators and their types");
    return ERR_INPUT;
}

static int own_node(struct problem *p, const struct rule *r,
                    const Proctor__SynthNode *n, uint32_t i,
                    struct rule_node *out, struct diag *d)
{
    struct shape_of shapes[SYNTH_ARGS_MAX + 1];
    struct type t;

    if (n->kind == NODE_ARGUMENT && n->n_args == 1 && n->args[0] < r->args_n) {
        out->kind = NODE_ARGUMENT;
        out->args[0] = (uint8_t)n->args[0];
        out->shape = p->sorts[r->args[n->args[0]]].shape;
        return 0;
    }
    if (n->kind == NODE_CONSTANT && type_decode(field(&n->type), &t) == 0) {
        out->kind = NODE_CONSTANT;
        out->shape = problem_shape(&t);
        out->bytes = field(&n->constant);
        return out->shape.letter == 0
                   ? bad_rule(d, "constant")
                   : problem_value(p, &t, out->bytes, &out->value, NULL);
    }
    out->kind = NODE_OPERATOR;
    out->op = synth_op_from_name(n->op);
    if (n->kind != NODE_OPERATOR || out->op == SYNTH_OPS ||
        n->n_args != synth_op_args(out->op)) {
        return bad_rule(d, n->op);
    }
    for (uint32_t k = 0; k < n->n_args; k++) {
        if (n->args[k] >= i) {
            return bad_rule(d, n->op);
        }
        out->args[k] = (uint8_t)n->args[k];
        shapes[k] = r->nodes[n->args[k]].shape;
    }
    /* The value's shape: what fits of all there are. */
    for (uint32_t c = 0; c < 11; c++) {
        static const struct shape_of all[] = {
            {'b', 0},    {'s', 0},    {'l', 0},    {'w', 1},
            {'w', 2},    {'w', 4},    {'w', 8},    {'w', 0x81},
            {'w', 0x82}, {'w', 0x84}, {'w', 0x88}};

        shapes[n->n_args] = all[c];
        if (synth_fits(out->op, shapes, (uint32_t)n->n_args, &out->code)) {
            out->shape = all[c];
            return 0;
        }
    }
    return bad_rule(d, n->op);
}

static int own_rule(struct problem *p, const Proctor__SynthRule *m,
                    struct rule *r, struct diag *d)
{
    struct shape_of want = p->sorts[p->sorts_n - 1].shape;

    r->kind = RULE_OWN;
    if (m->n_nodes == 0 || m->n_nodes > SYNTH_NODES_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "a function of the grammar has %zu nodes, from 1 to %u "
                        "are taken",
                        m->n_nodes, SYNTH_NODES_MAX);
    }
    r->nodes = arena_array(&p->arena, m->n_nodes, sizeof(*r->nodes));
    if (r->nodes == NULL) {
        return ERR_NOMEM;
    }
    r->nodes_n = (uint32_t)m->n_nodes;
    for (uint32_t i = 0; i < r->nodes_n; i++) {
        TRY(own_node(p, r, m->nodes[i], i, &r->nodes[i], d));
    }
    return is_shape(r->nodes[r->nodes_n - 1].shape, want)
               ? 0
               : bad_rule(d, "function");
}

static int read_rule(struct problem *p, const Proctor__SynthRule *m,
                     size_t sorts_n, struct diag *d)
{
    struct shape_of shapes[SYNTH_ARGS_MAX + 1];
    struct rule r = {.kind = RULE_OPERATOR};

    if (m->n_args > SYNTH_ARGS_MAX) {
        return bad_rule(d, m->op);
    }
    r.args_n = (uint8_t)m->n_args;
    for (size_t i = 0; i < m->n_args; i++) {
        struct type t;

        if (m->args[i] >= sorts_n ||
            type_decode(field(&p->task->sorts[m->args[i]]->type), &t) < 0) {
            return bad_rule(d, m->op);
        }
        r.args[i] = (uint8_t)m->args[i];
        shapes[i] = problem_shape(&t);
        p->sorts[m->args[i]].shape = shapes[i]; /* if it comes later */
    }
    if (m->op[0] == '\0') {
        TRY(own_rule(p, m, &r, d));
        return problem_rule(p, &r, d);
    }
    shapes[m->n_args] = p->sorts[p->sorts_n - 1].shape;
    r.op = synth_op_from_name(m->op);
    if (r.op == SYNTH_OPS || !synth_fits(r.op, shapes, r.args_n, &r.code)) {
        return bad_rule(d, m->op);
    }
    return problem_rule(p, &r, d);
}

static int read_leaves(struct problem *p, const Proctor__SynthSort *m,
                       const struct type *t, struct diag *d)
{
    for (size_t i = 0; i < m->n_parameters; i++) {
        struct rule r = {.kind = RULE_PARAMETER, .parameter = m->parameters[i]};

        if (r.parameter >= p->params_n ||
            !type_is_equal(&p->types[r.parameter], t)) {
            return bad_rule(d, "parameter");
        }
        TRY(problem_rule(p, &r, d));
    }
    for (size_t i = 0; i < m->n_constants; i++) {
        struct rule r = {.kind = RULE_CONSTANT,
                         .bytes = field(&m->constants[i])};

        TRY(problem_value(p, t, r.bytes, &r.value, NULL));
        TRY(problem_rule(p, &r, d));
    }
    return 0;
}

static int read_grammar(struct problem *p, struct diag *d)
{
    const Proctor__SynthTask *m = p->task;

    for (size_t i = 0; i < m->n_sorts; i++) {
        const Proctor__SynthSort *s = m->sorts[i];
        struct type t;
        uint32_t at;

        if (type_decode(field(&s->type), &t) < 0) {
            return bad_rule(d, "type");
        }
        TRY(problem_sort(p, &t, &at, d));
        TRY(read_leaves(p, s, &t, d));
        for (size_t k = 0; k < s->n_rules; k++) {
            TRY(read_rule(p, s->rules[k], m->n_sorts, d));
        }
    }
    if (!type_is_equal(&p->sorts[0].type, &p->gives)) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "the grammar's first sort is not of the result's type");
    }
    return 0;
}

/* --- examples --- */

static int read_types(struct problem *p, struct diag *d)
{
    const Proctor__SynthTask *m = p->task;
    size_t at = 2;

    if (type_decode(field(&m->takes), &p->takes) < 0 ||
        type_decode(field(&m->gives), &p->gives) < 0 ||
        type_tag_at(&p->takes, 0) != TYPE_TUPLE) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "the problem's types are none");
    }
    p->params_n = p->takes.b[1];
    for (uint32_t i = 0; i < p->params_n; i++) {
        p->types[i] = type_sub(&p->takes, at);
        p->shapes[i] = problem_shape(&p->types[i]);
        if (p->shapes[i].letter == 0) {
            return bad_type(&p->types[i], "parameter", i + 1, d);
        }
        at = type_skip(&p->takes, at);
    }
    return problem_shape(&p->gives).letter == 0
               ? bad_type(&p->gives, "result", 1, d)
               : 0;
}

/* Values that stand alone join a batch. */
static int read_more(struct values *v, const ProtobufCBinaryData *more, size_t n,
                     const struct type *t)
{
    struct values_builder w;
    struct values added;
    int code = values_builder_init(&w, PROBLEM_BYTES);

    for (size_t i = 0; code == 0 && i < n; i++) {
        code = values_builder_add(&w, field(&more[i]));
    }
    values_init(&added);
    code = values_build(&added, &w, t, code);
    code = code != 0 ? code : values_append(v, &added);
    values_release(&added);
    return code;
}

static int read_values(struct problem *p)
{
    const Proctor__SynthTask *m = p->task;

    TRY(values_decode(&p->inputs, field(&m->inputs), &p->takes,
                      SYNTH_EXAMPLES_MAX));
    TRY(values_decode(&p->outputs, field(&m->outputs), &p->gives,
                      SYNTH_EXAMPLES_MAX));
    TRY(read_more(&p->inputs, m->more_inputs, m->n_more_inputs, &p->takes));
    TRY(read_more(&p->outputs, m->more_outputs, m->n_more_outputs, &p->gives));
    return values_n(&p->inputs) != values_n(&p->outputs) ||
                   values_n(&p->inputs) > SYNTH_EXAMPLES_MAX
               ? ERR_LIMIT
               : 0;
}

static int read_examples(struct problem *p, struct diag *d)
{
    uint32_t n;

    if (read_values(p) != 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "the examples are not values of these types, or over %u",
                        SYNTH_EXAMPLES_MAX);
    }
    p->examples_n = n = values_n(&p->inputs);
    if (n == 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "there is no example");
    }
    p->params = arena_array(&p->arena, (size_t)n * (p->params_n + 1),
                            sizeof(*p->params));
    p->wanted = arena_array(&p->arena, n, sizeof(*p->wanted));
    if (p->params == NULL || p->wanted == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes in = values_at(&p->inputs, i);
        size_t off = 5; /* tag and count of the tuple */

        for (uint32_t k = 0; k < p->params_n; k++) {
            size_t used;

            TRY(problem_value(p, &p->types[k],
                              (struct ubytes){in.p + off, in.n - off},
                              &p->params[(size_t)k * n + i], &used));
            off += used;
        }
        TRY(problem_value(p, &p->gives, values_at(&p->outputs, i),
                          &p->wanted[i], NULL));
    }
    return 0;
}

static int fill(struct problem *p, struct diag *d)
{
    TRY(pool_init(&p->pool));
    TRY(read_types(p, d));
    TRY(read_examples(p, d));
    if (p->task->n_sorts > 0) {
        return read_grammar(p, d);
    }
    return grammar_default(p, p->task->grammar, d);
}

int problem_init(struct problem *p, const Proctor__SynthTask *task,
                 struct diag *d)
{
    int code;

    memset(p, 0, sizeof(*p));
    p->task = task;
    p->budget = task->budget;
    p->max_size = task->max_size;
    if (p->budget == 0) {
        p->budget = BUDGET_DEFAULT;
    }
    if (p->max_size == 0) {
        p->max_size = SIZE_DEFAULT;
    } else if (p->max_size > SYNTH_SIZE_MAX) {
        p->max_size = SYNTH_SIZE_MAX;
    }
    arena_init(&p->arena, PROBLEM_BYTES);
    values_init(&p->inputs);
    values_init(&p->outputs);
    code = fill(p, d);
    if (code == ERR_LIMIT && d->code == 0) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "a value of the examples has over %u bytes or elements",
                        SYNTH_SEQUENCE_MAX);
    }
    if (code == ERR_ENCODING) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "a constant is not a value of its type");
    }
    return code;
}

void problem_release(struct problem *p)
{
    values_release(&p->inputs);
    values_release(&p->outputs);
    pool_release(&p->pool);
    arena_release(&p->arena);
}
