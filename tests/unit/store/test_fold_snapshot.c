/* The fold's snapshots: they lose nothing wherever they are taken, and foreign ones
 * are refused; its size. */
#include "fold_records.h"

#include <time.h>

#include "proto/pb.h"

static void test_snapshot_at_any_point(void **state)
{
    struct fold *a;
    struct fold *b;
    struct buf x;
    struct buf y;
    uint64_t run = 0;
    unsigned i;

    (void)state;
    assert_int_equal(fold_new(&a), 0);
    assert_int_equal(fold_new(&b), 0);
    for (i = 0; i < 600; i++) {
        struct fold *each[2] = {a, b};
        struct fold *fresh;
        uint64_t old_run = run;
        char name[32];
        unsigned k;

        (void)snprintf(name, sizeof(name), "n%u", i * 7919 % 53);
        for (k = 0; k < 2; k++) {
            struct record r = ref_record(name, (uint8_t)i);
            struct cid burnt = cid_n(i % 90);

            switch (i % 6) {
            case 0:
                add(each[k], &r);
                break;
            case 1:
                add_commit(each[k], cid_n(i % 7), i);
                break;
            case 2:
                add_verdict(each[k], cid_n(i % 7), cid_n(i % 41), i % 7,
                            &burnt);
                break;
            case 3:
                add_task(each[k], run, name, i % STATE_N_, "because");
                break;
            case 4:
                add_run_task(each[k], RECORD_START, RF_START_run, RF_START_task,
                             run, name);
                break;
            default:
                run = i % 60 == 5 ? add_run(each[k], old_run + 1) : run;
                break;
            }
        }
        if (i % 9 == 0) {
            fresh = through_snapshot(b);
            fold_free(b);
            b = fresh;
        }
    }
    buf_init(&x, 1u << 24);
    buf_init(&y, 1u << 24);
    assert_int_equal(fold_encode(a, &x), 0);
    assert_int_equal(fold_encode(b, &y), 0);
    assert_int_equal(buf_len(&x), buf_len(&y));
    assert_memory_equal(buf_bytes(&x).p, buf_bytes(&y).p, buf_len(&x));
    buf_release(&x);
    buf_release(&y);
    fold_free(a);
    fold_free(b);
}

/* Snapshots that are protobuf but not ours. */
static void test_bad_snapshots(void **state)
{
    Proctor__Snapshot s = PROCTOR__SNAPSHOT__INIT;
    Proctor__RefState a = PROCTOR__REF_STATE__INIT;
    Proctor__RefState b = PROCTOR__REF_STATE__INIT;
    Proctor__RefState *refs[2] = {&a, &b};
    Proctor__RunState run = PROCTOR__RUN_STATE__INIT;
    Proctor__RunState *runs[2] = {&run, &run};
    uint8_t short_cid[31] = {1};
    char name_a[] = "a";
    char name_b[] = "b";
    struct fold *f;
    struct buf x;

    (void)state;
    buf_init(&x, 10000);
    s.refs = refs;
    s.n_refs = 2;
    a.name = name_b;
    b.name = name_a;
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_reset(&x);
    b.name = name_b; /* twice */
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_reset(&x);
    a.name = name_a;
    a.target = (ProtobufCBinaryData){.len = 31, .data = short_cid};
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_reset(&x);
    s.n_refs = 0;
    s.runs = runs;
    s.n_runs = 2;
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_release(&x);
}

/* A run of 100,000 tasks, each with three records. */
static void test_many_tasks(void **state)
{
    struct timespec t0;
    struct timespec t1;
    struct fold *f;
    uint64_t run;
    unsigned i;
    double s;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    run = add_run(f, 0);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t0), 0);
    for (i = 0; i < 100000; i++) {
        char id[32];

        (void)snprintf(id, sizeof(id), "task-%u", i);
        add_run_task(f, RECORD_START, RF_START_run, RF_START_task, run, id);
        add_task(f, run, id, STATE_PASSED, "");
    }
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t1), 0);
    s = (double)(t1.tv_sec - t0.tv_sec) +
        (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
    assert_int_equal(fold_last_run(f)->n_tasks, 100000);
    assert_int_equal(state_of(f, "task-77777"), STATE_PASSED);
    assert_true(s < 10.0); /* quadratic work would take minutes */
    fold_free(through_snapshot(f));
    fold_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot_at_any_point),
        cmocka_unit_test(test_bad_snapshots),
        cmocka_unit_test(test_many_tasks),
    };

    return cmocka_run_group_tests_name("fold_snapshot", tests, NULL, NULL);
}
