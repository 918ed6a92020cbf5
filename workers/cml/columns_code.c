/* Flat code as steps of the columnar engine: kernels chosen by operator and type,
 * constants folded into them, what nobody reads left out. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/columns_int.h"

struct coder {
    const struct flat *flat;
    const struct flat_function *f;
    struct step *steps;
    uint32_t n;
    uint32_t cap;
    uint32_t scratch;  /* register */
    uint32_t *tops;    /* stack: below these, lanes left out live on */
    uint32_t tops_n;
    uint32_t segment;  /* between two marks */
    uint32_t *known_in; /* by register: the segment where its constant is known */
    uint64_t *known;
};

static int add(struct coder *g, struct step s)
{
    if (g->n == g->cap) {
        uint32_t cap = g->cap > 0 ? g->cap * 2 : 64;
        struct step *more = reallocarray(g->steps, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        g->steps = more;
        g->cap = cap;
    }
    g->steps[g->n++] = s;
    return 0;
}

static int is_masked(const struct coder *g, uint32_t d)
{
    return d != g->scratch && d < g->tops[g->tops_n - 1];
}

static int kernel(struct coder *g, enum column_kernel_name name, uint32_t d,
                  uint32_t a, uint32_t b, uint64_t k)
{
    g->known_in[d] = 0;
    return add(g, (struct step){.what = STEP_KERNEL,
                                .kernel = name,
                                .is_masked = is_masked(g, d),
                                .d = d,
                                .a = a,
                                .b = b,
                                .k = k});
}

static int other(struct coder *g, enum step_what what,
                 const struct flat_code *code)
{
    g->known_in[code->d] = 0;
    return add(g, (struct step){.what = what,
                                .is_masked = is_masked(g, code->d),
                                .d = code->d,
                                .a = code->a,
                                .b = code->b,
                                .c = code->c,
                                .k = code->bits,
                                .code = code});
}

static int constant(const struct coder *g, uint32_t reg, uint64_t *out)
{
    *out = g->known[reg];
    return g->known_in[reg] == g->segment;
}

static unsigned width(enum cml_primitive p)
{
    return (cml_primitive_info(p)->code & ~(unsigned)TYPE_UNSIGNED) * 8;
}

static int is_signed(enum cml_primitive p)
{
    return cml_primitive_info(p)->tag == CML_INT &&
           (cml_primitive_info(p)->code & TYPE_UNSIGNED) == 0;
}

static int is_float(enum cml_primitive p)
{
    return cml_primitive_info(p)->tag == CML_FLOAT;
}

static int is_narrow(enum cml_primitive p)
{
    return cml_primitive_info(p)->tag == CML_INT && width(p) < 64;
}

static uint64_t ones(enum cml_primitive p)
{
    return UINT64_MAX >> (64 - width(p));
}

/* d = a, cut to the type. */
static int wrap(struct coder *g, enum cml_primitive p, uint32_t d, uint32_t a)
{
    if (!is_narrow(p)) {
        return kernel(g, K_COPY, d, a, 0, 0);
    }
    return is_signed(p) ? kernel(g, K_WRAP, d, a, 0, width(p))
                        : kernel(g, K_BAND_K, d, a, 0, ones(p));
}

/* d = the kernel of a and b, cut to the type if it is narrow. */
static int wrapped(struct coder *g, enum column_kernel_name name,
                   const struct flat_code *k, uint32_t a, uint32_t b,
                   uint64_t bits)
{
    if (!is_narrow(k->type)) {
        return kernel(g, name, k->d, a, b, bits);
    }
    TRY(kernel(g, name, g->scratch, a, b, bits));
    return wrap(g, k->type, k->d, g->scratch);
}

/* --- operators on integers and bools --- */

struct joined {
    enum column_kernel_name both;
    enum column_kernel_name with_k; /* with a constant on either side */
};

static int join(struct coder *g, const struct flat_code *k, struct joined j,
                int wraps)
{
    uint64_t c;
    uint32_t a = k->a;
    enum column_kernel_name name = j.both;

    if (constant(g, k->b, &c)) {
        name = j.with_k;
    } else if (constant(g, k->a, &c)) {
        name = j.with_k;
        a = k->b;
    }
    if (name == K_MUL_K && c != 0 && (c & (c - 1)) == 0) {
        name = K_SHL_K;
        c = (uint64_t)__builtin_ctzll(c);
    }
    return wraps ? wrapped(g, name, k, a, k->b, c)
                 : kernel(g, name, k->d, a, k->b, c);
}

static int minus(struct coder *g, const struct flat_code *k)
{
    uint64_t c;

    if (constant(g, k->b, &c)) {
        return wrapped(g, K_ADD_K, k, k->a, 0, 0 - c);
    }
    if (constant(g, k->a, &c)) {
        return wrapped(g, K_RSUB_K, k, k->b, 0, c);
    }
    return wrapped(g, K_SUB, k, k->a, k->b, 0);
}

static int shift(struct coder *g, const struct flat_code *k)
{
    enum cml_op op = (enum cml_op)k->op;
    uint64_t top = width(k->type) - 1;
    uint32_t a = k->a;
    uint64_t by;

    if (op == CML_OP_SHL) {
        return constant(g, k->b, &by)
                   ? wrapped(g, K_SHL_K, k, a, 0, by & top)
                   : wrapped(g, K_SHL, k, a, k->b, top);
    }
    if (op == CML_OP_SHR) { /* leads out of no type */
        enum column_kernel_name both = is_signed(k->type) ? K_SAR : K_SHR;

        return constant(g, k->b, &by)
                   ? kernel(g, both == K_SAR ? K_SAR_K : K_SHR_K, k->d, a, 0,
                            by & top)
                   : kernel(g, both, k->d, a, k->b, top);
    }
    if (is_narrow(k->type) && is_signed(k->type)) {
        TRY(kernel(g, K_BAND_K, g->scratch, a, 0, ones(k->type)));
        a = g->scratch;
    }
    return wrapped(g, op == CML_OP_ROTL ? K_ROTL : K_ROTR, k, a, k->b, top);
}

static int divide(struct coder *g, const struct flat_code *k)
{
    int rest = k->op == CML_OP_REM;
    uint64_t c;

    if (constant(g, k->b, &c) && c != 0 && !is_signed(k->type)) {
        if ((c & (c - 1)) == 0) {
            return rest ? kernel(g, K_BAND_K, k->d, k->a, 0, c - 1)
                        : kernel(g, K_SHR_K, k->d, k->a, 0,
                                 (uint64_t)__builtin_ctzll(c));
        }
        return kernel(g, rest ? K_REMU_K : K_DIVU_K, k->d, k->a, 0, c);
    }
    if (!constant(g, k->b, &c) || c == 0) {
        TRY(add(g, (struct step){.what = STEP_DIVIDE, .b = k->b}));
    }
    if (is_signed(k->type)) {
        return wrapped(g, rest ? K_REMS : K_DIVS, k, k->a, k->b, 0);
    }
    return kernel(g, rest ? K_REMU : K_DIVU, k->d, k->a, k->b, 0);
}

/* By how a and b compare: EQ NE LT LE GT GE. GT and GE are LT and LE the other way
 * round, but with constants. */
static int compare(struct coder *g, const struct flat_code *k)
{
    static const enum column_kernel_name whole[2][4] = {
        {K_EQ, K_NE, K_LTU, K_LEU}, {K_EQ, K_NE, K_LTS, K_LES}};
    static const enum column_kernel_name with_k[2][6] = {
        {K_EQ_K, K_NE_K, K_LTU_K, K_LEU_K, K_GTU_K, K_GEU_K},
        {K_EQ_K, K_NE_K, K_LTS_K, K_LES_K, K_GTS_K, K_GES_K}};
    static const enum column_kernel_name real[2][4] = {
        {K_F64_EQ, K_F64_NE, K_F64_LT, K_F64_LE},
        {K_F32_EQ, K_F32_NE, K_F32_LT, K_F32_LE}};
    static const unsigned mirrored[6] = {0, 1, 4, 5, 2, 3};
    unsigned which = k->op - CML_OP_EQ;
    int turns = which >= 4;
    uint32_t a = turns ? k->b : k->a;
    uint32_t b = turns ? k->a : k->b;
    uint64_t c;

    if (is_float(k->type)) {
        return kernel(g, real[width(k->type) == 32][which - (turns ? 2 : 0)],
                      k->d, a, b, 0);
    }
    if (constant(g, k->b, &c)) {
        return kernel(g, with_k[is_signed(k->type)][which], k->d, k->a, 0, c);
    }
    if (constant(g, k->a, &c)) {
        return kernel(g, with_k[is_signed(k->type)][mirrored[which]], k->d,
                      k->b, 0, c);
    }
    return kernel(g, whole[is_signed(k->type)][which - (turns ? 2 : 0)], k->d,
                  a, b, 0);
}

static int real(struct coder *g, const struct flat_code *k)
{
    int small = width(k->type) == 32;

    switch (k->op) {
    case CML_OP_ADD:
        return kernel(g, small ? K_F32_ADD : K_F64_ADD, k->d, k->a, k->b, 0);
    case CML_OP_SUB:
        return kernel(g, small ? K_F32_SUB : K_F64_SUB, k->d, k->a, k->b, 0);
    case CML_OP_MUL:
        return kernel(g, small ? K_F32_MUL : K_F64_MUL, k->d, k->a, k->b, 0);
    case CML_OP_DIV:
        return kernel(g, small ? K_F32_DIV : K_F64_DIV, k->d, k->a, k->b, 0);
    default:
        return other(g, STEP_LANES, k);
    }
}

static int binary(struct coder *g, const struct flat_code *k)
{
    if (k->op >= CML_OP_EQ && k->op <= CML_OP_GE) {
        return compare(g, k);
    }
    if (is_float(k->type)) {
        return real(g, k);
    }
    switch (k->op) {
    case CML_OP_ADD:
        return join(g, k, (struct joined){K_ADD, K_ADD_K}, 1);
    case CML_OP_SUB:
        return minus(g, k);
    case CML_OP_MUL:
        return join(g, k, (struct joined){K_MUL, K_MUL_K}, 1);
    case CML_OP_BAND:
        return join(g, k, (struct joined){K_BAND, K_BAND_K}, 0);
    case CML_OP_BOR:
        return join(g, k, (struct joined){K_BOR, K_BOR_K}, 0);
    case CML_OP_BXOR:
        return join(g, k, (struct joined){K_BXOR, K_BXOR_K}, 0);
    case CML_OP_DIV:
    case CML_OP_REM:
        return divide(g, k);
    default:
        return shift(g, k);
    }
}

/* --- the core, conversions --- */

/* Of an integer's bits. */
static int of_bits(struct coder *g, const struct flat_code *k,
                   enum column_kernel_name name)
{
    uint32_t a = k->a;

    if (is_narrow(k->type) && is_signed(k->type)) {
        TRY(kernel(g, K_BAND_K, g->scratch, a, 0, ones(k->type)));
        a = g->scratch;
    }
    return name == K_BYTES_REVERSE ? wrapped(g, name, k, a, 0, width(k->type))
                                   : kernel(g, name, k->d, a, 0, width(k->type));
}

static int core(struct coder *g, const struct flat_code *k)
{
    int small = is_float(k->type) && width(k->type) == 32;

    switch (k->op) {
    case CORE_not:
        return kernel(g, K_BXOR_K, k->d, k->a, 0, 1);
    case CORE_neg:
        return is_float(k->type)
                   ? kernel(g, small ? K_F32_NEG : K_F64_NEG, k->d, k->a, 0, 0)
                   : wrapped(g, K_RSUB_K, k, k->a, 0, 0);
    case CORE_inv:
        return wrapped(g, K_BXOR_K, k, k->a, 0, UINT64_MAX);
    case CORE_abs:
        return is_float(k->type) ? other(g, STEP_LANES, k)
               : is_signed(k->type) ? wrapped(g, K_ABS, k, k->a, 0, 0)
                                    : kernel(g, K_COPY, k->d, k->a, 0, 0);
    case CORE_popcount:
        return of_bits(g, k, K_POPCOUNT);
    case CORE_clz:
        return of_bits(g, k, K_CLZ);
    case CORE_ctz:
        return of_bits(g, k, K_CTZ);
    case CORE_bytes_reverse:
        return of_bits(g, k, K_BYTES_REVERSE);
    case CORE_mul_high:
        return kernel(g, is_signed(k->type) ? K_MUL_HIGH_S : K_MUL_HIGH_U, k->d,
                      k->a, k->b, width(k->type));
    case CORE_is_nan:
        return kernel(g, small ? K_F32_NE : K_F64_NE, k->d, k->a, k->a, 0);
    case CORE_bits64:
        return kernel(g, K_COPY, k->d, k->a, 0, 0);
    case CORE_from_bits64:
        return kernel(g, K_F64_ONE_NAN, k->d, k->a, 0, 0);
    default:
        return other(g, STEP_LANES, k);
    }
}

static int convert(struct coder *g, const struct flat_code *k)
{
    if (is_float(k->from) || k->type == CML_PRIMITIVE_FLOAT32) {
        return other(g, STEP_LANES, k);
    }
    if (k->type == CML_PRIMITIVE_FLOAT64) {
        return kernel(g, is_signed(k->from) ? K_S64_TO_F64 : K_U64_TO_F64,
                      k->d, k->a, 0, 0);
    }
    return wrap(g, k->type, k->d, k->a);
}

/* --- control --- */

static int mark(struct coder *g, const struct flat_code *k)
{
    TRY(add(g, (struct step){
                   .what = STEP_MARK, .a = k->a, .k = k->bits, .code = k}));
    switch ((int)k->what) {
    case FLAT_IF:
    case FLAT_LOOP:
        g->tops[g->tops_n++] = k->top;
        break;
    case FLAT_ELSE:
        g->tops[g->tops_n - 1] = k->top;
        break;
    case FLAT_END:
    case FLAT_AGAIN:
        g->tops_n--;
        break;
    case FLAT_SPEND:
    case FLAT_FAIL:
        return 0; /* what is known stays known */
    default:
        break;
    }
    g->segment++;
    return 0;
}

static int one(struct coder *g, const struct flat_code *k)
{
    uint64_t known = k->bits;
    int is_known = k->what == FLAT_CONST;

    switch (k->what) {
    case FLAT_CONST:
        TRY(kernel(g, K_FILL, k->d, k->d, 0, k->bits));
        break;
    case FLAT_MOVE:
        is_known = constant(g, k->a, &known);
        TRY(kernel(g, K_COPY, k->d, k->a, 0, 0));
        break;
    case FLAT_BINARY:
        return binary(g, k);
    case FLAT_CORE:
        return core(g, k);
    case FLAT_CONVERT:
        return convert(g, k);
    case FLAT_SELECT:
        return other(g, STEP_SELECT, k);
    case FLAT_SPEND:
    case FLAT_FAIL:
    case FLAT_IF:
    case FLAT_ELSE:
    case FLAT_END:
    case FLAT_LOOP:
    case FLAT_UNLESS:
    case FLAT_AGAIN:
        return mark(g, k);
    case FLAT_CALL:
        g->segment++;
        return add(g, (struct step){.what = STEP_CALL, .d = k->d, .code = k});
    case FLAT_OBJECT:
        return other(g, STEP_OBJECT, k);
    case FLAT_CORE_OF:
    case FLAT_OP_OF:
    case FLAT_ARRAY:
    case FLAT_APPLY:
    case FLAT_LENGTH:
    case FLAT_ITEM:
        g->segment++;
        return add(g, (struct step){.what = STEP_OBJECT,
                                    .d = k->v[k->c].first,
                                    .code = k});
    }
    if (is_known && !is_masked(g, k->d)) {
        g->known_in[k->d] = g->segment;
        g->known[k->d] = known;
    }
    return 0;
}

/* --- all of it --- */

/* Where marks lead. */
static void link_marks(struct coder *g)
{
    uint32_t *open = g->tops; /* its stack is empty now */
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->n; i++) {
        struct step *s = &g->steps[i];

        if (s->what != STEP_MARK) {
            continue;
        }
        switch ((int)s->code->what) {
        case FLAT_IF:
        case FLAT_LOOP:
            open[n++] = i;
            break;
        case FLAT_UNLESS:
            g->steps[open[n - 1]].c = i; /* its one: for AGAIN */
            break;
        case FLAT_ELSE:
            g->steps[open[n - 1]].jump = i;
            open[n - 1] = i;
            break;
        case FLAT_END:
            g->steps[open[--n]].jump = i;
            break;
        case FLAT_AGAIN:
            n--;
            s->jump = open[n];
            g->steps[g->steps[open[n]].c].jump = i;
            break;
        default:
            break;
        }
    }
}

static int code_function(struct coder *g)
{
    for (uint32_t i = 0; i < g->f->code_n; i++) {
        TRY(one(g, &g->f->code[i]));
    }
    TRY(columns_prune(g->flat, g->f, g->steps, &g->n));
    link_marks(g);
    return 0;
}

int columns_compile(struct columns *c, uint32_t function)
{
    const struct flat_function *f = c->flat.functions[function];
    struct coder g = {.flat = &c->flat,
                      .f = f,
                      .scratch = f->registers,
                      .tops_n = 1,
                      .segment = 1};
    int code = ERR_NOMEM;

    g.tops = calloc((size_t)f->code_n + 1, sizeof(*g.tops));
    g.known = calloc((size_t)f->registers + 1, sizeof(*g.known));
    g.known_in = calloc((size_t)f->registers + 1, sizeof(*g.known_in));
    if (g.tops != NULL && g.known != NULL && g.known_in != NULL) {
        code = code_function(&g);
    }
    free(g.tops);
    free(g.known);
    free(g.known_in);
    if (code < 0) {
        free(g.steps);
        return code;
    }
    c->functions[function] = (struct column_function){
        .flat = f, .steps = g.steps, .steps_n = g.n, .frame = f->registers + 1};
    return 0;
}
