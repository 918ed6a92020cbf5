/* Shared by the engine's tests: an engine over the test image of tests/attack,
 * and a task for its workers. */
#ifndef TESTS_UNIT_ENGINE_PLAY_H
#define TESTS_UNIT_ENGINE_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "kernel/engine/engine.h"
#include "kernel/engine/loop.h"

#include "worker.pb-c.h"

#define IMAGES TEST_BIN_DIR "/../tests/attack-images"

static inline void play_begin(struct loop **l, struct engine **e)
{
    struct diag d;

    diag_init(&d);
    assert_int_equal(loop_new(l), 0);
    if (engine_open(*l, IMAGES, e, &d) < 0) {
        fail_msg("%s: %s", d.what, d.hint);
    }
}

static inline void play_end(struct loop *l, struct engine *e)
{
    engine_close(e);
    loop_free(l);
}

/* The report's bytes; returns how many. */
static inline size_t play_report(const Proctor__Confinement *r, uint8_t *out,
                                 size_t out_n)
{
    size_t n = proctor__confinement__get_packed_size(r);

    assert_true(n <= out_n);
    proctor__confinement__pack(r, out);
    return n;
}

static inline void play_send(struct worker *w, const char *text)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = strlen(text);
    assert_int_equal(worker_send(w, MSG_CONFIG_TASK, &task.base, NULL, 0), 0);
}

#endif
