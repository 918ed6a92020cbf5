/* Trees against the vectors of RFC 6962's reference leaves and against a naive
 * recursive reference, exhaustively up to 130 leaves; wrong proofs refused. */
#include "gen.h"

#include <sodium.h>

#include "proto/cid.h"
#include "proto/merkle.h"

#define N_MAX 130

static struct merkle_hash leaves[N_MAX];

/* The definition, as the RFC writes it. */
static struct merkle_hash naive_root(uint64_t first, uint64_t n)
{
    struct merkle_hash l;
    struct merkle_hash r;
    uint64_t k = 1;

    if (n == 0) {
        return merkle_empty();
    }
    if (n == 1) {
        return leaves[first];
    }
    while (2 * k < n) {
        k *= 2;
    }
    l = naive_root(first, k);
    r = naive_root(first + k, n - k);
    return merkle_node(&l, &r);
}

static size_t naive_path(uint64_t m, uint64_t first, uint64_t n,
                         struct merkle_hash *out)
{
    uint64_t k = 1;
    size_t count;

    if (n <= 1) {
        return 0;
    }
    while (2 * k < n) {
        k *= 2;
    }
    if (m < k) {
        count = naive_path(m, first, k, out);
        out[count] = naive_root(first + k, n - k);
    } else {
        count = naive_path(m - k, first + k, n - k, out);
        out[count] = naive_root(first, k);
    }
    return count + 1;
}

static size_t naive_subproof(uint64_t m, uint64_t first, uint64_t n, int whole,
                             struct merkle_hash *out)
{
    uint64_t k = 1;
    size_t count;

    if (m == n) {
        if (whole) {
            return 0;
        }
        out[0] = naive_root(first, n);
        return 1;
    }
    while (2 * k < n) {
        k *= 2;
    }
    if (m <= k) {
        count = naive_subproof(m, first, k, whole, out);
        out[count] = naive_root(first + k, n - k);
    } else {
        count = naive_subproof(m - k, first + k, n - k, 0, out);
        out[count] = naive_root(first, k);
    }
    return count + 1;
}

static int subtree(void *ctx, unsigned level, uint64_t i,
                   struct merkle_hash *out)
{
    (void)ctx;
    assert_true(((i + 1) << level) <= N_MAX);
    *out = naive_root(i << level, (uint64_t)1 << level);
    return 0;
}

static int no_subtree(void *ctx, unsigned level, uint64_t i,
                      struct merkle_hash *out)
{
    (void)ctx;
    (void)level;
    (void)i;
    (void)out;
    return ERR_IO;
}

static void fill_leaves(void)
{
    uint64_t i;

    for (i = 0; i < N_MAX; i++) {
        leaves[i] = merkle_leaf((struct ubytes){(const uint8_t *)&i, 8});
    }
}

static void expect_hex(const struct merkle_hash *h, const char *hex)
{
    char text[65];

    hex_text(h->b, sizeof(h->b), text);
    assert_string_equal(text, hex);
}

static void test_hash_vectors(void **state)
{
    struct merkle_hash h = merkle_empty();
    uint8_t joined[11] = {1};

    (void)state;
    expect_hex(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                   "7852b855");
    h = merkle_leaf((struct ubytes){NULL, 0});
    expect_hex(&h, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a306"
                   "17afa01d");
    h = merkle_leaf((struct ubytes){(const uint8_t *)"L123456", 7});
    expect_hex(&h, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639"
                   "252b4d56");
    /* The node vector joins words that are no hashes: prefix 01 by hand. */
    memcpy(joined + 1, "N123N456", 8);
    crypto_hash_sha256(h.b, joined, 9);
    expect_hex(&h, "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b04444"
                   "4de66bbb");
}

/* A node is SHA-256(01 || l || r), a leaf of the same bytes is not. */
static void test_node_is_no_leaf(void **state)
{
    uint8_t joined[65] = {1};
    struct merkle_hash node;
    struct merkle_hash leaf;
    struct merkle_hash expected;

    (void)state;
    fill_leaves();
    memcpy(joined + 1, leaves[0].b, 32);
    memcpy(joined + 33, leaves[1].b, 32);
    crypto_hash_sha256(expected.b, joined, sizeof(joined));
    node = merkle_node(&leaves[0], &leaves[1]);
    leaf = merkle_leaf((struct ubytes){joined + 1, 64});
    assert_memory_equal(node.b, expected.b, 32);
    assert_memory_not_equal(node.b, leaf.b, 32);
}

static void test_reference_roots(void **state)
{
    static const char *const entries[] = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct merkle_frontier f;
    struct merkle_hash hashes[8];
    struct merkle_hash root;
    size_t i;

    (void)state;
    merkle_frontier_init(&f);
    root = merkle_frontier_root(&f);
    assert_memory_equal(root.b, merkle_empty().b, 32);
    for (i = 0; i < ARRAY_N(entries); i++) {
        uint8_t bytes[16];
        size_t n = strlen(entries[i]) / 2;

        assert_int_equal(hex_parse(entries[i], 2 * n, bytes), 0);
        hashes[i] = merkle_leaf((struct ubytes){bytes, n});
        merkle_frontier_add(&f, &hashes[i]);
        root = merkle_frontier_root(&f);
        expect_hex(&root, roots[i]);
        root = merkle_root(hashes, i + 1);
        expect_hex(&root, roots[i]);
    }
}

static void test_roots_agree(void **state)
{
    struct merkle_frontier f;
    struct merkle_hash naive;
    struct merkle_hash root;
    uint64_t n;

    (void)state;
    fill_leaves();
    merkle_frontier_init(&f);
    for (n = 0; n <= N_MAX; n++) {
        naive = naive_root(0, n);
        root = merkle_root(leaves, n);
        assert_memory_equal(root.b, naive.b, 32);
        root = merkle_frontier_root(&f);
        assert_memory_equal(root.b, naive.b, 32);
        if (n < N_MAX) {
            merkle_frontier_add(&f, &leaves[n]);
        }
    }
}

/* All the ways in which a proof of this shape can be wrong. */
static void refuse_inclusion(uint64_t i, uint64_t n, struct merkle_hash *proof,
                             size_t proof_n, const struct merkle_hash *root)
{
    struct merkle_hash extra[MERKLE_PROOF_MAX + 1];
    struct merkle_hash swap;

    memcpy(extra, proof, proof_n * sizeof(*proof));
    extra[proof_n] = leaves[0];
    assert_false(
        merkle_check_inclusion(i, n, &leaves[i], extra, proof_n + 1, root));
    assert_false(
        merkle_check_inclusion(n, n, &leaves[i], proof, proof_n, root));
    assert_false(merkle_check_inclusion(i, n, &leaves[(i + 1) % N_MAX], proof,
                                        proof_n, root));
    if (proof_n == 0) {
        return;
    }
    assert_false(
        merkle_check_inclusion(i, n, &leaves[i], proof, proof_n - 1, root));
    assert_false(
        merkle_check_inclusion(i, n, &leaves[i], proof + 1, proof_n - 1, root));
    extra[proof_n / 2].b[7] ^= 0x10;
    assert_false(
        merkle_check_inclusion(i, n, &leaves[i], extra, proof_n, root));
    if (proof_n > 1) {
        memcpy(extra, proof, proof_n * sizeof(*proof));
        swap = extra[0];
        extra[0] = extra[proof_n - 1];
        extra[proof_n - 1] = swap;
        assert_false(
            merkle_check_inclusion(i, n, &leaves[i], extra, proof_n, root));
    }
}

static void test_inclusion_exhaustive(void **state)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct merkle_hash naive[MERKLE_PROOF_MAX];
    uint64_t n;
    uint64_t i;

    (void)state;
    fill_leaves();
    for (n = 1; n <= N_MAX; n++) {
        struct merkle_hash root = naive_root(0, n);

        for (i = 0; i < n; i++) {
            size_t proof_n = 99;
            size_t naive_n = naive_path(i, 0, n, naive);

            assert_int_equal(
                merkle_prove_inclusion(i, n, subtree, NULL, proof, &proof_n),
                0);
            assert_int_equal(proof_n, naive_n);
            assert_memory_equal(proof, naive, naive_n * sizeof(*naive));
            assert_true(merkle_check_inclusion(i, n, &leaves[i], proof, proof_n,
                                               &root));
            if (n > 1) {
                /* One proof may fit several sizes, not several leaves. */
                assert_false(merkle_check_inclusion(
                    i == 0 ? 1 : i - 1, n, &leaves[i], proof, proof_n, &root));
            }
            refuse_inclusion(i, n, proof, proof_n, &root);
        }
    }
}

static void refuse_consistency(uint64_t m, uint64_t n,
                               struct merkle_hash *proof, size_t proof_n,
                               const struct merkle_hash *old_root,
                               const struct merkle_hash *root)
{
    struct merkle_hash extra[MERKLE_PROOF_MAX + 1];

    memcpy(extra, proof, proof_n * sizeof(*proof));
    extra[proof_n] = leaves[0];
    assert_false(
        merkle_check_consistency(m, n, extra, proof_n + 1, old_root, root));
    assert_false(
        merkle_check_consistency(0, n, proof, proof_n, old_root, root));
    assert_false(
        merkle_check_consistency(n + 1, n, proof, proof_n, old_root, root));
    if (m == n) {
        return;
    }
    assert_false(
        merkle_check_consistency(m, n, proof, proof_n, root, old_root));
    assert_false(
        merkle_check_consistency(m, n, proof, proof_n - 1, old_root, root));
    assert_false(merkle_check_consistency(m, n, NULL, 0, old_root, root));
    extra[proof_n - 1].b[31] ^= 1;
    assert_false(
        merkle_check_consistency(m, n, extra, proof_n, old_root, root));
}

static void test_consistency_exhaustive(void **state)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct merkle_hash naive[MERKLE_PROOF_MAX];
    uint64_t n;
    uint64_t m;

    (void)state;
    fill_leaves();
    for (n = 1; n <= N_MAX; n++) {
        struct merkle_hash root = naive_root(0, n);

        for (m = 1; m <= n; m++) {
            struct merkle_hash old_root = naive_root(0, m);
            size_t proof_n = 99;
            size_t naive_n = naive_subproof(m, 0, n, 1, naive);

            assert_int_equal(
                merkle_prove_consistency(m, n, subtree, NULL, proof, &proof_n),
                0);
            assert_int_equal(proof_n, naive_n);
            assert_memory_equal(proof, naive, naive_n * sizeof(*naive));
            assert_true(merkle_check_consistency(m, n, proof, proof_n,
                                                 &old_root, &root));
            refuse_consistency(m, n, proof, proof_n, &old_root, &root);
        }
    }
}

static void test_bad_arguments(void **state)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    size_t n;

    (void)state;
    fill_leaves();
    assert_int_equal(merkle_prove_inclusion(5, 5, subtree, NULL, proof, &n),
                     ERR_INPUT);
    assert_int_equal(merkle_prove_inclusion(0, 0, subtree, NULL, proof, &n),
                     ERR_INPUT);
    assert_int_equal(merkle_prove_consistency(0, 5, subtree, NULL, proof, &n),
                     ERR_INPUT);
    assert_int_equal(merkle_prove_consistency(6, 5, subtree, NULL, proof, &n),
                     ERR_INPUT);
    assert_int_equal(merkle_prove_inclusion(1, 7, no_subtree, NULL, proof, &n),
                     ERR_IO);
    assert_int_equal(
        merkle_prove_consistency(3, 7, no_subtree, NULL, proof, &n), ERR_IO);
}

static int fake_subtree(void *ctx, unsigned level, uint64_t i,
                        struct merkle_hash *out)
{
    (void)ctx;
    memset(out, 0, sizeof(*out));
    out->b[0] = (uint8_t)level;
    memcpy(out->b + 8, &i, sizeof(i));
    return 0;
}

/* Sizes near 2^63: no overflow, at most MERKLE_PROOF_MAX hashes. */
static void test_huge_sizes(void **state)
{
    static const uint64_t sizes[] = {(UINT64_C(1) << 63) - 1, UINT64_C(1) << 63,
                                     (UINT64_C(1) << 63) + 1,
                                     (UINT64_C(1) << 40) + 7};
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(sizes); i++) {
        size_t n = 0;

        assert_int_equal(merkle_prove_inclusion(sizes[i] - 1, sizes[i],
                                                fake_subtree, NULL, proof, &n),
                         0);
        assert_in_range(n, 1, MERKLE_PROOF_MAX);
        assert_int_equal(
            merkle_prove_inclusion(0, sizes[i], fake_subtree, NULL, proof, &n),
            0);
        assert_in_range(n, 40, MERKLE_PROOF_MAX);
        assert_false(merkle_check_inclusion(0, sizes[i], &leaves[0], proof, n,
                                            &leaves[1]));
        assert_int_equal(merkle_prove_consistency(sizes[i] - 1, sizes[i],
                                                  fake_subtree, NULL, proof,
                                                  &n),
                         0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_vectors),
        cmocka_unit_test(test_node_is_no_leaf),
        cmocka_unit_test(test_reference_roots),
        cmocka_unit_test(test_roots_agree),
        cmocka_unit_test(test_inclusion_exhaustive),
        cmocka_unit_test(test_consistency_exhaustive),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_huge_sizes),
    };

    return cmocka_run_group_tests_name("merkle", tests, NULL, NULL);
}
