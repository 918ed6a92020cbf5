/* A store made by hand: segments, objects, checkpoint and vkey as a kernel
 * would leave them, signed with a key of the test. Included by the tests of
 * cli/; every function is static so that each test stays one file. */
#ifndef TESTS_UNIT_CLI_FIXTURE_H
#define TESTS_UNIT_CLI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/value.h"
#include "proto/wal.h"

#include "evidence.pb-c.h"

#define FIXTURE_ORIGIN "proctor/0123456789abcdef"
#define FIXTURE_CHAIN 4

struct fixture {
    char dir[64];
    uint8_t public_key[32];
    uint8_t secret_key[64];
    uint8_t x[FIXTURE_CHAIN + 1][32]; /* reverse chain: x[i - 1] = H(x[i]) */
    struct merkle_frontier frontier;
    struct merkle_hash prev;
    uint64_t size;
    uint64_t now_ns;
    uint64_t wall_back_ns; /* the wall clock was set back so far */
    struct buf segment; /* the whole file */
    struct buf entries; /* of the batch under way */
    uint64_t batch_first;
    uint32_t batch_n;
    uint8_t sig[64]; /* of the last batch */
    struct cid candidate;
    struct cid exam;
    struct cid evidence;
    struct merkle_hash commit; /* leaf of the last COMMIT */
    uint64_t commit_seq;
    uint64_t verdict_seq;
    uint64_t run_seq;
};

UNUSED static void fixture_file(const struct fixture *f, const char *name,
                                struct ubytes bytes)
{
    char path[PATH_MAX];
    char *slash;
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    for (slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    (void)unlink(path);
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, out), bytes.n);
    assert_int_equal(fclose(out), 0);
}

UNUSED static void fixture_text(const struct fixture *f, const char *name,
                                const char *text)
{
    fixture_file(f, name, (struct ubytes){(const uint8_t *)text, strlen(text)});
}

UNUSED static struct cid fixture_object(const struct fixture *f,
                                        struct ubytes bytes)
{
    struct cid c = cid_of(bytes);
    char text[CID_TEXT_BYTES];
    char name[128];
    char path[PATH_MAX];

    cid_text(&c, text);
    (void)snprintf(name, sizeof(name), "objects/%.2s/%s", text, text + 2);
    fixture_file(f, name, bytes);
    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(chmod(path, 0444), 0);
    return c;
}

UNUSED static struct cid fixture_message(const struct fixture *f,
                                         const ProtobufCMessage *m)
{
    struct buf b;
    struct cid c;

    buf_init(&b, (size_t)1 << 20);
    assert_int_equal(pb_encode(m, &b), 0);
    c = fixture_object(f, buf_bytes(&b));
    buf_release(&b);
    return c;
}

/* Adds a record to the batch under way. */
UNUSED static uint64_t fixture_add(struct fixture *f, struct record *r)
{
    struct buf b;
    struct merkle_hash leaf;

    r->seq = f->size;
    memcpy(r->prev, f->prev.b, sizeof(r->prev));
    f->now_ns += 1000000;
    r->wall_ns = 1790000000000000000u + f->now_ns - f->wall_back_ns;
    r->mono_ns = f->now_ns;
    buf_init(&b, 65535);
    assert_int_equal(record_encode(r, &b), 0);
    leaf = merkle_leaf(buf_bytes(&b));
    merkle_frontier_add(&f->frontier, &leaf);
    assert_int_equal(buf_put_bytes16(&f->entries, buf_bytes(&b)), 0);
    buf_release(&b);
    f->prev = leaf;
    f->batch_n++;
    return f->size++;
}

/* Signs and appends the batch under way. */
UNUSED static void fixture_batch(struct fixture *f)
{
    struct checkpoint cp = {.size = f->size};
    struct wal_batch w = {.first = f->batch_first,
                          .n = f->batch_n,
                          .entries = buf_bytes(&f->entries),
                          .size = f->size};
    struct buf body;

    if (f->batch_n == 0) {
        return;
    }
    w.root = merkle_frontier_root(&f->frontier);
    cp.root = w.root;
    (void)snprintf(cp.origin, sizeof(cp.origin), "%s", FIXTURE_ORIGIN);
    buf_init(&body, NOTE_BYTES_MAX);
    assert_int_equal(note_body(&body, &cp), 0);
    crypto_sign_detached(w.sig, NULL, buf_bytes(&body).p, buf_len(&body),
                         f->secret_key);
    memcpy(f->sig, w.sig, sizeof(f->sig));
    assert_int_equal(wal_batch_encode(&f->segment, &w), 0);
    buf_release(&body);
    buf_reset(&f->entries);
    f->batch_first = f->size;
    f->batch_n = 0;
}

/* Writes segment, checkpoint and vkey. */
UNUSED static void fixture_write(struct fixture *f)
{
    struct checkpoint cp = {.size = f->size};
    struct buf b;

    fixture_batch(f);
    fixture_file(f, "ledger/wal/0000000000000000.wal", buf_bytes(&f->segment));
    cp.root = merkle_frontier_root(&f->frontier);
    (void)snprintf(cp.origin, sizeof(cp.origin), "%s", FIXTURE_ORIGIN);
    buf_init(&b, NOTE_BYTES_MAX);
    assert_int_equal(note_write(&b, &cp, f->public_key, f->sig), 0);
    fixture_file(f, "ledger/checkpoint", buf_bytes(&b));
    buf_reset(&b);
    assert_int_equal(note_vkey(&b, FIXTURE_ORIGIN, f->public_key), 0);
    assert_int_equal(buf_put_u8(&b, '\n'), 0);
    fixture_file(f, "ledger/vkey", buf_bytes(&b));
    buf_release(&b);
}

/* An empty store with a key and a seed chain; GENESIS is in the batch. */
UNUSED static void fixture_init(struct fixture *f)
{
    struct wal_head head = {.first = 0};
    struct record r;
    int i;

    assert_true(sodium_init() >= 0);
    memset(f, 0, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/proctor-unit.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    fixture_text(f, "format", "proctor store 1\n");
    (void)crypto_sign_keypair(f->public_key, f->secret_key);
    randombytes_buf(f->x[FIXTURE_CHAIN], 32);
    for (i = FIXTURE_CHAIN; i > 0; i--) {
        (void)crypto_generichash(f->x[i - 1], 32, f->x[i], 32, NULL, 0);
    }
    buf_init(&f->segment, (size_t)64 << 20);
    buf_init(&f->entries, (size_t)16 << 20);
    merkle_frontier_init(&f->frontier);
    head.frontier = f->frontier;
    assert_int_equal(wal_head_encode(&f->segment, &head), 0);
    record_init(&r, RECORD_GENESIS);
    record_set_str(&r, RF_GENESIS_origin, FIXTURE_ORIGIN);
    record_set_hash(&r, RF_GENESIS_log_key, f->public_key);
    record_set_hash(&r, RF_GENESIS_seed_anchor, f->x[0]);
    record_set_u(&r, RF_GENESIS_seed_chain, FIXTURE_CHAIN);
    (void)fixture_add(f, &r);
}

/* A Runnable, its Exam and Evidence of that verdict, as objects. */
UNUSED static void fixture_objects(struct fixture *f, enum verdict verdict)
{
    Proctor__Runnable run = PROCTOR__RUNNABLE__INIT;
    Proctor__Exam exam = PROCTOR__EXAM__INIT;
    Proctor__Evidence ev = PROCTOR__EVIDENCE__INIT;
    Proctor__Counterexample cx = PROCTOR__COUNTEREXAMPLE__INIT;
    char *argv[] = {(char *)(uintptr_t) "/usr/bin/python3"};
    struct type u32;
    struct type takes;
    struct buf v;
    struct cid oracle;

    assert_int_equal(type_from_name("u32", &u32), 0);
    assert_int_equal(type_tuple_of(&u32, 1, &takes), 0);
    run.kind = 1;
    run.n_argv = 1;
    run.argv = argv;
    run.takes = (ProtobufCBinaryData){takes.n, takes.b};
    run.gives = (ProtobufCBinaryData){u32.n, u32.b};
    f->candidate = fixture_message(f, &run.base);
    run.kind = 3;
    oracle = fixture_message(f, &run.base);
    exam.version = 1;
    exam.oracle = (ProtobufCBinaryData){CID_BYTES, oracle.b};
    exam.takes = run.takes;
    exam.gives = run.gives;
    exam.p0 = 1e-3;
    exam.alpha = 1e-6;
    f->exam = fixture_message(f, &exam.base);
    buf_init(&v, 256);
    assert_int_equal(value_put_tuple(&v, 1), 0);
    assert_int_equal(value_put_int(&v, &u32, 77), 0);
    cx.input = (ProtobufCBinaryData){buf_len(&v),
                                     (uint8_t *)(uintptr_t)buf_bytes(&v).p};
    cx.ending = (char *)(uintptr_t) "gave \x1b[31m up";
    ev.verdict = verdict;
    ev.level = verdict == VERDICT_ADMIT ? LEVEL_PROVEN : LEVEL_NONE;
    ev.draws = 16384;
    ev.bound95 = 1.8e-4;
    ev.bound_alpha = 8.4e-4;
    ev.reason = (char *)(uintptr_t) "one answer is wrong";
    ev.shrunk = verdict == VERDICT_REJECT ? &cx : NULL;
    f->evidence = fixture_message(f, &ev.base);
    buf_release(&v);
}

UNUSED static void fixture_run(struct fixture *f, const char *task)
{
    struct record r;
    struct cid graph =
        fixture_object(f, (struct ubytes){(uint8_t *)(uintptr_t) "g", 1});

    record_init(&r, RECORD_RUN);
    record_set_hash(&r, RF_RUN_graph, graph.b);
    record_set_hash(&r, RF_RUN_policy, graph.b);
    record_set_hash(&r, RF_RUN_inputs, graph.b);
    record_set_str(&r, RF_RUN_graph_path, "g.yaml");
    f->run_seq = fixture_add(f, &r);
    record_init(&r, RECORD_ADMIT);
    record_set_u(&r, RF_ADMIT_run, f->run_seq);
    record_set_str(&r, RF_ADMIT_task, task);
    record_set_str(&r, RF_ADMIT_op, "exam");
    record_set_str(&r, RF_ADMIT_rule, "gate.granted");
    (void)fixture_add(f, &r);
}

/* COMMIT, DRAW and VERDICT, number j of the exam, with seed i. */
UNUSED static void fixture_exam(struct fixture *f, const char *task,
                                enum verdict verdict, uint64_t j, uint64_t i)
{
    uint8_t text[7 + 32] = "gate-v1";
    uint8_t seed[32];
    struct record r;

    record_init(&r, RECORD_COMMIT);
    record_set_u(&r, RF_COMMIT_run, f->run_seq);
    record_set_str(&r, RF_COMMIT_task, task);
    record_set_hash(&r, RF_COMMIT_exam, f->exam.b);
    record_set_hash(&r, RF_COMMIT_candidate, f->candidate.b);
    record_set_u(&r, RF_COMMIT_j, j);
    record_set_f64(&r, RF_COMMIT_alpha_j, 6e-7);
    record_set_u(&r, RF_COMMIT_draws, 16384);
    record_set_u(&r, RF_COMMIT_seed_i, i);
    f->commit_seq = fixture_add(f, &r);
    f->commit = f->prev;
    record_init(&r, RECORD_DRAW);
    record_set_u(&r, RF_DRAW_commit, f->commit_seq);
    record_set_hash(&r, RF_DRAW_commit_hash, f->commit.b);
    record_set_hash(&r, RF_DRAW_seed_secret, f->x[i]);
    memcpy(text + 7, f->commit.b, 32);
    (void)crypto_generichash(seed, 32, text, sizeof(text), f->x[i], 32);
    record_set_hash(&r, RF_DRAW_seed, seed);
    (void)fixture_add(f, &r);
    record_init(&r, RECORD_VERDICT);
    record_set_u(&r, RF_VERDICT_run, f->run_seq);
    record_set_str(&r, RF_VERDICT_task, task);
    record_set_u(&r, RF_VERDICT_commit, f->commit_seq);
    record_set_hash(&r, RF_VERDICT_commit_hash, f->commit.b);
    record_set_hash(&r, RF_VERDICT_exam, f->exam.b);
    record_set_hash(&r, RF_VERDICT_candidate, f->candidate.b);
    record_set_u(&r, RF_VERDICT_verdict, verdict);
    record_set_u(&r, RF_VERDICT_level,
                 verdict == VERDICT_ADMIT ? LEVEL_PROVEN : LEVEL_NONE);
    record_set_hash(&r, RF_VERDICT_evidence, f->evidence.b);
    record_set_str(&r, RF_VERDICT_reason, "no failure in 16384 draws");
    f->verdict_seq = fixture_add(f, &r);
}

UNUSED static void fixture_ref(struct fixture *f, const char *name,
                               const struct cid *before)
{
    struct record r;

    record_init(&r, RECORD_REF);
    record_set_u(&r, RF_REF_run, f->run_seq);
    record_set_str(&r, RF_REF_task, "keep");
    record_set_str(&r, RF_REF_name, name);
    if (before != NULL) {
        record_set_hash(&r, RF_REF_old_target, before->b);
    }
    record_set_hash(&r, RF_REF_new_target, f->candidate.b);
    record_set_u(&r, RF_REF_verdict_ref, f->verdict_seq + 1);
    (void)fixture_add(f, &r);
}

UNUSED static void fixture_task(struct fixture *f, const char *task,
                                enum task_state state, const char *reason)
{
    struct record r;

    record_init(&r, RECORD_TASK);
    record_set_u(&r, RF_TASK_run, f->run_seq);
    record_set_str(&r, RF_TASK_task, task);
    record_set_u(&r, RF_TASK_state, state);
    record_set_u(&r, RF_TASK_evidence_ref, f->verdict_seq + 1);
    record_set_str(&r, RF_TASK_reason, reason);
    (void)fixture_add(f, &r);
}

UNUSED static void fixture_end(struct fixture *f, uint32_t passed)
{
    struct record r;

    record_init(&r, RECORD_END);
    record_set_u(&r, RF_END_run, f->run_seq);
    record_set_u(&r, RF_END_passed, passed);
    (void)fixture_add(f, &r);
}

/* The usual one: an admitted candidate with a name, in three batches. */
UNUSED static void fixture_usual(struct fixture *f)
{
    fixture_init(f);
    fixture_objects(f, VERDICT_ADMIT);
    fixture_run(f, "exam");
    fixture_batch(f);
    fixture_exam(f, "exam", VERDICT_ADMIT, 1, 1);
    fixture_batch(f);
    fixture_task(f, "exam", STATE_PASSED, "");
    fixture_ref(f, "primitives/crc32", NULL);
    fixture_end(f, 1);
    fixture_write(f);
}

static int fixture_remove(const char *path, const struct stat *st, int flag,
                          struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

UNUSED static void fixture_release(struct fixture *f)
{
    (void)nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    buf_release(&f->segment);
    buf_release(&f->entries);
}

#endif
