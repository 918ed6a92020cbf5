/* proctor-signer through its socket: what it signs, what it refuses, what it
 * has left when it serves, how it ends. */
#include "fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sodium.h>
#include <sys/wait.h>

#include "kernel/store/signer_client.h"
#include "proto/signer.h"

static const char signer_path[] = TEST_BIN_DIR "/proctor-signer";

struct session {
    struct signer_client c;
    struct signer_public p;
    struct diag d;
};

static int start(struct fixture *f, struct session *s, int is_new)
{
    char path[128];
    int key;
    int code;

    (void)snprintf(path, sizeof(path), "%s/key", f->base);
    key = open(path,
               is_new ? O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
                      : O_RDONLY | O_CLOEXEC,
               0600);
    assert_true(key >= 0);
    diag_init(&s->d);
    code = signer_client_start(&s->c, signer_path, key, -1, is_new, &s->p, &s->d);
    assert_int_equal(close(key), 0);
    return code;
}

static struct merkle_hash leaf_of(unsigned i)
{
    return merkle_leaf((struct ubytes){(const uint8_t *)&i, sizeof(i)});
}

/* Signs leaves [f->size, f->size + n); 0 when all agrees. */
static int sign(struct session *s, struct merkle_frontier *f, uint32_t n,
                uint8_t sig[static 64])
{
    struct merkle_hash leaves[16];
    struct merkle_hash root;
    struct checkpoint c;
    uint64_t old = f->size;
    uint64_t size;
    struct buf body;
    uint32_t i;
    int code;

    for (i = 0; i < n; i++) {
        leaves[i] = leaf_of((unsigned)f->size);
        merkle_frontier_add(f, &leaves[i]);
    }
    code = signer_client_sign_send(&s->c, old, leaves, n);
    if (code == 0) {
        code = signer_client_sign_receive(&s->c, &size, &root, sig);
    }
    if (code != 0) {
        return code;
    }
    strcpy(c.origin, s->p.origin);
    c.size = f->size;
    c.root = merkle_frontier_root(f);
    assert_true(size == c.size);
    assert_memory_equal(root.b, c.root.b, 32);
    buf_init(&body, 1000);
    assert_int_equal(note_body(&body, &c), 0);
    assert_int_equal(crypto_sign_verify_detached(sig, buf_bytes(&body).p,
                                                 buf_len(&body), s->p.key),
                     0);
    buf_release(&body);
    return 0;
}

static void test_key_file(void **state)
{
    struct fixture *f = *state;
    struct session a;
    struct session b;

    assert_int_equal(start(f, &a, 1), 0);
    assert_int_equal(a.p.chain_n, LIMIT_SEED_CHAIN);
    assert_memory_equal(a.p.origin, "proctor/", 8);
    assert_int_equal(strlen(a.p.origin), 24);
    signer_client_stop(&a.c);
    assert_int_equal(start(f, &b, 0), 0);
    assert_memory_equal(&a.p, &b.p, sizeof(a.p));
    signer_client_stop(&b.c);
}

static void test_damaged_key_file(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct session s;
    uint64_t i;

    assert_int_equal(start(f, &s, 1), 0);
    signer_client_stop(&s.c);
    (void)snprintf(path, sizeof(path), "%s/key", f->base);
    assert_true(file_size(path) == SIGNER_KEY_FILE_BYTES);
    for (i = 0; i < SIGNER_KEY_FILE_BYTES; i += 3001) {
        flip_byte(path, i);
        assert_int_equal(start(f, &s, 0), ERR_SIGNER);
        assert_true(s.d.what[0] != '\0');
        signer_client_stop(&s.c);
        flip_byte(path, i);
    }
    assert_int_equal(truncate(path, SIGNER_KEY_FILE_BYTES - 1), 0);
    assert_int_equal(start(f, &s, 0), ERR_SIGNER);
    signer_client_stop(&s.c);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(start(f, &s, 0), ERR_SIGNER);
    signer_client_stop(&s.c);
}

static void test_signs_forward_only(void **state)
{
    struct fixture *f = *state;
    struct session s;
    struct merkle_frontier tree;
    struct merkle_frontier before;
    uint8_t sig[64];

    merkle_frontier_init(&tree);
    assert_int_equal(start(f, &s, 1), 0);
    before = tree;
    assert_int_equal(sign(&s, &before, 1, sig), ERR_SIGNER); /* not begun */
    assert_int_equal(signer_client_begin(&s.c, &tree, NULL), 0);
    assert_int_equal(sign(&s, &tree, 1, sig), 0);
    before = tree;
    assert_int_equal(sign(&s, &tree, 5, sig), 0);
    /* The same size again, whatever the leaves: no. */
    assert_int_equal(sign(&s, &before, 5, sig), ERR_SIGNER);
    merkle_frontier_init(&before);
    assert_int_equal(sign(&s, &before, 1, sig), ERR_SIGNER);
    assert_int_equal(sign(&s, &tree, 2, sig), 0);
    /* A second claim in the same life: no. */
    assert_int_equal(signer_client_begin(&s.c, &tree, sig), ERR_SIGNER);
    assert_int_equal(sign(&s, &tree, 1, sig), 0);
    signer_client_stop(&s.c);
}

static void test_claims(void **state)
{
    struct fixture *f = *state;
    struct session s;
    struct merkle_frontier tree;
    struct merkle_frontier empty;
    struct merkle_frontier forged;
    uint8_t sig[64];
    uint8_t bad[64];

    merkle_frontier_init(&tree);
    merkle_frontier_init(&empty);
    assert_int_equal(start(f, &s, 1), 0);
    assert_int_equal(signer_client_begin(&s.c, &empty, NULL), 0);
    assert_int_equal(sign(&s, &tree, 7, sig), 0);
    signer_client_stop(&s.c);

    assert_int_equal(start(f, &s, 0), 0);
    /* An old key never starts at size 0 again. */
    assert_int_equal(signer_client_begin(&s.c, &empty, NULL), ERR_SIGNER);
    memcpy(bad, sig, sizeof(bad));
    bad[3] ^= 1;
    assert_int_equal(signer_client_begin(&s.c, &tree, bad), ERR_SIGNER);
    forged = tree;
    forged.h[0].b[0] ^= 1;
    assert_int_equal(signer_client_begin(&s.c, &forged, sig), ERR_SIGNER);
    forged = tree;
    merkle_frontier_add(&forged, &forged.h[0]);
    assert_int_equal(signer_client_begin(&s.c, &forged, sig), ERR_SIGNER);
    assert_int_equal(signer_client_begin(&s.c, &tree, sig), 0);
    assert_int_equal(sign(&s, &tree, 3, sig), 0);
    signer_client_stop(&s.c);
}

static void test_seeds(void **state)
{
    struct fixture *f = *state;
    static const uint64_t order[] = {
        1, 2, 1023, 1024, 1025, 500000, LIMIT_SEED_CHAIN};
    struct merkle_frontier tree;
    struct session s;
    uint8_t x[32];
    uint8_t last[32];
    uint64_t last_i = 0;
    uint64_t i;
    size_t k;

    merkle_frontier_init(&tree);
    assert_int_equal(start(f, &s, 1), 0);
    assert_int_equal(signer_client_reveal(&s.c, 1, x), ERR_SIGNER);
    assert_int_equal(signer_client_begin(&s.c, &tree, NULL), 0);
    memcpy(last, s.p.anchor, 32);
    assert_int_equal(signer_client_reveal(&s.c, 0, x), ERR_SIGNER);
    for (k = 0; k < ARRAY_N(order); k++) {
        uint8_t down[32];

        assert_int_equal(signer_client_reveal(&s.c, order[k], x), 0);
        memcpy(down, x, 32);
        for (i = order[k]; i > last_i; i--) {
            (void)crypto_generichash(down, 32, down, 32, NULL, 0);
        }
        assert_memory_equal(down, last, 32); /* hashes down to the last one */
        assert_int_equal(signer_client_reveal(&s.c, order[k], down),
                         ERR_SIGNER); /* once */
        memcpy(last, x, 32);
        last_i = order[k];
    }
    assert_int_equal(signer_client_reveal(&s.c, 7, x), ERR_SIGNER);
    assert_int_equal(signer_client_reveal(&s.c, LIMIT_SEED_CHAIN + 1ull, x),
                     ERR_SIGNER);
    signer_client_stop(&s.c);
}

static unsigned count_fds(int pid)
{
    char path[64];
    DIR *d;
    unsigned n = 0;
    const struct dirent *e;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    d = opendir(path);
    if (d == NULL) {
        return 0;
    }
    while ((e = readdir(d)) != NULL) {
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n;
}

static void expect_status(int pid, const char *line)
{
    char path[64];
    char text[4096] = "";
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "r");
    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    assert_int_equal(fclose(file), 0);
    if (strstr(text, line) == NULL) {
        fail_msg("no \"%s\" in %s", line, text);
    }
}

/* As seen from outside while it serves. */
static void test_confined(void **state)
{
    struct fixture *f = *state;
    struct merkle_frontier tree;
    struct session s;

    merkle_frontier_init(&tree);
    assert_int_equal(start(f, &s, 1), 0);
    expect_status(s.c.pid, "Seccomp:\t2\n");
    expect_status(s.c.pid, "NoNewPrivs:\t1\n");
    expect_status(s.c.pid, "CapEff:\t0000000000000000\n");
    expect_status(s.c.pid, "CapPrm:\t0000000000000000\n");
    if (geteuid() == 0) { /* undumpable: only root may look */
        assert_int_equal(count_fds(s.c.pid), 1);
    }
    assert_int_equal(getsid(s.c.pid), s.c.pid);
    signer_client_stop(&s.c);
}

/* A request that breaks the protocol ends it; so does the end of the socket. */
static void test_ends(void **state)
{
    static const uint8_t bad[][5] = {{0, 0, 0, 1, 99},
                                     {0, 0, 0, 0, SIGNER_PUBLIC},
                                     {0xff, 0, 0, 0, SIGNER_PUBLIC}};
    struct fixture *f = *state;
    struct session s;
    uint8_t byte;
    int status;
    size_t i;

    assert_int_equal(start(f, &s, 1), 0);
    signer_client_stop(&s.c); /* returns: it ended */
    for (i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(start(f, &s, 0), 0);
        assert_int_equal(write(s.c.fd, bad[i], 5), 5);
        assert_int_equal(read(s.c.fd, &byte, 1), 0);
        assert_int_equal(waitpid(s.c.pid, &status, 0), s.c.pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        s.c.pid = 0;
        signer_client_stop(&s.c);
    }
}

static void test_survives_terminal_signals(void **state)
{
    struct fixture *f = *state;
    struct merkle_frontier tree;
    struct session s;
    uint8_t sig[64];

    merkle_frontier_init(&tree);
    assert_int_equal(start(f, &s, 1), 0);
    assert_int_equal(signer_client_begin(&s.c, &tree, NULL), 0);
    assert_int_equal(sign(&s, &tree, 1, sig), 0);
    assert_int_not_equal(getpgid(s.c.pid), getpgrp());
    signer_client_stop(&s.c);
}

#define SIGNER_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNER_TEST(test_key_file),
        SIGNER_TEST(test_damaged_key_file),
        SIGNER_TEST(test_signs_forward_only),
        SIGNER_TEST(test_claims),
        SIGNER_TEST(test_seeds),
        SIGNER_TEST(test_confined),
        SIGNER_TEST(test_ends),
        SIGNER_TEST(test_survives_terminal_signals),
    };

    return cmocka_run_group_tests_name("signer", tests, NULL, NULL);
}
