/* Exams: do candidate, domain, oracles and examples speak of the same types,
 * and do the oracles share no code with the candidate? Kernel process. */
#include "kernel/admit/check.h"

#include <string.h>

#include "proto/domain.h"
#include "proto/value.h"

static int refuse_types(struct check *c, const struct subject *s,
                        const char *what, const struct type *expected,
                        const struct type *got)
{
    char want[64];
    char have[64];

    type_text(expected, want, sizeof(want));
    type_text(got, have, sizeof(have));
    (void)check_refuse(c, s, "exam.types", ERR_INPUT, SPOT_WITH,
                       "the candidate takes %s, %s %s", want, what, have);
    diag_hint(&c->d, "write one domain, or table column, per argument of the "
                     "candidate");
    return ADMIT_E_REFUSED;
}

static int read_type(const ProtobufCBinaryData *b, struct type *out)
{
    return type_decode((struct ubytes){b->data, b->len}, out) == 0;
}

int check_candidate_types(const struct check *c, const Proctor__Task *t,
                          struct type *takes, struct type *gives)
{
    struct ubytes in;
    struct ubytes out;

    return admission_types(c->a, c->q->graph, t, &in, &out) && type_decode(in, takes) == 0 &&
           type_decode(out, gives) == 0;
}

static int check_table(struct check *c, const struct subject *s,
                       const Proctor__TableSpec *t, const struct type *takes)
{
    const Proctor__ExamSpec *x = s->task->exam;
    char text[64];

    if (t->csv[0] == '\0' || t->output[0] == '\0' || t->n_inputs == 0 ||
        t->n_inputs > LIMIT_FILES || x->domain.len > 0 || x->takes.len > 0 ||
        x->n_corpora > 0) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "a table has csv, inputs and output, and is its "
                            "own domain");
    }
    if (takes->b[1] == t->n_inputs ||
        (takes->b[1] == 1 && type_tag_at(takes, 2) == TYPE_LIST)) {
        return 0;
    }
    type_text(takes, text, sizeof(text));
    (void)check_refuse(c, s, "exam.types", ERR_INPUT, SPOT_WITH,
                       "the candidate takes %s, the table has %zu inputs", text,
                       t->n_inputs);
    diag_hint(&c->d, "name one column per argument under inputs");
    return ADMIT_E_REFUSED;
}

static int check_domain(struct check *c, const struct subject *s,
                        const struct type *takes)
{
    const Proctor__ExamSpec *x = s->task->exam;
    struct type drawn;
    struct type stated;

    if (domain_check((struct ubytes){x->domain.data, x->domain.len}, &drawn) !=
            0 ||
        !read_type(&x->takes, &stated) || !type_is_equal(&drawn, &stated) ||
        type_tag_at(&drawn, 0) != TYPE_TUPLE || x->n_corpora > LIMIT_FILES) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "the domain is not in canonical form");
    }
    if (!type_is_equal(&drawn, takes)) {
        return refuse_types(c, s, "the domain makes", takes, &drawn);
    }
    return 0;
}

/* Examples are tuples (arguments, answer). */
static int check_examples(struct check *c, const struct subject *s,
                          const struct type *takes, const struct type *gives)
{
    static const uint8_t head[] = {TYPE_TUPLE, 0, 0, 0, 2};
    const Proctor__ExamSpec *x = s->task->exam;

    for (size_t i = 0; i < x->n_examples; i++) {
        struct ubytes v = {x->examples[i].data, x->examples[i].len};
        size_t used = 0;

        if (v.n < sizeof(head) || memcmp(v.p, head, sizeof(head)) != 0) {
            v.n = 0;
        } else {
            v.p += sizeof(head);
            v.n -= sizeof(head);
        }
        if (v.n == 0 || value_check(v, takes, &used) != 0 ||
            value_check_exact((struct ubytes){v.p + used, v.n - used}, gives) !=
                0) {
            return check_refuse(c, s, "exam.types", ERR_INPUT, SPOT_WITH,
                                "examples[%zu] is not of the candidate's types",
                                i);
        }
    }
    return 0;
}

/* The file whose code answers: i counts from 0, NULL behind the last. */
static const char *main_file(const Proctor__ProgramSpec *p, size_t i)
{
    size_t seen = 0;

    if (p->function_file[0] != '\0') {
        return i == 0 ? p->function_file : NULL;
    }
    for (size_t w = 0; w < p->n_run; w++) {
        int is_main = w == 0 && !check_program_name(p);

        for (size_t f = 0; w > 0 && f < p->n_files; f++) {
            is_main |= strcmp(p->run[w], p->files[f]) == 0;
        }
        if (is_main && seen++ == i) {
            return p->run[w];
        }
    }
    return NULL;
}

static int is_same_file(const char *a, const char *b)
{
    while (strncmp(a, "./", 2) == 0) {
        a += 2;
    }
    while (strncmp(b, "./", 2) == 0) {
        b += 2;
    }
    return strcmp(a, b) == 0;
}

int check_has_file(const Proctor__ProgramSpec *p, const char *file)
{
    const char *own;

    for (size_t i = 0; p && (own = admission_file(p, i)); i++) {
        if (is_same_file(own, file)) {
            return 1;
        }
    }
    return 0;
}

/* A file of a's code that b also has, or NULL. */
static const char *shared_file(const Proctor__ProgramSpec *a,
                               const Proctor__ProgramSpec *b)
{
    const char *file;

    for (size_t i = 0; (file = main_file(a, i)) != NULL; i++) {
        if (check_has_file(b, file)) {
            return file;
        }
    }
    return NULL;
}

static int check_apart(struct check *c, const struct subject *s,
                       const Proctor__ProgramSpec *a, const char *a_name,
                       const Proctor__ProgramSpec *b, const char *b_name)
{
    const char *file = NULL;

    if (a && b) {
        file = shared_file(a, b);
        file = file ? file : shared_file(b, a);
    }
    if (!file) {
        return 0;
    }
    (void)check_refuse(c, s, "exam.oracle", ERR_INPUT, SPOT_WITH,
                       "%s and %s share \"%.120s\"", a_name, b_name, file);
    diag_hint(&c->d, "an oracle must be written apart: put it into a file of "
                     "its own");
    return ADMIT_E_REFUSED;
}

/* Of an exam: its types are those of the candidate. */
static int is_unit(const Proctor__CmlSpec *u)
{
    return u->file[0] != '\0' && u->unit[0] != '\0' && u->takes.len == 0 &&
           u->gives.len == 0;
}

static int check_oracle_form(struct check *c, const struct subject *s,
                             const Proctor__OracleSpec *o)
{
    const Proctor__ProgramSpec *p = o ? o->program : NULL;
    const Proctor__CmlSpec *u = o ? o->cml : NULL;

    if (!o) {
        return 0;
    }
    if ((o->table != NULL) + (p != NULL) + (u != NULL) != 1) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "an oracle is a program, a unit of CML or a table");
    }
    if (u && !is_unit(u)) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "a unit as oracle has a file and a name, and the "
                            "types of the candidate");
    }
    if (p && ((p->function_file[0] != '\0') == (p->n_run > 0) ||
              (p->function_file[0] != '\0') != (p->function_name[0] != '\0') ||
              p->n_files > LIMIT_FILES || p->n_run > LIMIT_ARGV ||
              p->n_reads > 0 || p->takes.len > 0 || p->gives.len > 0)) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "an oracle has either function or run, and takes "
                            "and gives what the candidate does");
    }
    return 0;
}

/* One file of a unit, or of a table, is to be as unknown as a program's. */
static const Proctor__ProgramSpec *as_program(const Proctor__ProgramSpec *p,
                                              const Proctor__CmlSpec *unit,
                                              const Proctor__TableSpec *table,
                                              Proctor__ProgramSpec *out)
{
    if (!p && unit && unit->enumerate) {
        table = unit->enumerate->table; /* its rows are its examples: public */
        unit = NULL;
    }
    if (p || (!unit && !table)) {
        return p;
    }
    proctor__program_spec__init(out);
    out->function_file = unit ? unit->file : table->csv;
    return out;
}

static int check_oracles(struct check *c, const struct subject *s,
                         const Proctor__Task *candidate)
{
    const Proctor__OracleSpec *o = s->task->exam->oracle;
    const Proctor__OracleSpec *o2 = s->task->exam->second_oracle;
    const Proctor__Repair *mended = candidate->repair;
    Proctor__ProgramSpec made[4];
    const Proctor__ProgramSpec *first =
        as_program(o->program, o->cml, o->table, &made[0]);
    const Proctor__ProgramSpec *second =
        o2 ? as_program(o2->program, o2->cml, NULL, &made[1]) : NULL;
    const Proctor__ProgramSpec *own =
        as_program(candidate->program, candidate->cml, NULL, &made[2]);
    const Proctor__ProgramSpec *repair =
        mended ? as_program(mended->program, mended->cml, NULL, &made[3]) : NULL;

    if (o2 && o2->table) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "a second oracle cannot be a table");
    }
    if (check_apart(c, s, own, "the candidate", first, "its oracle") != 0 ||
        check_apart(c, s, own, "the candidate", second,
                    "its second oracle") != 0 ||
        check_apart(c, s, repair, "the candidate's repair", first,
                    "its oracle") != 0 ||
        check_apart(c, s, repair, "the candidate's repair", second,
                    "its second oracle") != 0) {
        return ADMIT_E_REFUSED;
    }
    return check_apart(c, s, first, "the oracle", second, "the second oracle");
}

/* What an exam forgives must mean something for its answers. */
static int check_tolerance(struct check *c, const struct subject *s,
                           const struct type *gives)
{
    const Proctor__ExamSpec *x = s->task->exam;
    int has_float = 0;

    if (!(x->error_rate >= 0) || !(x->error_rate <= 0.5) ||
        x->ulps > LIMIT_ULPS) {
        return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                            "error_rate is at most 0.5, ulps at most %u",
                            LIMIT_ULPS);
    }
    for (size_t i = 0; i < gives->n;) {
        enum type_tag tag = type_tag_at(gives, i);

        has_float |= tag == TYPE_FLOAT;
        i += tag == TYPE_INT || tag == TYPE_FLOAT || tag == TYPE_TUPLE ? 2 : 1;
    }
    if (x->ulps == 0 || has_float) {
        return 0;
    }
    (void)check_refuse(c, s, "exam.types", ERR_INPUT, SPOT_WITH,
                       "ulps is for floats, and the candidate gives none");
    diag_hint(&c->d, "leave out ulps: other answers are compared exactly");
    return ADMIT_E_REFUSED;
}

static int is_word(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "_0123456789");

    return n > 0 && n <= LIMIT_RELATION_NAME && s[n] == '\0';
}

/* Relations between exact answers to inputs of a domain. */
static int check_relations(struct check *c, const struct subject *s)
{
    const Proctor__ExamSpec *x = s->task->exam;

    for (size_t i = 0; i < x->n_relations; i++) {
        const Proctor__RelationSpec *r = x->relations[i];

        if (i == LIMIT_RELATIONS || x->oracle->table || x->error_rate > 0) {
            (void)check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                               i == LIMIT_RELATIONS
                                   ? "an exam has at most %u relations"
                                   : "relations are for exams on a domain, "
                                     "without an error_rate",
                               LIMIT_RELATIONS);
            diag_hint(&c->d, "leave out relations");
            return ADMIT_E_REFUSED;
        }
        if (!is_word(r->name) || !r->input || !is_unit(r->input) ||
            (r->output && !is_unit(r->output))) {
            return check_refuse(c, s, "exam.form", ERR_INPUT, SPOT_WITH,
                                "relations[%zu] is not in canonical form", i);
        }
    }
    return 0;
}

/* Nothing but two programs that agree can reach proven: said before it runs. */
static int check_reach(struct check *c, const struct subject *s)
{
    const Proctor__ExamSpec *x = s->task->exam;
    const struct {
        int is_so;
        const char *what, *hint;
    } rows[] = {{x->error_rate > 0, "a noisy exam (error_rate)",
                 "what may be wrong on some inputs is proven on none: write "
                 "level: oracle"},
                {x->oracle->table != NULL, "an exam on a table",
                 "write level: oracle"},
                {1, "an exam with one oracle",
                 "add a second_oracle that shares no code with the first, or "
                 "write level: oracle"}};
    size_t i = 0;

    if (s->task->validator->level <= LEVEL_ORACLE ||
        (!x->oracle->table && x->second_oracle && !(x->error_rate > 0))) {
        return 0;
    }
    while (!rows[i].is_so) {
        i++;
    }
    (void)check_refuse(c, s, "exam.level", ERR_REFUSED, SPOT_LEVEL,
                       "%s reaches %s, not %s", rows[i].what,
                       level_name(LEVEL_ORACLE),
                       level_name(s->task->validator->level));
    diag_hint(&c->d, "%s", rows[i].hint);
    return ADMIT_E_REFUSED;
}

int check_exam(struct check *c, const struct subject *s)
{
    const Proctor__ExamSpec *x = s->task->exam;
    const Proctor__Task *candidate;
    struct type takes;
    struct type gives;
    size_t n = 0;
    size_t i = check_worked_on(c, s, &n);

    ASSERT(i != SIZE_MAX);
    candidate = c->q->graph->tasks[i];
    if (check_oracle_form(c, s, x->oracle) != 0 ||
        check_oracle_form(c, s, x->second_oracle) != 0) {
        return ADMIT_E_REFUSED;
    }
    if (!check_candidate_types(c, candidate, &takes, &gives) ||
        type_tag_at(&takes, 0) != TYPE_TUPLE) {
        return 0; /* the candidate is refused itself */
    }
    if ((x->oracle->table ? check_table(c, s, x->oracle->table, &takes)
                          : check_domain(c, s, &takes)) != 0 ||
        check_examples(c, s, &takes, &gives) != 0 ||
        check_tolerance(c, s, &gives) != 0 || check_reach(c, s) != 0 ||
        check_relations(c, s) != 0) {
        return ADMIT_E_REFUSED;
    }
    return check_oracles(c, s, candidate);
}
