/* S12: the verdict and all that replay must reproduce, as one message. Must
 * never hold a time, a path or a worker's words. Kernel process. */
#include "kernel/exam/machine.h"

#include "proto/err.h"
#include "proto/pb.h"

#define POWERS_N 4
#define CONTROLS_ALL (CONTROLS_N + 1)

/* The message and everything that it points at. */
struct given {
    Proctor__Evidence e;
    Proctor__Stratum strata[STRATA_ALL_N];
    Proctor__Stratum *strata_at[STRATA_ALL_N];
    Proctor__Control controls[CONTROLS_ALL];
    Proctor__Control *controls_at[CONTROLS_ALL];
    Proctor__Power powers[POWERS_N];
    Proctor__Power *powers_at[POWERS_N];
    Proctor__Counterexample raw, shrunk, disagreement;
    Proctor__RelationFound relations[LIMIT_RELATIONS];
    Proctor__RelationFound *relations_at[LIMIT_RELATIONS];
    struct merkle_hash root;
    uint8_t first[BLAKE3_BYTES], second[BLAKE3_BYTES];
};

static void give_finding(const struct finding *f, Proctor__Counterexample *c,
                         Proctor__Counterexample **out)
{
    if (!f->is_set) {
        return;
    }
    proctor__counterexample__init(c);
    c->input = bytes_field(buf_bytes(&f->input));
    c->expected = bytes_field(buf_bytes(&f->expected));
    c->got = bytes_field(buf_bytes(&f->got));
    c->k = f->k;
    c->ending = pb_str(f->ending);
    *out = c;
}

/* Bound of a verdict that has one. */
static double bound95(const struct exam *x, uint64_t n, uint64_t failures)
{
    return x->verdict == VERDICT_ADMIT && !exam_is_whole(x) &&
                   (!x->is_exhaustive || exam_is_noisy(x))
               ? exam_bound(0.05, n, failures)
               : 0.0;
}

static void give_strata(const struct exam *x, struct given *g)
{
    const uint64_t planned[STRATA_ALL_N] = {1, 1, 1, 1, 1, x->literals_n,
                                        x->directed_n};
    unsigned n = x->compared == 0 ? 0 : x->is_exhaustive ? 1 : STRATA_ALL_N;

    for (unsigned i = 0; i < n; i++) {
        Proctor__Stratum *s = &g->strata[i];

        if (planned[i] == 0) {
            continue;
        }
        proctor__stratum__init(s);
        if (x->is_exhaustive) {
            s->name = pb_str(exam_is_table(x) ? "table" : "exhaustive");
            s->draws = x->compared;
            s->failures = x->failures;
            s->bound95 = bound95(x, x->compared, x->failures);
        } else {
            s->name = pb_str(i == STRATUM_DIRECTED
                                 ? "directed"
                                 : stratum_name((enum stratum)i));
            s->draws = x->drawn[i];
            s->failures = x->failed[i];
            s->bound95 = i >= STRATA_BASE_N
                             ? 0.0
                             : bound95(x, x->drawn[i], x->failed[i]);
        }
        g->strata_at[g->e.n_strata++] = s;
    }
    g->e.strata = g->strata_at;
}

static void give_control(struct given *g, const struct exam *x,
                         const struct control *c, const char *name,
                         int must_pass)
{
    Proctor__Control *out = &g->controls[g->e.n_controls];

    proctor__control__init(out);
    out->name = pb_str(name);
    out->must_pass = must_pass;
    if (c->why != NULL) {
        out->skipped = 1;
        out->why = pb_str(c->why);
    } else if (!x->is_judged &&
               (c->failures == 0 || (exam_is_noisy(x) && !must_pass))) {
        out->skipped = 1;
        out->why = pb_str("the exam ended before");
    } else {
        out->passed =
            must_pass ? c->failures == 0 : exam_is_enough(x, c->failures);
    }
    g->controls_at[g->e.n_controls++] = out;
    g->e.controls = g->controls_at;
}

static void give_bounds(const struct exam *x, struct given *g)
{
    static const double rates[POWERS_N] = {1e-2, 1e-3, 3e-4, 1e-4};
    /* What the candidate's author chose bounds nothing. */
    uint64_t n = x->compared - x->drawn[STRATUM_LITERALS] -
                 x->drawn[STRATUM_DIRECTED];

    if (x->verdict != VERDICT_ADMIT) {
        return;
    }
    g->e.bound95 = bound95(x, n, x->failures);
    if (exam_is_noisy(x)) {
        g->e.bound_alpha = x->s.exam->error_rate;
        return;
    }
    if (!x->is_exhaustive) { /* else nothing is left to be wrong on */
        g->e.bound_alpha = exam_bound(x->alpha_j, n, 0);
    }
    for (unsigned i = 0; i < POWERS_N; i++) {
        proctor__power__init(&g->powers[i]);
        g->powers[i].error_rate = rates[i];
        g->powers[i].chance = x->is_exhaustive ? 1.0 : exam_power(rates[i], n);
        g->powers_at[i] = &g->powers[i];
    }
    g->e.power = g->powers_at;
    g->e.n_power = POWERS_N;
}

static void give_results(const struct exam *x, struct given *g)
{
    if (x->compared == 0) {
        return;
    }
    g->root = merkle_frontier_root(&x->results);
    blake3_final(&x->first_digest, g->first);
    g->e.results_root = bytes_field((struct ubytes){g->root.b, MERKLE_BYTES});
    g->e.digest_first = bytes_field((struct ubytes){g->first, BLAKE3_BYTES});
    if (x->repeated > 0) {
        blake3_final(&x->second_digest, g->second);
        g->e.digest_second =
            bytes_field((struct ubytes){g->second, BLAKE3_BYTES});
    }
}

static void give_inside(struct exam *x, struct given *g)
{
    const Proctor__Runnable *u = x->s.unit;

    for (uint32_t i = 0; i < x->s.exam->n_relations; i++) {
        if (x->related[i] > 0) {
            proctor__relation_found__init(&g->relations[i]);
            g->relations[i].name = x->s.exam->relations[i]->name;
            g->relations[i].draws = x->related[i];
            g->relations[i].failures = x->broken[i];
            g->relations_at[g->e.n_relations++] = &g->relations[i];
        }
    }
    g->e.relations = g->relations_at;
    if (!x->is_counted) {
        return;
    }
    g->e.trapped = u->trapped;
    g->e.n_trapped = u->n_trapped;
    g->e.reached = x->reached;
    g->e.n_reached = u->branches;
    g->e.needs = inside_needs(x);
    g->e.mutants = u->mutants < LIMIT_CML_MUTANTS ? u->mutants : LIMIT_CML_MUTANTS;
    g->e.noticed = (uint32_t)__builtin_popcountll(x->noticed);
    g->e.equivalent = exam_is_whole(x) ? g->e.mutants - g->e.noticed : 0;
    g->e.hunted = x->hunted;
}

/* When nothing simpler was found, or looked for, the raw one is the smallest. An
 * error that a noisy exam allows is disclosed to nobody's screen. */
static void settle_shrunk(struct exam *x, struct given *g)
{
    give_finding(&x->raw, &g->raw, &g->e.raw);
    if (!exam_is_noisy(x)) {
        give_finding(x->shrunk.is_set ? &x->shrunk : &x->raw, &g->shrunk,
                     &g->e.shrunk);
    }
    give_finding(&x->disagreement, &g->disagreement, &g->e.disagreement);
}

void evidence_give(struct exam *x)
{
    struct given g = {0};

    proctor__evidence__init(&g.e);
    g.e.verdict = x->verdict;
    g.e.reason = pb_str(x->reason);
    if (x->code == 0) {
        g.e.level = x->verdict == VERDICT_ADMIT ? x->level : LEVEL_NONE;
        g.e.exhaustive = x->is_exhaustive && x->verdict == VERDICT_ADMIT;
        g.e.draws = x->compared;
        g.e.failures = x->failures;
        g.e.shrink_evaluations = x->shrink_evaluations;
        g.e.disagreements = x->disagreements;
        g.e.screened = values_n(&x->known);
        give_strata(x, &g);
        settle_shrunk(x, &g);
        give_results(x, &g);
        give_bounds(x, &g);
        give_inside(x, &g);
        if (x->draws_n > 0) {
            for (unsigned i = 0; i < CONTROLS_N; i++) {
                give_control(&g, x, &x->controls[i],
                             control_text((enum control_name)i), 0);
            }
            give_control(&g, x, &x->positive, "oracle asked again", 1);
        }
    }
    x->ops.done(x->ctx, x->code, &g.e);
}
