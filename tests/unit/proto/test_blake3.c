/* BLAKE3 against the official vectors, against itself in pieces, and against
 * b3sum as an outside oracle. */
#include "gen.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "proto/blake3.h"
#include "proto/blake3_wide.h"
#include "proto/cid.h"

#define INPUT_MAX (1u << 20)

struct vector {
    size_t n;
    const char *hash;
};

/* Source: test_vectors.json of the BLAKE3 project, the first 32 bytes of each
 * `hash`. Input byte i is i mod 251. */
static const struct vector vectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63"},
    {3, "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f"},
    {4, "f30f5ab28fe047904037f77b6da4fea1e27241c5d132638d8bedce9d40494f32"},
    {5, "b40b44dfd97e7a84a996a91af8b85188c66c126940ba7aad2e7ae6b385402aa2"},
    {6, "06c4e8ffb6872fad96f9aaca5eee1553eb62aed0ad7198cef42e87f6a616c844"},
    {7, "3f8770f387faad08faa9d8414e9f449ac68e6ff0417f673f602a646a891419fe"},
    {8, "2351207d04fc16ade43ccab08600939c7c1fa70a5c0aaca76063d04c3228eaeb"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
    {127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d"},
    {128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef"},
    {129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
    {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
    {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
    {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
    {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
    {6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
    {6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"},
    {7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
    {7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
    {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
    {102400,
     "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
};

static uint8_t input[INPUT_MAX];

static void fill_pattern(void)
{
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (uint8_t)(i % 251);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    fill_pattern();
    for (size_t i = 0; i < ARRAY_N(vectors); i++) {
        struct cid c;
        char text[CID_TEXT_BYTES];

        blake3(input, vectors[i].n, c.b);
        cid_text(&c, text);
        assert_string_equal(text, vectors[i].hash);
    }
}

/* Any cut of the stream gives the same; a digest may be taken on the way. */
static void test_pieces(void **state)
{
    struct gen g = gen_start();

    (void)state;
    fill_pattern();
    for (int i = 0; i < 400; i++) {
        size_t n = gen_below(&g, 20000);
        size_t step = 1 + gen_below(&g, i % 2 == 0 ? 130 : 5000);
        size_t at = 0;
        uint8_t whole[BLAKE3_BYTES];
        uint8_t parts[BLAKE3_BYTES];
        struct blake3 h;

        blake3(input, n, whole);
        blake3_init(&h);
        while (at < n) {
            size_t take = step < n - at ? step : n - at;

            blake3_update(&h, input + at, take);
            at += take;
            if (gen_below(&g, 20) == 0) {
                uint8_t prefix[BLAKE3_BYTES];

                blake3_final(&h, parts);
                blake3(input, at, prefix);
                CHECK(&g, memcmp(parts, prefix, sizeof(parts)) == 0);
            }
        }
        blake3_final(&h, parts);
        CHECK(&g, memcmp(whole, parts, sizeof(parts)) == 0);
    }
}

/* Every width that this processor has, and no width at all (one byte at a time
 * never sees a whole subtree), at every edge of a subtree. */
static void test_widths(void **state)
{
    static const unsigned widths[] = {8, 16};
    struct gen g = gen_start();

    (void)state;
    if (blake3_wide_lanes() == 0) {
        fail_msg("this processor has neither AVX2 nor AVX-512");
    }
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (uint8_t)gen_u64(&g);
    }
    for (size_t i = 0; i < ARRAY_N(widths); i++) {
        for (unsigned n = widths[i]; n <= BLAKE3_WIDE_CHUNKS; n *= 2) {
            uint64_t first = gen_below(&g, 1u << 20) * n << (i == 1 ? 20 : 0);
            uint32_t wide[8], eight[8];

            if (widths[i] > blake3_wide_lanes()) {
                continue;
            }
            blake3_wide_subtree(widths[i], input, n, first, wide);
            blake3_wide_subtree(8, input, n, first, eight);
            CHECK(&g, memcmp(wide, eight, sizeof(wide)) == 0);
        }
    }
    for (size_t kib = 1; kib <= 200; kib += kib < 40 ? 1 : 23) {
        for (size_t off = 0; off < 3; off++) {
            size_t n = kib * 1024 + off - 1;
            uint8_t wide[BLAKE3_BYTES], narrow[BLAKE3_BYTES];
            struct blake3 h;

            blake3(input, n, wide);
            blake3_init(&h);
            for (size_t at = 0; at < n; at++) {
                blake3_update(&h, input + at, 1);
            }
            blake3_final(&h, narrow);
            CHECK(&g, memcmp(wide, narrow, sizeof(wide)) == 0);
        }
    }
}

/* Hash of the file by b3sum; fails by name when it is not installed. */
static void outside(const char *path, char out[static CID_TEXT_BYTES])
{
    int ends[2];
    int status;
    pid_t pid;
    size_t at = 0;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        execlp("b3sum", "b3sum", "--no-names", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while (at < CID_TEXT_BYTES - 1 &&
           (n = read(ends[0], out + at, CID_TEXT_BYTES - 1 - at)) > 0) {
        at += (size_t)n;
    }
    out[at] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        fail_msg("b3sum is missing: scripts/setup.sh installs it");
    }
    assert_int_equal(status, 0);
}

static void test_outside_oracle(void **state)
{
    static const size_t around[] = {0, 1, 63, 64, 65, 1023, 1024, 1025, 65536};
    struct gen g = gen_start();
    char path[] = "/tmp/proctor-blake3-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < 40; i++) {
        size_t n = i < ARRAY_N(around) ? around[i] : gen_below(&g, INPUT_MAX);
        char theirs[CID_TEXT_BYTES];
        char ours[CID_TEXT_BYTES];
        struct cid c;

        for (size_t j = 0; j < n; j++) {
            input[j] = (uint8_t)gen_u64(&g);
        }
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, input, n, 0), (ssize_t)n);
        outside(path, theirs);
        c = cid_of((struct ubytes){input, n});
        cid_text(&c, ours);
        CHECK(&g, strcmp(ours, theirs) == 0);
    }
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_outside_oracle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
