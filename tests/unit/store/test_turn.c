/* Changing the ledger's key: who signs what before and after; killed or failing at
 * each disk call, one usable ledger; forged and misplaced changes are refused. */
#include "fixture.h"

#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cli/ledger.h"
#include "kernel/store/ledger_int.h"

static const char SIGNER[] = TEST_BIN_DIR "/proctor-signer";

static uint64_t turn(struct fixture *f)
{
    uint64_t seq = 0;
    int code = ledger_turn(f->l, SIGNER, &seq, &f->d);

    if (code != 0) {
        fail_msg("turn: %s: %s", err_name(code), f->d.what);
    }
    return seq;
}

static size_t changes(const struct fixture *f)
{
    struct ledger_key *v;
    size_t n;

    assert_int_equal(ledger_keys(f->dir, &v, &n), 0);
    free(v);
    return n;
}

/* The seed that the next COMMIT claims. */
static void reveal(struct fixture *f, uint8_t out[static 32])
{
    struct record r;
    uint64_t seq;
    uint64_t i;

    record_init(&r, RECORD_COMMIT);
    assert_int_equal(ledger_next_seed(f->l, &i), 0);
    record_set_u(&r, RF_COMMIT_seed_i, i);
    assert_int_equal(ledger_append(f->l, &r, &seq, NULL), 0);
    assert_int_equal(ledger_reveal_seed(f->l, i, out), 0);
}

static void test_turns(void **state)
{
    struct fixture *f = *state;
    uint8_t first[32];
    uint8_t second[32];
    uint8_t seed[2][32];
    uint64_t seq;
    struct cid c;

    fixture_open(f);
    memcpy(first, ledger_key(f->l), 32);
    add_refs(f, 5);
    reveal(f, seed[0]);
    seq = turn(f);
    assert_int_equal(seq, 8);
    memcpy(second, ledger_key(f->l), 32);
    assert_memory_not_equal(first, second, 32);
    assert_int_equal(access(in_store(f, "keys/key.new"), F_OK), -1);
    append_ref(f, "after", 3);
    reveal(f, seed[1]);
    /* The chain that GENESIS fixed goes on. */
    assert_int_equal(crypto_generichash(seed[1], 32, seed[1], 32, NULL, 0), 0);
    assert_memory_equal(seed[0], seed[1], 32);
    fixture_close(f);
    fixture_open(f);
    assert_memory_equal(ledger_key(f->l), second, 32);
    assert_int_equal(turn(f), seq + 4);
    append_ref(f, "again", 4);
    assert_int_equal(ledger_snapshot(f->l), 0);
    append_ref(f, "last", 5);
    fixture_close(f);
    /* Without snapshots the walk starts at the first key. */
    run_command("rm -rf '%s'%s", f->dir, "/objects/*");
    fixture_open(f);
    assert_true(fold_ref(ledger_fold(f->l), "r/3", &c));
    assert_memory_not_equal(ledger_key(f->l), second, 32);
    fixture_close(f);
    assert_int_equal(changes(f), 2);
    assert_int_equal(verify_all(f->dir), 16);
}

/* What an earlier key signed and published is met on the way. */
static void test_published_before(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    append_ref(f, "a", 1);
    fixture_close(f); /* publishes under the first key */
    fixture_open(f);
    (void)turn(f);
    assert_int_equal(ledger_close(f->l), 0);
    store_close(f->s);
    fixture_open(f);
    fixture_close(f);
    flip_byte(in_store(f, "ledger/checkpoint"),
              file_size(in_store(f, "ledger/checkpoint")) - 20);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
}

/* A half turn's leavings, and keys that are not the ledger's. */
static void test_key_files(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    append_ref(f, "a", 1);
    fixture_close(f);
    run_command("cp -a '%s' '%s/old'", f->dir, f->base);
    run_command("echo junk > '%s%s'", f->dir, "/keys/key.new");
    fixture_open(f); /* dropped */
    assert_int_equal(access(in_store(f, "keys/key.new"), F_OK), -1);
    (void)turn(f);
    fixture_close(f);
    /* Cut before the rename. */
    run_command("mv '%s/keys/key' '%s/store/keys/key.new'", f->dir, f->base);
    run_command("cp '%s/old/keys/key' '%s/store/keys/key'", f->base, f->base);
    fixture_open(f);
    append_ref(f, "b", 1);
    fixture_close(f);
    assert_int_equal(access(in_store(f, "keys/key.new"), F_OK), -1);
    /* The old key alone; then an unfitting second one. */
    run_command("cp '%s/keys/key' '%s/good'", f->dir, f->base);
    run_command("cp '%s/old/keys/key' '%s/store/keys/key'", f->base, f->base);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "not the key that signs"));
    run_command("cp '%s/old/keys/key' '%s/store/keys/key.new'", f->base,
                f->base);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "neither"));
    run_command("cp '%s/good' '%s/store/keys/key'", f->base, f->base);
    fixture_open(f);
    fixture_close(f);
    /* An older copy of the ledger under the newer key. */
    run_command("cp '%s/good' '%s/old/keys/key'", f->base, f->base);
    run_command("mv '%s' '%s/newer'", f->dir, f->base);
    run_command("mv '%s/old' '%s/store'", f->base, f->base);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
}

#define CALLS_MAX 512u

/* Shared with the parent. */
struct calls {
    unsigned long n;
    uint8_t is_write[CALLS_MAX];
};

struct killer {
    struct calls *calls;
    unsigned long at;
    int torn;
    int dying;
};

static int kill_hook(void *ctx, enum disk_op op, const char *name, size_t *n)
{
    struct killer *k = ctx;
    unsigned long call = k->calls->n++;

    (void)name;
    if (call < CALLS_MAX) {
        k->calls->is_write[call] = op == DISK_WRITE && *n > 1;
    }
    if (k->dying || (call == k->at && !k->torn)) {
        (void)kill(getpid(), SIGKILL);
    }
    if (call == k->at) {
        k->dying = 1;
        if (op == DISK_WRITE && *n > 1) {
            *n /= 2;
        }
    }
    return 0;
}

/* One key file, the ledger's; everything from before is there. */
static void judge(struct fixture *f, uint64_t least)
{
    struct cid c;

    fixture_open(f);
    assert_true(ledger_size(f->l) >= least);
    assert_true(fold_ref(ledger_fold(f->l), "old", &c));
    assert_int_equal(access(in_store(f, "keys/key.new"), F_OK), -1);
    append_ref(f, "after", 7);
    fixture_close(f);
    fixture_open(f);
    (void)turn(f); /* and it can be changed again */
    fixture_close(f);
    (void)verify_all(f->dir);
}

static void fresh(struct fixture *f)
{
    char command[256];

    (void)snprintf(command, sizeof(command),
                   "rm -rf '%s/store' && cp -a '%s/template' '%s/store'",
                   f->base, f->base, f->base);
    assert_int_equal(system(command), 0);
}

static void make_template(struct fixture *f)
{
    fixture_open(f);
    append_ref(f, "old", 1);
    fixture_close(f);
    run_command("cp -a '%s' '%s/template'", f->dir, f->base);
}

/* Opening, changing, closing, killed; judges what is left. Was it killed? */
static int kill_once(struct fixture *f, struct killer *k, unsigned *finished)
{
    int status;
    pid_t pid;

    fresh(f);
    k->calls->n = 0;
    pid = fork();
    if (pid == 0) {
        uint64_t seq;
        int code;

        disk_set_hook(kill_hook, k);
        code = fixture_try_open(f);
        if (code == 0) {
            code = ledger_turn(f->l, SIGNER, &seq, &f->d);
        }
        if (code == 0) {
            code = ledger_close(f->l);
        }
        _exit(code == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    *finished += changes(f) == 1;
    judge(f, 2);
    return WIFSIGNALED(status);
}

/* Killed before each call, and in the middle of each write: behind a call that is
 * no write is before the next one. */
static void test_kills(void **state)
{
    struct fixture *f = *state;
    struct calls *calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct killer k = {.calls = calls};
    unsigned long kills, writes = 0;
    unsigned finished = 0;

    assert_true(calls != MAP_FAILED);
    make_template(f);
    while (kill_once(f, &k, &finished)) {
        k.at++;
    }
    kills = k.at;
    assert_true(kills > 20 && kills < CALLS_MAX);
    k.torn = 1;
    for (k.at = 0; k.at < kills; k.at++) {
        if (calls->is_write[k.at]) {
            writes++;
            assert_true(kill_once(f, &k, &finished));
        }
    }
    assert_true(writes > 2);
    assert_true(finished > 2); /* both sides of the change were cut */
    assert_int_equal(munmap(calls, sizeof(*calls)), 0);
}

/* Each call fails in one of three ways; with PROCTOR_FULL in all of them. */
static void test_failures(void **state)
{
    static const struct fault shapes[] = {
        {.error = EIO},
        {.error = ENOSPC, .short_write = 1},
        {.error = EROFS, .forever = 1},
    };
    const unsigned long step =
        getenv("PROCTOR_FULL") != NULL ? 1 : ARRAY_N(shapes);
    struct fixture *f = *state;
    size_t i;

    make_template(f);
    for (i = 0; i < ARRAY_N(shapes); i++) {
        struct fault fault = shapes[i];
        unsigned long first = i % step;

        for (fault.at = first; fault.at == first || fault.fired;
             fault.at += step) {
            uint64_t seq;
            int code;

            fresh(f);
            fault.calls = 0;
            fault.fired = 0;
            disk_set_hook(fault_hook, &fault);
            code = fixture_try_open(f);
            if (code == 0) {
                code = ledger_turn(f->l, SIGNER, &seq, &f->d);
                if (code != 0) {
                    assert_int_not_equal(ledger_close(f->l), 0);
                } else {
                    (void)ledger_close(f->l);
                }
                store_close(f->s);
            }
            disk_set_hook(NULL, NULL);
            judge(f, 2);
        }
    }
}

/* A change that nobody, or only one of the two, signed; or that stands elsewhere. */
static void test_forged(void **state)
{
    uint8_t key[2][32];
    uint8_t secret[2][64];
    uint8_t sig[2][64];
    struct wal_head head = {.first = 0};
    struct buf text;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        assert_int_equal(crypto_sign_keypair(key[i], secret[i]), 0);
    }
    buf_init(&text, NOTE_BYTES_MAX);
    assert_int_equal(note_key_change(&text, "proctor/x", 7, key[0], key[1]), 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(crypto_sign_detached(sig[i], NULL, buf_bytes(&text).p,
                                              buf_len(&text), secret[i]),
                         0);
    }
    for (i = 0; i < 10; i++) {
        struct wal_check c;
        struct record r;
        uint8_t bent[2][64];
        uint64_t first = i == 1 ? 6 : 7;

        memcpy(bent, sig, sizeof(bent));
        bent[0][0] ^= i == 2;
        bent[1][63] ^= i == 3;
        wal_check_init(&c, &head, i == 4 ? "proctor/y" : "proctor/x",
                       key[i == 5]);
        record_init(&r, RECORD_KEY);
        r.seq = i == 6 ? 9 : first + 1;
        record_set_hash(&r, RF_KEY_old_key, key[0]);
        record_set_hash(&r, RF_KEY_new_key, key[i != 7]);
        record_set_bytes(&r, RF_KEY_old_signature,
                         (struct ubytes){bent[i == 8], 64});
        record_set_bytes(&r, RF_KEY_new_signature,
                         (struct ubytes){bent[1], i == 9 ? 63 : 64});
        assert_int_equal(wal_check_key(&c, &r, first),
                         i == 0 ? 0 : ERR_STORE_DAMAGED);
        assert_memory_equal(c.key, key[i == 0 || i == 5], 32);
    }
    buf_release(&text);
}

#define TURN_TEST(name)                                                        \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TURN_TEST(test_turns),      TURN_TEST(test_published_before),
        TURN_TEST(test_key_files),  TURN_TEST(test_kills),
        TURN_TEST(test_failures),   cmocka_unit_test(test_forged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
