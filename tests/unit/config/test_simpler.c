/* A round of shrinking as a task (simpler.h): what the kernel lists of corpora is
 * enough for the same proposals as all of them, and no task is taken at its word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/config.h"
#include "workers/config/shrink.h"

#define OK(call) assert_int_equal((call), 0)
#define CORPUS_N 100u

/* Arguments: a value of corpus 0, which is of u16, and any u8. */
static const uint8_t domain[] = {9, 2, 0x0f, 3, 0x82, 0, 0, 3, 0x81, 0, 0, 0, 0,
                                 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff};
static const struct type u16_type = {2, {TYPE_INT, TYPE_UNSIGNED | 2}};

struct world {
    struct values corpus;
    uint8_t value[CORPUS_N][4];
    ProtobufCBinaryData listed[CORPUS_N];
    uint32_t listed_each[1];
    Proctor__ConfigTask task;
    struct config c;
    Proctor__ConfigReply reply;
};

/* Value i of the corpus: 1000 - i, so that those that are listed are larger. */
static void world_init(struct world *w, uint8_t input[static 12], unsigned i)
{
    struct values_builder b;

    OK(values_builder_init(&b, 1 << 20));
    for (unsigned k = 0; k < CORPUS_N; k++) {
        uint8_t v[4] = {3, 0x82, (uint8_t)((1000 - k) >> 8),
                        (uint8_t)(1000 - k)};

        memcpy(w->value[k], v, sizeof(v));
        w->listed[k] = (ProtobufCBinaryData){4, w->value[k]};
        OK(values_builder_add(&b, (struct ubytes){v, sizeof(v)}));
    }
    values_init(&w->corpus);
    OK(values_build(&w->corpus, &b, &u16_type, 0));
    memcpy(input, (const uint8_t[]){9, 0, 0, 0, 2}, 5);
    memcpy(input + 5, w->value[i], 4);
    memcpy(input + 9, (const uint8_t[]){3, 0x81, 200}, 3);
    proctor__config_task__init(&w->task);
    w->task.kind = PROCTOR__CONFIG_KIND__CONFIG_SIMPLER;
    w->task.domain =
        (ProtobufCBinaryData){sizeof(domain), (uint8_t *)(uintptr_t)domain};
    w->task.text = (ProtobufCBinaryData){12, input};
    w->task.listed = w->listed;
    w->task.n_listed = LIMIT_LISTED;
    w->task.listed_each = w->listed_each;
    w->task.n_listed_each = 1;
    w->listed_each[0] = LIMIT_LISTED;
}

static void world_ask(struct world *w)
{
    OK(config_answer(&w->c, &w->task, &w->reply));
}

/* Round by round, with nothing failing, as if the whole corpus were there. */
static void test_listed_is_enough(void **state)
{
    struct world w;
    uint8_t input[12];
    struct shrink *s;
    struct buf saved;
    unsigned rounds = 0;

    (void)state;
    for (unsigned i = 0; i < CORPUS_N; i += 33) {
        struct node_source whole = {{domain, sizeof(domain)}, &w.corpus, 1};
        int code = 0;

        world_init(&w, input, i);
        OK(shrink_new(&whole, (struct ubytes){input, sizeof(input)}, &s));
        buf_init(&saved, 1 << 20);
        while (code == 0) {
            struct values out;
            struct type t;

            code = shrink_round(s);
            world_ask(&w);
            assert_null(w.reply.problem);
            values_init(&out);
            OK(domain_check(whole.domain, &t));
            OK(values_decode(
                &out,
                (struct ubytes){w.reply.inputs.data, w.reply.inputs.len}, &t,
                LIMIT_SHRINK_ROUND));
            assert_int_equal(values_n(&out), shrink_n(s));
            for (uint32_t k = 0; k < shrink_n(s); k++) {
                struct ubytes a = values_at(&out, k);
                struct ubytes b = shrink_at(s, k);

                assert_int_equal(a.n, b.n);
                assert_memory_equal(a.p, b.p, a.n);
            }
            buf_reset(&saved);
            OK(buf_put(&saved, w.reply.state.data, w.reply.state.len));
            w.task.state = (ProtobufCBinaryData){
                buf_len(&saved), (uint8_t *)(uintptr_t)buf_bytes(&saved).p};
            config_release(&w.c);
            values_release(&out);
            rounds++;
        }
        shrink_free(s);
        buf_release(&saved);
        values_release(&w.corpus);
    }
    assert_true(rounds > 8);
}

static void assert_refused(struct world *w)
{
    world_ask(w);
    assert_non_null(w->reply.problem);
    assert_int_equal(w->reply.inputs.len, 0);
    config_release(&w->c);
}

static void test_bad_tasks(void **state)
{
    static uint8_t wrong[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                              0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5};
    struct world w;
    uint8_t input[12];

    (void)state;
    world_init(&w, input, 7);
    w.task.domain.len--;
    assert_refused(&w);
    w.task.domain.len++;
    w.task.text.len--;
    assert_refused(&w);
    w.task.text.len++;
    w.listed_each[0] = LIMIT_LISTED + 1; /* more than there are */
    assert_refused(&w);
    w.listed_each[0] = 3; /* all of it, they say; the input's is not there */
    assert_refused(&w);
    w.listed_each[0] = LIMIT_LISTED;
    w.task.n_listed_each = 0;
    assert_refused(&w);
    w.task.n_listed_each = 1;
    w.listed[3].len = 2; /* no value */
    assert_refused(&w);
    w.listed[3].len = 4;
    w.task.state = (ProtobufCBinaryData){16, wrong}; /* cut */
    assert_refused(&w);
    w.task.state = (ProtobufCBinaryData){20, wrong};
    assert_refused(&w);
    w.task.state = (ProtobufCBinaryData){sizeof(wrong), wrong}; /* one twice */
    assert_refused(&w);
    w.task.state = (ProtobufCBinaryData){25, wrong};
    world_ask(&w);
    assert_null(w.reply.problem);
    config_release(&w.c);
    values_release(&w.corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_is_enough),
        cmocka_unit_test(test_bad_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
