/* What records say about each other: numbers name earlier records of the right
 * kind, seeds are the chain that GENESIS fixed, a ref moves from where it stood
 * and only for a candidate that was admitted. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_int.h"
#include "cli/summary.h"
#include "proto/err.h"
#include "proto/limits.h"

struct link_commit {
    uint64_t seq;
    uint64_t seed_i;
    uint8_t leaf[32];
    uint8_t exam[32];
    uint8_t candidate[32];
    uint64_t run;
    struct cid task; /* of its name */
    int is_drawn;
    int is_judged;
};

struct link_verdict {
    uint64_t seq;
    unsigned verdict;
    uint8_t candidate[32];
};

struct link_split {
    uint64_t seq;
    uint64_t seed_i;
    uint8_t leaf[32]; /* while it is only fixed */
    uint8_t file[32];
    uint8_t data[32];
    uint8_t split[32]; /* zero: only fixed */
    uint64_t looks;
};

struct audit_links {
    uint64_t *runs; /* owned; sequence numbers of RUN records */
    size_t runs_n;
    struct link_commit *commits; /* owned */
    size_t commits_n;
    struct link_verdict *verdicts; /* owned */
    size_t verdicts_n;
    struct link_split *splits; /* owned; in order */
    size_t splits_n;
    struct audit_map exams; /* exam -> commits so far */
    struct audit_map refs;  /* hash of the name -> target */
    uint8_t seed[32];       /* x_i last revealed; x_0 at first */
    uint64_t seed_i;
    uint64_t seed_chain;
    uint64_t wall_ns;
    uint64_t mono_ns;
    uint8_t roles[RF_N_];   /* enum role of each field */
};

static const uint8_t ZERO[32];

/* What a field points to. */
enum role {
    ROLE_NONE,
    ROLE_REF, /* a record, plus one */
    ROLE_RUN
};

/* By the field's name; asked once per field, not per record. */
static enum role role_of(enum record_field f)
{
    const struct record_field_info *info = record_field_info(f);
    size_t n = strlen(info->name);

    if (info->type == RT_U64 && n > 4 &&
        strcmp(info->name + n - 4, "_ref") == 0) {
        return ROLE_REF;
    }
    return strcmp(info->name, "run") == 0 ? ROLE_RUN : ROLE_NONE;
}

int audit_links_new(struct audit_links **out)
{
    struct audit_links *l = calloc(1, sizeof(*l));
    unsigned i;

    if (l == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (i = 0; i < RF_N_; i++) {
        l->roles[i] = (uint8_t)role_of((enum record_field)i);
    }
    *out = l;
    return 0;
}

void audit_links_free(struct audit_links *l)
{
    if (l == NULL) {
        return;
    }
    free(l->runs);
    free(l->commits);
    free(l->verdicts);
    free(l->splits);
    audit_map_release(&l->exams);
    audit_map_release(&l->refs);
    free(l);
}

/* Room for one more element of size each in *v; doubles at powers of two. */
static int grow(void *pv, size_t n, size_t each)
{
    void **v = pv;
    void *bigger;

    if (n != 0 && (n < 16 || (n & (n - 1)) != 0)) {
        return 0;
    }
    bigger = reallocarray(*v, n == 0 ? 16 : 2 * n, each);
    if (bigger == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *v = bigger;
    return 0;
}

static int by_seq(const void *key, const void *row)
{
    uint64_t a;
    uint64_t b;

    memcpy(&a, key, sizeof(a));
    memcpy(&b, row, sizeof(b)); /* seq is the first member */
    return a < b ? -1 : a > b;
}

static struct link_commit *find_commit(const struct audit_links *l,
                                       uint64_t seq)
{
    return l->commits_n == 0 ? NULL
                             : bsearch(&seq, l->commits, l->commits_n,
                                       sizeof(*l->commits), by_seq);
}

static const struct link_verdict *find_verdict(const struct audit_links *l,
                                               uint64_t seq)
{
    return l->verdicts_n == 0 ? NULL
                              : bsearch(&seq, l->verdicts, l->verdicts_n,
                                        sizeof(*l->verdicts), by_seq);
}

static int is_run(const struct audit_links *l, uint64_t seq)
{
    return l->runs_n > 0 &&
           bsearch(&seq, l->runs, l->runs_n, sizeof(*l->runs), by_seq) != NULL;
}

/* Clocks are not evidence: oddities are warnings. */
static void check_clocks(struct audit_links *l, struct audit *a,
                         const struct record *r)
{
    if (r->mono_ns >= l->mono_ns && r->wall_ns < l->wall_ns) {
        audit_find_record(a, AUDIT_WARNING, r->seq,
                          "its clock was set back while a kernel ran");
    }
    l->wall_ns = r->wall_ns;
    l->mono_ns = r->mono_ns;
}

/* `run` and the *_ref fields point backwards. */
static void check_numbers(struct audit_links *l, struct audit *a,
                          const struct record *r)
{
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned n = record_fields_n(r->kind);
    unsigned i;

    for (i = first; i < first + n; i++) {
        enum record_field f = (enum record_field)i;
        enum role role = (enum role)l->roles[i];

        if (role == ROLE_REF && record_u(r, f) > r->seq) {
            audit_find_record(a, AUDIT_DAMAGE, r->seq,
                              "%s names a record that comes later",
                              record_field_info(f)->name);
        }
        /* Workers that read the texts are measured before there is a run. */
        if (role == ROLE_RUN && !is_run(l, record_u(r, f)) &&
            !(r->kind == RECORD_CONFINE && record_u(r, f) == 0)) {
            audit_find_record(a, AUDIT_DAMAGE, r->seq,
                              "record %" PRIu64 " is no run", record_u(r, f));
        }
    }
}

static int add_commit(struct audit_links *l, struct audit *a,
                      const struct record *r, const struct merkle_hash *leaf)
{
    struct audit_map_row *exam;
    struct link_commit *c;

    TRY(grow(&l->commits, l->commits_n, sizeof(*l->commits)));
    c = &l->commits[l->commits_n++];
    memset(c, 0, sizeof(*c));
    c->seq = r->seq;
    c->run = record_u(r, RF_COMMIT_run);
    c->task = cid_of(record_bytes(r, RF_COMMIT_task));
    c->seed_i = record_u(r, RF_COMMIT_seed_i);
    memcpy(c->leaf, leaf->b, sizeof(c->leaf));
    memcpy(c->exam, record_hash(r, RF_COMMIT_exam), sizeof(c->exam));
    memcpy(c->candidate, record_hash(r, RF_COMMIT_candidate),
           sizeof(c->candidate));
    TRY(audit_map_put(&l->exams, c->exam, &exam));
    exam->n++;
    if (record_u(r, RF_COMMIT_j) != exam->n) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "says it is candidate %" PRIu64
                          " of its exam; it is number %" PRIu64,
                          record_u(r, RF_COMMIT_j), exam->n);
    }
    return 0;
}

/* x_i hashes to the last revealed x in i - last steps. */
static void check_seed(struct audit_links *l, struct audit *a,
                       const struct record *r, uint64_t i, const uint8_t *x)
{
    uint8_t walk[32];
    uint64_t steps;

    if (i <= l->seed_i || i > l->seed_chain || i > LIMIT_SEED_CHAIN) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "seed %" PRIu64 " is not the next of the chain", i);
        return;
    }
    memcpy(walk, x, sizeof(walk));
    for (steps = i - l->seed_i; steps > 0; steps--) {
        (void)crypto_generichash(walk, sizeof(walk), walk, sizeof(walk), NULL,
                                 0);
    }
    if (memcmp(walk, l->seed, sizeof(walk)) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its seed is not of the chain that genesis fixed");
        return;
    }
    memcpy(l->seed, x, sizeof(l->seed));
    l->seed_i = i;
}

/* The seed follows from the secret and the record that was fixed before. */
static void check_keyed(struct audit *a, const struct record *r,
                        const uint8_t *leaf, const uint8_t *x,
                        const uint8_t *said)
{
    static const char TAG[] = "gate-v1";
    uint8_t text[sizeof(TAG) - 1 + 32];
    uint8_t seed[32];

    memcpy(text, TAG, sizeof(TAG) - 1);
    memcpy(text + sizeof(TAG) - 1, leaf, 32);
    (void)crypto_generichash(seed, sizeof(seed), text, sizeof(text), x, 32);
    if (memcmp(seed, said, sizeof(seed)) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its seed does not follow from chain and commit");
    }
}

static void add_draw(struct audit_links *l, struct audit *a,
                     const struct record *r)
{
    struct link_commit *c = find_commit(l, record_u(r, RF_DRAW_commit));

    if (c == NULL ||
        memcmp(c->leaf, record_hash(r, RF_DRAW_commit_hash), 32) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "draws for a commit that is not there");
        return;
    }
    c->is_drawn = 1;
    check_seed(l, a, r, c->seed_i, record_hash(r, RF_DRAW_seed_secret));
    check_keyed(a, r, c->leaf, record_hash(r, RF_DRAW_seed_secret),
                record_hash(r, RF_DRAW_seed));
}

/* The SPLIT record r draws what an earlier one fixed, once per file. */
static void add_drawn(struct audit_links *l, struct audit *a,
                      const struct record *r)
{
    const uint8_t *x = record_hash(r, RF_SPLIT_seed_secret);
    uint64_t ref = record_u(r, RF_SPLIT_fixed_ref);
    struct link_split *fixed = NULL;

    for (size_t i = 0; i < l->splits_n; i++) {
        struct link_split *s = &l->splits[i];

        if (memcmp(s->file, record_hash(r, RF_SPLIT_file), 32) != 0) {
            continue;
        }
        if (memcmp(s->split, ZERO, 32) != 0) {
            audit_find_record(a, AUDIT_DAMAGE, r->seq,
                              "draws a file that record %" PRIu64
                              " has drawn already",
                              s->seq);
            return;
        }
        fixed = s->seq + 1 == ref ? s : fixed;
    }
    if (fixed == NULL || fixed->seed_i != record_u(r, RF_SPLIT_seed_i) ||
        memcmp(fixed->leaf, record_hash(r, RF_SPLIT_fixed_hash), 32) != 0 ||
        memcmp(fixed->data, record_hash(r, RF_SPLIT_data), 32) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "draws data that no record has fixed");
        return;
    }
    check_seed(l, a, r, fixed->seed_i, x);
    check_keyed(a, r, fixed->leaf, x, record_hash(r, RF_SPLIT_seed));
    fixed->seq = r->seq;
    memcpy(fixed->split, record_hash(r, RF_SPLIT_split), 32);
}

static int add_split(struct audit_links *l, struct audit *a,
                     const struct record *r, const struct merkle_hash *leaf)
{
    struct link_split *s;

    if (record_u(r, RF_SPLIT_fixed_ref) != 0) {
        add_drawn(l, a, r);
        return 0;
    }
    TRY(grow(&l->splits, l->splits_n, sizeof(*l->splits)));
    s = &l->splits[l->splits_n++];
    memset(s, 0, sizeof(*s));
    s->seq = r->seq;
    s->seed_i = record_u(r, RF_SPLIT_seed_i);
    memcpy(s->leaf, leaf->b, sizeof(s->leaf));
    memcpy(s->file, record_hash(r, RF_SPLIT_file), sizeof(s->file));
    memcpy(s->data, record_hash(r, RF_SPLIT_data), sizeof(s->data));
    return 0;
}

/* Each look names its split and counts itself; none comes after the last. */
static void add_look(struct audit_links *l, struct audit *a,
                     const struct record *r)
{
    struct link_split *s = NULL;
    uint64_t look = record_u(r, RF_LOOK_look);

    for (size_t i = 0; i < l->splits_n; i++) {
        if (l->splits[i].seq == record_u(r, RF_LOOK_split_seq) &&
            memcmp(l->splits[i].split, record_hash(r, RF_LOOK_split), 32) == 0) {
            s = &l->splits[i];
        }
    }
    if (s == NULL || memcmp(s->split, ZERO, 32) == 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "looks at a split that was not drawn");
        return;
    }
    s->looks++;
    if (look != s->looks || look > record_u(r, RF_LOOK_limit)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "says it is look %" PRIu64 " of %" PRIu64
                          "; it is number %" PRIu64,
                          look, record_u(r, RF_LOOK_limit), s->looks);
    }
    if (record_u(r, RF_LOOK_outcome) == LOOK_BETTER
            ? record_u(r, RF_LOOK_loss) >= record_u(r, RF_LOOK_best)
            : record_u(r, RF_LOOK_loss) != record_u(r, RF_LOOK_best)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "releases a loss that its outcome does not allow");
    }
}

/* The verdict r on what was committed: same exam, candidate, run and task; one
 * only; no candidate is admitted that met no draw. */
static void check_verdict(struct audit *a, const struct record *r,
                          struct link_commit *c)
{
    struct cid task = cid_of(record_bytes(r, RF_VERDICT_task));

    if (c == NULL ||
        memcmp(c->leaf, record_hash(r, RF_VERDICT_commit_hash), 32) != 0 ||
        memcmp(c->candidate, record_hash(r, RF_VERDICT_candidate), 32) != 0 ||
        memcmp(c->exam, record_hash(r, RF_VERDICT_exam), 32) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "is not the verdict on the commit that it names");
        return;
    }
    if (c->run != record_u(r, RF_VERDICT_run) ||
        !cid_is_equal(&c->task, &task)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "is filed for another task than record %" PRIu64
                          ", on which it is the verdict",
                          c->seq);
    }
    if (c->is_judged) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "is a second verdict on record %" PRIu64, c->seq);
    }
    if (!c->is_drawn && record_u(r, RF_VERDICT_verdict) == VERDICT_ADMIT) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "admits a candidate for which nothing was drawn");
    }
    c->is_judged = 1;
}

/* What a ref may stand on. */
static int add_admission(struct audit_links *l, uint64_t seq, unsigned verdict,
                         const uint8_t candidate[static 32])
{
    struct link_verdict *v;

    TRY(grow(&l->verdicts, l->verdicts_n, sizeof(*l->verdicts)));
    v = &l->verdicts[l->verdicts_n++];
    v->seq = seq;
    v->verdict = verdict;
    memcpy(v->candidate, candidate, sizeof(v->candidate));
    return 0;
}

static int add_verdict(struct audit_links *l, struct audit *a,
                       const struct record *r)
{
    unsigned verdict = (unsigned)record_u(r, RF_VERDICT_verdict);

    TRY(add_admission(l, r->seq, verdict,
                      record_hash(r, RF_VERDICT_candidate)));
    a->out->verdicts++;
    if (memcmp(record_hash(r, RF_VERDICT_commit_hash), ZERO, 32) != 0) {
        check_verdict(a, r, find_commit(l, record_u(r, RF_VERDICT_commit)));
    } else if (verdict == VERDICT_ADMIT) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "admits a candidate that was never committed");
    }
    return 0;
}

static int add_ref(struct audit_links *l, struct audit *a,
                   const struct record *r)
{
    struct cid name = cid_of(record_bytes(r, RF_REF_name));
    uint64_t ref = record_u(r, RF_REF_verdict_ref);
    const struct link_verdict *v = ref > 0 ? find_verdict(l, ref - 1) : NULL;
    struct audit_map_row *row;

    TRY(audit_map_put(&l->refs, name.b, &row));
    if (memcmp(row->value, record_hash(r, RF_REF_old_target), 32) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "the ref did not stand where the move begins");
    }
    memcpy(row->value, record_hash(r, RF_REF_new_target), 32);
    if (v == NULL || v->verdict != VERDICT_ADMIT ||
        memcmp(v->candidate, row->value, 32) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "the ref moved without a verdict that admits its "
                          "target");
    }
    return 0;
}

static void add_genesis(struct audit_links *l, struct audit *a,
                        const struct record *r)
{
    if (r->seq != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq, "a second genesis");
        return;
    }
    memcpy(l->seed, record_hash(r, RF_GENESIS_seed_anchor), sizeof(l->seed));
    l->seed_chain = record_u(r, RF_GENESIS_seed_chain);
}

int audit_links_add(struct audit_links *l, struct audit *a,
                    const struct record *r, const struct merkle_hash *leaf)
{
    if (r->kind == RECORD_RUN) {
        TRY(grow(&l->runs, l->runs_n, sizeof(*l->runs)));
        l->runs[l->runs_n++] = r->seq;
    }
    check_clocks(l, a, r);
    check_numbers(l, a, r);
    if (r->kind == RECORD_GENESIS) {
        add_genesis(l, a, r);
    } else if (r->kind == RECORD_COMMIT) {
        TRY(add_commit(l, a, r, leaf));
    } else if (r->kind == RECORD_DRAW) {
        add_draw(l, a, r);
    } else if (r->kind == RECORD_VERDICT) {
        TRY(add_verdict(l, a, r));
    } else if (r->kind == RECORD_SPLIT) {
        TRY(add_split(l, a, r, leaf));
    } else if (r->kind == RECORD_LOOK) {
        add_look(l, a, r);
    } else if (r->kind == RECORD_HOLDOUT) {
        TRY(add_admission(l, r->seq,
                          (unsigned)record_u(r, RF_HOLDOUT_verdict),
                          record_hash(r, RF_HOLDOUT_candidate)));
    } else if (r->kind == RECORD_REF) {
        TRY(add_ref(l, a, r));
    } else if (r->kind == RECORD_CONFINE &&
               memcmp(record_hash(r, RF_CONFINE_report), ZERO, 32) == 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its worker's confinement was not measured");
    } else if (r->kind == RECORD_CHECKPOINT &&
               record_u(r, RF_CHECKPOINT_records) > r->seq) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its snapshot folds records that come later");
    }
    return 0;
}
