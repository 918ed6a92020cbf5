/* The exam from the inside, with functions in place of workers: what is counted of
 * branches and mutants, what is looked for when it is not enough, relations. */
#include "tests/unit/exam/functions.h"

#include "proto/limits.h"

static const struct type u64_type = {2, {TYPE_INT, TYPE_UNSIGNED | 8}};
static Proctor__Runnable unit;

static void put_u64(struct buf *out, uint64_t v)
{
    assert_int_equal(value_put_int(out, &u64_type, v), 0);
}

#define ANSWERS(name)                                                          \
    static enum play_end name(UNUSED struct play *p, struct ubytes input,      \
                              UNUSED uint32_t i, UNUSED uint32_t n,            \
                              struct buf *out)

/* Branch 0: most; 1: one in four; 2: above a bound. */
ANSWERS(branches)
{
    uint32_t x = play_u32(input);

    put_u64(out, 1 | (x % 4 == 0 ? 2 : 0) | (x >= p->salt ? 4 : 0));
    return PLAY_ANSWERED;
}

/* One that is reached where no draw is likely to fall, but next to each other. */
ANSWERS(rare)
{
    uint32_t x = play_u32(input);

    put_u64(out, 1 | (x % 65536 == 0x9a5c ? 2 : 0));
    return PLAY_ANSWERED;
}

ANSWERS(never)
{
    (void)play_u32(input);
    put_u64(out, 1);
    return PLAY_ANSWERED;
}

ANSWERS(all_mutants)
{
    put_u64(out, play_u32(input) % 2 == 0 ? UINT64_MAX : 0);
    return PLAY_ANSWERED;
}

/* 60 of 64: too few; the others differ on inputs that are as rare as `salt`. */
ANSWERS(some_mutants)
{
    uint32_t x = play_u32(input);

    put_u64(out, UINT64_MAX >> 4 | (p->salt != 0 && x % p->salt == 1
                                        ? UINT64_MAX << 60
                                        : 0));
    return PLAY_ANSWERED;
}

ANSWERS(wrong_where_rare)
{
    uint32_t x = play_u32(input);

    play_put_u32(out, mix(x) ^ (x % 65536 == 0x9a5c ? 1 : 0));
    return PLAY_ANSWERED;
}

ANSWERS(silent)
{
    (void)input;
    (void)out;
    return PLAY_CRASH;
}

/* Of one byte. */
ANSWERS(small)
{
    static const struct type t = {2, {TYPE_INT, TYPE_UNSIGNED | 1}};

    assert_int_equal(input.n, 8);
    assert_int_equal(value_put_int(out, &t, (uint8_t)(255 - input.p[7])), 0);
    return PLAY_ANSWERED;
}

ANSWERS(small_branches)
{
    (void)input;
    put_u64(out, 1);
    return PLAY_ANSWERED;
}

ANSWERS(small_mutants)
{
    put_u64(out, input.p[7] == 9);
    return PLAY_ANSWERED;
}

static void inside_exam(struct play *p, uint32_t branches_n, play_fn reached,
                        uint32_t mutants_n, play_fn noticed)
{
    u32_exam(p, good);
    proctor__runnable__init(&unit);
    unit.branches = branches_n;
    unit.mutants = mutants_n;
    p->setup.unit = &unit;
    p->fn[EXAM_MUTANTS] = noticed;
    for (unsigned who = EXAM_BRANCHES; who < EXAM_RELATIONS; who++) {
        p->fn[who] = reached;
    }
    p->salt = 0x80000000;
}

static void test_all_is_reached(void **state)
{
    struct play p;

    (void)state;
    inside_exam(&p, 3, branches, 64, all_mutants);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->draws, 16385);
    assert_int_equal(p.e->n_reached, 3);
    assert_int_equal(p.e->reached[0], 16385);
    assert_in_range(p.e->reached[1], 3000, 8000);
    assert_int_equal(p.e->needs, 300);
    assert_int_equal(p.e->mutants, 64);
    assert_int_equal(p.e->noticed, 64);
    assert_int_equal(p.e->equivalent, 0);
    assert_int_equal(p.e->hunted, 0);
    assert_int_equal(p.runs[EXAM_MUTANTS], 1);
    /* First runs are of one engine, second runs of the other. */
    assert_int_equal(p.again_of[EXAM_CANDIDATE], 1);
    assert_int_equal(p.runs[EXAM_CANDIDATE], 2);
    assert_int_equal(p.again_of[EXAM_ORACLE], 1);
    assert_int_equal(p.again_of[EXAM_SECOND], 0);
    play_forget(&p);
    /* As many questions as 64 branches need. */
    inside_exam(&p, 129, never, 0, NULL);
    play_run(&p);
    assert_int_equal(p.e->n_reached, 129);
    assert_int_equal(p.e->reached[64], 16385);
    assert_int_equal(p.e->reached[65], 0);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(p.e->reason, "branch 1 was reached by 0 draws, not "
                                        "300, and others by too few"));
    play_forget(&p);
}

static void test_what_is_rare_is_looked_for(void **state)
{
    uint8_t before[32];
    struct play p;

    (void)state;
    inside_exam(&p, 2, rare, 64, all_mutants);
    play_run(&p);
    assert_int_equal(p.code, 0);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_true(p.e->reached[1] >= 300);
    assert_true(p.e->draws > 16385);
    assert_in_range(p.e->hunted, 8192, LIMIT_HUNT);
    assert_int_equal(p.e->n_strata, 6);
    assert_string_equal(p.e->strata[5]->name, "directed");
    assert_int_equal(p.e->strata[5]->draws, p.e->draws - 16385);
    assert_true(p.e->strata[5]->bound95 == 0);
    memcpy(before, p.digest, sizeof(before));
    play_forget(&p);
    p.is_sync = 1;
    play_run(&p);
    assert_memory_equal(before, p.digest, sizeof(before));
    play_forget(&p);
    p.is_sync = 0; /* what is found is compared */
    p.fn[EXAM_CANDIDATE] = wrong_where_rare;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(play_u32((struct ubytes){p.e->raw->input.data,
                                              p.e->raw->input.len}) %
                         65536,
                     0x9a5c);
    assert_int_equal(p.e->failures, 1);
    play_forget(&p);
}

static void test_what_is_not_reached(void **state)
{
    struct play p;

    (void)state;
    inside_exam(&p, 2, never, 64, all_mutants);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_string_equal(p.e->reason,
                        "branch 1 was reached by 0 draws, not 300");
    assert_int_equal(p.e->hunted, LIMIT_HUNT);
    assert_int_equal(p.e->level, LEVEL_NONE);
    play_forget(&p);
    /* All of the domain was tried: it cannot be reached, nor the rest differ. */
    play_init(&p, u8_takes, sizeof(u8_takes), u8_takes + 2, 2, u8_domain,
              sizeof(u8_domain));
    unit.branches = 2;
    unit.mutants = 64;
    p.setup.unit = &unit;
    p.fn[EXAM_CANDIDATE] = small;
    p.fn[EXAM_ORACLE] = small;
    p.fn[EXAM_MUTANTS] = small_mutants;
    p.fn[EXAM_BRANCHES] = small_branches;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_true(p.e->exhaustive);
    assert_int_equal(p.e->reached[0], 201);
    assert_int_equal(p.e->reached[1], 0);
    assert_int_equal(p.e->needs, 0);
    assert_int_equal(p.e->noticed, 1);
    assert_int_equal(p.e->equivalent, 63);
    assert_int_equal(p.e->hunted, 0);
    play_forget(&p);
}

static void test_mutants(void **state)
{
    struct play p;

    (void)state;
    inside_exam(&p, 2, branches, 64, some_mutants);
    p.salt = 0;
    p.fn[EXAM_BRANCHES] = branches;
    unit.branches = 1;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_string_equal(p.e->reason, "too weak: 60 of 64 mutants were noticed");
    assert_int_equal(p.e->noticed, 60);
    assert_int_equal(p.e->hunted, LIMIT_HUNT);
    assert_int_equal(p.runs[EXAM_MUTANTS], 1 + LIMIT_HUNT / 8192);
    play_forget(&p);
    /* More inputs notice them. */
    inside_exam(&p, 1, never, 64, some_mutants);
    p.salt = 65537;
    play_run(&p);
    assert_int_equal(p.e->noticed, 64);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    play_forget(&p);
    /* A unit that can be changed in 20 ways has 20. */
    inside_exam(&p, 1, never, 20, some_mutants);
    p.salt = 0;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->mutants, 20);
    assert_int_equal(p.e->noticed, 20);
    play_forget(&p);
}

/* Nobody can be looked into: no verdict. */
static void test_no_look(void **state)
{
    struct play p;

    (void)state;
    inside_exam(&p, 1, silent, 64, all_mutants);
    play_run(&p);
    assert_int_equal(p.code, ERR_WORKER);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    play_forget(&p);
    /* A noisy exam is not held from the inside. */
    inside_exam(&p, 1, silent, 64, silent);
    p.spec.error_rate = 0.01;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->n_reached, 0);
    play_forget(&p);
    /* One engine against the other. */
    inside_exam(&p, 1, never, 0, NULL);
    p.fn[EXAM_CANDIDATE] = remembers;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_VOID);
    assert_non_null(strstr(p.e->reason, "the engines differ on draw"));
    assert_string_equal(p.e->disagreement->ending, "the other engine");
    assert_int_equal(p.e->failures, 0);
    play_forget(&p);
}

static void test_directed(void **state)
{
    static const struct type takes = {4, {9, 1, 3, 0x84}};
    static const uint32_t numbers[] = {77, 5, 77, 900};
    struct values_builder w;
    struct values directed;
    struct buf v;
    struct play p;

    (void)state;
    assert_int_equal(values_builder_init(&w, 4096), 0);
    buf_init(&v, 64);
    for (unsigned i = 0; i < ARRAY_N(numbers); i++) {
        buf_reset(&v);
        assert_int_equal(value_put_tuple(&v, 1), 0);
        play_put_u32(&v, numbers[i]);
        assert_int_equal(values_builder_add(&w, buf_bytes(&v)), 0);
    }
    values_init(&directed);
    assert_int_equal(values_build(&directed, &w, &takes, 0), 0);
    buf_release(&v);
    inside_exam(&p, 1, never, 0, NULL);
    p.setup.directed = &directed;
    p.setup.burnt = &directed; /* public: not asked again */
    play_run(&p);
    assert_int_equal(p.e->draws, 16385);
    play_forget(&p);
    p.setup.burnt = NULL;
    play_run(&p);
    assert_int_equal(p.e->draws, 16385 + 3); /* each once */
    assert_int_equal(p.committed_draws, 16385 + 3);
    assert_int_equal(p.e->n_strata, 6);
    assert_int_equal(p.e->strata[5]->draws, 3);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    play_forget(&p);
    p.setup.unit = NULL; /* a program has none */
    play_run(&p);
    assert_int_equal(p.e->draws, 16385);
    play_forget(&p);
    values_release(&directed);
}

/* --- relations --------------------------------------------------------------- */

ANSWERS(flip)
{
    assert_int_equal(value_put_tuple(out, 1), 0);
    play_put_u32(out, play_u32(input) ^ 1);
    return PLAY_ANSWERED;
}

ANSWERS(add_one)
{
    play_put_u32(out, play_u32(input) + 1);
    return PLAY_ANSWERED;
}

ANSWERS(halved) /* of inputs that differ in their lowest bit the same */
{
    play_put_u32(out, mix(play_u32(input) / 2));
    return PLAY_ANSWERED;
}

static Proctor__Relation relation;
static Proctor__Relation *relations[1] = {&relation};

static void relation_exam(struct play *p, play_fn input, play_fn output)
{
    static uint8_t cid[32];

    u32_exam(p, halved);
    p->fn[EXAM_ORACLE] = halved;
    p->fn[EXAM_SECOND] = halved;
    p->fn[EXAM_RELATIONS] = input;
    p->fn[EXAM_RELATIONS + 1] = output;
    proctor__relation__init(&relation);
    relation.name = (char *)(uintptr_t)"even";
    relation.input = (ProtobufCBinaryData){32, cid};
    relation.output = output == NULL ? (ProtobufCBinaryData){0}
                                     : (ProtobufCBinaryData){32, cid};
    p->spec.relations = relations;
    p->spec.n_relations = 1;
}

static void test_relations(void **state)
{
    struct play p;

    (void)state;
    relation_exam(&p, flip, NULL);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->n_relations, 1);
    assert_string_equal(p.e->relations[0]->name, "even");
    assert_int_equal(p.e->relations[0]->draws, 1024);
    assert_int_equal(p.e->relations[0]->failures, 0);
    play_forget(&p);
    relation_exam(&p, flip, add_one); /* it does not hold */
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_non_null(strstr(p.e->reason, "relation even does not hold"));
    assert_int_equal(p.e->relations[0]->failures, 1);
    assert_int_equal(p.e->raw->input.len, 11);
    assert_int_equal(p.e->failures, 0); /* no draw was wrong */
    play_forget(&p);
    relation_exam(&p, silent, NULL);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(p.e->reason, "relation even gives no input"));
    play_forget(&p);
    relation_exam(&p, flip, silent);
    play_run(&p);
    assert_non_null(strstr(p.e->reason, "relation even gives no output"));
    play_forget(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_reached),
        cmocka_unit_test(test_what_is_rare_is_looked_for),
        cmocka_unit_test(test_what_is_not_reached),
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_no_look),
        cmocka_unit_test(test_directed),
        cmocka_unit_test(test_relations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
