/* The enumerator: what it finds fits, is the smallest where that is known, and is the
 * same each time; what it cannot know it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "synth_gen.h"
#include "workers/cml/eval.h"
#include "workers/lib/json.h"

struct solved {
    struct arena a;
    struct diag d;
    Proctor__SynthReply r;
    int code;
};

static void solve(struct solved *s, const Proctor__SynthTask *task)
{
    arena_init(&s->a, 1u << 26);
    diag_init(&s->d);
    s->code = synth_solve(task, &s->a, &s->r, &s->d);
}

static void test_bit_vectors(void **state)
{
    uint32_t found = 0;

    (void)state;
    for (uint32_t i = 1; i <= 40; i++) {
        struct hidden h;
        struct made m;
        struct solved s;

        made_hidden(&m, &h, i, 10);
        solve(&s, &m.task);
        if (s.code != 0) {
            fail_msg("%s: %s", h.ops, s.d.what);
        }
        if (s.r.status == PROCTOR__SYNTH_STATUS__SYNTH_FOUND) {
            found++;
            assert_true(s.r.size > 0 && s.r.unit->bundle.len > 0);
        }
        arena_release(&s.a);
        made_release(&m);
    }
    assert_true(found >= 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bit_vectors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
