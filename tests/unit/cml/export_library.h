/* Files of CML as one library of exported C, each unit behind a driver of one form.
 */
#ifndef TESTS_UNIT_CML_EXPORT_LIBRARY_H
#define TESTS_UNIT_CML_EXPORT_LIBRARY_H

#include "gen_scalar.h"

#include <dlfcn.h>

#include "workers/cml/document.h"
#include "workers/cml/export.h"
#include "workers/cml/text.h"

/* One file of CML. */
struct source {
    struct cml_dag dag;
    struct document doc;
    struct buf text;
    const struct term *unit;
    enum scalar types[4];
};

static void source_parse(struct source *s)
{
    struct diag d;

    diag_init(&d);
    cml_dag_init(&s->dag);
    document_init(&s->doc, &s->dag, "t.cml");
    if (text_parse(&s->doc, buf_bytes(&s->text), &d) < 0) {
        fail_msg("%u:%u: %s (%s)\n%.*s", d.at.line, d.at.col, d.what, d.hint,
                 (int)buf_len(&s->text), (const char *)buf_bytes(&s->text).p);
    }
    s->unit = s->doc.units[s->doc.units_n - 1].term;
}

static void source_close(struct source *s)
{
    document_release(&s->doc);
    cml_dag_release(&s->dag);
    buf_release(&s->text);
}

/* --- the library of many units --- */

static const char *const c_types[] = {
    "bool",    "uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t",
    "int16_t", "int32_t", "int64_t",  "float",    "double"};

/* Fields of a parameter or of the result, from in[] or to out[]. */
static void put_fields(FILE *f, enum scalar t, const char *base, unsigned *at,
                       int is_out)
{
    static const char *const paths[S_TYPES][3] = {
        [S_PAIR] = {".f0_a", ".f1_b"},
        [S_NEST] = {".f0_p.f0_a", ".f0_p.f1_b", ".f1_q"}};

    for (unsigned i = 0; i < scalar_leaves_n[t]; i++) {
        const char *path = paths[t][i] != NULL ? paths[t][i] : "";
        const char *c = c_types[scalar_leaves[t][i]];

        fprintf(f,
                is_out ? "    put_%s(&out[%u], %s%s);\n"
                       : "    get_%s(&in[%u], &%s%s);\n",
                c, (*at)++, base, path);
    }
}

/* void drive_I(in, fuel, out, error): the entry with scalars on both sides. */
static void put_driver(FILE *f, const struct source *s, unsigned i)
{
    unsigned at = 0;

    fprintf(f,
            "void drive_%u(const uint64_t *, uint64_t *, uint64_t *, int *);\n"
            "void drive_%u(const uint64_t *in, uint64_t *fuel, uint64_t "
            "*out, int *e)\n{\n",
            i, i);
    for (unsigned p = 0; p < 4; p++) {
        char type[80];
        const struct term *t =
            p < 3 ? s->unit->fields[1].kids[p]->fields[0].kids[0]
                  : s->unit->fields[2].kids[0];

        snprintf(type, sizeof(type), "struct cml_f_%u_t%u", i, t->id);
        fprintf(f, "    %s a%u;\n",
                s->types[p] < S_PAIR ? c_types[s->types[p]] : type, p);
    }
    for (unsigned p = 0; p < 3; p++) {
        char base[8];

        snprintf(base, sizeof(base), "a%u", p);
        put_fields(f, s->types[p], base, &at, 0);
    }
    fprintf(f,
            "    *e = cml_f_%u(a0, a1, a2, fuel, &a3);\n"
            "    if (*e != 0) {\n        return;\n    }\n",
            i);
    at = 0;
    put_fields(f, s->types[3], "a3", &at, 1);
    fprintf(f, "}\n");
}

static void put_all(FILE *f, struct ubytes text)
{
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
}

static void write_unit(const char *dir, FILE *all, const struct source *s,
                       unsigned i)
{
    CLEANUP(buf_release) struct buf out;
    struct ubytes text;
    struct diag d;
    const uint8_t *end;
    char path[200];
    FILE *f;

    diag_init(&d);
    buf_init(&out, 1u << 24);
    if (export_c(&s->dag, s->unit, "t.cml", &out, &d) < 0) {
        fail_msg("%.*s\n%u:%u: %s", (int)buf_len(&s->text),
                 (const char *)buf_bytes(&s->text).p, d.at.line, d.at.col,
                 d.what);
    }
    text = buf_bytes(&out);
    end = memchr(text.p, 0, text.n);
    assert_non_null(end);
    snprintf(path, sizeof(path), "%s/f_%u.h", dir, i);
    f = fopen(path, "we");
    assert_non_null(f);
    put_all(f, (struct ubytes){text.p, (size_t)(end - text.p)});
    fclose(f);
    put_all(all, (struct ubytes){end + 1, text.n - 1 - (size_t)(end - text.p)});
    put_driver(all, s, i);
}

static void put_access(FILE *f)
{
    fprintf(f,
            "#include <stdbool.h>\n#include <stdint.h>\n#include <string.h>\n");
    for (unsigned t = 0; t < ARRAY_N(c_types); t++) {
        fprintf(f,
                "static inline void get_%s(const uint64_t *in, %s *v)\n{\n"
                "    memcpy(v, in, sizeof(*v));\n}\n"
                "static inline void put_%s(uint64_t *out, %s v)\n{\n"
                "    *out = 0;\n    memcpy(out, &v, sizeof(v));\n}\n",
                c_types[t], c_types[t], c_types[t], c_types[t]);
    }
}

static void *compile(const char *dir, const char *level)
{
    char command[800];
    char path[200];
    void *lib;

    snprintf(
        command, sizeof(command),
        "cd %s && gcc -std=c17 %s -ffp-contract=off -Wall -Wextra -Werror "
        "-shared -fPIC -o all.so all.c -lm",
        dir, level);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof(path), "%s/all.so", dir);
    lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL) {
        fail_msg("%s", dlerror());
    }
    return lib;
}

#endif
