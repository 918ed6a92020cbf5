/* NPY, NPZ, IDX and CIFAR: files made here, every type, and every way in which one
 * is refused. */
#include <stdio.h>

#define ZLIB_CONST
#include <zlib.h>

#include "tests/unit/train/load_world.h"

#define REGRESSION PROCTOR__DATA_KIND__DATA_REGRESSION
#define CLASSES PROCTOR__DATA_KIND__DATA_CLASSIFICATION

struct made {
    uint8_t b[65536];
    size_t n;
};

static void add(struct made *m, const void *p, size_t n)
{
    assert_true(m->n + n <= sizeof(m->b));
    memcpy(m->b + m->n, p, n);
    m->n += n;
}

static void add_le(struct made *m, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t b = (uint8_t)(v >> 8 * i);

        add(m, &b, 1);
    }
}

static void add_be(struct made *m, uint64_t v, unsigned n)
{
    for (unsigned i = n; i-- > 0;) {
        uint8_t b = (uint8_t)(v >> 8 * i);

        add(m, &b, 1);
    }
}

static void npy(struct made *m, unsigned version, const char *header,
                const void *p, size_t n)
{
    m->n = 0;
    add(m, "\x93NUMPY", 6);
    add_le(m, version, 1);
    add_le(m, 0, 1);
    add_le(m, strlen(header), version == 2 ? 4 : 2);
    add(m, header, strlen(header));
    add(m, p, n);
}

#define HEADER(type, shape)                                                    \
    "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }   \n"

static const double numbers[6] = {1, 2.5, -3, 4, 1e300, 6};
static const float targets[3] = {0.5f, -1, 7};

static void two(struct world *w, Proctor__DataKind kind, const struct made *x,
                const struct made *y)
{
    world_init(w, "npy", kind);
    world_file(w, "x.npy", x->b, x->n);
    world_file(w, "y.npy", y->b, y->n);
}

static void test_npy(void **state)
{
    static const double fine[6] = {1, 2.5, -3, 4, 1e30, 6};
    static struct made x, y;
    struct world w;

    (void)state;
    npy(&x, 1, HEADER("<f8", "(3, 2)"), fine, sizeof(fine));
    npy(&y, 2, HEADER("<f4", "(3,)"), targets, sizeof(targets));
    two(&w, REGRESSION, &x, &y);
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.x_type, PROCTOR__DATA_TYPE__DATA_F64);
    assert_int_equal(w.l.data.rows, 3);
    assert_int_equal(w.l.data.width, 2);
    assert_true(world_x(&w, 1, 0) == -3 && world_x(&w, 2, 1) == 6);
    assert_true(world_target(&w, 0) == 0.5 && world_target(&w, 2) == 7);
    world_release(&w);
    npy(&x, 1, HEADER("<f8", "(3, 2)"), numbers, sizeof(numbers));
    two(&w, REGRESSION, &x, &y);
    world_refuses(&w, ERR_INPUT, 0, 0, "finite"); /* not as f32 */
    world_release(&w);
}

/* One value of each type, and what it becomes. */
static const struct {
    const char *header;
    uint64_t bits;
    unsigned bytes;
    Proctor__DataType type;
    double value;
} types[] = {
    {HEADER("<f8", "(2, 1)"), UINT64_C(0x3ff8000000000000), 8,
     PROCTOR__DATA_TYPE__DATA_F64, 1.5},
    {HEADER("<f4", "(2, 1)"), 0x3fc00000, 4, PROCTOR__DATA_TYPE__DATA_F32, 1.5},
    {HEADER("|u1", "(2, 1)"), 200, 1, PROCTOR__DATA_TYPE__DATA_U8, 200},
    {HEADER("|b1", "(2, 1)"), 1, 1, PROCTOR__DATA_TYPE__DATA_U8, 1},
    {HEADER("|i1", "(2, 1)"), 0xff, 1, PROCTOR__DATA_TYPE__DATA_F64, -1},
    {HEADER("<i2", "(2, 1)"), 0xfffe, 2, PROCTOR__DATA_TYPE__DATA_F64, -2},
    {HEADER("<u2", "(2, 1)"), 0xfffe, 2, PROCTOR__DATA_TYPE__DATA_F64, 65534},
    {HEADER("<i4", "(2, 1)"), 0xfffffffd, 4, PROCTOR__DATA_TYPE__DATA_F64, -3},
    {HEADER("<u4", "(2, 1)"), 0xfffffffd, 4, PROCTOR__DATA_TYPE__DATA_F64,
     4294967293.0},
    {HEADER("<i8", "(2, 1)"), UINT64_MAX - 3, 8, PROCTOR__DATA_TYPE__DATA_F64,
     -4},
    {HEADER("<u8", "(2, 1)"), UINT64_C(1) << 53, 8,
     PROCTOR__DATA_TYPE__DATA_F64, 9007199254740992.0},
};

static double first_number(const struct world *w)
{
    return w->l.data.x_type == PROCTOR__DATA_TYPE__DATA_F64 ? world_x(w, 0, 0)
           : w->l.data.x_type == PROCTOR__DATA_TYPE__DATA_F32
               ? (double)world_x_f32(w, 0, 0)
               : w->l.x[0];
}

static void test_types(void **state)
{
    static const float labels[2] = {0, 1};
    static struct made x, y;
    struct world w;

    (void)state;
    npy(&y, 1, HEADER("<f4", "(2,)"), labels, sizeof(labels));
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        npy(&x, 1, types[i].header, "", 0);
        add_le(&x, types[i].bits, types[i].bytes);
        add_le(&x, 0, types[i].bytes);
        two(&w, CLASSES, &x, &y);
        assert_int_equal(world_run(&w), 0);
        assert_int_equal(w.l.data.x_type, types[i].type);
        assert_true(first_number(&w) == types[i].value);
        world_release(&w);
    }
    npy(&x, 1, HEADER(">i2", "(2, 1)"), "\1\0\0\2", 4);
    two(&w, CLASSES, &x, &y);
    assert_int_equal(world_run(&w), 0);
    assert_true(world_x(&w, 0, 0) == 256 && world_x(&w, 1, 0) == 2);
    world_release(&w);
    npy(&x, 1, HEADER("|u1", "(2, 1)"), "\0\xff", 2);
    two(&w, CLASSES, &x, &y);
    w.spec.scale = 1;
    assert_int_equal(world_run(&w), 0);
    assert_true(world_x_f32(&w, 0, 0) == 0 && world_x_f32(&w, 1, 0) == 1);
    world_release(&w);
}

static const struct {
    const char *header;
    size_t bytes;
    const char *words;
} bad_npy[] = {
    {HEADER("<f8", "(3, 2)"), 40, "40 bytes of numbers, and its shape asks for 48"},
    {HEADER("<f8", "(3, 2)"), 56, "56 bytes of numbers"},
    {HEADER("<f2", "(3, 2)"), 12, "numbers of type f2 are not read"},
    {HEADER("<c8", "(3, 2)"), 48, "numbers of type c8 are not read"},
    {HEADER("|O8", "(3,)"), 24, "numbers of type O8 are not read"},
    {HEADER("<U10", "(3,)"), 24, "the header"},
    {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }", 24,
     "the header"},
    {"{'descr': '<f8', 'fortran_order': True, 'shape': (3, 2), }", 48,
     "column by column (fortran_order)"},
    {"{'descr': '<f8', 'fortran_order': False, }", 48, "the header"},
    {"{'descr': '<f8', 'fortran_order': Maybe, 'shape': (3, 2), }", 48,
     "the header"},
    {"{'descr': '<f8', 'descr': '<f8', 'shape': (3, 2), }", 48, "the header"},
    {HEADER("<f8", "(3, -2)"), 48, "the header"},
    {HEADER("<f8", "(99999999999999999999, 2)"), 48, "the header"},
    {HEADER("<f8", "(4611686018427387904, 4)"), 48, "48 bytes of numbers"},
    {HEADER("<f8", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), 8, "the header"},
    {HEADER("<f8", "()"), 8, "expected rows of inputs"},
    {HEADER("<f8", "(2, 3)"), 48, "2 rows of inputs, and 3 labels"},
    {"", 0, "is no NPY file"},
    {"{}  ", 0, "the header"},
};

static void test_bad_npy(void **state)
{
    static const uint8_t zeroes[64];
    static struct made x, y;
    struct world w;

    (void)state;
    npy(&y, 1, HEADER("<f4", "(3,)"), targets, sizeof(targets));
    for (size_t i = 0; i < ARRAY_N(bad_npy); i++) {
        npy(&x, 1, bad_npy[i].header, zeroes, bad_npy[i].bytes);
        two(&w, REGRESSION, &x, &y);
        world_refuses(&w, ERR_INPUT, 0, 0, bad_npy[i].words);
        world_release(&w);
    }
    npy(&x, 3, HEADER("<f4", "(3,)"), targets, sizeof(targets));
    two(&w, REGRESSION, &x, &y);
    world_refuses(&w, ERR_INPUT, 0, 0, "\"x.npy\": is an NPY file of a version");
    world_release(&w);
    npy(&x, 1, HEADER("<f4", "(3, 1)"), targets, sizeof(targets));
    x.n = 40;
    two(&w, REGRESSION, &x, &y);
    world_refuses(&w, ERR_INPUT, 0, 0, "its header is cut off");
    world_release(&w);
    npy(&x, 1, HEADER("<f4", "(3, 1)"), targets, sizeof(targets));
    npy(&y, 1, HEADER("<f4", "(3, 2)"), zeroes, 24);
    two(&w, REGRESSION, &x, &y);
    world_refuses(&w, ERR_INPUT, 0, 0, "one label for each");
    world_release(&w);
    npy(&y, 1, HEADER("<i8", "(3,)"), "\1\0\0\0\0\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    two(&w, REGRESSION, &x, &y);
    world_refuses(&w, ERR_INPUT, 0, 0, "\"y.npy\": number 1 is over 2^53");
    world_release(&w);
    two(&w, REGRESSION, &x, &x);
    w.spec.scale = 1;
    world_refuses(&w, ERR_INPUT, 0, 0, "scale: is for bytes");
    world_release(&w);
}

/* ---- NPZ ---- */

struct entry {
    const char *name;
    const struct made *bytes;
    int deflated;
};

static size_t pack(const struct made *m, uint8_t *out, size_t n)
{
    z_stream z = {.next_in = m->b,
                  .avail_in = (uInt)m->n,
                  .next_out = out,
                  .avail_out = (uInt)n};

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = z.total_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return n;
}

/* As numpy does: zip64 sizes in the local header, plain ones in the directory. */
static void npz(struct made *m, const struct entry *e, size_t n)
{
    static struct made directory;
    static uint8_t packed[65536];

    m->n = directory.n = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = m->n;
        const uint8_t *p = e[i].bytes->b;
        size_t bytes = e[i].bytes->n;
        uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), p, (uInt)bytes);

        if (e[i].deflated) {
            bytes = pack(e[i].bytes, packed, sizeof(packed));
            p = packed;
        }
        add(m, "PK\3\4", 4);
        add_le(m, 45, 2);
        add_le(m, 0, 2);
        add_le(m, e[i].deflated ? 8 : 0, 2);
        add_le(m, 0, 4);
        add_le(m, crc, 4);
        add_le(m, UINT32_MAX, 4);
        add_le(m, UINT32_MAX, 4);
        add_le(m, strlen(e[i].name), 2);
        add_le(m, 20, 2);
        add(m, e[i].name, strlen(e[i].name));
        add_le(m, 1, 2);
        add_le(m, 16, 2);
        add_le(m, e[i].bytes->n, 8);
        add_le(m, bytes, 8);
        add(m, p, bytes);
        add(&directory, "PK\1\2", 4);
        add_le(&directory, 45, 2);
        add_le(&directory, 45, 2);
        add_le(&directory, 0, 2);
        add_le(&directory, e[i].deflated ? 8 : 0, 2);
        add_le(&directory, 0, 4);
        add_le(&directory, crc, 4);
        add_le(&directory, bytes, 4);
        add_le(&directory, e[i].bytes->n, 4);
        add_le(&directory, strlen(e[i].name), 2);
        add_le(&directory, 0, 2 + 2 + 2 + 2);
        add_le(&directory, 0, 4);
        add_le(&directory, at, 4);
        add(&directory, e[i].name, strlen(e[i].name));
    }
    add(m, directory.b, directory.n);
    add(m, "PK\5\6", 4);
    add_le(m, 0, 4);
    add_le(m, n, 2);
    add_le(m, n, 2);
    add_le(m, directory.n, 4);
    add_le(m, m->n - 16 - directory.n, 4);
    add_le(m, 0, 2);
}

static void one(struct world *w, const struct made *m)
{
    world_init(w, "npz", REGRESSION);
    world_file(w, "a.npz", m->b, m->n);
}

static void test_npz(void **state)
{
    static struct made x, y, m;
    struct entry e[] = {{"x.npy", &x, 0}, {"y.npy", &y, 1}};
    struct world w;

    (void)state;
    npy(&x, 1, HEADER("<f4", "(3, 1)"), targets, sizeof(targets));
    npy(&y, 1, HEADER("<f4", "(3,)"), targets, sizeof(targets));
    npz(&m, e, 2);
    one(&w, &m);
    assert_int_equal(world_run(&w), 0);
    assert_true(world_x_f32(&w, 2, 0) == 7 && world_target(&w, 1) == -1);
    world_release(&w);
    e[0].name = "data.npy";
    npz(&m, e, 2);
    one(&w, &m);
    world_refuses(&w, ERR_INPUT, 0, 0, "it has no array \"x\"");
    assert_non_null(strstr(w.l.d.hint, "data.npy, y.npy"));
    w.inputs[0] = (char *)(uintptr_t)"data";
    w.spec.inputs = w.inputs;
    w.spec.n_inputs = 1;
    assert_int_equal(world_run(&w), 0);
    world_release(&w);
}

/* Each single byte changed, each length: refused or the same rows, never worse
 * (the sanitizers watch). */
static void test_broken_npz(void **state)
{
    static struct made x, y, m;
    const struct entry e[] = {{"x.npy", &x, 1}, {"y.npy", &y, 0}};
    struct world w;
    int fine = 0;

    (void)state;
    npy(&x, 1, HEADER("<f4", "(3, 1)"), targets, sizeof(targets));
    npy(&y, 1, HEADER("<f4", "(3,)"), targets, sizeof(targets));
    npz(&m, e, 2);
    one(&w, &m);
    for (size_t i = 0; i < m.n; i++) {
        m.b[i] ^= 0x55;
        if (world_run(&w) == 0) {
            fine++; /* dates, attributes, sizes of local headers */
            assert_true(world_x_f32(&w, 2, 0) == 7);
        } else {
            assert_int_not_equal(w.l.d.code, 0);
        }
        m.b[i] ^= 0x55;
    }
    assert_true(fine > 0 && fine < (int)m.n / 2);
    for (size_t n = 0; n < m.n; n++) {
        w.files[0].n = n;
        assert_int_equal(world_run(&w), ERR_INPUT);
    }
    world_release(&w);
    /* What it would unpack to is known before it is. */
    one(&w, &m);
    memcpy(m.b + m.n - 22 - 51 - 51 + 24, "\xff\xff\xff\x0f", 4);
    world_refuses(&w, ERR_INPUT, 0, 0, "a size that it cannot have");
    world_release(&w);
    memset(x.b + x.n, 0, 60000);
    x.n += 60000;
    npz(&m, e, 2);
    one(&w, &m);
    assert_int_equal(world_run_in(&w, 8192), ERR_LIMIT);
    assert_non_null(strstr(w.l.d.what, "\"x\" would be 0.1 MiB"));
    world_release(&w);
}

/* ---- IDX and CIFAR ---- */

static void idx(struct made *m, uint8_t type, unsigned dims, const uint32_t *shape)
{
    m->n = 0;
    add_be(m, (uint64_t)type << 8 | dims, 4);
    for (unsigned i = 0; i < dims; i++) {
        add_be(m, shape[i], 4);
    }
}

static void test_idx(void **state)
{
    static const uint32_t images[] = {3, 2, 2};
    static struct made x, y;
    struct world w;

    (void)state;
    idx(&x, 8, 3, images);
    add(&x, "abcdefghijkl", 12);
    idx(&y, 8, 1, images);
    add(&y, "\2\0\1", 3);
    world_init(&w, "idx", PROCTOR__DATA_KIND__DATA_NONE);
    world_file(&w, "images", x.b, x.n);
    world_file(&w, "labels", y.b, y.n);
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.width, 4);
    assert_memory_equal(w.l.x, "abcdefghijkl", 12);
    assert_int_equal(w.l.data.classes, 3);
    assert_int_equal(world_class(&w, 0), 2);
    w.files[1].n--;
    world_refuses(&w, ERR_INPUT, 0, 0, "\"labels\": 2 bytes of numbers");
    w.files[0].n = 15;
    world_refuses(&w, ERR_INPUT, 0, 0, "\"images\": its header is cut off");
    x.b[2] = 0x0a;
    world_refuses(&w, ERR_INPUT, 0, 0, "\"images\": is no IDX file");
    memcpy(x.b, "\x1f\x8b", 2);
    world_refuses(&w, ERR_INPUT, 0, 0, "is packed by gzip");
    assert_non_null(strstr(w.l.d.hint, "gunzip"));
    world_release(&w);
    idx(&x, 0x0c, 2, (const uint32_t[]){2, 1});
    add_be(&x, 7, 4);
    add_be(&x, (uint32_t)-7, 4);
    idx(&y, 8, 1, (const uint32_t[]){2});
    add(&y, "\0\1", 2);
    world_init(&w, "idx", PROCTOR__DATA_KIND__DATA_NONE);
    world_file(&w, "images", x.b, x.n);
    world_file(&w, "labels", y.b, y.n);
    assert_int_equal(world_run(&w), 0);
    assert_true(world_x(&w, 0, 0) == 7 && world_x(&w, 1, 0) == -7);
    world_release(&w);
}

static void test_cifar(void **state)
{
    static struct made a;
    struct world w;

    (void)state;
    a.n = 0;
    for (unsigned i = 0; i < 3; i++) {
        add_le(&a, i, 1);
        add_le(&a, 9 - i, 1);
        memset(a.b + a.n, (int)i + 'a', 3072);
        a.n += 3072;
    }
    world_init(&w, "cifar100", PROCTOR__DATA_KIND__DATA_NONE);
    world_file(&w, "train.bin", a.b, a.n);
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.classes, 100);
    assert_int_equal(w.l.data.width, 3072);
    assert_int_equal(world_class(&w, 1), 8);
    assert_int_equal(w.l.x[3072], 'b');
    w.spec.output = (char *)(uintptr_t)"coarse";
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.classes, 20);
    assert_int_equal(world_class(&w, 1), 1);
    w.spec.format = (char *)(uintptr_t)"cifar10";
    world_refuses(&w, ERR_INPUT, 0, 0, "no whole number of records of 3073");
    world_release(&w);
    world_init(&w, "cifar10", PROCTOR__DATA_KIND__DATA_NONE);
    world_file(&w, "a.bin", a.b + 1, 3073);
    world_file(&w, "b.bin", a.b + 1, 3073);
    w.spec.scale = 1;
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.rows, 2);
    assert_string_equal(w.l.data.names[9], "truck");
    assert_int_equal(world_class(&w, 1), 9);
    assert_true(world_x_f32(&w, 1, 5) == (float)'a' / 255);
    a.b[1] = 10;
    world_refuses(&w, ERR_INPUT, 0, 0,
                  "\"a.bin\": record 1 has the label 10; classes are below 10");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy),        cmocka_unit_test(test_types),
        cmocka_unit_test(test_bad_npy),    cmocka_unit_test(test_npz),
        cmocka_unit_test(test_broken_npz), cmocka_unit_test(test_idx),
        cmocka_unit_test(test_cifar)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
