/* Evidence made anew, and what VERDICT says, compared with what was recorded
 * (docs/exam.md section 9). Replayer. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "proto/text.h"
#include "replay/compare.h"

#include "replay/sitting.h"

/* The message and all that it points at. */
struct evidence {
    Proctor__Evidence e;
    Proctor__Stratum strata[STRATA_ALL];
    Proctor__Stratum *strata_at[STRATA_ALL];
    Proctor__Control controls[CONTROLS];
    Proctor__Control *controls_at[CONTROLS];
    Proctor__Power powers[POWERS];
    Proctor__Power *powers_at[POWERS];
    Proctor__Counterexample raw, shrunk, disagreement;
    Proctor__RelationFound relations[LIMIT_RELATIONS];
    Proctor__RelationFound *relations_at[LIMIT_RELATIONS];
    struct merkle_hash root;
    uint8_t first[BLAKE3_BYTES], second[BLAKE3_BYTES];
};

/* protobuf-c knows no const; nothing writes through these. */
static char *str(const char *s)
{
    return (char *)(uintptr_t)s;
}

static ProtobufCBinaryData bytes(const void *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static Proctor__Counterexample *put_finding(const struct finding *f,
                                            Proctor__Counterexample *out)
{
    if (!f->is_set) {
        return NULL;
    }
    proctor__counterexample__init(out);
    out->input = bytes(buf_bytes(&f->input).p, buf_len(&f->input));
    out->expected = bytes(buf_bytes(&f->expected).p, buf_len(&f->expected));
    out->got = bytes(buf_bytes(&f->got).p, buf_len(&f->got));
    out->k = f->k;
    out->ending = str(f->ending);
    return out;
}

/* Of an ADMIT that did not see all there is. */
static double bound95(const struct sitting *x, uint64_t n, uint64_t failures)
{
    return x->verdict == VERDICT_ADMIT && !sitting_is_whole(x) &&
                   (!x->is_exhaustive || sitting_is_noisy(x))
               ? odds_bound(0.05, n, failures)
               : 0.0;
}

static void put_strata(const struct sitting *x, struct evidence *v)
{
    static const char *const names[STRATA_ALL] = {
        "uniform", "magnitude", "bits",    "boundary",
        "small",   "literals",  "directed"};
    unsigned n = x->is_exhaustive ? 1 : STRATA_ALL;

    for (unsigned i = 0; i < n && x->compared > 0; i++) {
        Proctor__Stratum *s = &v->strata[i];

        if ((i == LITERALS && x->literals == 0) ||
            (i == DIRECTED && x->directed_n == 0)) {
            continue;
        }
        proctor__stratum__init(s);
        s->name = str(names[i]);
        s->draws = x->drawn[i];
        s->failures = x->failed[i];
        if (x->is_exhaustive) {
            s->name = str(sitting_is_table(x) ? "table" : "exhaustive");
            s->draws = x->compared;
            s->failures = x->failures;
        }
        if (i < LITERALS) {
            s->bound95 = bound95(x, s->draws, s->failures);
        }
        v->strata_at[v->e.n_strata++] = s;
    }
    v->e.strata = v->strata_at;
}

static void put_controls(const struct sitting *x, struct evidence *v)
{
    for (unsigned i = 0; i < CONTROLS && x->draws > 0; i++) {
        const struct control *c = &x->controls[i];
        Proctor__Control *out = &v->controls[i];
        const char *why = c->skipped;

        if (why == NULL && !x->is_judged &&
            (c->failures == 0 || (sitting_is_noisy(x) && i != AGAIN))) {
            why = "the exam ended before";
        }
        proctor__control__init(out);
        out->name = str(placebo_names[i]);
        out->must_pass = i == AGAIN;
        out->passed =
            why == NULL &&
            (i == AGAIN ? c->failures == 0 : sitting_is_enough(x, c->failures));
        out->skipped = why != NULL;
        out->why = str(why == NULL ? "" : why);
        v->controls_at[i] = out;
        v->e.n_controls = i + 1;
    }
    v->e.controls = v->controls_at;
}

static void put_bounds(const struct sitting *x, struct evidence *v)
{
    static const double rates[POWERS] = {1e-2, 1e-3, 3e-4, 1e-4};
    uint64_t n = x->compared - x->drawn[LITERALS] - x->drawn[DIRECTED];

    if (x->verdict != VERDICT_ADMIT) {
        return;
    }
    v->e.bound95 = bound95(x, n, x->failures);
    if (sitting_is_noisy(x)) {
        v->e.bound_alpha = x->exam->error_rate;
        return;
    }
    if (!x->is_exhaustive) {
        v->e.bound_alpha = odds_bound(x->alpha_j, n, 0);
    }
    for (unsigned i = 0; i < POWERS; i++) {
        proctor__power__init(&v->powers[i]);
        v->powers[i].error_rate = rates[i];
        v->powers[i].chance = x->is_exhaustive ? 1.0 : odds_power(rates[i], n);
        v->powers_at[i] = &v->powers[i];
    }
    v->e.power = v->powers_at;
    v->e.n_power = POWERS;
}

static void put_results(const struct sitting *x, struct evidence *v)
{
    if (x->compared == 0) {
        return;
    }
    v->root = merkle_frontier_root(&x->results);
    blake3_final(&x->digest, v->first);
    v->e.results_root = bytes(v->root.b, MERKLE_BYTES);
    v->e.digest_first = bytes(v->first, BLAKE3_BYTES);
    if (x->repeated > 0) {
        blake3_final(&x->digest_again, v->second);
        v->e.digest_second = bytes(v->second, BLAKE3_BYTES);
    }
}

static void put_inside(const struct sitting *x, struct evidence *v)
{
    const Proctor__Runnable *m = x->party[CANDIDATE].m;

    for (size_t i = 0; i < x->exam->n_relations && x->related[i] > 0; i++) {
        Proctor__RelationFound *r = &v->relations[i];

        proctor__relation_found__init(r);
        r->name = x->exam->relations[i]->name;
        r->draws = x->related[i];
        r->failures = x->broken[i];
        v->relations_at[i] = r;
        v->e.n_relations = i + 1;
    }
    v->e.relations = v->relations_at;
    if (x->is_counted) {
        v->e.trapped = m->trapped;
        v->e.n_trapped = m->n_trapped;
        v->e.reached = (uint64_t *)(uintptr_t)x->reached;
        v->e.n_reached = m->branches;
        v->e.needs = inside_needs(x);
        v->e.mutants = inside_mutants(x);
        v->e.noticed = (uint32_t)__builtin_popcountll(x->noticed);
        v->e.equivalent =
            sitting_is_whole(x) ? v->e.mutants - v->e.noticed : 0;
        v->e.hunted = x->hunted;
    }
}

static void put_evidence(const struct sitting *x, struct evidence *v)
{
    proctor__evidence__init(&v->e);
    v->e.verdict = x->verdict;
    v->e.reason = str(x->reason);
    v->e.level = x->verdict == VERDICT_ADMIT ? x->level : LEVEL_NONE;
    v->e.exhaustive = x->is_exhaustive && x->verdict == VERDICT_ADMIT;
    v->e.draws = x->compared;
    v->e.failures = x->failures;
    v->e.shrink_evaluations = x->tried;
    v->e.disagreements = x->disagreements;
    v->e.screened = values_n(&x->known);
    v->e.raw = put_finding(&x->raw, &v->raw);
    if (!sitting_is_noisy(x)) { /* what it allows is disclosed to nobody */
        v->e.shrunk =
            put_finding(x->shrunk.is_set ? &x->shrunk : &x->raw, &v->shrunk);
    }
    v->e.disagreement = put_finding(&x->disagreement, &v->disagreement);
    put_strata(x, v);
    put_results(x, v);
    put_bounds(x, v);
    put_controls(x, v);
    put_inside(x, v);
}

static int cid_of_message(const ProtobufCMessage *m, struct cid *out)
{
    struct buf b;
    int code;

    buf_init(&b, LIMIT_FRAME_BYTES);
    code = pb_encode(m, &b);
    *out = cid_of(buf_bytes(&b));
    buf_release(&b);
    return code;
}

/* SHA-256 over candidate, exam, seed and results root, of what is proven. */
static void proof_of(const struct sitting *x, const struct evidence *v,
                     uint8_t out[static 32])
{
    const struct claim *c = x->claim;
    crypto_hash_sha256_state h;

    memset(out, 0, 32);
    if (v->e.verdict == VERDICT_ADMIT && v->e.level == LEVEL_PROVEN) {
        (void)crypto_hash_sha256_init(&h);
        (void)crypto_hash_sha256_update(&h, c->candidate.b, CID_BYTES);
        (void)crypto_hash_sha256_update(&h, c->exam.b, CID_BYTES);
        (void)crypto_hash_sha256_update(&h, c->seed, sizeof(c->seed));
        (void)crypto_hash_sha256_update(&h, v->root.b, MERKLE_BYTES);
        (void)crypto_hash_sha256_final(&h, out);
    }
}

/* The record against what was found, once the evidence objects are equal. */
static int compare_record(const struct sitting *x, const struct evidence *v,
                          struct text *t)
{
    const ProtobufCBinaryData *canonical = &x->party[CANDIDATE].m->canonical;
    const struct claim *c = x->claim;
    struct cid evidence;
    struct cid burnt = {{0}};
    struct cid own = {{0}};
    uint8_t proof[32];

    TRY(cid_of_message(&v->e.base, &evidence));
    if (v->e.verdict == VERDICT_REJECT && c->is_drawn && v->e.shrunk != NULL) {
        TRY(cid_of_message(&v->e.shrunk->base, &burnt));
    }
    if (canonical->len == CID_BYTES) {
        memcpy(own.b, canonical->data, CID_BYTES);
    }
    proof_of(x, v, proof);
    if (c->verdict != v->e.verdict) {
        text_putf(t, "VERDICT.verdict: recorded %" PRIu32 ", replayed %" PRIu32,
                  c->verdict, v->e.verdict);
    } else if (c->level != v->e.level) {
        text_putf(t, "VERDICT.level: recorded %" PRIu32 ", replayed %" PRIu32,
                  c->level, v->e.level);
    } else if (strcmp(c->reason, v->e.reason) != 0) {
        text_putf(t, "VERDICT.reason: recorded \"%.60s\", replayed \"%.60s\"",
                  c->reason, v->e.reason);
    } else if (!cid_is_equal(&c->evidence, &evidence)) {
        text_putf(t, "VERDICT.evidence: another object came out");
    } else if (!cid_is_equal(&c->burnt, &burnt)) {
        text_putf(t, "VERDICT.burnt: another input is disclosed");
    } else if (memcmp(&c->identity, &own, sizeof(own)) != 0) {
        text_putf(t, "VERDICT.identity: not the candidate's canonical form");
    } else if (memcmp(c->proof, proof, sizeof(proof)) != 0) {
        text_putf(t, "VERDICT.proof: another hash came out");
    } else {
        return 0;
    }
    return 1;
}

int finding_compare(struct sitting *x, char *what, size_t what_n)
{
    static const char name[] = "evidence.";
    struct evidence v = {0};
    struct text t;

    put_evidence(x, &v);
    text_init(&t, what, what_n);
    text_putf(&t, name);
    if (compare_messages(&x->recorded->base, &v.e.base, what + sizeof(name) - 1,
                         what_n - sizeof(name) + 1)) {
        return 1;
    }
    text_init(&t, what, what_n);
    return compare_record(x, &v, &t);
}
