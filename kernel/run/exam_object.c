/* Builds Exam objects out of a graph's exam specs. Kernel process. */
#include "kernel/run/exam_object.h"

#include <stdlib.h>

#include "kernel/run/data.h"
#include "kernel/run/runnable.h"
#include "proto/domain.h"
#include "proto/err.h"

static int put_unit(struct run *r, const Proctor__CmlSpec *s,
                    struct ubytes takes, struct ubytes gives, struct cid *out,
                    struct diag *d)
{
    const struct dataset *u = data_unit(r, s, takes, gives);

    if (u == NULL) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "unit \"%s\" of %s was not read for the candidate's "
                        "types", s->unit, s->file);
    }
    *out = u->inputs;
    return 0;
}

static int put_oracle(struct run *r, const Proctor__OracleSpec *s,
                      struct ubytes takes, struct ubytes gives,
                      struct cid *out, struct diag *d)
{
    if (s->program != NULL) {
        struct runnable_program p = {.spec = s->program,
                                     .takes = takes,
                                     .gives = gives,
                                     .files = &r->files,
                                     .programs = &r->programs};

        return runnable_put_program(r->core, &p, out, d);
    }
    if (s->cml != NULL) {
        return put_unit(r, s->cml, takes, gives, out, d);
    }
    if (s->table != NULL) {
        const struct dataset *t = data_table(r, s->table, takes, gives);

        if (t == NULL) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "table \"%s\" was not read for the candidate's "
                            "types",
                            s->table->csv);
        }
        return runnable_put_table(r->core, &t->inputs, &t->outputs, takes,
                                  gives, out);
    }
    return diag_set(d, ERR_INPUT, (struct loc){0}, "an oracle is empty");
}

static int put_corpora(struct run *r, const Proctor__ExamSpec *s,
                       ProtobufCBinaryData *out, struct diag *d)
{
    for (size_t i = 0; i < s->n_corpora; i++) {
        const struct dataset *c = NULL;
        struct type t;

        if (data_corpus_type(field_bytes(&s->domain), i, &t) == 0) {
            c = data_corpus(r, s->corpora[i], &t);
        }
        if (c == NULL) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "corpus \"%s\" was not read", s->corpora[i]);
        }
        out[i] = cid_field(&c->inputs);
    }
    return 0;
}

struct relation_room {
    Proctor__Relation m;
    struct cid input, output;
};

static int put_relation(struct run *r, const Proctor__RelationSpec *s,
                        struct ubytes takes, struct ubytes gives,
                        struct relation_room *out, struct diag *d)
{
    struct type alone;

    proctor__relation__init(&out->m);
    out->m.name = s->name;
    TRY(data_alone(gives, &alone));
    TRY(put_unit(r, s->input, takes, takes, &out->input, d));
    out->m.input = cid_field(&out->input);
    if (s->output == NULL) {
        return 0;
    }
    out->m.output = cid_field(&out->output);
    return put_unit(r, s->output, (struct ubytes){alone.b, alone.n}, gives,
                    &out->output, d);
}

/* What the domain draws must be what the candidate takes. */
static int check_domain(const Proctor__ExamSpec *s, struct ubytes takes,
                        struct diag *d)
{
    struct type drawn;
    struct type taken;

    if (s->domain.len == 0) {
        return 0;
    }
    TRY(type_decode(takes, &taken));
    TRY(domain_check(field_bytes(&s->domain), &drawn));
    if (!type_is_equal(&drawn, &taken)) {
        char have[64];
        char want[64];

        type_text(&drawn, have, sizeof(have));
        type_text(&taken, want, sizeof(want));
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "the domain draws %s, the candidate takes %s", have,
                        want);
    }
    return 0;
}

int exam_object_put(struct run *r, const Proctor__ExamSpec *s,
                    struct ubytes takes, struct ubytes gives, struct cid *out,
                    struct diag *d)
{
    CLEANUP(mem_freep) ProtobufCBinaryData *corpora =
        calloc(s->n_corpora + 1, sizeof(*corpora));
    Proctor__Exam m = PROCTOR__EXAM__INIT;
    struct relation_room relations[LIMIT_RELATIONS];
    Proctor__Relation *relations_at[LIMIT_RELATIONS];
    struct cid oracle;
    struct cid second;
    int code;

    if (corpora == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (s->oracle == NULL) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "the exam has no oracle");
    }
    TRY(check_domain(s, takes, d));
    code = put_oracle(r, s->oracle, takes, gives, &oracle, d);
    if (code == 0 && s->second_oracle != NULL) {
        code = put_oracle(r, s->second_oracle, takes, gives, &second, d);
        m.second_oracle = cid_field(&second);
    }
    if (code == 0) {
        code = put_corpora(r, s, corpora, d);
    }
    for (size_t i = 0; code == 0 && i < s->n_relations; i++) {
        ASSERT(i < LIMIT_RELATIONS); /* admission saw to it */
        code = put_relation(r, s->relations[i], takes, gives, &relations[i], d);
        relations_at[i] = &relations[i].m;
    }
    if (code != 0) {
        return code;
    }
    m.version = 2;
    m.relations = relations_at;
    m.n_relations = s->n_relations;
    m.oracle = cid_field(&oracle);
    m.domain = s->domain;
    m.corpora = corpora;
    m.n_corpora = s->n_corpora;
    m.takes = bytes_field(takes);
    m.gives = bytes_field(gives);
    m.p0 = r->policy->p0;
    m.alpha = r->policy->alpha;
    m.error_rate = s->error_rate;
    m.ulps = s->ulps;
    m.examples = s->examples;
    m.n_examples = s->n_examples;
    return core_put_message(r->core, &m.base, out);
}
