/* Every system call number under the real profile, from the same text that the
 * proof of the filters reads: what the table does not name ends the process, what
 * it names is answered as it says. A worker each. */
#include "tests/attack/driver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/engine.h"
#include "tests/proof/table.h"

/* Past the last call of Linux 6.18. */
#define NUMBERS 480

/* Linux 6.14 and 6.18 show these two to no filter (kernel/seccomp.c), since only
 * their own trampoline may make them: from anywhere else the first is SIGILL and
 * the second ENXIO, and nothing was done. */
#define CALL_URETPROBE 335
#define CALL_UPROBE 336

/* Calls that would not come back, or come back twice. */
static int is_one_way(const char *name)
{
    static const char *const calls[] = {
        "fork",       "vfork",        "clone",         "exit",
        "exit_group", "rt_sigreturn", "rt_sigsuspend", "pause"};

    for (size_t i = 0; i < ARRAY_N(calls); i++) {
        if (strcmp(calls[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Nothing good can come of arguments that are all -1, but where a rule wants
 * another value. */
static void task_write(int nr, const struct table_rule *r, char *out, size_t n)
{
    uint64_t args[6];
    size_t at = (size_t)snprintf(out, n, CALL_PREFIX "%x", (unsigned)nr);

    for (size_t i = 0; i < ARRAY_N(args); i++) {
        args[i] = r == NULL ? 0 : UINT64_MAX;
    }
    for (unsigned a = 0; r != NULL && a < r->args_n; a++) {
        args[r->args[a].i] = r->args[a].value;
    }
    for (size_t i = 0; i < ARRAY_N(args); i++) {
        at += (size_t)snprintf(out + at, n - at, " %llx",
                               (unsigned long long)args[i]);
    }
}

static void number_run(struct loop *l, struct engine *e, const char *class_name,
                       int nr, const struct table_rule *r)
{
    const char *call = table_call_name(nr);
    char name[64], task[160];
    struct attack a = {
        .row = 'A', .name = name, .class_name = class_name, .task = task};

    snprintf(name, sizeof(name), "call_%d_%s", nr, call == NULL ? "new" : call);
    task_write(nr, r, task, sizeof(task));
    if (nr == CALL_URETPROBE || nr == CALL_UPROBE) {
        a.end = END_HOST;
        a.value = nr == CALL_UPROBE ? -ENXIO : SIGILL;
    } else if (r == NULL) {
        a.end = END_SIGSYS;
    } else if (r->answer == SECCOMP_RET_ALLOW) {
        a.end = END_ALIVE;
    } else {
        a.end = END_ANSWER;
        a.value = -(long)(r->answer & SECCOMP_RET_DATA);
    }
    if (r == NULL || call == NULL || !is_one_way(call)) {
        case_run(l, e, &a);
    }
}

void numbers_run(struct loop *l, struct engine *e)
{
    for (int c = 0; c < WORKER_CLASSES_N; c++) {
        const char *class_name = worker_class_name((enum worker_class)c);
        struct table t;
        char path[512];

        snprintf(path, sizeof(path), "%s/policy/profiles/%s.profile",
                 TEST_SOURCE_DIR, class_name);
        if (table_load(path, &t) != 0) {
            tap(0, 'A', "every_number", class_name, "profile is not readable");
            continue;
        }
        for (int nr = 0; nr < NUMBERS; nr++) {
            number_run(l, e, class_name, nr, table_rule_of(&t, 0, nr));
        }
        table_release(&t);
    }
}
