/* gguf.c: what a good file reads as; every way to be bad that the format has;
 * and every truncation and every single changed byte, which must never read
 * outside (the sanitizers watch). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "proto/err.h"
#include "tests/unit/nn/gguf_bytes.h"
#include "workers/nn/gguf.h"

static uint8_t room[4096]; /* of the one file that a test has */

static void put_key(struct file *f, const char *key, uint64_t type)
{
    put_text(f, key);
    put(f, type, 4);
}

static void put_tensor(struct file *f, const char *name, uint64_t a, uint64_t b,
                       uint64_t type, uint64_t offset)
{
    put_text(f, name);
    put(f, 2, 4);
    put(f, a, 8);
    put(f, b, 8);
    put(f, type, 4);
    put(f, offset, 8);
}

/* A page-aligned copy that ends where the mapping ends, so that a read behind
 * the file's last byte faults. */
static int open_copy(const uint8_t *bytes, size_t n, struct gguf *g,
                     struct diag *d, struct ubytes *out_copy)
{
    size_t mapped = (n + 4095) / 4096 * 4096;
    uint8_t *p = mmap(NULL, mapped + 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(p != MAP_FAILED);
    assert_int_equal(mprotect(p + mapped, 4096, PROT_NONE), 0);
    if (n > 0) {
        memcpy(p, bytes, n);
    }
    *out_copy = (struct ubytes){p, mapped + 4096};
    diag_init(d);
    return gguf_open((struct ubytes){p, n}, g, d);
}

static void close_copy(struct ubytes copy)
{
    assert_int_equal(munmap((void *)(uintptr_t)copy.p, copy.n), 0);
}

static void expect(const struct file *f, int code, const char *what)
{
    struct gguf g;
    struct diag d;
    struct ubytes copy;
    int got = open_copy(f->bytes, f->n, &g, &d, &copy);

    if (got != code || strstr(d.what, what) == NULL) {
        fail_msg("code %d, expected %d; \"%s\", expected \"%s\"", got, code,
                 d.what, what);
    }
    gguf_release(&g);
    close_copy(copy);
}

static void make_good(struct file *f)
{
    put_head(f, 3, 2, 6);
    put_key(f, "general.architecture", GGUF_STRING);
    put_text(f, "test");
    put_key(f, "a.bool", GGUF_BOOL);
    put(f, 1, 1);
    put_key(f, "a.list", GGUF_ARRAY);
    put(f, GGUF_U32, 4);
    put(f, 3, 8);
    put(f, 7, 4);
    put(f, 8, 4);
    put(f, 0xffffffff, 4);
    put_key(f, "a.words", GGUF_ARRAY);
    put(f, GGUF_STRING, 4);
    put(f, 2, 8);
    put_text(f, "");
    put_text(f, "two");
    put_key(f, "a.f64", GGUF_F64);
    put(f, 0, 8);
    put_key(f, "general.alignment", GGUF_U32);
    put(f, 64, 4);
    put_tensor(f, "z", 2, 3, 0, 0);
    put_tensor(f, "b", 1, 1, 0, 64);
    pad(f, 64);
    put(f, 0x3f800000, 4);
    pad(f, 64);
    put(f, 0x40000000, 4);
    pad(f, 64);
}

static void test_good(void **state)
{
    struct file f = {room, 0};
    struct gguf g;
    struct diag d;
    struct ubytes copy, word;
    const struct gguf_tensor *t;

    (void)state;
    make_good(&f);
    assert_int_equal(open_copy(f.bytes, f.n, &g, &d, &copy), 0);
    assert_int_equal(g.alignment, 64);
    word = gguf_string(&g, "general.architecture");
    assert_int_equal(word.n, 4);
    assert_memory_equal(word.p, "test", 4);
    assert_null(gguf_string(&g, "a.list").p);
    assert_null(gguf_string(&g, "none").p);
    assert_int_equal(gguf_array_u32(gguf_pair(&g, "a.list"), 2), 0xffffffff);
    word = gguf_array_string(gguf_pair(&g, "a.words"), 1);
    assert_int_equal(word.n, 3);
    assert_memory_equal(word.p, "two", 3);
    t = gguf_tensor(&g, "z");
    assert_non_null(t);
    assert_int_equal(t->dimensions[0], 2);
    assert_int_equal(t->dimensions[1], 3);
    assert_int_equal(t->dimensions[3], 1);
    assert_int_equal(t->bytes, 24);
    assert_true(*(const float *)t->data == 1.0f);
    assert_true(*(const float *)gguf_tensor(&g, "b")->data == 2.0f);
    assert_null(gguf_tensor(&g, "c"));
    gguf_release(&g);
    close_copy(copy);
    f.bytes[4] = 2; /* version 2 has the same form */
    expect(&f, 0, "");
}

static void test_head(void **state)
{
    struct file f = {room, 0};

    (void)state;
    expect(&f, ERR_INPUT, "no GGUF file");
    make_good(&f);
    f.bytes[0] = 'g';
    expect(&f, ERR_INPUT, "no GGUF file");
    make_good(&f);
    f.bytes[4] = 1;
    expect(&f, ERR_INPUT, "version 1");
    f.bytes[4] = 4;
    expect(&f, ERR_INPUT, "version 4");
    put_head(&f, 3, UINT64_MAX, 0);
    expect(&f, ERR_LIMIT, "tensors");
    put_head(&f, 3, 0, UINT64_MAX);
    expect(&f, ERR_LIMIT, "keys");
    put_head(&f, 3, 1, 0);
    expect(&f, ERR_INPUT, "list of tensors");
    put_head(&f, 3, 0, 0);
    expect(&f, 0, "");
    put(&f, 0, 1);
    expect(&f, ERR_INPUT, "need 0 bytes");
}

static void test_metadata(void **state)
{
    struct file f = {room, 0};

    (void)state;
    put_head(&f, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        put_key(&f, "same", GGUF_U8);
        put(&f, 1, 1);
    }
    expect(&f, ERR_INPUT, "key same stands twice");
    put_head(&f, 3, 0, 1);
    put_key(&f, "k", 13);
    expect(&f, ERR_INPUT, "unknown type 13");
    put_head(&f, 3, 0, 1);
    put_key(&f, "", GGUF_U8);
    put(&f, 1, 1);
    expect(&f, ERR_INPUT, "no text");
    put_head(&f, 3, 0, 1);
    put_key(&f, "a\xff", GGUF_U8);
    put(&f, 1, 1);
    expect(&f, ERR_INPUT, "no text");
    put_head(&f, 3, 0, 1);
    put_key(&f, "k", GGUF_BOOL);
    put(&f, 2, 1);
    expect(&f, ERR_INPUT, "neither 0 nor 1");
    put_head(&f, 3, 0, 1);
    put_key(&f, "k", GGUF_ARRAY);
    put(&f, GGUF_ARRAY, 4);
    put(&f, 0, 8);
    expect(&f, ERR_INPUT, "array of type 9");
    put_head(&f, 3, 0, 1);
    put_key(&f, "k", GGUF_ARRAY);
    put(&f, GGUF_U64, 4);
    put(&f, UINT64_C(1) << 61, 8);
    expect(&f, ERR_LIMIT, "elements");
    put_head(&f, 3, 0, 1);
    put_key(&f, "k", GGUF_ARRAY);
    put(&f, GGUF_STRING, 4);
    put(&f, 1 << 24, 8);
    expect(&f, ERR_INPUT, "end");
    put_head(&f, 3, 0, 1);
    put(&f, UINT64_MAX, 8);
    expect(&f, ERR_INPUT, "end");
    for (uint64_t bad = 0; bad < 3; bad++) {
        static const uint32_t alignments[] = {0, 48, 1u << 21};

        put_head(&f, 3, 0, 1);
        put_key(&f, "general.alignment", GGUF_U32);
        put(&f, alignments[bad], 4);
        expect(&f, ERR_INPUT, "general.alignment");
    }
    put_head(&f, 3, 0, 1);
    put_key(&f, "general.alignment", GGUF_U64);
    put(&f, 32, 8);
    expect(&f, ERR_INPUT, "general.alignment");
}

static void test_tensors(void **state)
{
    static const struct {
        uint64_t a, b, type, offset;
        const char *what;
    } cases[] = {{4, 2, 2, 0, "type q4_0 (2) is not read"},
                 {4, 2, 39, 0, "type mxfp4 (39) is not read"},
                 {4, 2, 4, 0, "type unknown (4) is not read"},
                 {4, 2, UINT32_MAX, 0, "type unknown"},
                 {4, 2, 8, 0, "its size"},
                 {48, 2, 8, 0, "its size"},
                 {32, 2, 8, 32, "gap"},
                 {4, 2, 0, 32, "gap"},
                 {0, 2, 0, 0, "its size"},
                 {UINT64_MAX, 1, 0, 0, "its size"},
                 {UINT64_C(1) << 31, UINT64_C(1) << 31, 0, 0, "its size"},
                 {8, 2, 0, 0, "need 64 bytes"},
                 {1, 0, 0, 0, "its size"},
                 {UINT64_C(1) << 40, 1, 0, 0, "need 4398046511104 bytes"}};
    struct file f = {room, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        put_head(&f, 3, 1, 0);
        put_tensor(&f, "t", cases[i].a, cases[i].b, cases[i].type,
                   cases[i].offset);
        pad(&f, 32);
        f.n += 32;
        expect(&f, ERR_INPUT, cases[i].what);
    }
    put_head(&f, 3, 2, 0);
    put_tensor(&f, "t", 1, 1, 0, 0);
    put_tensor(&f, "t", 1, 1, 0, 32);
    pad(&f, 32);
    f.n += 64;
    expect(&f, ERR_INPUT, "tensor t stands twice");
    f.n += 32;
    expect(&f, ERR_INPUT, "need 64 bytes");
    put_head(&f, 3, 1, 0);
    put_text(&f, "t");
    put(&f, 5, 4);
    expect(&f, ERR_INPUT, "5 dimensions");
    put_head(&f, 3, 1, 0);
    put_tensor(&f,
               "a name of more than sixty-three bytes, which the format does "
               "not have",
               1, 1, 0, 0);
    expect(&f, ERR_INPUT, "list of tensors");
}

static void test_every_cut_and_byte(void **state)
{
    struct file f = {room, 0};
    struct gguf g;
    struct diag d;
    struct ubytes copy;

    (void)state;
    make_good(&f);
    for (size_t n = 0; n < f.n; n++) {
        assert_true(open_copy(f.bytes, n, &g, &d, &copy) < 0);
        assert_true(d.what[0] != '\0');
        close_copy(copy);
    }
    for (size_t i = 0; i < f.n; i++) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};

        for (size_t k = 0; k < ARRAY_N(flips); k++) {
            f.bytes[i] ^= flips[k];
            (void)!open_copy(f.bytes, f.n, &g, &d, &copy);
            gguf_release(&g);
            close_copy(copy);
            f.bytes[i] ^= flips[k];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_head),
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_every_cut_and_byte)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
