/* Graphs and policies for admission's tests, made by hand: everything is on the
 * heap as protobuf-c would put it, so graph_done frees it whole. */
#ifndef TESTS_UNIT_ADMIT_MAKE_H
#define TESTS_UNIT_ADMIT_MAKE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/admit/admit.h"
#include "proto/domain.h"
#include "proto/err.h"
#include "proto/pb.h"
#include "proto/record.h"
#include "proto/type.h"

static inline void *make_mem(size_t n)
{
    void *p = calloc(1, n > 0 ? n : 1);

    if (!p) {
        abort();
    }
    return p;
}

static inline char *make_text(const char *s)
{
    char *t = make_mem(strlen(s) + 1);

    memcpy(t, s, strlen(s));
    return t;
}

static inline ProtobufCBinaryData make_bytes(const void *p, size_t n)
{
    ProtobufCBinaryData b = {n, make_mem(n)};

    memcpy(b.data, p, n);
    return b;
}

static inline ProtobufCBinaryData make_type(const char *name)
{
    struct type t;

    if (type_from_name(name, &t) != 0) {
        abort();
    }
    return make_bytes(t.b, t.n);
}

/* (name) as a tuple of one. */
static inline ProtobufCBinaryData make_arguments(const char *name)
{
    struct type t;
    struct type tuple;

    if (type_from_name(name, &t) != 0 || type_tuple_of(&t, 1, &tuple) != 0) {
        abort();
    }
    return make_bytes(tuple.b, tuple.n);
}

static inline void add_text(char ***list, size_t *n, const char *s)
{
    *list = realloc(*list, (*n + 1) * sizeof(**list));
    if (!*list) {
        abort();
    }
    (*list)[(*n)++] = make_text(s);
}

static inline Proctor__Graph *make_graph(void)
{
    Proctor__Graph *g = make_mem(sizeof(*g));

    proctor__graph__init(g);
    g->version = 1;
    g->name = make_text("test");
    return g;
}

static inline Proctor__Task *add_task(Proctor__Graph *g, const char *id,
                                      const char *op)
{
    Proctor__Task *t = make_mem(sizeof(*t));

    proctor__task__init(t);
    t->id = make_text(id);
    t->op = make_text(op);
    t->priority = 5;
    g->tasks = realloc(g->tasks, (g->n_tasks + 1) * sizeof(Proctor__Task *));
    if (!g->tasks) {
        abort();
    }
    g->tasks[g->n_tasks++] = t;
    return t;
}

static inline void add_need(Proctor__Task *t, const char *id)
{
    add_text(&t->needs, &t->n_needs, id);
}

static inline void set_validator(Proctor__Task *t, const char *name,
                                 uint32_t level)
{
    if (t->validator) {
        pb_free(&t->validator->base);
    }
    t->validator = make_mem(sizeof(*t->validator));
    proctor__validator__init(t->validator);
    t->validator->name = make_text(name);
    t->validator->level = level;
}

static inline Proctor__ProgramSpec *make_function(const char *file,
                                                  const char *name)
{
    Proctor__ProgramSpec *p = make_mem(sizeof(*p));

    proctor__program_spec__init(p);
    p->function_file = make_text(file);
    p->function_name = make_text(name);
    return p;
}

static inline Proctor__ProgramSpec *make_candidate_spec(const char *file)
{
    Proctor__ProgramSpec *p = make_function(file, "f");

    p->takes = make_arguments("u32");
    p->gives = make_type("u8");
    return p;
}

static inline Proctor__Task *add_program(Proctor__Graph *g, const char *id)
{
    Proctor__Task *t = add_task(g, id, "program");

    t->program = make_candidate_spec("candidate.py");
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    return t;
}

static inline Proctor__OracleSpec *make_oracle(const char *file)
{
    Proctor__OracleSpec *o = make_mem(sizeof(*o));

    proctor__oracle_spec__init(o);
    o->program = make_function(file, "f");
    return o;
}

static inline Proctor__OracleSpec *make_table_oracle(size_t inputs_n)
{
    Proctor__OracleSpec *o = make_mem(sizeof(*o));

    proctor__oracle_spec__init(o);
    o->table = make_mem(sizeof(*o->table));
    proctor__table_spec__init(o->table);
    o->table->csv = make_text("rows.csv");
    o->table->output = make_text("y");
    for (size_t i = 0; i < inputs_n; i++) {
        add_text(&o->table->inputs, &o->table->n_inputs, "x");
    }
    return o;
}

/* The domain (u32): whole range. */
static inline ProtobufCBinaryData make_domain(void)
{
    static const uint8_t d[] = {DOMAIN_TUPLE,
                                1,
                                DOMAIN_INT,
                                TYPE_UNSIGNED | 4,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0xff,
                                0xff,
                                0xff,
                                0xff};

    return make_bytes(d, sizeof(d));
}

static inline Proctor__ExamSpec *make_exam_spec(void)
{
    Proctor__ExamSpec *x = make_mem(sizeof(*x));

    proctor__exam_spec__init(x);
    x->oracle = make_oracle("oracle.py");
    x->domain = make_domain();
    x->takes = make_arguments("u32");
    return x;
}

static inline Proctor__Task *add_exam(Proctor__Graph *g, const char *id,
                                      const char *candidate)
{
    Proctor__Task *t = add_task(g, id, "exam");

    t->exam = make_exam_spec();
    add_need(t, candidate);
    set_validator(t, "holdout", LEVEL_ORACLE);
    return t;
}

/* A program (bytes) -> bytes. */
static inline Proctor__Task *add_maker(Proctor__Graph *g, const char *id)
{
    Proctor__Task *t = add_task(g, id, "program");

    t->program = make_candidate_spec("train.py");
    free(t->program->takes.data);
    free(t->program->gives.data);
    t->program->takes = make_arguments("bytes");
    t->program->gives = make_type("bytes");
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    return t;
}

static inline Proctor__Task *add_derive(Proctor__Graph *g, const char *id,
                                        const char *maker, const char *inputs)
{
    Proctor__Task *t = add_task(g, id, "derive");

    t->derive = make_mem(sizeof(*t->derive));
    proctor__derive_spec__init(t->derive);
    t->derive->series = make_text("xor");
    t->derive->inputs = make_text(inputs);
    add_need(t, maker);
    set_validator(t, "replayed", LEVEL_PROPERTY);
    return t;
}

static inline Proctor__Task *add_ref(Proctor__Graph *g, const char *id,
                                     const char *exam, const char *ref)
{
    Proctor__Task *t = add_task(g, id, "ref.move");

    t->ref_move = make_mem(sizeof(*t->ref_move));
    proctor__ref_move_spec__init(t->ref_move);
    t->ref_move->ref = make_text(ref);
    add_need(t, exam);
    set_validator(t, "same_object", LEVEL_ORACLE);
    return t;
}

static inline Proctor__Task *add_model(Proctor__Graph *g, const char *id)
{
    Proctor__Task *t = add_task(g, id, "model");

    t->model = make_mem(sizeof(*t->model));
    proctor__model_spec__init(t->model);
    t->model->weights = make_text("net.gguf");
    t->model->takes = make_arguments("f32");
    t->model->gives = make_type("f32");
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    return t;
}

static inline Proctor__Task *add_cml(Proctor__Graph *g, const char *id)
{
    Proctor__Task *t = add_task(g, id, "cml");

    t->cml = make_mem(sizeof(*t->cml));
    proctor__cml_spec__init(t->cml);
    t->cml->file = make_text("f.cml");
    t->cml->unit = make_text("f");
    t->cml->takes = make_arguments("f32");
    t->cml->gives = make_type("f32");
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    return t;
}

static inline Proctor__Repair *make_repair(Proctor__Task *t)
{
    t->repair = make_mem(sizeof(*t->repair));
    proctor__repair__init(t->repair);
    return t->repair;
}

/* candidate <- exam <- keep */
static inline Proctor__Graph *make_tour(void)
{
    Proctor__Graph *g = make_graph();

    (void)add_program(g, "candidate");
    (void)add_exam(g, "exam", "candidate");
    (void)add_ref(g, "keep", "exam", "primitives/crc32");
    return g;
}

static inline Proctor__Grant *add_grant(Proctor__Policy *p, const char *name)
{
    Proctor__Grant *g = make_mem(sizeof(*g));

    proctor__grant__init(g);
    g->capability = make_text(name);
    p->grants =
        realloc(p->grants, (p->n_grants + 1) * sizeof(Proctor__Grant *));
    if (!p->grants) {
        abort();
    }
    p->grants[p->n_grants++] = g;
    return g;
}

static inline Proctor__Policy *make_empty_policy(void)
{
    Proctor__Policy *p = make_mem(sizeof(*p));

    proctor__policy__init(p);
    p->version = 1;
    p->name = make_text("test");
    p->budgets = make_mem(sizeof(*p->budgets));
    proctor__budgets__init(p->budgets);
    p->budgets->tasks = 200000;
    p->limits = make_mem(sizeof(*p->limits));
    proctor__limits__init(p->limits);
    return p;
}

static inline Proctor__Policy *make_policy(void)
{
    Proctor__Policy *p = make_empty_policy();
    Proctor__Grant *g = add_grant(p, "program.run");

    add_text(&g->programs, &g->n_programs, "python3");
    add_text(&g->files, &g->n_files, "examples/**");
    g = add_grant(p, "model.run");
    add_text(&g->files, &g->n_files, "examples/**");
    (void)add_grant(p, "exam.hold");
    g = add_grant(p, "ref.move");
    add_text(&g->refs, &g->n_refs, "primitives/*");
    g = add_grant(p, "derive");
    add_text(&g->series, &g->n_series, "xo?");
    g = add_grant(p, "cml.run");
    add_text(&g->files, &g->n_files, "examples/**");
    return p;
}

/* What the last admission said. */
struct seen {
    size_t calls;
    char rule[64];
    size_t task_i;
    struct diag d;
};

static inline void see(void *ctx, size_t task_i, const char *rule,
                       const struct diag *d)
{
    struct seen *s = ctx;

    if (s->calls++ == 0) {
        snprintf(s->rule, sizeof(s->rule), "%s", rule);
        s->task_i = task_i;
        s->d = *d;
    }
}

/* Runs admission over g and p (p may be NULL); leaves the first refusal in out
 * ("" = none) and frees both. Returns the number refused. */
static inline size_t judge(Proctor__Graph *g, Proctor__Policy *p,
                           struct seen *out)
{
    struct admission a;
    struct admit_request q = {.graph = g,
                              .policy = p,
                              .graph_path = "g.yaml",
                              .graph_dir = "examples/x"};
    size_t refused;

    memset(out, 0, sizeof(*out));
    if (admit_check(&q, &a, see, out) != 0) {
        abort();
    }
    refused = a.refused_n;
    admission_release(&a);
    pb_free(&g->base);
    pb_free(p ? &p->base : NULL);
    return refused;
}

#endif
