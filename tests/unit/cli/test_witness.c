/* The witness's decision: every answer of add-checkpoint, and that nothing it
 * cosigned is ever taken back, wherever it is killed. */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "cli/witness_state.h"
#include "proto/add_checkpoint.h"
#include "proto/disk.h"

#define LOG "log.example/one"
#define LEAVES 40

struct side { /* a log with its key, as large as wanted */
    const char *origin;
    uint8_t key[32];
    uint8_t secret[64];
    struct merkle_hash leaves[LEAVES];
};

static char base[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(base, sizeof(base), "/tmp/proctor-witness.XXXXXX");
    assert_non_null(mkdtemp(base));
    return sodium_init() < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(base, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void side_init(struct side *s, const char *origin, uint8_t seed0,
                      uint8_t branch)
{
    uint8_t seed[32] = {seed0};
    unsigned i;

    s->origin = origin;
    (void)crypto_sign_seed_keypair(s->key, s->secret, seed);
    for (i = 0; i < LEAVES; i++) {
        uint8_t entry[2] = {(uint8_t)i, i < 10 ? 0 : branch};

        s->leaves[i] = merkle_leaf((struct ubytes){entry, 2});
    }
}

static int subtree(void *ctx, unsigned level, uint64_t i,
                   struct merkle_hash *out)
{
    struct side *s = ctx;

    *out = merkle_root(&s->leaves[i << level], (uint64_t)1 << level);
    return 0;
}

static void put_note(struct side *s, uint64_t size, struct buf *out)
{
    struct checkpoint c = {.size = size};
    struct buf body;
    uint8_t sig[64];

    (void)snprintf(c.origin, sizeof(c.origin), "%s", s->origin);
    c.root = size == 0 ? merkle_empty() : merkle_root(s->leaves, size);
    buf_init(&body, NOTE_BYTES_MAX);
    assert_int_equal(note_body(&body, &c), 0);
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               s->secret);
    assert_int_equal(note_write(out, &c, s->key, sig), 0);
    buf_release(&body);
}

/* The request for [old, size), with extra lines too many in its proof. */
static void put_request(struct side *s, uint64_t old, uint64_t size,
                        unsigned extra, struct buf *out)
{
    struct add_checkpoint q = {.old_size = old};
    struct buf note;

    buf_init(&note, NOTE_BYTES_MAX);
    put_note(s, size, &note);
    q.note = buf_bytes(&note);
    if (old > 0 && old < size) {
        struct merkle_hash proof[MERKLE_PROOF_MAX];

        assert_int_equal(merkle_prove_consistency(old, size, subtree, s, proof,
                                                  &q.proof_n),
                         0);
        memcpy(q.proof, proof, q.proof_n * sizeof(proof[0]));
    }
    q.proof_n += extra;
    assert_int_equal(add_checkpoint_write(out, &q), 0);
    buf_release(&note);
}

static unsigned ask_bytes(struct witness *w, struct ubytes request,
                          struct buf *reply)
{
    unsigned status = 0;

    buf_reset(reply);
    assert_int_equal(witness_answer(w, request, 1700000000, &status, reply), 0);
    return status;
}

/* Asks; a 200 must carry a good cosignature over what was asked. */
static unsigned ask(struct witness *w, struct side *s, uint64_t old,
                    uint64_t size, unsigned extra)
{
    struct buf request;
    struct buf reply;
    struct buf note;
    unsigned status;

    buf_init(&request, ADD_CHECKPOINT_BYTES_MAX);
    buf_init(&reply, 4096);
    buf_init(&note, NOTE_BYTES_MAX);
    put_request(s, old, size, extra, &request);
    status = ask_bytes(w, buf_bytes(&request), &reply);
    if (status == 200) {
        uint64_t time_s;

        put_note(s, size, &note);
        assert_int_equal(
            buf_put(&note, buf_bytes(&reply).p, buf_len(&reply)), 0);
        assert_int_equal(
            cosign_check(buf_bytes(&note), witness_self(w), &time_s), 0);
        assert_true(time_s == 1700000000);
    }
    buf_release(&request);
    buf_release(&reply);
    buf_release(&note);
    return status;
}

static void add_side(struct witness *w, const struct side *s, int want)
{
    struct buf vkey;
    struct diag d;
    char text[512] = "";

    diag_init(&d);
    buf_init(&vkey, 500);
    assert_int_equal(note_vkey(&vkey, s->origin, s->key), 0);
    memcpy(text, buf_bytes(&vkey).p, buf_len(&vkey));
    assert_int_equal(witness_add(w, text, &d), want);
    buf_release(&vkey);
}

static struct witness *make(const char *name, const struct side *s)
{
    struct witness *w = NULL;
    struct diag d;
    char dir[128];

    diag_init(&d);
    (void)snprintf(dir, sizeof(dir), "%s/%s", base, name);
    assert_int_equal(witness_create(dir, "w.example", (uid_t)-1, &d), 0);
    assert_int_equal(witness_open(dir, WITNESS_SERVE, &w, &d), 0);
    if (s != NULL) {
        add_side(w, s, 0);
    }
    return w;
}

static struct witness *again(const char *name)
{
    struct witness *w = NULL;
    struct diag d;
    char dir[128];

    diag_init(&d);
    (void)snprintf(dir, sizeof(dir), "%s/%s", base, name);
    assert_int_equal(witness_open(dir, WITNESS_SERVE, &w, &d), 0);
    return w;
}

static void test_every_answer(void **state)
{
    struct side log;
    struct side fork;
    struct side thief;
    struct side unknown;
    struct witness *w;

    (void)state;
    side_init(&log, LOG, 1, 1);
    side_init(&fork, LOG, 1, 2);  /* the same key, another history from 10 on */
    side_init(&thief, LOG, 2, 1); /* the same name, another key */
    side_init(&unknown, "log.example/two", 1, 1);
    w = make("answers", &log);
    assert_int_equal(ask(w, &unknown, 0, 5, 0), 404);
    assert_int_equal(ask(w, &thief, 0, 5, 0), 403);
    assert_int_equal(ask(w, &log, 6, 5, 0), 400);
    assert_int_equal(ask(w, &log, 3, 5, 0), 409);
    assert_int_equal(ask(w, &log, 0, 5, 1), 422); /* from 0: no proof */
    assert_int_equal(ask(w, &log, 0, 0, 0), 200); /* the empty tree */
    assert_int_equal(ask(w, &log, 0, 5, 0), 200);
    assert_int_equal(ask(w, &log, 0, 5, 0), 409);
    assert_int_equal(ask(w, &log, 5, 5, 0), 200); /* again, the same */
    assert_int_equal(ask(w, &log, 5, 5, 1), 422);
    assert_int_equal(ask(w, &log, 5, 12, 1), 422);
    assert_int_equal(ask(w, &log, 5, 12, 0), 200);
    assert_int_equal(ask(w, &log, 5, 12, 0), 409);
    assert_int_equal(ask(w, &fork, 12, 12, 0), 409); /* its root is another */
    assert_int_equal(ask(w, &fork, 12, 20, 0), 422);
    assert_int_equal(ask(w, &fork, 5, 11, 0), 409); /* a rollback */
    assert_int_equal(ask(w, &log, 5, 11, 0), 409);
    assert_int_equal(ask(w, &log, 12, LEAVES, 0), 200);
    witness_close(w);
    w = again("answers"); /* and a new process remembers */
    assert_int_equal(ask(w, &log, 12, LEAVES, 0), 409);
    assert_int_equal(ask(w, &log, LEAVES, LEAVES, 0), 200);
    witness_close(w);
}

/* Two logs with one key are two logs; a second key of one log is the same log. */
static void test_keys(void **state)
{
    struct side one;
    struct side two;
    struct side next;
    struct witness *w;

    (void)state;
    side_init(&one, LOG, 1, 1);
    side_init(&two, "log.example/two", 1, 2);
    side_init(&next, LOG, 3, 1);
    w = make("keys", &one);
    add_side(w, &one, ERR_EXISTS);
    add_side(w, &two, 0);
    assert_int_equal(ask(w, &one, 0, 12, 0), 200);
    assert_int_equal(ask(w, &two, 0, 11, 0), 200);
    assert_int_equal(ask(w, &next, 12, 13, 0), 403);
    add_side(w, &next, 0);
    assert_int_equal(ask(w, &next, 12, 13, 0), 200);
    assert_int_equal(ask(w, &one, 13, 14, 0), 200);
    witness_close(w);
}

/* A head that is gone or changed is damage, not an empty log. */
static void test_lost_state(void **state)
{
    char command[256];
    struct side log;
    struct witness *w;

    (void)state;
    side_init(&log, LOG, 1, 1);
    w = make("lost", &log);
    assert_int_equal(ask(w, &log, 0, 12, 0), 200);
    (void)snprintf(command, sizeof(command),
                   "cd %s/lost && cp -a heads kept && sed -i s/12/11/ heads/*",
                   base);
    assert_int_equal(system(command), 0);
    assert_int_equal(ask(w, &log, 0, 5, 0), 500);
    assert_int_equal(ask(w, &log, 11, 13, 0), 500);
    (void)snprintf(command, sizeof(command), "rm %s/lost/heads/*", base);
    assert_int_equal(system(command), 0);
    assert_int_equal(ask(w, &log, 0, 5, 0), 500);
    (void)snprintf(command, sizeof(command), "cp %s/lost/kept/* %s/lost/heads",
                   base, base);
    assert_int_equal(system(command), 0);
    assert_int_equal(ask(w, &log, 12, 13, 0), 200);
    witness_close(w);
}

static void test_one_at_a_time(void **state)
{
    struct witness *w = make("busy", NULL);
    struct witness *other = NULL;
    struct diag d;
    char dir[128];

    (void)state;
    diag_init(&d);
    (void)snprintf(dir, sizeof(dir), "%s/busy", base);
    assert_int_equal(witness_open(dir, WITNESS_SERVE, &other, &d),
                     ERR_STORE_BUSY);
    diag_init(&d);
    assert_int_equal(witness_open(dir, WITNESS_LOOK, &other, &d), 0);
    witness_close(other);
    diag_init(&d);
    assert_int_equal(witness_create(dir, "other", (uid_t)-1, &d), ERR_EXISTS);
    (void)snprintf(dir, sizeof(dir), "%s/named", base);
    diag_init(&d);
    assert_int_equal(witness_create(dir, "a b", (uid_t)-1, &d), ERR_INPUT);
    diag_init(&d);
    assert_int_equal(witness_create(dir, "", (uid_t)-1, &d), ERR_INPUT);
    witness_close(w);
}

/* Every byte of a request changed, one by one: answered, never cosigned unless it
 * is a line that nobody looks at. */
static void test_foreign_bytes(void **state)
{
    struct side log;
    struct witness *w;
    struct buf request;
    struct buf reply;
    uint8_t *p;
    size_t i;

    (void)state;
    side_init(&log, LOG, 1, 1);
    w = make("bytes", &log);
    assert_int_equal(ask(w, &log, 0, 12, 0), 200);
    buf_init(&request, ADD_CHECKPOINT_BYTES_MAX);
    buf_init(&reply, 4096);
    put_request(&log, 12, 30, 0, &request);
    p = (uint8_t *)(uintptr_t)buf_bytes(&request).p;
    for (i = 0; i < buf_len(&request); i++) {
        unsigned bit;

        for (bit = 0; bit < 8; bit++) {
            p[i] ^= (uint8_t)(1u << bit);
            assert_int_not_equal(ask_bytes(w, buf_bytes(&request), &reply),
                                 200);
            p[i] ^= (uint8_t)(1u << bit);
        }
    }
    for (i = 0; i < buf_len(&request); i++) {
        assert_int_not_equal(
            ask_bytes(w, (struct ubytes){p, i}, &reply), 200);
    }
    assert_int_equal(ask_bytes(w, buf_bytes(&request), &reply), 200);
    buf_release(&request);
    buf_release(&reply);
    witness_close(w);
}

/* Disk calls are counted; the n-th is the last, or fails. */
static unsigned calls;
static unsigned stop_at;
static int stop_errno; /* 0 = die */

static int count_call(void *ctx, enum disk_op op, const char *name, size_t *n)
{
    (void)ctx;
    (void)op;
    (void)name;
    (void)n;
    if (++calls != stop_at) {
        return 0;
    }
    if (stop_errno == 0) {
        (void)raise(SIGKILL);
    }
    return stop_errno;
}

/* A child asks for [12, 30) and tells by a pipe when it was answered 200. */
static int answered_before_end(struct side *log, const char *name)
{
    int pair[2];
    char byte = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(pair), 0);
    pid = fork();
    if (pid == 0) {
        struct witness *w = again(name);
        struct buf request;
        struct buf reply;
        unsigned status = 0;

        buf_init(&request, ADD_CHECKPOINT_BYTES_MAX);
        buf_init(&reply, 4096);
        put_request(log, 12, 30, 0, &request);
        disk_set_hook(count_call, NULL);
        if (witness_answer(w, buf_bytes(&request), 1, &status, &reply) == 0 &&
            status == 200) {
            byte = 1;
        } else if (buf_len(&reply) > 0 && status == 200) {
            byte = 2; /* a cosignature beside an error */
        } else {
            byte = 3;
        }
        n = write(pair[1], &byte, 1);
        _exit(n == 1 ? 0 : 1);
    }
    (void)close(pair[1]);
    n = read(pair[0], &byte, 1);
    (void)close(pair[0]);
    assert_true(waitpid(pid, NULL, 0) == pid);
    return n == 1 ? byte : 0;
}

/* Killed, or failed, at each disk call of its check and store: what it answered it
 * remembers; what it did not answer it may remember too, and cosigns again. */
static void stop_everywhere(const char *name, int with_errno)
{
    struct side log;
    struct side fork_of;
    struct witness *w;
    char command[256];
    unsigned remembered = 0;
    int byte = 0;

    side_init(&log, LOG, 1, 1);
    side_init(&fork_of, LOG, 1, 2);
    w = make(name, &log);
    assert_int_equal(ask(w, &log, 0, 12, 0), 200);
    witness_close(w);
    (void)snprintf(command, sizeof(command), "cp -a %s/%s %s/%s.kept", base,
                   name, base, name);
    assert_int_equal(system(command), 0);
    stop_errno = with_errno;
    for (stop_at = 1; byte != 1; stop_at++) {
        unsigned status;

        assert_true(stop_at < 60);
        calls = 0;
        byte = answered_before_end(&log, name);
        assert_int_not_equal(byte, 2);
        w = again(name);
        status = ask(w, &fork_of, 30, 30, 0);
        assert_int_equal(status, 409); /* never the fork */
        status = ask(w, &log, 30, 30, 0);
        if (byte == 1) {
            assert_int_equal(status, 200);
        } else if (status == 200) {
            remembered++;
        } else {
            assert_int_equal(ask(w, &log, 12, 30, 0), 200);
        }
        assert_int_equal(ask(w, &log, 12, 13, 0), 409); /* no rollback */
        witness_close(w);
        (void)snprintf(command, sizeof(command),
                       "cd %s && rm -rf %s && cp -a %s.kept %s", base, name,
                       name, name);
        assert_int_equal(system(command), 0);
    }
    assert_true(stop_at > 8 && remembered > 0);
}

static void test_killed_everywhere(void **state)
{
    (void)state;
    stop_everywhere("killed", 0);
}

static void test_failing_everywhere(void **state)
{
    (void)state;
    stop_everywhere("eio", EIO);
    stop_everywhere("enospc", ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_answer),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_lost_state),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_foreign_bytes),
        cmocka_unit_test(test_killed_everywhere),
        cmocka_unit_test(test_failing_everywhere),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
