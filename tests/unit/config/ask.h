/* Asks the config worker's pure function and keeps the answer. */
#ifndef TESTS_UNIT_CONFIG_ASK_H
#define TESTS_UNIT_CONFIG_ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pb.h"
#include "workers/config/config.h"

struct asked {
    struct config c;
    Proctor__ConfigReply reply;
};

static inline void ask_bytes(struct asked *a, Proctor__ConfigKind kind,
                             const void *text, size_t n)
{
    /* The task lives as long as the answer: messages may quote it. */
    static Proctor__ConfigTask task;

    proctor__config_task__init(&task);
    task.kind = kind;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = n;
    assert_int_equal(config_answer(&a->c, &task, &a->reply), 0);
}

static inline void ask_graph(struct asked *a, const char *text)
{
    ask_bytes(a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, text, strlen(text));
}

static inline void ask_policy(struct asked *a, const char *text)
{
    ask_bytes(a, PROCTOR__CONFIG_KIND__CONFIG_POLICY, text, strlen(text));
}

static inline void ask_done(struct asked *a)
{
    config_release(&a->c);
}

/* With key=value words. */
static inline void ask_with(struct asked *a, Proctor__ConfigKind kind,
                            const char *text, const char *const *words,
                            size_t words_n)
{
    static Proctor__ConfigTask task;
    static Proctor__Override overrides[8];
    static Proctor__Override *list[8];
    static char keys[8][128];

    assert_true(words_n <= 8);
    proctor__config_task__init(&task);
    task.kind = kind;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = strlen(text);
    for (size_t i = 0; i < words_n; i++) {
        const char *equal = strchr(words[i], '=');

        proctor__override__init(&overrides[i]);
        snprintf(keys[i], sizeof(keys[i]), "%s", words[i]);
        keys[i][equal - words[i]] = '\0';
        overrides[i].key = keys[i];
        overrides[i].value = (char *)(uintptr_t)(equal + 1);
        list[i] = &overrides[i];
    }
    task.overrides = list;
    task.n_overrides = words_n;
    assert_int_equal(config_answer(&a->c, &task, &a->reply), 0);
}

/* Fails with what was said when there is a problem. */
static inline void assert_fine(const struct asked *a)
{
    if (a->reply.problem) {
        fail_msg("%u:%u %s (%s)", a->reply.problem->line, a->reply.problem->col,
                 a->reply.problem->what, a->reply.problem->hint);
    }
}

/* A problem at line:col whose text contains `text`. */
static inline void assert_problem(const struct asked *a, uint32_t line,
                                  uint32_t col, const char *text)
{
    const Proctor__Problem *p = a->reply.problem;

    if (!p) {
        fail_msg("accepted; expected %u:%u %s", line, col, text);
        return;
    }
    if (p->line != line || p->col != col || !strstr(p->what, text)) {
        fail_msg("expected %u:%u %s\n     got %u:%u %s", line, col, text,
                 p->line, p->col, p->what);
    }
    assert_null(a->reply.graph);
    assert_null(a->reply.policy);
}

#endif
