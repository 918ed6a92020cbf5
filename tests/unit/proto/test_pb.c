/* Strict protobuf: one accepted form per message, hostile bytes refused before
 * protobuf-c sees them. */
#include "gen.h"

#include "proto/limits.h"
#include "proto/pb.h"

#include "evidence.pb-c.h"
#include "graph.pb-c.h"
#include "kernel.pb-c.h"
#include "worker.pb-c.h"

static int decode(const ProtobufCMessageDescriptor *d, const char *p, size_t n)
{
    ProtobufCMessage *m = NULL;
    int code = pb_decode(d, (struct ubytes){(const uint8_t *)p, n}, 1000, &m);

    assert_true((code == 0) == (m != NULL));
    pb_free(m);
    return code;
}

#define OK(d, s)                                                               \
    assert_int_equal(decode(&proctor__##d##__descriptor, s, sizeof(s) - 1), 0)
#define BAD(d, s)                                                              \
    assert_int_equal(decode(&proctor__##d##__descriptor, s, sizeof(s) - 1),    \
                     ERR_ENCODING)

static void test_empty(void **state)
{
    ProtobufCMessage *m;
    struct buf b;

    (void)state;
    assert_int_equal(
        pb_decode(&proctor__graph__descriptor, (struct ubytes){NULL, 0}, 0, &m),
        0);
    buf_init(&b, 0);
    assert_int_equal(pb_encode(m, &b), 0);
    assert_int_equal(buf_len(&b), 0);
    pb_free(m);
    pb_free(NULL);
}

static void test_numbers(void **state)
{
    (void)state;
    OK(place, "\x08\x01\x10\x7f");
    BAD(place, "\x08\x00");     /* default written out */
    BAD(place, "\x08\x81\x00"); /* longer than needed */
    BAD(place, "\x88\x00\x01"); /* tag too */
    BAD(place, "\x08");         /* cut */
    BAD(place, "\x08\xff");
    OK(place, "\x08\xff\xff\xff\xff\x0f");  /* 2^32 - 1 */
    BAD(place, "\x08\x80\x80\x80\x80\x10"); /* 2^32 */
    BAD(place, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    BAD(place, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    BAD(place, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    OK(event, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* 2^64 - 1 */
    BAD(event, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03");
    OK(interrupt, "\x08\x01");
    BAD(interrupt, "\x08\x02"); /* bool is 0 or 1 */
    BAD(interrupt, "\x08\x00");
    OK(diagnosis, "\x30\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* -3 */
    BAD(diagnosis, "\x30\xfd\xff\xff\xff\x0f"); /* -3 without its sign */
    BAD(diagnosis, "\x30\x80\x80\x80\x80\x10"); /* over 32 bits */
}

static void test_enums(void **state)
{
    (void)state;
    OK(config_task, "\x08\x01");
    OK(config_task, "\x08\x04");
    BAD(config_task, "\x08\x05"); /* not of the schema */
    BAD(config_task, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

static void test_doubles(void **state)
{
    (void)state;
    OK(policy, "\x31\x00\x00\x00\x00\x00\x00\xe0\x3f");  /* p0 0.5 */
    BAD(policy, "\x31\x00\x00\x00\x00\x00\x00\x00\x00"); /* 0.0 */
    BAD(policy, "\x31\x00\x00\x00\x00\x00\x00\x00\x80"); /* -0.0 */
    BAD(policy, "\x31\x00\x00\x00\x00\x00\x00\xe0");
    BAD(policy, "\x35\x00\x00\xe0\x3f"); /* wire type of a float */
}

static void test_fields(void **state)
{
    (void)state;
    BAD(place, "\x10\x01\x08\x01"); /* out of order */
    BAD(place, "\x08\x01\x08\x02"); /* twice */
    BAD(place, "\x18\x01");         /* unknown */
    BAD(place, "\x00\x01");         /* number 0 */
    BAD(place, "\x0a\x01\x00");     /* other wire type */
    BAD(place, "\x0d\x01\x00\x00\x00");
    BAD(place, "\x0b"); /* groups */
    BAD(place, "\x0c");
    BAD(place, "\x0f\x01");                 /* wire type 7 */
    BAD(place, "\xf8\xff\xff\xff\x0f\x01"); /* largest number */
    OK(need_files, "\x0a\x01"
                   "a\x0a\x01"
                   "b\x0a\x00"); /* repeated: in any number, empty too */
}

static void test_strings(void **state)
{
    (void)state;
    OK(validator, "\x0a\x02\xc3\xa9");
    BAD(validator, "\x0a\x02\xc3\x28");
    BAD(validator, "\x0a\x03"
                   "a\0b");     /* a C string would end early */
    BAD(validator, "\x0a\x00"); /* default written out */
    BAD(validator, "\x0a\x05"
                   "abc");
    BAD(validator, "\x0a\xff\xff\xff\xff\x0f"
                   "abc");
    BAD(validator, "\x0a\x83\x00"
                   "abc");            /* length longer than needed */
    OK(artifact, "\x1a\x02\xff\x00"); /* bytes hold anything */
    BAD(artifact, "\x1a\x00");
}

static void test_messages(void **state)
{
    (void)state;
    OK(task_places, "\x0a\x00"); /* present and empty */
    OK(task_places, "\x0a\x02\x08\x01");
    BAD(task_places, "\x0a\x00\x0a\x00"); /* protobuf would merge these */
    BAD(task_places, "\x0a\x02\x08\x01\x0a\x02\x10\x01");
    OK(task_places, "\x22\x00\x22\x00");  /* repeated */
    BAD(task_places, "\x0a\x03\x08\x01"); /* longer than what is there */
    BAD(task_places, "\x0a\x01\x08\x01"); /* number runs over its end */
    BAD(task_places, "\x0a\x02\x18\x01"); /* unknown inside */
    BAD(task_places, "\x0a\x04\x08\x01\x08\x01");
    BAD(task_places, "\x0a\x02\x0a\x01"); /* string over the inner end */
    /* Inner length reaches into the next field of the outer message. */
    BAD(graph, "\x1a\x03\x0a\x02"
               "a\x12\x01"
               "b");
}

static struct buf sample(struct gen *g)
{
    Proctor__Graph graph = PROCTOR__GRAPH__INIT;
    Proctor__Task tasks[4];
    Proctor__Task *list[4];
    Proctor__Validator validator = PROCTOR__VALIDATOR__INIT;
    Proctor__ProgramSpec program = PROCTOR__PROGRAM_SPEC__INIT;
    Proctor__Repair repair = PROCTOR__REPAIR__INIT;
    char *needs[] = {(char *)(uintptr_t) "a", (char *)(uintptr_t) "b\xc3\xa9"};
    uint8_t takes[] = {9, 1, 6};
    struct buf b;

    validator.name = needs[1];
    validator.level = gen_below(g, 3);
    program.function_file = needs[0];
    program.n_run = gen_below(g, 3);
    program.run = needs;
    program.takes.data = takes;
    program.takes.len = gen_below(g, 4);
    repair.n_needs = gen_below(g, 3);
    repair.needs = needs;
    repair.program = gen_below(g, 2) ? &program : NULL;
    for (int i = 0; i < 4; i++) {
        proctor__task__init(&tasks[i]);
        tasks[i].id = needs[gen_below(g, 2)];
        tasks[i].n_needs = gen_below(g, 3);
        tasks[i].needs = needs;
        tasks[i].validator = gen_below(g, 2) ? &validator : NULL;
        tasks[i].program = gen_below(g, 2) ? &program : NULL;
        tasks[i].repair = gen_below(g, 2) ? &repair : NULL;
        tasks[i].approval = (int)gen_below(g, 2);
        tasks[i].priority = gen_below(g, 300);
        list[i] = &tasks[i];
    }
    graph.version = 1;
    graph.n_tasks = gen_below(g, 5);
    graph.tasks = list;
    buf_init(&b, 1u << 20);
    assert_int_equal(pb_encode(&graph.base, &b), 0);
    return b;
}

static void check_same(struct gen *g, ProtobufCMessage *m, struct ubytes in)
{
    struct buf again;

    buf_init(&again, 1u << 20);
    CHECK(g, pb_encode(m, &again) == 0);
    CHECK(g, buf_len(&again) == in.n);
    CHECK(g, in.n == 0 || memcmp(buf_bytes(&again).p, in.p, in.n) == 0);
    buf_release(&again);
}

static void test_round_trip_and_damage(void **state)
{
    struct gen g = gen_start();
    unsigned accepted = 0;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        struct buf b = sample(&g);
        size_t n = buf_len(&b);
        uint8_t *copy = malloc(n + 8);
        ProtobufCMessage *m;

        CHECK(&g, pb_decode(&proctor__graph__descriptor, buf_bytes(&b), n,
                            &m) == 0);
        check_same(&g, m, buf_bytes(&b));
        pb_free(m);
        assert_non_null(copy);
        memcpy(copy, buf_bytes(&b).p, n);
        for (uint32_t j = gen_below(&g, 4); j > 0; j--) {
            n = gen_damage(&g, copy, n);
        }
        if (pb_decode(&proctor__graph__descriptor, (struct ubytes){copy, n},
                      1u << 20, &m) == 0) {
            check_same(&g, m, (struct ubytes){copy, n});
            pb_free(m);
            accepted++;
        }
        free(copy);
        buf_release(&b);
    }
    print_message("%u of 4000 damaged graphs were still graphs\n", accepted);
    assert_in_range(accepted, 1, 3999);
}

static void test_truncation(void **state)
{
    struct gen g = gen_start();
    struct buf b = sample(&g);
    ProtobufCMessage *m;

    (void)state;
    for (size_t cut = 0; cut < buf_len(&b); cut++) {
        /* A cut between fields is a shorter message; the rest is refused. */
        struct ubytes part = {buf_bytes(&b).p, cut};

        if (pb_decode(&proctor__graph__descriptor, part, 1u << 20, &m) == 0) {
            check_same(&g, m, part);
            pb_free(m);
        }
    }
    assert_int_equal(pb_decode(&proctor__graph__descriptor, buf_bytes(&b),
                               buf_len(&b) > 0 ? buf_len(&b) - 1 : 0, &m),
                     buf_len(&b) > 0 ? ERR_LIMIT : 0);
    buf_release(&b);
}

/* 16 MiB of empty tasks would be some 2 GiB of structs. */
static void test_memory_is_capped(void **state)
{
    size_t n = 16u << 20;
    uint8_t *p = malloc(n);
    ProtobufCMessage *m;

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < n; i += 2) {
        p[i] = 0x1a;
        p[i + 1] = 0;
    }
    assert_int_equal(pb_decode(&proctor__graph__descriptor,
                               (struct ubytes){p, n}, LIMIT_FRAME_BYTES, &m),
                     ERR_LIMIT);
    assert_null(m);
    free(p);
}

static void test_encode_limit(void **state)
{
    Proctor__Validator v = PROCTOR__VALIDATOR__INIT;
    struct buf b;

    (void)state;
    v.level = 300;
    buf_init(&b, 2);
    assert_int_equal(pb_encode(&v.base, &b), ERR_LIMIT);
    assert_int_equal(buf_len(&b), 0);
    buf_release(&b);
    buf_init(&b, 3);
    assert_int_equal(pb_encode(&v.base, &b), 0);
    assert_memory_equal(buf_bytes(&b).p, "\x10\xac\x02", 3);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_enums),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_round_trip_and_damage),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_memory_is_capped),
        cmocka_unit_test(test_encode_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
