/* Training by a worker that acts as its rows say (actor_train.c), through the
 * kernel's own turns under the real profile: alone, shared, lost, stopped, measured;
 * and lying. Judges what came out and what it was called. One TAP line per case.
 * Needs root. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/loop.h"
#include "kernel/run/guard.h"
#include "kernel/run/train.h"
#include "proto/err.h"
#include "tests/attack/tap.h"

enum { CHECKED = 20, EPOCHS = 12 };

static struct core core;

/* One training, from its line to its end. */
static struct play {
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__Dataset data;
    Proctor__Training m;
    Proctor__Limits limits;
    struct train_ask ask;
    struct cid x, checked_x, checked_y;
    struct train *train;
    struct loop_source *timer;
} play;

static void put(struct ubytes b, struct cid *out)
{
    must(store_put(core.store, b, out) == 0, "store_put");
}

static void on_end(UNUSED void *ctx, UNUSED struct train *t)
{
    loop_stop(core.loop);
}

static void play_new(const char *line)
{
    struct play *p = &play;

    memset(p, 0, sizeof(*p));
    proctor__recipe__init(&p->recipe);
    proctor__learner__init(&p->learner);
    proctor__dataset__init(&p->data);
    proctor__training__init(&p->m);
    proctor__limits__init(&p->limits);
    p->recipe.learner = &p->learner;
    p->recipe.epochs = EPOCHS;
    put((struct ubytes){(const uint8_t *)line, strlen(line)}, &p->x);
    p->data.x = cid_field(&p->x);
    p->m.version = 1;
    p->m.recipe = &p->recipe;
    p->m.data = &p->data;
    p->limits.cpu_ms = 10000;
    p->limits.memory_bytes = 256u << 20;
    p->limits.wall_ms = 30000;
    p->ask = (struct train_ask){.m = &p->m,
                                .workers = 1,
                                .checkpoint_every = 1,
                                .limits = &p->limits,
                                .task = "net",
                                .on_end = on_end};
}

/* Rows whose labels, 0 all of them, only this side has. */
static void with_checked(void)
{
    static const uint8_t zeros[CHECKED * 8];

    put((struct ubytes){zeros, CHECKED * 4}, &play.checked_x);
    put((struct ubytes){zeros, CHECKED * 8}, &play.checked_y);
    play.m.checked_x = cid_field(&play.checked_x);
    play.m.checked_y = cid_field(&play.checked_y);
    play.m.checked_rows = CHECKED;
    play.m.metric = METRIC_SQUARED_ERROR;
}

static void begin(void)
{
    must(core_cid_message(&play.m.base, &play.ask.training) == 0, "cid");
    must(train_new(&core, &play.ask, &play.train) == 0, "train_new");
}

static void run(void)
{
    begin();
    must(loop_run(core.loop) == 0, "loop_run");
}

static const char *how(void)
{
    static char text[400];
    const struct train *t = play.train;

    snprintf(text, sizeof(text), "%s at step %llu, %zu kept, %u lost%s%s",
             t->end == TRAIN_ENDED     ? "ended"
             : t->end == TRAIN_STOPPED ? "stopped"
                                       : "failed",
             (unsigned long long)t->step, t->log.kept_n, t->losses,
             t->d.what[0] == '\0' ? "" : ": ", t->d.what);
    return text;
}

static void end(void)
{
    train_free(play.train);
    play.train = NULL;
}

/* Same weights as ever. */
static void same(const char *name, const struct cid *weights)
{
    const struct train *t = play.train;

    tap_case('N',
             t->end == TRAIN_ENDED && t->step == 10 * EPOCHS &&
                 cid_is_equal(&t->weights, weights),
             name, how());
    end();
}

static void many_ways(void)
{
    struct cid weights;

    play_new("actor");
    run();
    weights = play.train->weights;
    same("alone", &weights);
    for (unsigned n = 2; n <= 4; n += 2) {
        char name[16];

        play_new("actor");
        play.ask.workers = n;
        run();
        snprintf(name, sizeof(name), "%u_workers", n);
        same(name, &weights);
    }
    play_new("actor die=9");
    run();
    tap_case('N', play.train->losses == 1, "lost_once", how());
    same("lost_weights", &weights);
    play_new("actor die=30"); /* both leave, and are replaced */
    play.ask.workers = 2;
    run();
    same("lost_of_two", &weights);
    play_new("actor");
    with_checked();
    run();
    same("measured", &weights);
    play_new("actor every=5");
    run();
    same("few_checkpoints", &weights);
}

static void on_timer(UNUSED void *ctx, UNUSED short revents)
{
    loop_remove(&play.timer);
    train_stop(play.train);
}

/* Stopped somewhere, with what it takes to go on; that it does, and comes to the same
 * weights, is shown where there is a ledger (61-train.sh). */
static void stopping(void)
{
    play_new("actor");
    play.recipe.epochs = 1u << 20;
    begin();
    must(loop_timer(core.loop, 60, on_timer, NULL, &play.timer) == 0, "timer");
    must(loop_run(core.loop) == 0, "loop_run");
    tap_case('N',
             play.train->end == TRAIN_STOPPED && play.train->step > 0 &&
                 !cid_is_zero(&play.train->state) &&
                 play.train->state_step == play.train->step,
             "stopped", how());
    end();
}

static void keeping(void)
{
    const struct train *t;
    int is_good = 1;

    play_new("actor");
    with_checked();
    play.ask.keep = 3;
    run();
    t = play.train;
    for (size_t i = 1; i < t->log.kept_n; i++) {
        is_good &= t->log.kept[i - 1].measured <= t->log.kept[i].measured &&
                   !cid_is_zero(&t->log.kept[i].weights);
    }
    tap_case('N', is_good && t->log.kept_n == 3, "keeps_the_best", how());
    end();
    play_new("actor");
    play.ask.keep = 4;
    run();
    t = play.train;
    is_good = t->log.kept_n == 4;
    for (size_t i = 0; i < t->log.kept_n; i++) {
        is_good &= t->log.kept[i].epoch == EPOCHS - i;
    }
    tap_case('N', is_good, "keeps_the_newest", how());
    end();
    play_new("actor");
    play.m.untrained = 1;
    run();
    tap_case('N', play.train->end == TRAIN_ENDED && play.train->step == 0,
             "untrained", how());
    end();
}

/* What a worker says in a turn, and what that is called. */
static const struct {
    const char *line, *words;
    int is_checked;
} lies[] = {
    {"lie=area:0", "an area that cannot be", 0},
    {"lie=steps_all:0", "counts that cannot be", 0},
    {"lie=step:0", "another step than that of its state", 0},
    {"lie=outputs:0", "an area that cannot be", 1},
    {"lie=no_plan:0", "it told no plan", 0},
    {"lie=turn:0", "spoke out of turn", 0},
    {"lie=id:3", "an answer to something else", 0},
    {"lie=back:5", "steps that go backwards", 0},
    {"lie=many:3", "more steps than were allowed", 0},
    {"lie=far:3", "a part outside of its area", 0},
    {"lie=wraps:3", "a part outside of its area", 0},
    {"lie=epoch:3", "steps that go backwards", 0},
    {"lie=epoch_twice:4", "epochs that go backwards", 0},
    {"lie=epoch_step:2", "epochs that go backwards", 0},
    {"lie=measured:2", "a measure", 0},
    {"lie=short:2", "predictions that were not asked for", 1},
    {"lie=unasked:3", "predictions that were not asked for", 0},
    {"lie=no_weights:3", "an end without weights", 0},
    {"lie=exchange:3", "an answer to something else", 0},
    {"lie=failed:3", "an answer to something else", 0},
    {"lie=problem:3", "diverged at step 9", 0},
    {"lie=twice:3", "an answer to something else", 0},
    {"lie=infinite:2", "is no number", 1},
    {"lie=idle:1", "computes and makes no step", 0},
    {"memory=999999999999", "limits.memory is too small", 0},
};

static void lying(void)
{
    for (size_t i = 0; i < ARRAY_N(lies); i++) {
        char line[64];

        snprintf(line, sizeof(line), "actor %s", lies[i].line);
        play_new(line);
        if (lies[i].is_checked) {
            with_checked();
        }
        run();
        tap_case('N',
                 play.train->end == TRAIN_FAILED &&
                     strstr(play.train->d.what, lies[i].words) != NULL,
                 lies[i].line, how());
        end();
    }
    play_new("actor lie=nan:2"); /* it may say so: nobody believes it */
    run();
    tap_case('N', play.train->end == TRAIN_ENDED, "claims_nan", how());
    end();
    play_new("actor lie=other:4");
    play.ask.workers = 2;
    run();
    tap_case('N',
             play.train->end == TRAIN_FAILED &&
                 strstr(play.train->d.what, "first worker's to say") != NULL,
             "second_worker_claims", how());
    end();
    play_new("actor lie=sleep:2");
    play.limits.wall_ms = 1500;
    run();
    tap_case('N',
             play.train->end == TRAIN_FAILED &&
                 strstr(play.train->d.what, "limits.wall") != NULL,
             "never_answers", how());
    end();
}

int main(void)
{
    char dir[] = "/tmp/proctor-trains-XXXXXX";
    char store[64], command[128];
    struct diag d;

    must(geteuid() == 0, "needs root");
    must(sodium_init() >= 0 && mkdtemp(dir) != NULL, "set up");
    snprintf(store, sizeof(store), "%s/store", dir);
    diag_init(&d);
    must(core_init(&core, store, TEST_TRAINERS_DIR) == 0, "core_init");
    must(core_open_engine(&core, &d) == 0, d.what);
    must(engine_load(core.engine, &d) == 0, d.what);
    must(core_open_store(&core, &d) == 0, d.what);
    guards_slots(core.guards, 4);
    many_ways();
    stopping();
    keeping();
    lying();
    must(core_release(&core) == 0, "core_release");
    snprintf(command, sizeof(command), "chmod -R u+w %s && rm -rf %s", dir,
             dir);
    must(system(command) == 0, "clean up");
    return tap_end();
}
