/* Lanes of a model worker that acts as its weights say (actor.c), through the
 * kernel's own planes under the real profile: alone, in a crowd, parked, killed,
 * stopped; and lying (lanes_lies.c). Judges what was committed and what it was
 * called. One TAP line per case. Needs root. */
#include "tests/attack/lanes.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/loop.h"
#include "kernel/run/guard.h"
#include "proto/err.h"

struct core core;
struct play plays[PLAYS_MAX];
static unsigned open_n;
static uint64_t ends_n;

/* [a-z]+ */
static const uint8_t letters[] = "PAU1\0\2\0\0\1\0\0az\0\1\1\0\1\0\0az\0\1";

static void on_decision(void *ctx, struct lane *l)
{
    struct play *p = ctx;

    if (l->decision == LANE_REPAIR) {
        p->repairs++;
        return;
    }
    p->is_over = 1;
    p->decision = l->decision;
    p->parked = l->parked_cid;
    p->went_on = l->went_on;
    p->order = ++ends_n;
    snprintf(p->why, sizeof(p->why), "%s", l->why);
    p->text_n = buf_len(&l->emit.text);
    if (p->text_n > 0) {
        memcpy(p->text, buf_bytes(&l->emit.text).p, p->text_n);
    }
    lane_free(l);
    p->lane = NULL;
    if (--open_n == 0) {
        loop_stop(core.loop);
    }
}

struct play *play_new(unsigned i, const char *behaviour)
{
    struct play *p = &plays[i];

    memset(p, 0, sizeof(*p));
    proctor__generation__init(&p->m);
    proctor__lane_spec__init(&p->spec);
    proctor__limits__init(&p->limits);
    must(store_put(
             core.store,
             (struct ubytes){(const uint8_t *)behaviour, strlen(behaviour)},
             &p->weights) == 0,
         "store_put");
    snprintf(p->prompt, sizeof(p->prompt), "prompt %u", i);
    p->limits.cpu_ms = 10000;
    p->limits.memory_bytes = 256u << 20;
    p->limits.wall_ms = 30000;
    p->spec.prompt = p->prompt;
    p->spec.max_tokens = TOKENS;
    p->m.version = 1;
    p->m.weights = cid_field(&p->weights);
    p->m.spec = &p->spec;
    p->ask = (struct lane_ask){.m = &p->m,
                               .priority = 5,
                               .quantum = 4,
                               .task = p->prompt,
                               .limits = &p->limits,
                               .workers = 1,
                               .on_decision = on_decision,
                               .ctx = p};
    return p;
}

void with_grammar(struct play *p)
{
    proctor__grammar_spec__init(&p->grammar);
    p->grammar.automaton = (ProtobufCBinaryData){sizeof(letters) - 1,
                                                 (uint8_t *)(uintptr_t)letters};
    p->spec.grammar = &p->grammar;
}

static void play_join(struct play *p)
{
    must(core_cid_message(&p->m.base, &p->ask.generation) == 0, "cid");
    must(lane_new(&core, &p->ask, &p->lane) == 0, "lane_new");
    must(plane_join(&core, p->lane) == 0, "plane_join");
    open_n++;
}

void run(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        play_join(&plays[i]);
    }
    must(loop_run(core.loop) == 0, "loop_run");
    planes_free(&core);
}

/* What lane i says when nothing disturbs it. */
static struct {
    uint8_t text[TOKENS];
    size_t n;
} alone[PLAYS_MAX];

int is_same(const struct play *p, unsigned i)
{
    return p->decision == LANE_EMIT && p->text_n == alone[i].n &&
           memcmp(p->text, alone[i].text, alone[i].n) == 0;
}

static void each_alone(void)
{
    for (unsigned i = 0; i < PLAYS_MAX; i++) {
        if (i > 0) {
            struct play *last = play_new(i, "actor");

            /* run takes the first ones: put it there */
            plays[0] = *last;
            plays[0].m.spec = &plays[0].spec;
            plays[0].m.weights = cid_field(&plays[0].weights);
            plays[0].spec.prompt = plays[0].prompt;
            plays[0].ask.m = &plays[0].m;
            plays[0].ask.task = plays[0].prompt;
            plays[0].ask.limits = &plays[0].limits;
            plays[0].ask.ctx = &plays[0];
        } else {
            play_new(0, "actor");
        }
        run(1);
        must(plays[0].decision == LANE_EMIT && plays[0].text_n == TOKENS,
             plays[0].why);
        memcpy(alone[i].text, plays[0].text, TOKENS);
        alone[i].n = TOKENS;
    }
    tap_case('N', memcmp(alone[0].text, alone[1].text, TOKENS) != 0, "alone",
             "lanes of different prompts say different things");
}

/* n lanes at once, all as if alone. */
static void crowd(const char *name, const char *behaviour, unsigned n,
                  uint32_t park_every, uint32_t memory_lanes)
{
    unsigned same = 0;
    uint32_t went_on = 0;
    char found[128];

    for (unsigned i = 0; i < n; i++) {
        struct play *p = play_new(i, behaviour);

        /* A behaviour is other weights: the key has to be the plain one's. */
        p->ask.park_every = park_every;
        p->ask.priority = i % 10;
        p->ask.deadline = i % 3 == 0 ? 200 : 0;
        if (memory_lanes > 0) {
            p->limits.memory_bytes =
                (32ull << 20) + 8192 + memory_lanes * (512ull << 10);
        }
    }
    run(n);
    for (unsigned i = 0; i < n; i++) {
        same += (unsigned)is_same(&plays[i], i);
        went_on += plays[i].went_on;
    }
    snprintf(found, sizeof(found),
             "%u of %u lanes say what they said alone, "
             "%u times in another place",
             same, n, went_on);
    tap_case('N', same == n, name, found);
}

static void dying(void)
{
    struct play *p = play_new(0, "actor die=100:9");
    uint8_t first[TOKENS];
    char found[256];

    p->ask.park_every = 2;
    run(1);
    memcpy(first, p->text, sizeof(first));
    snprintf(found, sizeof(found), "%u workers lost, %s", p->went_on, p->why);
    tap_case('N',
             p->decision == LANE_EMIT && p->text_n == TOKENS && p->went_on >= 2,
             "killed_again", found);
    p = play_new(0, "actor die=100:9");
    p->ask.park_every = 1;
    run(1);
    tap_case('N',
             p->decision == LANE_EMIT && memcmp(first, p->text, TOKENS) == 0,
             "killed_elsewhere", "the same text, parked at other places");
    p = play_new(0, "actor die=1000:2");
    run(1);
    tap_case('N',
             p->decision == LANE_BAIL &&
                 strstr(p->why, "4 workers were lost") != NULL,
             "killed_each_time", p->why);
}

static void stopping(void)
{
    struct play *p = play_new(0, "actor");
    struct cid parked;
    char found[256];

    proctor__layer_trap__init(&p->trap);
    p->trap.act = PROCTOR__LAYER_ACT__LAYER_STOP;
    p->trap.pass = 50;
    p->traps[0] = &p->trap;
    p->spec.traps = p->traps;
    p->spec.n_traps = 1;
    p->ask.holds = 1;
    run(1);
    parked = p->parked;
    snprintf(found, sizeof(found), "%s, %zu bytes committed", p->why,
             p->text_n);
    tap_case('N',
             p->decision == LANE_DECISION_NONE && p->text_n == 51 &&
                 strstr(p->why, "a trap stopped it") != NULL,
             "stopped_by_a_trap", found);
    p->ask.parked = parked;
    run(1);
    tap_case('N', p->decision == LANE_EMIT && is_same(p, 0) && p->went_on == 1,
             "went_on_from_there", "the same text as without the stop");
    p->trap.pass = 51; /* another generation */
    must(core_cid_message(&p->m.base, &p->ask.generation) == 0, "cid");
    tap_case('N', lane_new(&core, &p->ask, &p->lane) == ERR_STORE_DAMAGED,
             "parked_of_another", "refused");
    err_trace_clear();
}

static void budgets(void)
{
    struct play *p = play_new(0, "actor");
    Proctor__Budgets b = PROCTOR__BUDGETS__INIT;

    b.tasks = b.traps = b.draws = b.cpu_ms = b.memory_bytes = b.bytes =
        UINT64_MAX;
    b.tokens = 30;
    budget_init(&core.budget);
    budget_set(&core.budget, &b);
    run(1);
    tap_case('N',
             p->decision == LANE_BAIL && p->text_n == 30 &&
                 strstr(p->why, "budgets.tokens is used up (30)") != NULL,
             "budget_of_tokens", p->why);
    budget_init(&core.budget);
    p = play_new(0, "actor");
    p->limits.memory_bytes = 16u << 20;
    run(1);
    tap_case('N',
             p->decision == LANE_DECISION_NONE &&
                 strstr(p->why, "limits.memory") != NULL,
             "too_little_memory", p->why);
    p = play_new(0, "actor");
    p->spec.context = 5;
    run(1);
    tap_case('N',
             p->decision == LANE_BAIL && strstr(p->why, "longer than") != NULL,
             "prompt_beyond_context", p->why);
    p = play_new(0, "actor");
    p->spec.context = 40;
    run(1);
    tap_case('N',
             p->decision == LANE_EMIT && p->text_n == 32 &&
                 strstr(p->why, "no position is left") != NULL,
             "context_is_full", p->why);
}

/* Two lanes share what is left to the last token. */
static void shared_budget(void)
{
    Proctor__Budgets b = PROCTOR__BUDGETS__INIT;
    char found[300];

    b.tasks = b.traps = b.draws = b.cpu_ms = b.memory_bytes = b.bytes =
        UINT64_MAX;
    b.tokens = 42; /* 20 and an end, each */
    budget_init(&core.budget);
    budget_set(&core.budget, &b);
    play_new(0, "actor end=20")->ask.quantum = 16;
    play_new(1, "actor end=20")->ask.quantum = 16;
    run(2);
    budget_init(&core.budget);
    snprintf(found, sizeof(found), "%s (%zu), %s (%zu)",
             lane_decision_name(plays[0].decision), plays[0].text_n,
             lane_decision_name(plays[1].decision), plays[1].text_n);
    tap_case('N',
             plays[0].decision + plays[1].decision == LANE_EMIT + LANE_EMIT,
             "budget_of_two", found);
}

static void ending(void)
{
    static uint8_t q[] = "q", aa[] = "aa";
    ProtobufCBinaryData stop = {1, q};
    struct play *p = play_new(0, "actor end=20");

    with_grammar(p);
    run(1);
    tap_case('N',
             p->decision == LANE_EMIT && p->text_n == 20 && p->why[0] == '\0',
             "grammar_kept", "20 letters, then the end that the model chose");
    p = play_new(0, "actor");
    p->spec.stop = &stop;
    p->spec.n_stop = 1;
    run(1);
    tap_case('N',
             p->decision == LANE_EMIT && p->text_n < TOKENS && p->text_n > 0 &&
                 memchr(p->text, 'q', p->text_n) == NULL,
             "stop_string", p->why);
    p = play_new(0, "actor end=20");
    with_grammar(p);
    stop = (ProtobufCBinaryData){2, aa}; /* what it begins with */
    p->spec.stop = &stop;
    p->spec.n_stop = 1;
    run(1);
    tap_case('N',
             p->decision == LANE_BAIL &&
                 strstr(p->why, "its grammar lets no text end") != NULL,
             "stop_string_too_early", p->why);
    p = play_new(0, "actor end=40 lie=stuck:3");
    with_grammar(p);
    p->spec.repairs = 2;
    run(1);
    tap_case('N', p->repairs == 1 && p->decision == LANE_EMIT, "repaired",
             "the second try was whole");
    p = play_new(0, "actor end=40 lie=stuck:3");
    with_grammar(p);
    run(1);
    tap_case('N', p->repairs == 0 && p->decision == LANE_BAIL, "no_repair_left",
             p->why);
}

static void answers(void)
{
    ProtobufCBinaryData choices[3] = {{1, (uint8_t *)(uintptr_t) "a"},
                                      {2, (uint8_t *)(uintptr_t) "bb"},
                                      {9, (uint8_t *)(uintptr_t) "ccccccccc"}};
    static const struct {
        const char *name, *behaviour;
        Proctor__LaneWhat what;
        enum lane_decision decision;
    } rows[] = {
        {"score", "actor", PROCTOR__LANE_WHAT__LANE_SCORE, LANE_EMIT},
        {"classify", "actor", PROCTOR__LANE_WHAT__LANE_CLASSIFY, LANE_EMIT},
        {"logits", "actor", PROCTOR__LANE_WHAT__LANE_LOGITS, LANE_EMIT},
        {"score_few", "actor lie=choices:1", PROCTOR__LANE_WHAT__LANE_SCORE,
         LANE_REJECT},
        {"classify_not_best", "actor lie=best:1",
         PROCTOR__LANE_WHAT__LANE_CLASSIFY, LANE_REJECT},
        {"logits_tokens", "actor lie=logits:1", PROCTOR__LANE_WHAT__LANE_LOGITS,
         LANE_REJECT},
        {"score_end", "actor lie=end_state:1", PROCTOR__LANE_WHAT__LANE_SCORE,
         LANE_REJECT},
    };

    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct play *p = play_new(0, rows[i].behaviour);

        p->spec.max_tokens = 0;
        p->m.what = rows[i].what;
        if (rows[i].what != PROCTOR__LANE_WHAT__LANE_LOGITS) {
            p->spec.choices = choices;
            p->spec.n_choices = 3;
        }
        run(1);
        tap_case('N', p->decision == rows[i].decision, rows[i].name, p->why);
    }
}

int main(void)
{
    char dir[] = "/tmp/proctor-lanes-XXXXXX";
    char store[64], command[128];
    struct diag d;

    must(geteuid() == 0, "needs root");
    must(sodium_init() >= 0 && mkdtemp(dir) != NULL, "set up");
    snprintf(store, sizeof(store), "%s/store", dir);
    diag_init(&d);
    must(core_init(&core, store, TEST_ACTORS_DIR) == 0, "core_init");
    must(core_open_engine(&core, &d) == 0, d.what);
    must(engine_load(core.engine, &d) == 0, d.what);
    must(core_open_store(&core, &d) == 0, d.what);
    guards_slots(core.guards, 2);
    each_alone();
    crowd("crowd", "actor", 8, 0, 0);
    crowd("crowd_over_slots", "actor", 24, 0, 0);
    crowd("crowd_of_two_places", "actor", 9, 0, 2);
    crowd("crowd_of_one_place", "actor", 5, 0, 1);
    crowd("crowd_parked", "actor", 3, 1, 0);
    ending();
    answers();
    budgets();
    shared_budget();
    dying();
    stopping();
    lies_run();
    must(core_release(&core) == 0, "core_release");
    snprintf(command, sizeof(command), "chmod -R u+w %s && rm -rf %s", dir,
             dir);
    must(system(command) == 0, "clean up");
    return tap_end();
}
