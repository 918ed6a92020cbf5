/* Exported C: names, types, the function that callers see. Names and texts of a
 * unit are foreign: only letters, digits and _ of them get out. Runs in the `cml`
 * worker. */
#include "workers/cml/export.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "proto/type.h"
#include "workers/cml/check.h"
#include "workers/cml/eval.h"
#include "workers/cml/export_int.h"

#define NAME_BYTES 64
#define PATH_BYTES 1024

static int is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

/* What of a name can stand in C, behind something that makes it differ from every
 * word of the language. */
static void plain_name(struct ubytes in, char *out)
{
    size_t n = in.n < NAME_BYTES ? in.n : NAME_BYTES - 1;

    for (size_t i = 0; i < n; i++) {
        out[i] = is_plain(in.p[i]) ? (char)in.p[i] : '_';
    }
    out[n] = '\0';
}

static struct ubytes bytes_of(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, s != NULL ? strlen(s) : 0};
}

/* The C type of a value; composites are structs of their place in the dag. */
static void type_name(const struct exporter *x, uint32_t type, char *out,
                      size_t n)
{
    enum cml_primitive p = (enum cml_primitive)(type & ~FLAT_SCALAR);

    if ((type & FLAT_SCALAR) == 0) {
        snprintf(out, n, "struct cml_%s_t%u", x->name, type);
    } else if (p == CML_PRIMITIVE_BOOL) {
        snprintf(out, n, "bool");
    } else if (p == CML_PRIMITIVE_FLOAT32 || p == CML_PRIMITIVE_FLOAT64) {
        snprintf(out, n, p == CML_PRIMITIVE_FLOAT32 ? "float" : "double");
    } else {
        snprintf(out, n, "%sint%u_t", p >= CML_PRIMITIVE_UINT8 ? "u" : "",
                 (cml_primitive_info(p)->code & ~(unsigned)TYPE_UNSIGNED) * 8);
    }
}

static void field_name(const struct cml_node *t, uint32_t i, char *out,
                       size_t n)
{
    char plain[NAME_BYTES];

    plain_name(t->fields[0].u.list.p[i].u.text, plain);
    snprintf(out, n, "f%u_%s", i, plain);
}

/* Structs of a type, inner ones first, each once: a guard each is simpler than to
 * remember which are there.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static void put_struct(struct exporter *x, uint32_t type)
{
    const struct cml_dag *dag = x->flat.dag;
    const struct cml_node *t;
    char c_type[160];
    char name[NAME_BYTES + 16];

    if ((type & FLAT_SCALAR) != 0) {
        return;
    }
    t = cml_dag_at(dag, type);
    for (uint32_t i = 0; i < t->fields[1].u.list.n; i++) {
        put_struct(x, flat_type(dag, cml_item(&t->fields[1], i)));
    }
    type_name(x, type, c_type, sizeof(c_type));
    PUT(x, header, "#ifndef CML_%s_T%u\n#define CML_%s_T%u\n%s {\n", x->name,
        type, x->name, type, c_type);
    for (uint32_t i = 0; i < t->fields[1].u.list.n; i++) {
        type_name(x, flat_type(dag, cml_item(&t->fields[1], i)), c_type,
                  sizeof(c_type));
        field_name(t, i, name, sizeof(name));
        PUT(x, header, "    %s %s;\n", c_type, name);
    }
    PUT(x, header, "};\n#endif\n\n");
}

/* A scalar at `path` of the caller's as a register, or back. */
static void put_scalar(struct exporter *x, enum cml_primitive p,
                       const char *path, int is_out, uint32_t *at)
{
    char type[32];
    int is_signed = p >= CML_PRIMITIVE_INT8 && p <= CML_PRIMITIVE_INT64;
    unsigned width =
        (cml_primitive_info(p)->code & ~(unsigned)TYPE_UNSIGNED) * 8;
    int is_float = p >= CML_PRIMITIVE_FLOAT32;

    type_name(x, FLAT_SCALAR | p, type, sizeof(type));
    if (!is_out && is_float) {
        PUT(x, body, ", @b%u(%s)", width, path);
    } else if (!is_out) {
        PUT(x, body, ", %s%s", is_signed ? "(uint64_t)(int64_t)" : "", path);
    } else if (is_float) {
        PUT(x, body, "        %s = @f%u(r[%u]);\n", path, width, (*at)++);
    } else if (p == CML_PRIMITIVE_BOOL) {
        PUT(x, body, "        %s = r[%u] != 0;\n", path, (*at)++);
    } else {
        PUT(x, body, "        %s = (%s)r[%u];\n", path, type, (*at)++);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static void put_scalars(struct exporter *x, uint32_t type, const char *path,
                        int is_out, uint32_t *at)
{
    const struct cml_dag *dag = x->flat.dag;
    const struct cml_node *t;
    char name[NAME_BYTES + 16];
    char inner[PATH_BYTES];

    if ((type & FLAT_SCALAR) != 0) {
        put_scalar(x, (enum cml_primitive)(type & ~FLAT_SCALAR), path, is_out,
                   at);
        return;
    }
    t = cml_dag_at(dag, type);
    for (uint32_t i = 0; i < t->fields[1].u.list.n; i++) {
        field_name(t, i, name, sizeof(name));
        snprintf(inner, sizeof(inner), "%s.%s", path, name);
        put_scalars(x, flat_type(dag, cml_item(&t->fields[1], i)), inner,
                    is_out, at);
    }
}

/* Type as text for a comment: nothing of it can end one. */
static void put_comment_type(struct exporter *x, uint32_t id)
{
    char text[200];

    check_type_text(x->flat.dag, id, text, sizeof(text));
    for (char *c = text; *c != '\0'; c++) {
        if (!is_plain((uint8_t)*c) && strchr("{}:, ()->[]", *c) == NULL) {
            *c = '_';
        }
    }
    PUT(x, header, "%s", text);
}

static void put_head(struct exporter *x, const struct term *u)
{
    const struct cml_node *n = cml_dag_at(x->flat.dag, u->id);
    char cid[CID_TEXT_BYTES];

    hex_text(n->cid.b, CID_BYTES, cid);
    PUT(x, header,
        "/* %s: a unit of CML as C17, written by `proctor cml "
        "export --c`.\n * CID %s\n * %s(",
        x->name, cid, x->name);
    for (uint32_t i = 0; i < u->fields[1].n; i++) {
        PUT(x, header, "%s", i > 0 ? ", " : "");
        put_comment_type(x, u->fields[1].kids[i]->fields[0].kids[0]->id);
    }
    PUT(x, header, ") -> ");
    put_comment_type(x, u->fields[2].kids[0]->id);
    PUT(x, header,
        "\n *\n"
        " * Gives 0 and sets *out, or gives a CML_E_* and leaves it. "
        "Rounds of loops,\n * calls and composites are paid from "
        "*fuel. Build it with -ffp-contract=off\n * (-std=c17 "
        "implies it) and without -ffast-math; link with -lm. */\n");
}

static void put_prototype(struct exporter *x, const struct flat_function *f,
                          struct buf *out)
{
    char type[160];

    if (x->code == 0) {
        x->code = buf_putf(out, "int cml_%s(", x->name);
    }
    for (uint32_t i = 0; i + 1 < f->types_n && x->code == 0; i++) {
        char name[NAME_BYTES];

        type_name(x, f->types[i], type, sizeof(type));
        plain_name(bytes_of(f->unit->fields[1].kids[i]->name), name);
        x->code = buf_putf(out, "%s p%u_%s, ", type, i, name);
    }
    type_name(x, f->types[f->types_n - 1], type, sizeof(type));
    if (x->code == 0) {
        x->code = buf_putf(out, "uint64_t *fuel, %s *out)", type);
    }
}

static void put_header(struct exporter *x, const struct flat_function *f)
{
    PUT(x, header,
        "#ifndef CML_%s_H\n#define CML_%s_H\n\n"
        "#include <stdbool.h>\n#include <stdint.h>\n\n"
        "#ifndef CML_ERRORS\n#define CML_ERRORS\nenum cml_error {\n",
        x->name, x->name);
#define EVAL(name, text)                                                       \
    PUT(x, header, "    CML_E_%s = %d, /* %s */\n", #name, EVAL_E_##name, text);
#include "proto/cml_error.def"
    PUT(x, header, "};\n#endif\n\n");
    for (uint32_t i = 0; i < f->types_n; i++) {
        put_struct(x, f->types[i]);
    }
    put_prototype(x, f, &x->header);
    PUT(x, header, ";\n\n#endif\n");
}

/* What callers see: values to registers and back. */
static void put_entry(struct exporter *x, const struct flat_function *f)
{
    char path[PATH_BYTES];
    uint32_t at = 0;

    put_prototype(x, f, &x->body);
    PUT(x, body, "\n{\n    uint64_t r[%u];\n    int e = @u%u(fuel",
        f->results_n, x->flat.functions_n - 1);
    for (uint32_t i = 0; i + 1 < f->types_n; i++) {
        char name[NAME_BYTES];

        plain_name(bytes_of(f->unit->fields[1].kids[i]->name), name);
        snprintf(path, sizeof(path), "p%u_%s", i, name);
        put_scalars(x, f->types[i], path, 0, &at);
    }
    PUT(x, body, ", r);\n\n    if (e == 0) {\n");
    put_scalars(x, f->types[f->types_n - 1], "(*out)", 1, &at);
    PUT(x, body, "    }\n    return e;\n}\n");
}

#define SOURCE_HEAD                                                            \
    "\n#include <float.h>\n#include <math.h>\n#include <string.h>\n\n"         \
    "#if defined(__FAST_MATH__) || FLT_EVAL_METHOD != 0\n"                     \
    "#error \"floats must be IEEE 754, each operation rounded to its type\"\n" \
    "#endif\n#if defined(__clang__)\n#pragma STDC FP_CONTRACT OFF\n"           \
    "#elif defined(__GNUC__)\n#pragma GCC optimize(\"fp-contract=off\")\n"     \
    "#endif\n\n"

/* in with the prefix for every '@'. */
static int put_prefixed(const struct exporter *x, struct ubytes in,
                        struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        const uint8_t *end = memchr(in.p + i, '@', in.n - i);
        size_t n = end != NULL ? (size_t)(end - in.p) - i : in.n - i;

        TRY(buf_put(out, in.p + i, n));
        i += n;
        if (end != NULL) {
            TRY(buf_putf(out, "cml_%s_", x->name));
            i++;
        }
    }
    return 0;
}

static int finish(struct exporter *x, struct buf *out)
{
    CLEANUP(buf_release) struct buf help;
    struct ubytes head = buf_bytes(&x->header);
    const uint8_t *end = memmem(head.p, head.n, "*/\n", 3);

    ASSERT(end != NULL); /* the comment goes above both files */
    buf_init(&help, LIMIT_FRAME_BYTES / 8);
    TRY(export_helpers(buf_bytes(&x->body), &help));
    TRY(buf_put(out, head.p, head.n));
    TRY(buf_put_u8(out, 0));
    TRY(buf_put(out, head.p, (size_t)(end - head.p) + 3));
    TRY(buf_putf(out, "#include \"%s.h\"\n%s", x->name, SOURCE_HEAD));
    TRY(put_prefixed(x, buf_bytes(&help), out));
    return put_prefixed(x, buf_bytes(&x->body), out);
}

static int write_all(struct exporter *x, const struct term *unit,
                     struct buf *out)
{
    const struct flat_function *f = x->flat.functions[x->flat.functions_n - 1];

    put_head(x, unit);
    put_header(x, f);
    for (uint32_t i = 0; i < x->flat.functions_n; i++) {
        export_function(x, i);
    }
    put_entry(x, f);
    TRY(x->code);
    return finish(x, out);
}

int export_c(const struct cml_dag *dag, const struct term *unit,
             const char *path, struct buf *out, struct diag *diag)
{
    struct exporter x = {.code = 0};
    int code;

    plain_name(bytes_of(unit->name), x.name);
    flat_init(&x.flat, dag);
    buf_init(&x.header, LIMIT_FRAME_BYTES / 8);
    buf_init(&x.body, LIMIT_FRAME_BYTES / 8);
    code = flat_unit(&x.flat, unit, path, diag);
    if (code == 0) {
        code = write_all(&x, unit, out);
    }
    buf_release(&x.header);
    buf_release(&x.body);
    flat_release(&x.flat);
    return code;
}
