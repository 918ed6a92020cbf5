/* The commit trap by itself: what it takes, what it calls what it does not. */
#include "tests/unit/run/fixture.h"

#include <sys/mman.h>

#include "kernel/run/emit.h"
#include "kernel/run/park.h"

/* (ab)+ */
static uint8_t network[] = "PAU1\0\3\0\0\1\0\0aa\0\1\0\0\1\0\0bb\0\2\1\0\1\0\0aa\0\1";

struct scene {
    Proctor__LaneSpec spec;
    Proctor__GrammarSpec grammar;
    struct budget budget;
    struct emit e;
    Proctor__LaneToken t[8], *p[8];
};

static void scene_open(struct scene *s, int has_grammar)
{
    memset(s, 0, sizeof(*s));
    proctor__lane_spec__init(&s->spec);
    proctor__grammar_spec__init(&s->grammar);
    s->spec.max_tokens = 8;
    s->grammar.automaton =
        (ProtobufCBinaryData){sizeof(network) - 1, network};
    s->spec.grammar = has_grammar ? &s->grammar : NULL;
    budget_init(&s->budget);
    assert_int_equal(emit_init(&s->e, &s->spec, &s->budget), 0);
}

/* Words, each a token; "." ends. */
static int take(struct scene *s, const char *words, Proctor__LaneState state)
{
    static char copy[64];
    size_t n = 0;
    char *rest = copy, *w;

    snprintf(copy, sizeof(copy), "%s", words);
    while ((w = strsep(&rest, " ")) != NULL && *w != '\0') {
        proctor__lane_token__init(&s->t[n]);
        s->t[n].id = (uint32_t)(w[0] + 256 * w[1]);
        s->t[n].ends = w[0] == '.';
        if (w[0] != '.') {
            s->t[n].bytes = (ProtobufCBinaryData){strlen(w), (uint8_t *)w};
        }
        s->p[n] = &s->t[n];
        n++;
    }
    return emit_take(&s->e, s->p, n, state);
}

#define GOES_ON PROCTOR__LANE_STATE__LANE_GOES_ON
#define FULL PROCTOR__LANE_STATE__LANE_FULL
#define STUCK PROCTOR__LANE_STATE__LANE_STUCK

static int is_text(const struct scene *s, const char *text)
{
    struct ubytes b = buf_bytes(&s->e.text);

    return b.n == strlen(text) && (b.n == 0 || memcmp(b.p, text, b.n) == 0);
}

static void test_any_text(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    assert_int_equal(take(&s, "ab c", GOES_ON), 0);
    assert_int_equal(take(&s, "d .", GOES_ON), LANE_EMIT);
    assert_true(is_text(&s, "abcd"));
    assert_int_equal(s.e.n, 4);
    emit_release(&s.e);
    scene_open(&s, 0);
    assert_int_equal(take(&s, "a b c d e f g h", GOES_ON), LANE_EMIT);
    assert_string_equal(s.e.why, "max_tokens");
    emit_release(&s.e);
    scene_open(&s, 0);
    assert_int_equal(take(&s, "a", FULL), LANE_EMIT);
    emit_release(&s.e);
}

/* No byte outside of the grammar, however tokens cut it. */
static void test_grammar(void **state)
{
    static const struct {
        const char *words;
        Proctor__LaneState state;
        int decision;
        const char *text;
    } rows[] = {
        {"a b .", GOES_ON, LANE_EMIT, "ab"},
        {"ab aba", GOES_ON, 0, "ababa"},
        {"a .", GOES_ON, LANE_REJECT, "a"},
        {"ab ac", GOES_ON, LANE_REJECT, "ab"},
        {"b", GOES_ON, LANE_REJECT, ""},
        {"aba", FULL, LANE_REPAIR, "aba"},
        {"abab", FULL, LANE_EMIT, "abab"},
        {"a", STUCK, LANE_REPAIR, "a"},
        {"ab ab ab ab ab ab ab a", GOES_ON, LANE_REPAIR, "abababababababa"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct scene s;

        scene_open(&s, 1);
        assert_int_equal(take(&s, rows[i].words, rows[i].state),
                         rows[i].decision);
        assert_true(is_text(&s, rows[i].text));
        emit_release(&s.e);
    }
}

static void test_stop(void **state)
{
    ProtobufCBinaryData stops[] = {{3, (uint8_t *)(uintptr_t) "bab"},
                                   {2, (uint8_t *)(uintptr_t) "xy"}};
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    s.spec.stop = stops;
    s.spec.n_stop = 2;
    assert_int_equal(take(&s, "zx", GOES_ON), 0);
    assert_int_equal(emit_safe_n(&s.e), 0); /* "xy" may come */
    assert_int_equal(take(&s, "yb a", GOES_ON), LANE_EMIT);
    assert_true(is_text(&s, "z"));
    emit_release(&s.e);
    scene_open(&s, 1);
    s.spec.stop = stops;
    s.spec.n_stop = 1;
    assert_int_equal(take(&s, "ab ab", GOES_ON), LANE_REPAIR);
    assert_true(is_text(&s, "a")); /* which is no text of the grammar */
    emit_release(&s.e);
}

static void test_budget(void **state)
{
    Proctor__Budgets b = PROCTOR__BUDGETS__INIT;
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    b.tokens = 3;
    budget_set(&s.budget, &b);
    assert_int_equal(take(&s, "a b c d e", GOES_ON), LANE_BAIL);
    assert_true(is_text(&s, "abc"));
    assert_non_null(strstr(s.e.why, "budgets.tokens"));
    emit_release(&s.e);
}

/* After a loss the same tokens come again, or it was no function of its lane. */
static void test_again(void **state)
{
    struct scene s;
    uint32_t id = 'a';

    (void)state;
    scene_open(&s, 0);
    assert_int_equal(take(&s, "a b c", GOES_ON), 0);
    assert_int_equal(emit_rewind(&s.e, text("a"), &id, 1), 0);
    assert_int_equal(take(&s, "b c d", GOES_ON), 0);
    assert_true(is_text(&s, "abcd"));
    assert_int_equal(emit_rewind(&s.e, text("a"), &id, 1), 0);
    assert_int_equal(take(&s, "b d", GOES_ON), LANE_REJECT);
    assert_non_null(strstr(s.e.why, "where another stood before"));
    emit_release(&s.e);
    scene_open(&s, 1);
    id = 'b';
    assert_int_equal(emit_rewind(&s.e, text("b"), &id, 1), ERR_INPUT);
    err_trace_clear();
    emit_release(&s.e);
}

/* Parks of random changes, and what a fresh area then holds. */
static void test_park(void **state)
{
    enum { PAGES = 40, PAGE = 4096, ROUNDS = 60 };
    struct fixture *f = *state;
    static uint8_t model[PAGES * PAGE], found[PAGES * PAGE];
    Proctor__ParkedLane *old = NULL;
    int area = memfd_create("area", MFD_CLOEXEC);
    uint8_t key[32] = {0};

    assert_true(area >= 0);
    assert_int_equal(ftruncate(area, sizeof(model)), 0);
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        Proctor__AreaExtent e[8], *v[8];
        Proctor__ParkedLane m = PROCTOR__PARKED_LANE__INIT;
        size_t n = 0;
        uint64_t at = (uint64_t)rand() % 9000;
        struct cid cid;
        uint64_t bytes;
        int fresh;

        while (n < 8 && at + 1 < sizeof(model)) {
            uint64_t most = sizeof(model) - at;
            uint64_t size = round % 2 == 0 && round > 30 ? 30000 : 300;

            proctor__area_extent__init(&e[n]);
            e[n].offset = at;
            e[n].bytes = 1 + (uint64_t)rand() % (most < size ? most : size);
            for (uint64_t i = 0; i < e[n].bytes; i++) {
                model[at + i] = (uint8_t)rand();
            }
            assert_true(pwrite(area, model + at, e[n].bytes, (off_t)at) ==
                        (ssize_t)e[n].bytes);
            at += e[n].bytes + (uint64_t)rand() % 20000;
            v[n] = &e[n];
            n++;
        }
        m.lane_bytes = sizeof(model);
        m.key = (ProtobufCBinaryData){32, key};
        assert_int_equal(
            park_put(&f->c, area, 0, v, n, old, &m, &cid, &bytes), 0);
        pb_free((ProtobufCMessage *)old);
        assert_int_equal(park_get(&f->c, &cid, &old), 0);
        fresh = memfd_create("fresh", MFD_CLOEXEC);
        assert_int_equal(ftruncate(fresh, sizeof(model)), 0);
        assert_int_equal(park_restore(&f->c, old, fresh, 0), 0);
        assert_true(pread(fresh, found, sizeof(found), 0) ==
                    (ssize_t)sizeof(found));
        assert_memory_equal(found, model, sizeof(model));
        close(fresh);
    }
    pb_free((ProtobufCMessage *)old);
    close(area);
}

/* Crumbs, park after park: a lane at rest does not grow with them, and every byte
 * that was said comes back. */
static void test_park_crumbs(void **state)
{
    enum { CRUMBS = 30000, GAP = 8, BYTES = CRUMBS * 2 * GAP };
    struct fixture *f = *state;
    static Proctor__AreaExtent e[CRUMBS], *v[CRUMBS];
    static uint8_t model[BYTES], found[BYTES];
    Proctor__ParkedLane *old = NULL;
    int area = memfd_create("area", MFD_CLOEXEC);
    int fresh = memfd_create("fresh", MFD_CLOEXEC);
    uint8_t key[32] = {0};

    assert_true(area >= 0 && fresh >= 0);
    assert_int_equal(ftruncate(area, BYTES), 0);
    assert_int_equal(ftruncate(fresh, BYTES), 0);
    for (size_t round = 0; round < 3; round++) {
        Proctor__ParkedLane m = PROCTOR__PARKED_LANE__INIT;
        struct cid cid;
        uint64_t bytes;

        for (size_t i = 0; i < CRUMBS; i++) {
            proctor__area_extent__init(&e[i]);
            e[i].offset = i * 2 * GAP + round;
            e[i].bytes = 1;
            v[i] = &e[i];
            model[e[i].offset] = (uint8_t)(round + i);
        }
        assert_true(pwrite(area, model, BYTES, 0) == BYTES);
        m.lane_bytes = BYTES;
        m.key = (ProtobufCBinaryData){32, key};
        assert_int_equal(
            park_put(&f->c, area, 0, v, CRUMBS, old, &m, &cid, &bytes), 0);
        pb_free((ProtobufCMessage *)old);
        assert_int_equal(park_get(&f->c, &cid, &old), 0);
        assert_true(old->n_extents <= LIMIT_PARK_EXTENTS);
    }
    assert_int_equal(park_restore(&f->c, old, fresh, 0), 0);
    assert_true(pread(fresh, found, BYTES, 0) == BYTES);
    assert_memory_equal(found, model, BYTES);
    pb_free((ProtobufCMessage *)old);
    close(area);
    close(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_text), cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_stop),     cmocka_unit_test(test_budget),
        cmocka_unit_test(test_again),
        cmocka_unit_test_setup_teardown(test_park, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(test_park_crumbs, fixture_open,
                                        fixture_close)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
