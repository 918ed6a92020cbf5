/* The three-way merge: its laws on random units, edits at different places that
 * combine, and everything else a conflict with its path. */
#include "gen.h"

#include "workers/cml/format.h"
#include "workers/cml/merge.h"
#include "workers/cml/text.h"

struct merged {
    struct cml_dag dag;
    struct document docs[3];
    struct document out;
    struct merge_result result;
    struct diag diag;
    int code;
};

static void merged_open(struct merged *m, struct ubytes base, struct ubytes ours,
                        struct ubytes theirs)
{
    const struct document *in[3] = {&m->docs[0], &m->docs[1], &m->docs[2]};
    const struct ubytes texts[3] = {base, ours, theirs};

    cml_dag_init(&m->dag);
    for (unsigned k = 0; k < 3; k++) {
        diag_init(&m->diag);
        document_init(&m->docs[k], &m->dag, "t");
        if (text_parse(&m->docs[k], texts[k], &m->diag) != 0) {
            fail_msg("%u:%u: %s\n%.*s", m->diag.at.line, m->diag.at.col,
                     m->diag.what, (int)texts[k].n, (const char *)texts[k].p);
        }
    }
    document_init(&m->out, &m->dag, "out");
    m->code = merge_documents(in, &m->out, &m->result, &m->diag);
}

static void merged_close(struct merged *m)
{
    document_release(&m->out);
    for (unsigned k = 0; k < 3; k++) {
        document_release(&m->docs[k]);
    }
    cml_dag_release(&m->dag);
}

static struct ubytes as_bytes(const char *text)
{
    return (struct ubytes){(const uint8_t *)text, strlen(text)};
}

/* The same units, by name, whatever their order. */
static int is_same(const struct document *a, const struct document *b)
{
    for (uint32_t i = 0; i < a->units_n; i++) {
        uint32_t k = 0;

        while (k < b->units_n && strcmp(a->units[i].term->name,
                                        b->units[k].term->name) != 0) {
            k++;
        }
        if (k == b->units_n || a->units[i].term->id != b->units[k].term->id) {
            return 0;
        }
    }
    return a->units_n == b->units_n;
}

/* base, ours, theirs give want, in both orders; and its text reads as it. */
static void expect(const char *base, const char *ours, const char *theirs,
                   const char *want)
{
    for (int turn = 0; turn < 2; turn++) {
        struct document wanted;
        struct document again;
        struct merged m;
        struct buf out;

        merged_open(&m, as_bytes(base), as_bytes(turn ? theirs : ours),
                    as_bytes(turn ? ours : theirs));
        if (m.code != 0 || m.result.n != 0) {
            fail_msg("%s\n%s\n%s\n gave %d %s, %u conflicts: %s: %s", base, ours,
                     theirs, m.code, m.diag.what, m.result.n,
                     m.result.n > 0 ? m.result.list[0].path : "",
                     m.result.n > 0 ? m.result.list[0].why : "");
        }
        buf_init(&out, 1u << 20);
        assert_int_equal(text_put(&out, &m.out), 0);
        document_init(&wanted, &m.dag, "wanted");
        assert_int_equal(text_parse(&wanted, as_bytes(want), &m.diag), 0);
        document_init(&again, &m.dag, "again");
        if (text_parse(&again, buf_bytes(&out), &m.diag) != 0 ||
            !is_same(&m.out, &wanted) || !is_same(&again, &wanted)) {
            fail_msg("wanted\n%s\n got\n%.*s", want, (int)buf_len(&out),
                     (const char *)buf_bytes(&out).p);
        }
        document_release(&wanted);
        document_release(&again);
        buf_release(&out);
        merged_close(&m);
    }
}

static void expect_conflict(const char *base, const char *ours,
                            const char *theirs, const char *path,
                            const char *values[3])
{
    struct merged m;

    merged_open(&m, as_bytes(base), as_bytes(ours), as_bytes(theirs));
    if (m.code != 0 || m.result.n == 0 ||
        strcmp(m.result.list[0].path, path) != 0) {
        fail_msg("%s\n%s\n%s\n gave %d, %u conflicts, at %s", base, ours, theirs,
                 m.code, m.result.n,
                 m.result.n > 0 ? m.result.list[0].path : "nothing");
    }
    for (unsigned k = 0; k < 3 && values != NULL; k++) {
        assert_string_equal(m.result.list[0].values[k], values[k]);
    }
    merged_close(&m);
}

#define F(body) "unit f(a: i64, b: i64) -> i64 { " body " }"

static void test_combined(void **state)
{
    (void)state;
    expect(F("a + b"), F("a - b"), F("a + b * 2"), F("a - b * 2"));
    expect(F("a + b"), F("a + b + 1"), F("a + b"), F("a + b + 1"));
    /* a binding above shifts every index below */
    expect(F("let x = a; x + b"), F("let y = 7i64; let x = a; x + b"),
           F("let x = a; x * b"), F("let y = 7i64; let x = a; x * b"));
    expect(F("let x = a; let y = b; x + y"),
           F("let x = a + 1; let y = b; x + y"),
           F("let x = a; let y = b - 1; x + y"),
           F("let x = a + 1; let y = b - 1; x + y"));
    expect(F("let x = a; let y = b; x + y"),
           F("let w = 3i64; let x = a; let y = b; x + y"),
           F("let x = a; let y = b; let z = 4i64; x + y"),
           F("let w = 3i64; let x = a; let y = b; let z = 4i64; x + y"));
    /* taken away here, changed there */
    expect(F("let x = a; let y = b; y + b"), F("let y = b; y + b"),
           F("let x = a; let y = b; y - b"), F("let y = b; y - b"));
    /* names are no part of it */
    expect(F("let x = a; x + b"), F("let other = a; other - b"),
           F("let x = a + 1; x + b"), F("let x = a + 1; x - b"));
    /* the name that the one side adds hides nothing of the other's */
    expect(F("let x = a; let z = x; z + b"),
           F("let x = a; let b1 = 5i64; let z = x + b1; z + b"),
           F("let x = a; let z = x; z + b + x"),
           F("let x = a; let q = 5i64; let z = x + q; z + b + x"));
    /* the same on both sides */
    expect(F("a + b"), F("let x = 1i64; a + b + x"),
           F("let y = 1i64; a + b + y"), F("let y = 1i64; a + b + y"));
    /* arms, arguments, loops */
    expect(F("match a { 0 => 1, 1 => b, _ => a }"),
           F("match a { 0 => 2, 1 => b, _ => a }"),
           F("match a { 0 => 1, 1 => b, 5 => 3, _ => a }"),
           F("match a { 0 => 2, 1 => b, 5 => 3, _ => a }"));
    expect(F("loop (s: i64 = a) for i in b { s + i }"),
           F("loop (s: i64 = a + 1) for i in b { s + i }"),
           F("loop (s: i64 = a) for i in b { let t = s; t - i }"),
           F("loop (s: i64 = a + 1) for i in b { let t = s; t - i }"));
    expect(F("max(a, b)"), F("max(a + 1, b)"), F("max(a, b + 1)"),
           F("max(a + 1, b + 1)"));
    /* a parameter more: callers of the other side get theirs */
    expect("unit f(a: i64, b: i64) -> i64 { a - b }",
           "unit f(c: u8, a: i64, b: i64) -> i64 { let d = i64(c); a - b }",
           "unit f(a: i64, b: i64) -> i64 { b - b }",
           "unit f(c: u8, a: i64, b: i64) -> i64 { let d = i64(c); b - b }");
}

static void test_units(void **state)
{
    (void)state;
    /* an edit of what is called is no edit of the caller */
    expect("unit g(a: u8) -> u8 { a }\nunit f(a: u8) -> u8 { g(a) }",
           "unit g(a: u8) -> u8 { a + 1 }\nunit f(a: u8) -> u8 { g(a) }",
           "unit g(a: u8) -> u8 { a }\nunit f(a: u8) -> u8 { g(a) * 2 }",
           "unit g(a: u8) -> u8 { a + 1 }\nunit f(a: u8) -> u8 { g(a) * 2 }");
    expect("unit f(a: u8) -> u8 { a }",
           "unit g(a: u8) -> u8 { a } unit f(a: u8) -> u8 { g(a) }",
           "unit f(a: u8) -> u8 { a } unit h(a: u8) -> u8 { a }",
           "unit g(a: u8) -> u8 { a } unit f(a: u8) -> u8 { g(a) }"
           "unit h(a: u8) -> u8 { a }");
    expect("unit g(a: u8) -> u8 { a } unit f(a: u8) -> u8 { a }",
           "unit f(a: u8) -> u8 { a }",
           "unit g(a: u8) -> u8 { a } unit f(a: u8) -> u8 { a + 1 }",
           "unit f(a: u8) -> u8 { a + 1 }");
    expect_conflict("unit g(a: u8) -> u8 { a } unit f(a: u8) -> u8 { a }",
                    "unit f(a: u8) -> u8 { a }",
                    "unit g(a: u8) -> u8 { a + 1 } unit f(a: u8) -> u8 { a }",
                    "g", NULL);
    expect_conflict("unit f(a: u8) -> u8 { a }",
                    "unit f(a: u8) -> u8 { a } unit g(a: u8) -> u8 { 1 }",
                    "unit f(a: u8) -> u8 { a } unit g(a: u8) -> u8 { 2 }", "g",
                    NULL);
}

static void test_conflicts(void **state)
{
    const char *numbers[3] = {"1i64", "2i64", "3i64"};
    const char *gone[3] = {"let x = a", "", "let x = a - 1"};
    struct merged m;

    (void)state;
    expect_conflict(F("a + 1"), F("a + 2"), F("a + 3"),
                    "f.body.statements[0].value.right", numbers);
    expect_conflict(F("a + b"), F("a - b"), F("a * b"),
                    "f.body.statements[0].value", NULL);
    expect_conflict(F("let x = a; b"), F("b"), F("let x = a - 1; b"),
                    "f.body.statements[0]", gone);
    expect_conflict(F("b"), F("let x = 1i64; b"), F("let x = 2i64; b"),
                    "f.body.statements[0]", NULL);
    /* one side uses what the other took away */
    expect_conflict(F("let x = a; b"), F("b"), F("let x = a; b + x"), "f", NULL);
    /* which of two alike was taken away cannot be told */
    expect_conflict("unit f() -> [u8] { [u8](1, 1) }",
                    "unit f() -> [u8] { [u8](1, 1, 1) }",
                    "unit f() -> [u8] { [u8](1, 2) }",
                    "f.body.statements[0].value", NULL);
    /* together they do not check */
    merged_open(&m, as_bytes("unit g(a: u8) -> u8 { a } unit f() -> u8 { 1 }"),
                as_bytes("unit g(a: u8, b: u8) -> u8 { a } unit f() -> u8 { 1 }"),
                as_bytes("unit g(a: u8) -> u8 { a } unit f() -> u8 { g(1) }"));
    assert_int_equal(m.result.n, 0);
    assert_int_equal(m.code, ERR_INPUT);
    assert_non_null(strstr(m.diag.what, "takes 2"));
    merged_close(&m);
}

/* A random unit with one more binding, or one constant changed: the text of gen.h
 * with marks in it. */
struct edit {
    size_t at;
    size_t cut;
    char put[40];
};

static int find_edits(struct ubytes text, struct edit *out, int max)
{
    int n = 0;

    for (size_t i = 0; i + 8 < text.n && n < max; i++) {
        const char *s = (const char *)text.p + i;

        if (strncmp(s, "{ let", 5) == 0) {
            out[n] = (struct edit){i + 2, 0, ""};
            snprintf(out[n].put, 40, "let new%d = %du8; ", n, n);
            n++;
        } else if (strncmp(s, " + ", 3) == 0 || strncmp(s, " | ", 3) == 0) {
            out[n++] = (struct edit){i, 3, " - "};
        } else if (strncmp(s, " < ", 3) == 0) {
            out[n++] = (struct edit){i, 3, " > "};
        } else if (strncmp(s, "min(", 4) == 0) {
            out[n++] = (struct edit){i, 4, "max("};
        } else if (strncmp(s, "trim(", 5) == 0) {
            out[n++] = (struct edit){i, 5, "upper("};
        } else if (strncmp(s, "; ", 2) == 0) {
            out[n] = (struct edit){i + 2, 0, ""};
            snprintf(out[n].put, 40, "let new%d = %du8; ", n, n);
            n++;
        }
    }
    return n;
}

/* The text with those edits of the two that are asked for. */
static void apply(struct ubytes text, const struct edit *a, const struct edit *b,
                  struct buf *out)
{
    size_t at = 0;
    const struct edit *two[2] = {a, b};

    buf_reset(out);
    if (a != NULL && b != NULL && a->at > b->at) {
        two[0] = b;
        two[1] = a;
    }
    for (unsigned k = 0; k < 2; k++) {
        if (two[k] != NULL) {
            assert_int_equal(buf_put(out, text.p + at, two[k]->at - at), 0);
            assert_int_equal(buf_put(out, two[k]->put, strlen(two[k]->put)), 0);
            at = two[k]->at + two[k]->cut;
        }
    }
    assert_int_equal(buf_put(out, text.p + at, text.n - at), 0);
}

static int parses(struct ubytes text)
{
    struct cml_dag dag;
    struct document d;
    struct diag diag;
    int code;

    diag_init(&diag);
    cml_dag_init(&dag);
    document_init(&d, &dag, "t");
    code = text_parse(&d, text, &diag);
    document_release(&d);
    cml_dag_release(&dag);
    return code == 0;
}

struct tally {
    unsigned combined;
    unsigned conflicts;
    unsigned refused;
};

/* The laws for a base and two edits of it, and what the two give together. */
static void one_pair(struct ubytes base, const struct edit *a,
                     const struct edit *b, struct tally *tally)
{
    struct buf ours;
    struct buf theirs;
    struct buf both;
    struct merged m;
    struct document wanted;

    buf_init(&ours, 1u << 20);
    buf_init(&theirs, 1u << 20);
    buf_init(&both, 1u << 20);
    apply(base, a, NULL, &ours);
    apply(base, b, NULL, &theirs);
    apply(base, a, b, &both);
    if (parses(buf_bytes(&ours)) && parses(buf_bytes(&theirs))) {
        const struct ubytes laws[3][4] = {
            {base, base, buf_bytes(&ours), buf_bytes(&ours)},
            {base, buf_bytes(&ours), base, buf_bytes(&ours)},
            {base, buf_bytes(&ours), buf_bytes(&ours), buf_bytes(&ours)}};

        for (unsigned l = 0; l < 3; l++) {
            merged_open(&m, laws[l][0], laws[l][1], laws[l][2]);
            assert_int_equal(m.code, 0);
            assert_int_equal(m.result.n, 0);
            assert_true(is_same(&m.out, &m.docs[l == 0 ? 2 : 1]));
            merged_close(&m);
        }
        for (int turn = 0; turn < 2; turn++) {
            uint32_t n;

            merged_open(&m, base, buf_bytes(turn ? &theirs : &ours),
                        buf_bytes(turn ? &ours : &theirs));
            n = m.result.n;
            document_init(&wanted, &m.dag, "wanted");
            if (m.code == 0 && n == 0) {
                diag_init(&m.diag);
                if (text_parse(&wanted, buf_bytes(&both), &m.diag) != 0 ||
                    !is_same(&m.out, &wanted)) {
                    struct buf got;

                    buf_init(&got, 1u << 20);
                    assert_int_equal(text_put(&got, &m.out), 0);
                    fail_msg("base\n%.*s\nours\n%.*s\ntheirs\n%.*s\ngot\n%.*s",
                             (int)base.n, (const char *)base.p,
                             (int)buf_len(&ours),
                             (const char *)buf_bytes(&ours).p,
                             (int)buf_len(&theirs),
                             (const char *)buf_bytes(&theirs).p,
                             (int)buf_len(&got),
                             (const char *)buf_bytes(&got).p);
                }
                tally->combined++;
            } else if (n > 0) {
                tally->conflicts++;
            } else {
                assert_int_equal(m.code, ERR_INPUT);
                tally->refused++;
            }
            document_release(&wanted);
            merged_close(&m);
        }
    }
    buf_release(&ours);
    buf_release(&theirs);
    buf_release(&both);
}

static void test_laws(void **state)
{
    unsigned rounds = gen_rounds(150, 15000);
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct gen g = {.state = seed * 13};
        enum gen_type types[4];
        struct edit edits[64];
        struct buf text;
        struct ubytes base;
        int n;

        buf_init(&text, 1u << 20);
        gen_unit(seed, 20 + (int)(seed % 60), &text, types);
        base = buf_bytes(&text);
        n = find_edits(base, edits, ARRAY_N(edits));
        for (int i = 0; i < 3 && n >= 2; i++) {
            const struct edit *a = &edits[gen_below(&g, (unsigned)n)];
            const struct edit *b = &edits[gen_below(&g, (unsigned)n)];

            if (a->at != b->at) {
                one_pair(base, a, b, &tally);
            }
        }
        buf_release(&text);
    }
    print_message("combined %u, conflicts %u, refused %u\n", tally.combined,
                  tally.conflicts, tally.refused);
    assert_true(tally.combined > rounds * 2 / 3);
    assert_true(tally.conflicts * 20 < tally.combined);
    assert_int_equal(tally.refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combined),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_laws),
    };

    return cmocka_run_group_tests_name("cml_merge", tests, NULL, NULL);
}
