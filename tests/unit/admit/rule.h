/* Assertions about what admission says. */
#ifndef TESTS_UNIT_ADMIT_RULE_H
#define TESTS_UNIT_ADMIT_RULE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/admit/make.h"

static inline void assert_rule(Proctor__Graph *g, Proctor__Policy *p,
                               const char *rule, int code, const char *text)
{
    struct seen s;
    size_t refused = judge(g, p, &s);

    if (strcmp(s.rule, rule) != 0) {
        fail_msg("expected rule %s, got \"%s\" (%zu refused): %s", rule, s.rule,
                 refused, s.d.what);
    }
    assert_int_equal(s.d.code, code);
    if (!strstr(s.d.what, text)) {
        fail_msg("\"%s\" is not in: %s", text, s.d.what);
    }
}

static inline void assert_admitted(Proctor__Graph *g, Proctor__Policy *p)
{
    struct seen s;

    if (judge(g, p, &s) != 0) {
        fail_msg("refused by %s: %s", s.rule, s.d.what);
    }
}

#endif
