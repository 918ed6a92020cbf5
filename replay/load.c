/* What an exam is made of, from the store (docs/exam.md section 1). Replayer. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "replay/objects.h"
#include "replay/sitting.h"

enum {
    KIND_TABLE = 3
};

static const char *const roles[WHO] = {"candidate", "oracle", "second oracle"};

static int load_message(struct sitting *x, const char *role,
                        const struct cid *cid,
                        const ProtobufCMessageDescriptor *type, void *out)
{
    struct wanted w = {x->store, role, *cid};
    ProtobufCMessage *m;

    TRY(objects_message(&w, type, &m, x->d));
    memcpy(out, &m, sizeof(m)); /* a pointer to the generated type */
    return 0;
}

static int load_values(struct sitting *x, const char *role,
                       const ProtobufCBinaryData *field, const struct type *t,
                       struct values *out)
{
    struct wanted w = {x->store, role, {{0}}};

    TRY(objects_cid(role, field, &w.cid, x->d));
    return objects_values(&w, t, out, x->d);
}

static int refuse(struct sitting *x, const char *what)
{
    return diag_set(x->d, ERR_INPUT, (struct loc){0}, "%s", what);
}

static int by_input(const void *a, const void *b, void *rows)
{
    uint32_t i = *(const uint32_t *)a;
    uint32_t k = *(const uint32_t *)b;
    int c = sitting_compare(values_at(rows, i), values_at(rows, k));

    return c != 0 ? c : (i > k) - (i < k);
}

static int load_table(struct sitting *x, struct party *p)
{
    uint32_t n;

    TRY(load_values(x, "table", &p->m->table_inputs, &x->takes, &p->rows));
    TRY(load_values(x, "table", &p->m->table_outputs, &x->gives, &p->answers));
    n = values_n(&p->rows);
    if (n != values_n(&p->answers)) {
        return refuse(x, "a table has more inputs than answers, or fewer");
    }
    p->sorted = calloc((size_t)n + 1, sizeof(*p->sorted));
    if (p->sorted == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < n; i++) {
        p->sorted[i] = i;
    }
    qsort_r(p->sorted, n, sizeof(*p->sorted), by_input, &p->rows);
    return 0;
}

static int load_party(struct sitting *x, enum who who)
{
    struct party *p = &x->party[who];

    TRY(load_message(x, roles[who], &p->cid, &proctor__runnable__descriptor,
                     &p->m));
    if (p->m->takes.len != x->takes.n || p->m->gives.len != x->gives.n ||
        memcmp(p->m->takes.data, x->takes.b, x->takes.n) != 0 ||
        memcmp(p->m->gives.data, x->gives.b, x->gives.n) != 0) {
        return refuse(x, "candidate and oracles have different types");
    }
    p->is_table = p->m->kind == KIND_TABLE;
    return p->is_table ? load_table(x, p) : 0;
}

/* Type of the values of corpus i, as the domain says. */
static int corpus_type(struct sitting *x, size_t i, struct type *out)
{
    struct rd r;

    rd_init(&r, objects_field(&x->exam->domain));
    while (rd_left(&r) > 0) {
        struct domain_node n;

        domain_node_read(&r, &n);
        if (rd_is_bad(&r)) {
            break;
        }
        if (n.tag == DOMAIN_CORPUS && n.file == i) {
            *out = n.type;
            return 0;
        }
    }
    return refuse(x, "the exam has a corpus that its domain does not name");
}

static int load_domain(struct sitting *x)
{
    struct type drawn;

    x->corpora = calloc(x->exam->n_corpora + 1, sizeof(*x->corpora));
    if (x->corpora == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < x->exam->n_corpora; i++) {
        struct type t;

        TRY(corpus_type(x, i, &t));
        TRY(load_values(x, "corpus", &x->exam->corpora[i], &t, &x->corpora[i]));
    }
    if (sitting_is_table(x)) {
        return 0;
    }
    if (domain_check(objects_field(&x->exam->domain), &drawn) < 0 ||
        !type_is_equal(&drawn, &x->takes)) {
        return refuse(x, "the exam's domain is not of the candidate's type");
    }
    return shape_read(objects_field(&x->exam->domain), x->corpora,
                      x->exam->n_corpora, &x->shape);
}

static int load_excerpts(struct sitting *x)
{
    struct wanted w = {x->store, "literals", x->claim->literals};
    struct wanted directed = {x->store, "directed inputs", x->claim->directed};
    struct buf b;

    if (sitting_is_table(x) || sitting_is_noisy(x)) {
        return 0;
    }
    if (!cid_is_zero(&directed.cid)) {
        TRY(objects_values(&directed, &x->takes, &x->directed, x->d));
    }
    if (cid_is_zero(&w.cid)) {
        return 0;
    }
    buf_init(&b, LIMIT_FRAME_BYTES);
    if (objects_bytes(&w, &b, x->d) < 0) {
        buf_release(&b);
        return x->d->code;
    }
    return excerpts_read(&b, &x->excerpts) < 0
               ? refuse(x, "COMMIT.literals names no literals")
               : 0;
}

/* An example is the tuple (arguments, answer). */
static int add_example(struct sitting *x, const ProtobufCBinaryData *field,
                       struct values_builder *known,
                       struct values_builder *answers)
{
    struct ubytes v = objects_field(field);
    size_t n = 0;

    if (v.n < 5 ||
        value_check((struct ubytes){v.p + 5, v.n - 5}, &x->takes, &n) < 0) {
        return refuse(x, "an example is of another type");
    }
    TRY(values_builder_add(known, (struct ubytes){v.p + 5, n}));
    return values_builder_add(answers,
                              (struct ubytes){v.p + 5 + n, v.n - 5 - n});
}

static int add_burnt(struct sitting *x, const struct cid *cid,
                     struct values_builder *known)
{
    Proctor__Counterexample *m;
    int code;

    TRY(load_message(x, "disclosed input", cid,
                     &proctor__counterexample__descriptor, &m));
    code = values_builder_add(known, objects_field(&m->input));
    pb_free(&m->base);
    return code;
}

/* Public inputs: the examples, then what was disclosed earlier. */
static int load_known(struct sitting *x)
{
    struct values_builder known = {0};
    struct values_builder answers = {0};
    int code = values_builder_init(&known, LIMIT_FRAME_BYTES);

    code = code == 0 ? values_builder_init(&answers, LIMIT_FRAME_BYTES) : code;
    for (size_t i = 0; code == 0 && i < x->exam->n_examples; i++) {
        code = add_example(x, &x->exam->examples[i], &known, &answers);
    }
    for (size_t i = 0; code == 0 && i < x->claim->disclosed_n; i++) {
        code = add_burnt(x, &x->claim->disclosed[i], &known);
    }
    x->examples_n = (uint32_t)x->exam->n_examples;
    if (code < 0) {
        values_builder_release(&known);
        values_builder_release(&answers);
        return code;
    }
    code = sitting_pack(&known, &x->takes, &x->known);
    code = sitting_pack(&answers, &x->gives, &x->known_answers) < 0 ? ERR_INPUT
                                                                    : code;
    return code < 0 ? refuse(x, "a public input is of another type") : 0;
}

int load_objects(struct sitting *x)
{
    const struct claim *c = x->claim;

    TRY(load_message(x, "evidence", &c->evidence,
                     &proctor__evidence__descriptor, &x->recorded));
    TRY(load_message(x, "exam", &c->exam, &proctor__exam__descriptor,
                     &x->exam));
    TRY(type_decode(objects_field(&x->exam->takes), &x->takes));
    TRY(type_decode(objects_field(&x->exam->gives), &x->gives));
    if (x->exam->version != 2 || x->exam->n_relations > LIMIT_RELATIONS || type_tag_at(&x->takes, 0) != TYPE_TUPLE) {
        return refuse(x, "the exam is of a version that this is not made for");
    }
    x->party[CANDIDATE].cid = c->candidate;
    TRY(objects_cid(roles[ORACLE], &x->exam->oracle, &x->party[ORACLE].cid,
                    x->d));
    TRY(load_party(x, CANDIDATE));
    if (x->party[CANDIDATE].m->branches > LIMIT_BRANCHES ||
        x->party[CANDIDATE].m->mutants > LIMIT_CML_MUTANTS) {
        return refuse(x, "the candidate has more branches than are counted");
    }
    TRY(load_party(x, ORACLE));
    if (x->exam->second_oracle.len > 0) {
        TRY(objects_cid(roles[SECOND], &x->exam->second_oracle,
                        &x->party[SECOND].cid, x->d));
        TRY(load_party(x, SECOND));
    }
    TRY(load_domain(x));
    TRY(load_excerpts(x));
    return load_known(x);
}

static void finding_release(struct finding *f)
{
    buf_release(&f->input);
    buf_release(&f->expected);
    buf_release(&f->got);
}

void load_release(struct sitting *x)
{
    for (int i = 0; i < WHO; i++) {
        pb_free((ProtobufCMessage *)x->party[i].m);
        values_release(&x->party[i].rows);
        values_release(&x->party[i].answers);
        free(x->party[i].sorted);
        values_release(&x->said[i].answers);
        values_release(&x->first_answers[i]);
    }
    for (size_t i = 0; x->corpora != NULL && i < x->exam->n_corpora; i++) {
        values_release(&x->corpora[i]);
    }
    free(x->corpora);
    shape_release(&x->shape);
    excerpts_release(&x->excerpts);
    values_release(&x->known);
    values_release(&x->known_answers);
    values_release(&x->inputs);
    values_release(&x->directed);
    values_release(&x->near);
    for (int i = 0; i < VIEWS; i++) {
        values_release(&x->view[i].answers);
    }
    buf_release(&x->constant);
    finding_release(&x->raw);
    finding_release(&x->shrunk);
    finding_release(&x->disagreement);
    free(x->order);
    pb_free((ProtobufCMessage *)x->exam);
    pb_free((ProtobufCMessage *)x->recorded);
}
