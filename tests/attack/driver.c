/* Runs every escape case of cases.c under the real profile, through the real
 * engine, and judges how it ended. One TAP line per case; exit 1 when any
 * differed. Needs root, as confinement does: without it every case fails. */
#include "tests/attack/driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/engine/engine.h"
#include "kernel/engine/loop.h"
#include "tests/attack/cases.h"

#include "worker.pb-c.h"

struct run {
    const struct attack *a;
    struct loop *loop;
    int answered;
    long answer;
    int ended;
    struct worker_exit end;
    int refused;
    struct diag d;
};

static enum worker_class class_of(const char *name)
{
    for (int i = 0; i < WORKER_CLASSES_N; i++) {
        if (strcmp(worker_class_name((enum worker_class)i), name) == 0) {
            return (enum worker_class)i;
        }
    }
    abort();
}

/* A sealed page whose first byte is 7, as weights. */
static int weights_make(void)
{
    int fd = memfd_create("weights", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char seven[4096] = {7};

    if (fd < 0 || write(fd, seven, sizeof(seven)) != (ssize_t)sizeof(seven) ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        abort();
    }
    return fd;
}

static void on_ready(void *ctx, struct worker *w,
                     const Proctor__Confinement *report)
{
    struct run *r = ctx;
    const char *text = r->a->task != NULL ? r->a->task : r->a->name;
    ProtobufCBinaryData name = {strlen(text), (uint8_t *)(uintptr_t)text};
    int code;

    (void)report;
    if (strcmp(r->a->class_name, "model") == 0) {
        Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
        int fd CLEANUP(fd_closep) = weights_make();

        task.takes = name;
        code = worker_send(w, MSG_MODEL_TASK, &task.base, &fd, 1);
    } else {
        Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

        task.text = name;
        code = worker_send(w, MSG_CONFIG_TASK, &task.base, NULL, 0);
    }
    if (code < 0) {
        abort();
    }
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    struct run *r = ctx;

    if (f->info->msg == MSG_CONFIG_REPLY) {
        const Proctor__ConfigReply *reply = (const void *)f->m;

        r->answered = 1;
        r->answer =
            reply->problem == NULL ? 0 : strtol(reply->problem->what, NULL, 10);
    }
    worker_finish(w);
}

static void on_exit_(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct run *r = ctx;

    (void)w;
    r->ended = 1;
    r->end = *e;
    loop_stop(r->loop);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct run *r = ctx;

    (void)w;
    r->refused = 1;
    r->d = *d;
    loop_stop(r->loop);
}

static const struct worker_handler handler = {on_ready, on_message, on_exit_,
                                              on_failed};

static void case_limits(const struct attack *a, struct worker_limits *l)
{
    static const char *const roots[] = {"/usr", "/bin", "/lib", "/lib64"};

    *l = (struct worker_limits){.cpu_ms = 1000,
                                .memory_bytes = 256u << 20,
                                .output_bytes = 1u << 20,
                                .wall_ms = 20000,
                                .processes = 8};
    if (strcmp(a->class_name, "program") == 0) {
        l->cpu_ms = 10000;
        l->roots = roots;
        l->roots_n = ARRAY_N(roots);
    }
    if (a->end == END_TIMEOUT) {
        l->wall_ms = 300;
    }
}

static void found_say(const struct run *r, char *out, size_t n)
{
    if (r->refused) {
        snprintf(out, n, "refused: %s", r->d.what);
    } else if (r->answered) {
        snprintf(out, n, "answered %ld", r->answer);
    } else if (r->end.timed_out) {
        snprintf(out, n, "timed out");
    } else if (r->end.killed_signal != 0) {
        snprintf(out, n, "killed by signal %d%s", r->end.killed_signal,
                 r->end.killed_signal == SIGSYS ? " (SIGSYS)" : "");
    } else {
        snprintf(out, n, "exit status %d", r->end.exit_status);
    }
}

static int as_expected(const struct run *r)
{
    const struct attack *a = r->a;
    int quiet = r->ended && !r->answered && !r->refused;

    switch (a->end) {
    case END_SIGSYS:
        return quiet && r->end.killed_signal == SIGSYS;
    case END_SIGNAL:
        return quiet && !r->end.timed_out && r->end.killed_signal != 0 &&
               (a->value == 0 || r->end.killed_signal == a->value);
    case END_CUT:
        return quiet && !r->end.timed_out && r->end.killed_signal == SIGKILL &&
               r->end.cpu_ms < 500;
    case END_ANSWER:
        return r->answered && r->answer == a->value;
    case END_ALIVE:
        return r->answered && r->answer != UNKNOWN;
    case END_HOST:
        return a->value < 0 && r->answered
                   ? r->answer == a->value
                   : quiet && (r->end.killed_signal == SIGSYS ||
                               r->end.killed_signal == a->value);
    case END_EXIT:
        return quiet && r->end.killed_signal == 0 &&
               r->end.exit_status == a->value;
    case END_TIMEOUT:
        return quiet && r->end.timed_out && r->end.killed_signal == a->value;
    }
    return 0;
}

void case_run(struct loop *l, struct engine *e, const struct attack *a)
{
    struct run r = {.a = a, .loop = l};
    struct worker_limits limits;
    struct worker *w;
    char found[400];

    case_limits(a, &limits);
    if (engine_start(e, class_of(a->class_name), &limits, &handler, &r, &w) <
            0 ||
        loop_run(l) < 0) {
        tap(0, a->row, a->name, a->class_name, "engine_start failed");
        return;
    }
    found_say(&r, found, sizeof(found));
    tap(as_expected(&r), a->row, a->name, a->class_name, found);
}

static int descriptors_count(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

/* Descriptors of a careless parent: readable, and not closed on exec. */
static void secrets_hold(void)
{
    static const int numbers[] = {200, 1100, 2048};
    int fd = memfd_create("secret", 0); // NOLINT: that is the case

    if (fd < 0 || write(fd, "secret", 6) != 6) {
        abort();
    }
    for (size_t i = 0; i < ARRAY_N(numbers); i++) {
        if (dup2(fd, numbers[i]) < 0) {
            tap(0, 'F', "secret_descriptors", "all", "RLIMIT_NOFILE is lower");
        }
    }
}

int main(int argc, char **argv)
{
    const char *images = argc > 1 ? argv[1] : TEST_IMAGES_DIR;
    /* A case's name; or "named", all but the numbers. */
    const char *only = argc > 2 ? argv[2] : NULL;
    int named = only != NULL && strcmp(only, "named") == 0;
    int descriptors;
    struct engine *e;
    struct loop *l;
    struct diag d;

    diag_init(&d);
    secrets_hold();
    descriptors = descriptors_count();
    if (loop_new(&l) < 0 || engine_open(l, images, &e, &d) < 0) {
        printf("Bail out! %s (%s)\n", d.what, d.hint);
        return 1;
    }
    for (size_t i = 0; i < attacks_n; i++) {
        if (only == NULL || named || strcmp(only, attacks[i].name) == 0) {
            case_run(l, e, &attacks[i]);
        }
    }
    if (only == NULL) {
        numbers_run(l, e);
        cases_table_check();
    }
    engine_close(e);
    loop_free(l);
    tap(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, 'L',
        "no_process_left", "all", "no child");
    tap(descriptors_count() == descriptors, 'L', "no_descriptor_left", "all",
        "as many as before");
    if (only == NULL || named) {
        setup_cases_run(images);
    }
    return tap_end();
}
