/* Runs every lie of lies.h, and candidates that break their side of the bargain,
 * through the kernel's own evaluation (kernel/run/eval.c) under the real profiles,
 * an honest one beside each. Judges what counted, what it was called, and that
 * nothing is left over. One TAP line per case. Needs root. */
#include "tests/attack/lies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/engine/loop.h"
#include "kernel/run/core.h"
#include "kernel/run/eval.h"
#include "kernel/run/guard.h"
#include "proto/err.h"
#include "tests/attack/tap.h"

#define SLOTS 6u /* workers at once */
#define WORDS_MAX 160

struct play {
    const char *name;
    const char *words; /* of the ending; "" = good; "a|b" = either */
    uint32_t answers;  /* that must count */
    int wrong_too;     /* any answer of the right form: it chose to be wrong */
    struct runnable r;
    Proctor__Runnable m;
    Proctor__Limits limits;
    struct eval *eval;
    struct world *world;
};

struct world {
    struct core core;
    struct values inputs;
    unsigned open;
};

static struct type u32_type, takes;

static void inputs_make(struct values *out)
{
    struct values_builder w;

    must(values_builder_init(&w, 4096) == 0, "memory");
    for (uint32_t i = 0; i < LIE_INPUTS; i++) {
        struct buf v;

        buf_init(&v, 64);
        must(value_put_tuple(&v, 1) == 0 &&
                 value_put_int(&v, &u32_type, 1000 * i) == 0 &&
                 values_builder_add(&w, buf_bytes(&v)) == 0,
             "memory");
        buf_release(&v);
    }
    must(values_decode(out, values_builder_bytes(&w), &takes, LIE_INPUTS) == 0,
         "inputs");
    values_builder_release(&w);
}

/* Is it the answer x + add to input i? */
static int is_answer(struct ubytes v, uint32_t i, uint32_t add)
{
    uint32_t x = 1000 * i + add;
    const uint8_t right[] = {3,
                             0x84,
                             (uint8_t)(x >> 24),
                             (uint8_t)(x >> 16),
                             (uint8_t)(x >> 8),
                             (uint8_t)x};

    return v.n == sizeof(right) && memcmp(v.p, right, sizeof(right)) == 0;
}

static int answers_are_right(const struct play *p, const struct evaluation *e)
{
    for (uint32_t i = 0; i < values_n(&e->answers); i++) {
        if (!is_answer(values_at(&e->answers, i), i, 1) &&
            !(p->wrong_too &&
              value_check_exact(values_at(&e->answers, i), &u32_type) == 0)) {
            return 0;
        }
    }
    return 1;
}

static int is_plain(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s < ' ' || *s > '~') {
            return 0;
        }
    }
    return 1;
}

/* One of the words, with the number of answers that goes with a good end or a bad
 * one: where both may be, a bad one leaves nothing. */
static int is_expected(const struct play *p, const struct evaluation *e)
{
    char words[WORDS_MAX];
    char *rest = words;
    char *word;
    uint32_t n = values_n(&e->answers);

    snprintf(words, sizeof(words), "%s", p->words);
    while ((word = strsep(&rest, "|")) != NULL) {
        int either = strchr(p->words, '|') != NULL;

        if (word[0] == '\0' && e->complete && n == p->answers) {
            return 1;
        }
        if (word[0] != '\0' && !e->complete && (!e->outside || either) &&
            n == (either ? 0 : p->answers) && strstr(e->ending, word) != NULL) {
            return 1;
        }
    }
    return 0;
}

static void on_over(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct play *p = ctx;
    struct world *w = p->world;
    char found[320];
    int ok = is_expected(p, e) && answers_are_right(p, e) &&
             is_plain(e->ending) && is_plain(eval_text(v));

    snprintf(found, sizeof(found), "%s, %u answers%s",
             e->complete ? "a good end" : e->ending, values_n(&e->answers),
             e->limit ? ", by a limit" : "");
    tap_case('L', ok, p->name, found);
    p->eval = NULL;
    eval_free(v);
    if (--w->open == 0) {
        loop_stop(w->core.loop);
    }
}

static void play_start(struct world *w, struct play *p, enum runnable_kind kind)
{
    struct eval_ask ask = {.runnable = &p->r,
                           .inputs = &w->inputs,
                           .limits = &p->limits,
                           .task = p->name};

    proctor__runnable__init(&p->m);
    p->m.kind = kind;
    p->r.m = &p->m;
    p->r.takes = takes;
    p->r.gives = u32_type;
    p->m.takes = (ProtobufCBinaryData){takes.n, p->r.takes.b};
    p->m.gives = (ProtobufCBinaryData){u32_type.n, p->r.gives.b};
    p->world = w;
    must(eval_start(&w->core, &ask, on_over, p, &p->eval) == 0, "eval_start");
    w->open++;
}

static void world_open(struct world *w, const char *images)
{
    struct diag d;

    diag_init(&d);
    must(core_init(&w->core, NULL, images) == 0, "core_init");
    must(core_open_engine(&w->core, &d) == 0, d.what);
    guards_slots(w->core.guards, SLOTS);
    values_init(&w->inputs);
    inputs_make(&w->inputs);
    w->open = 0;
}

static void world_close(struct world *w)
{
    values_release(&w->inputs);
    must(core_release(&w->core) == 0, "core_release");
}

static void limits_set(Proctor__Limits *l, uint64_t memory, uint64_t wall_ms)
{
    proctor__limits__init(l);
    l->cpu_ms = 10000;
    l->memory_bytes = memory;
    l->output_bytes = 1u << 20;
    l->processes = 8;
    l->wall_ms = wall_ms;
}

static int weights_fd;

static void lie_set(struct play *p, size_t lie_i, uint64_t wall_ms)
{
    limits_set(&p->limits, LIE_BASE_BYTES + lie_i * 4096, wall_ms);
    p->r.weights_fd = weights_fd;
    p->r.weights_n = 4096;
}

static const struct row {
    const char *name;
    uint64_t wall_ms;
    uint32_t answers;
    const char *words;
    enum lie_act act;
} rows[] = {
#define LIE(name, step, act, wall_ms, answers, words)                          \
    {#name, wall_ms, answers, words, act},
    LIES
#undef LIE
};

/* All lies at once, in SLOTS, each after an honest one. */
static void lies_run(struct world *w, unsigned rounds)
{
    static struct play plays[2 * ARRAY_N(rows)];
    const size_t honest = 0;

    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct play *p = &plays[2 * i];
        int flips = rows[i].act == FLIP_ANSWERS || rows[i].act == FLIP_LENGTHS;

        if (rounds > 0 && !flips) {
            continue;
        }
        memset(p, 0, 2 * sizeof(*p));
        p[0].name = "honest_beside";
        p[0].words = "";
        p[0].answers = LIE_INPUTS;
        p[1].name = rows[i].name;
        p[1].words = rows[i].words;
        p[1].answers = rows[i].answers;
        p[1].wrong_too = flips || rows[i].act == REPLY_WRONG;
        for (size_t k = 0; k < 2; k++) {
            lie_set(&p[k], k == 0 ? honest : i,
                    k == 0 ? 20000 : rows[i].wall_ms);
            play_start(w, &p[k], RUNNABLE_MODEL);
        }
    }
    must(loop_run(w->core.loop) == 0, "loop_run");
}

/* --- candidates of class program ------------------------------------------ */

struct script {
    const char *name;
    const char *text; /* for sh; one line [x] per input comes in */
    uint64_t wall_ms;
    uint32_t answers;
    const char *words;
};

#define HONEST_LOOP "while IFS='[]' read -r _ x _; do echo $((x + 1)); done"

static const struct script scripts[] = {
    {"program_honest", HONEST_LOOP, 20000, 10, ""},
    {"lines_twice",
     "while IFS='[]' read -r _ x _; do echo $((x + 1)); echo $((x + 1)); done",
     20000, 9, "too many answers"},
    {"one_line_more", HONEST_LOOP "; echo 5", 20000, 9, "too many answers"},
    {"too_few_lines", "IFS='[]' read -r _ x _; echo $((x + 1))", 20000, 1,
     "exited with status 0 after 1 of 10"},
    {"no_newline", HONEST_LOOP "| head -c -1", 20000, 9, "no value"},
    {"late_lines", "sleep 3; " HONEST_LOOP, 900, 0, "limits.wall"},
    {"never_a_line", "sleep 100", 900, 0, "limits.wall"},
    {"grandchild_keeps_pipe", HONEST_LOOP "; sleep 100 & exit 0", 20000, 10,
     ""},
    {"grandchild_in_own_session",
     HONEST_LOOP "; (setsid sleep 100 </dev/null &) ; exit 0", 20000, 10, ""},
    {"grandchild_speaks_after_exit",
     "(sleep 0.3; while :; do echo 7; done) & exit 0", 20000, 0,
     "exited with status 0 after 0 of 10"},
    {"grandchild_answers_for_it",
     "exec 5<&0; (" HONEST_LOOP ") <&5 & sleep 0.2; exit 0", 20000, 10, ""},
    {"closes_and_stays", HONEST_LOOP "; exec >&- 2>&-; sleep 100", 900, 0,
     "limits.wall"},
    {"killed_after_half",
     "for i in 1 2 3 4 5; do IFS='[]' read -r _ x _; echo $((x + 1)); done; "
     "kill -9 $$",
     20000, 5, "killed by signal 9"},
    {"flood_of_lines", "yes 1", 20000, 9, "too many answers"},
    {"flood_of_a_line", "yes 1 | tr -d '\\n'", 20000, 0, "flooded"},
    {"flood_of_errors", "yes 1 >&2", 20000, 0, "flooded"},
    {"speaks_on_other_descriptors",
     "for i in 3 4 5 6 7 8 9; do (echo 9 >&$i) 2>/dev/null && exit 3; "
     "done; " HONEST_LOOP,
     20000, 10, ""},
};

static void script_set(struct play *p, const struct script *s)
{
    static char sh[] = "/bin/sh", dash_c[] = "-c";
    char **argv = calloc(3, sizeof(*argv));
    static const char *const roots[] = {"/usr", "/bin", "/lib", "/lib64"};

    must(argv != NULL, "memory");
    argv[0] = sh;
    argv[1] = dash_c;
    argv[2] = (char *)(uintptr_t)s->text;
    proctor__program_task__init(&p->r.task);
    p->r.task.argv = argv;
    p->r.task.n_argv = 3;
    p->r.task.takes = (ProtobufCBinaryData){takes.n, takes.b};
    p->r.task.gives = (ProtobufCBinaryData){u32_type.n, u32_type.b};
    for (size_t i = 0; i < ARRAY_N(roots); i++) {
        p->r.roots.v[i] = (char *)(uintptr_t)roots[i];
    }
    p->r.roots.n = ARRAY_N(roots);
    limits_set(&p->limits, 256u << 20, s->wall_ms);
    p->name = s->name;
    p->words = s->words;
    p->answers = s->answers;
    p->wrong_too = strstr(s->words, "too many") != NULL;
}

/* While a candidate sleeps: none of its processes has the shared memory. */
struct look {
    struct world *w;
    struct loop_source *timer;
    unsigned tries;
    int seen, has_share;
};

static int file_holds(const char *pid, const char *name, const char *what)
{
    char path[300];
    static char text[1 << 16];
    size_t n;
    int fd;
    ssize_t got;

    snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    for (n = 0; n < sizeof(text); n += (size_t)got) {
        got = read(fd, text + n, sizeof(text) - n);
        if (got <= 0) {
            break;
        }
    }
    close(fd);
    return memmem(text, n, what, strlen(what)) != NULL;
}

static void look_now(void *ctx, short revents)
{
    struct look *l = ctx;
    DIR *proc = opendir("/proc");
    struct dirent *e;

    (void)revents;
    loop_remove(&l->timer);
    while (proc != NULL && (e = readdir(proc)) != NULL) {
        if (e->d_name[0] >= '0' && e->d_name[0] <= '9' &&
            file_holds(e->d_name, "cmdline", "sleep") &&
            file_holds(e->d_name, "cmdline", "0.777")) {
            l->seen = 1;
            l->has_share |= file_holds(e->d_name, "maps", "memfd:");
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    if (!l->seen && l->tries++ < 100) {
        must(loop_timer(l->w->core.loop, 10, look_now, l, &l->timer) == 0,
             "timer");
    }
}

static void scripts_run(struct world *w)
{
    static struct play plays[ARRAY_N(scripts) + 1];
    static const struct script sleeper = {
        "looked_at_from_outside", "sleep 0.777; " HONEST_LOOP, 20000, 10, ""};
    struct look look = {.w = w};

    for (size_t i = 0; i <= ARRAY_N(scripts); i++) {
        script_set(&plays[i], i == 0 ? &sleeper : &scripts[i - 1]);
        play_start(w, &plays[i], RUNNABLE_PROGRAM);
    }
    must(loop_timer(w->core.loop, 10, look_now, &look, &look.timer) == 0,
         "timer");
    must(loop_run(w->core.loop) == 0, "loop_run");
    loop_remove(&look.timer);
    tap_case('L', look.seen && !look.has_share,
             "candidate_has_no_shared_memory",
             !look.seen       ? "it was never seen"
             : look.has_share ? "it has"
                              : "none of it mapped");
    for (size_t i = 0; i <= ARRAY_N(scripts); i++) {
        free(plays[i].r.task.argv);
    }
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

int main(void)
{
    struct world w;
    char zero[4096] = {0};
    int before;

    must(sodium_init() >= 0, "sodium_init");
    must(type_from_name("u32", &u32_type) == 0 &&
             type_tuple_of(&u32_type, 1, &takes) == 0,
         "types");
    weights_fd = memfd_create("weights", MFD_CLOEXEC);
    must(write(weights_fd, zero, sizeof(zero)) == (ssize_t)sizeof(zero),
         "weights");
    before = descriptors_count();
    world_open(&w, TEST_LIARS_DIR);
    for (unsigned round = 0; round < 12; round++) {
        lies_run(&w, round); /* after the first: flips only, for the race */
    }
    world_close(&w);
    world_open(&w, TEST_BIN_DIR);
    scripts_run(&w);
    world_close(&w);
    tap_case('L', descriptors_count() == before, "no_descriptor_left",
             "as before");
    tap_case('L', waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD,
             "no_process_left", "no child");
    return tap_end();
}
