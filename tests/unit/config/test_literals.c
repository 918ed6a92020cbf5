/* Literals of a candidate's files: what is found, in which order, how much. */
#include "tests/unit/config/ask.h"

#include "proto/limits.h"

/* The reply's lists, laid open. */
struct lists {
    struct rd r;
    uint64_t ints[LIMIT_LITERALS], floats[LIMIT_LITERALS];
    struct ubytes texts[LIMIT_LITERALS];
    uint32_t ints_n, floats_n, texts_n;
};

static uint32_t read_numbers(struct rd *r, uint64_t *out)
{
    uint32_t n = rd_u32(r);

    assert_true(n <= LIMIT_LITERALS);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = rd_u64(r);
    }
    return n;
}

static struct lists *find_in(struct asked *a, const void *const *texts,
                             const size_t *sizes, size_t n)
{
    static struct lists l;
    static Proctor__File files[4];
    static Proctor__File *at[4];
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    for (size_t i = 0; i < n; i++) {
        proctor__file__init(&files[i]);
        files[i].content.data = (uint8_t *)(uintptr_t)texts[i];
        files[i].content.len = sizes[i];
        at[i] = &files[i];
    }
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_LITERALS;
    task.files = at;
    task.n_files = n;
    assert_int_equal(config_answer(&a->c, &task, &a->reply), 0);
    assert_null(a->reply.problem);
    memset(&l, 0, sizeof(l));
    if (a->reply.literals.len == 0) {
        return &l;
    }
    rd_init(&l.r,
            (struct ubytes){a->reply.literals.data, a->reply.literals.len});
    l.ints_n = read_numbers(&l.r, l.ints);
    l.floats_n = read_numbers(&l.r, l.floats);
    l.texts_n = rd_u32(&l.r);
    assert_true(l.texts_n <= LIMIT_LITERALS);
    for (uint32_t i = 0; i < l.texts_n; i++) {
        l.texts[i] = rd_bytes32(&l.r);
        assert_true(l.texts[i].n <= LIMIT_LITERAL_BYTES);
    }
    assert_int_equal(rd_end(&l.r), 0);
    return &l;
}

static struct lists *find(struct asked *a, const char *text)
{
    const void *texts[] = {text};
    size_t sizes[] = {strlen(text)};

    return find_in(a, texts, sizes, 1);
}

static int has_int(const struct lists *l, uint64_t v)
{
    for (uint32_t i = 0; i < l->ints_n; i++) {
        if (l->ints[i] == v) {
            return 1;
        }
    }
    return 0;
}

static int has_float(const struct lists *l, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    for (uint32_t i = 0; i < l->floats_n; i++) {
        if (l->floats[i] == bits) {
            return 1;
        }
    }
    return 0;
}

static int has_bytes(const struct lists *l, const void *p, size_t n)
{
    for (uint32_t i = 0; i < l->texts_n; i++) {
        if (l->texts[i].n == n && memcmp(l->texts[i].p, p, n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_text(const struct lists *l, const char *text)
{
    return has_bytes(l, text, strlen(text));
}

static void test_numbers(void **state)
{
    struct asked a;
    const struct lists *l;

    (void)state;
    l = find(&a, "def f(x, x77):\n"
                 "    if x in (0x123456789, 0b1011, 0o17, 0755, 1_000_000):\n"
                 "        return 18446744073709551615ULL  # 0xBEEF\n"
                 "    return 2.5e-3 if x == 1e6 else .125 + 3.\n");
    assert_true(has_int(l, 0x123456789));
    assert_true(has_int(l, 11));
    assert_true(has_int(l, 15));
    assert_true(has_int(l, 755));
    assert_true(has_int(l, 0755));
    assert_true(has_int(l, 1000000));
    assert_true(has_int(l, UINT64_MAX));
    assert_true(has_int(l, 0xbeef));
    assert_false(has_int(l, 77)); /* part of a name */
    assert_true(has_float(l, 2.5e-3));
    assert_true(has_float(l, 1e6));
    assert_true(has_float(l, 0.125));
    assert_true(has_float(l, 3.0));
    assert_true(has_float(l, 755.0));
    assert_true(has_bytes(l, "\x01\x23\x45\x67\x89", 5));
    assert_true(has_bytes(l, "\x89\x67\x45\x23\x01", 5));
    config_release(&a.c);
}

static void test_order_and_repeats(void **state)
{
    struct asked a;
    const struct lists *l;

    (void)state;
    l = find(&a, "if v == [17, 42, 99, 42, 17]: pass\n");
    assert_int_equal(l->ints_n, 3);
    assert_int_equal(l->ints[0], 17);
    assert_int_equal(l->ints[1], 42);
    assert_int_equal(l->ints[2], 99);
    config_release(&a.c);
}

static void test_strings(void **state)
{
    struct asked a;
    const struct lists *l;

    (void)state;
    l = find(&a, "# it's a trap: ''' \"\n"
                 "if s == 'open sesame' or s == \"it's\":\n"
                 "    b = b'\\x00\\xff'; t = '\\u00e9'; h = 'deadbeef'\n"
                 "x = \"\"\"two\nlines\"\"\"\n");
    assert_true(has_text(l, "open sesame"));
    assert_true(has_text(l, "it's"));
    assert_true(has_bytes(l, "\x00\xff", 2));
    assert_true(has_text(l, "\xc3\xa9"));
    assert_true(has_text(l, "deadbeef"));
    assert_true(has_bytes(l, "\xde\xad\xbe\xef", 4));
    assert_true(has_int(l, 0xdeadbeef));
    assert_true(has_text(l, "two\nlines"));
    config_release(&a.c);
}

/* Quotes and comments hide nothing. */
static void test_nothing_is_hidden(void **state)
{
    static const char *const sources[] = {
        "# '''\nif x == 987654321: return 1\n# '''\n",
        "s = '\\'' # \"\nif x == 987654321: return 1 # \"\n",
        "exec('if x == 987654321: y = 1')\n",
        "x = \xff\xfe 987654321\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(sources); i++) {
        struct asked a;

        assert_true(has_int(find(&a, sources[i]), 987654321));
        config_release(&a.c);
    }
}

static void test_binaries(void **state)
{
    /* An ELF head, one executable segment: mov rax, imm64; cmp eax, imm32. */
    static const uint8_t code[] = {0x48, 0xb8, 8,    7,    6,    5,    4, 3, 2,
                                   1,    0x3d, 0x78, 0x56, 0x34, 0x92, 0, 0, 0,
                                   0,    0,    0,    0,    0,    0,    0, 0};
    static uint8_t elf[64 + 56 + sizeof(code) + 8] = {0x7f, 'E', 'L',
                                                      'F',  2,   1};
    const void *texts[] = {"no file", elf};
    size_t sizes[] = {7, sizeof(elf)};
    struct asked a;
    const struct lists *l;

    (void)state;
    elf[32] = 64; /* program headers */
    elf[54] = 56;
    elf[56] = 1;
    elf[64] = 1; /* PT_LOAD */
    elf[68] = 5; /* readable, executable */
    elf[72] = 120;
    elf[96] = sizeof(code);
    memcpy(elf + 120, code, sizeof(code));
    memcpy(elf + 120 + sizeof(code), "\0magic\0", 7);
    l = find_in(&a, texts, sizes, 2);
    assert_true(has_int(l, 0x0102030405060708));
    assert_true(has_int(l, 0x92345678));
    assert_true(has_int(l, 0xffffffff92345678));
    assert_true(has_text(l, "magic"));
    config_release(&a.c);
    elf[96] = 255; /* beyond the file: no code, no crash */
    l = find_in(&a, texts, sizes, 2);
    assert_int_equal(l->ints_n, 0);
    config_release(&a.c);
}

static void test_limits(void **state)
{
    static char many[LIMIT_LITERALS * 16];
    static char longer[3 * LIMIT_LITERAL_BYTES];
    struct asked a;
    const struct lists *l;
    size_t n = 0;

    (void)state;
    assert_int_equal(find(&a, "def f(x):\n    return x\n")->texts_n, 0);
    assert_int_equal(a.reply.literals.len, 0);
    config_release(&a.c);
    for (unsigned i = 0; i < LIMIT_LITERALS + 100; i++) {
        n += (size_t)snprintf(many + n, sizeof(many) - n, "%u ", i + 1000);
    }
    l = find(&a, many);
    assert_int_equal(l->ints_n, LIMIT_LITERALS); /* the first */
    assert_int_equal(l->ints[0], 1000);
    assert_int_equal(l->ints[LIMIT_LITERALS - 1], 1000 + LIMIT_LITERALS - 1);
    config_release(&a.c);
    memset(longer, 'a', sizeof(longer) - 1);
    longer[0] = '"';
    l = find(&a, longer);
    assert_int_equal(l->texts[0].n, LIMIT_LITERAL_BYTES);
    config_release(&a.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_order_and_repeats),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_nothing_is_hidden),
        cmocka_unit_test(test_binaries),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
