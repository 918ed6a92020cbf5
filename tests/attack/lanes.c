/* Lanes of a model worker that acts as its weights say (actor.c), through the
 * kernel's own planes under the real profile: alone, in a crowd, parked, killed,
 * stopped, lying. Judges what was committed and what it was called. One TAP line
 * per case. Needs root. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/loop.h"
#include "kernel/run/core.h"
#include "kernel/run/guard.h"
#include "kernel/run/plane.h"
#include "proto/err.h"

#define PLAYS_MAX 24u
#define TOKENS 120u

static unsigned ran, failed;

static void tap(int ok, const char *name, const char *found)
{
    ran++;
    failed += !ok;
    printf("%s %u - N %s: %s\n", ok ? "ok" : "not ok", ran, name, found);
    fflush(stdout);
}

static void must(int ok, const char *what)
{
    if (!ok) {
        printf("Bail out! %s\n", what);
        exit(1);
    }
}

struct play {
    Proctor__Generation m;
    Proctor__LaneSpec spec;
    Proctor__GrammarSpec grammar;
    Proctor__LayerTrap trap, *traps[1];
    Proctor__Limits limits;
    struct lane_ask ask;
    struct cid weights;
    struct lane *lane;
    char prompt[32];
    /* when it was decided */
    int is_over;
    unsigned repairs;
    enum lane_decision decision;
    struct cid parked;
    char why[200];
    uint8_t text[LIMIT_LANE_TOKENS];
    size_t text_n;
    uint32_t went_on;
    uint64_t order; /* when it ended */
};

static struct core core;
static struct play plays[PLAYS_MAX];
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

/* A lane of its own prompt; behaviour: the line of its model. */
static struct play *play_new(unsigned i, const char *behaviour)
{
    struct play *p = &plays[i];

    memset(p, 0, sizeof(*p));
    proctor__generation__init(&p->m);
    proctor__lane_spec__init(&p->spec);
    proctor__limits__init(&p->limits);
    must(store_put(core.store,
                   (struct ubytes){(const uint8_t *)behaviour,
                                   strlen(behaviour)},
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

static void with_grammar(struct play *p)
{
    proctor__grammar_spec__init(&p->grammar);
    p->grammar.automaton = (ProtobufCBinaryData){
        sizeof(letters) - 1, (uint8_t *)(uintptr_t)letters};
    p->spec.grammar = &p->grammar;
}

static void play_join(struct play *p)
{
    must(core_cid_message(&p->m.base, &p->ask.generation) == 0, "cid");
    must(lane_new(&core, &p->ask, &p->lane) == 0, "lane_new");
    must(plane_join(&core, p->lane) == 0, "plane_join");
    open_n++;
}

static void run(unsigned n)
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

static int is_same(const struct play *p, unsigned i)
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
    tap(memcmp(alone[0].text, alone[1].text, TOKENS) != 0, "alone",
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
            p->limits.memory_bytes = (32ull << 20) + 8192 +
                                     memory_lanes * (512ull << 10);
        }
    }
    run(n);
    for (unsigned i = 0; i < n; i++) {
        same += (unsigned)is_same(&plays[i], i);
        went_on += plays[i].went_on;
    }
    snprintf(found, sizeof(found), "%u of %u lanes say what they said alone, "
             "%u times in another place", same, n, went_on);
    tap(same == n, name, found);
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
    tap(p->decision == LANE_EMIT && p->text_n == TOKENS && p->went_on >= 2,
        "killed_again", found);
    p = play_new(0, "actor die=100:9");
    p->ask.park_every = 1;
    run(1);
    tap(p->decision == LANE_EMIT && memcmp(first, p->text, TOKENS) == 0,
        "killed_elsewhere", "the same text, parked at other places");
    p = play_new(0, "actor die=1000:2");
    run(1);
    tap(p->decision == LANE_BAIL && strstr(p->why, "4 workers were lost") != NULL,
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
    snprintf(found, sizeof(found), "%s, %zu bytes committed", p->why, p->text_n);
    tap(p->decision == LANE_DECISION_NONE && p->text_n == 51 &&
            strstr(p->why, "a trap stopped it") != NULL,
        "stopped_by_a_trap", found);
    p->ask.parked = parked;
    run(1);
    tap(p->decision == LANE_EMIT && is_same(p, 0) && p->went_on == 1,
        "went_on_from_there", "the same text as without the stop");
    p->trap.pass = 51; /* another generation */
    must(core_cid_message(&p->m.base, &p->ask.generation) == 0, "cid");
    tap(lane_new(&core, &p->ask, &p->lane) == ERR_STORE_DAMAGED,
        "parked_of_another", "refused");
    err_trace_clear();
}

static void budgets(void)
{
    struct play *p = play_new(0, "actor");
    Proctor__Budgets b = PROCTOR__BUDGETS__INIT;

    b.tasks = b.traps = b.draws = b.cpu_ms = b.memory_bytes = b.bytes = UINT64_MAX;
    b.tokens = 30;
    budget_init(&core.budget);
    budget_set(&core.budget, &b);
    run(1);
    tap(p->decision == LANE_BAIL && p->text_n == 30 &&
            strstr(p->why, "budgets.tokens is used up (30)") != NULL,
        "budget_of_tokens", p->why);
    budget_init(&core.budget);
    p = play_new(0, "actor");
    p->limits.memory_bytes = 16u << 20;
    run(1);
    tap(p->decision == LANE_DECISION_NONE &&
            strstr(p->why, "limits.memory") != NULL,
        "too_little_memory", p->why);
    p = play_new(0, "actor");
    p->spec.context = 5;
    run(1);
    tap(p->decision == LANE_BAIL && strstr(p->why, "longer than") != NULL,
        "prompt_beyond_context", p->why);
    p = play_new(0, "actor");
    p->spec.context = 40;
    run(1);
    tap(p->decision == LANE_EMIT && p->text_n == 32 &&
            strstr(p->why, "no position is left") != NULL,
        "context_is_full", p->why);
}

/* Two lanes share what is left to the last token. */
static void shared_budget(void)
{
    Proctor__Budgets b = PROCTOR__BUDGETS__INIT;
    char found[300];

    b.tasks = b.traps = b.draws = b.cpu_ms = b.memory_bytes = b.bytes = UINT64_MAX;
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
    tap(plays[0].decision + plays[1].decision == LANE_EMIT + LANE_EMIT,
        "budget_of_two", found);
}

static void ending(void)
{
    static uint8_t q[] = "q", aa[] = "aa";
    ProtobufCBinaryData stop = {1, q};
    struct play *p = play_new(0, "actor end=20");

    with_grammar(p);
    run(1);
    tap(p->decision == LANE_EMIT && p->text_n == 20 && p->why[0] == '\0',
        "grammar_kept", "20 letters, then the end that the model chose");
    p = play_new(0, "actor");
    p->spec.stop = &stop;
    p->spec.n_stop = 1;
    run(1);
    tap(p->decision == LANE_EMIT && p->text_n < TOKENS && p->text_n > 0 &&
            memchr(p->text, 'q', p->text_n) == NULL,
        "stop_string", p->why);
    p = play_new(0, "actor end=20");
    with_grammar(p);
    stop = (ProtobufCBinaryData){2, aa}; /* what it begins with */
    p->spec.stop = &stop;
    p->spec.n_stop = 1;
    run(1);
    tap(p->decision == LANE_BAIL &&
            strstr(p->why, "its grammar lets no text end") != NULL,
        "stop_string_too_early", p->why);
    p = play_new(0, "actor end=40 lie=stuck:3");
    with_grammar(p);
    p->spec.repairs = 2;
    run(1);
    tap(p->repairs == 1 && p->decision == LANE_EMIT, "repaired",
        "the second try was whole");
    p = play_new(0, "actor end=40 lie=stuck:3");
    with_grammar(p);
    run(1);
    tap(p->repairs == 0 && p->decision == LANE_BAIL, "no_repair_left", p->why);
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
        {"logits_tokens", "actor lie=logits:1",
         PROCTOR__LANE_WHAT__LANE_LOGITS, LANE_REJECT},
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
        tap(p->decision == rows[i].decision, rows[i].name, p->why);
    }
}

/* What a worker says at its third quantum, and what that is called. */
static const struct {
    const char *lie, *words;
    int grammar;
    int park;
} lies[] = {
    {"grammar", "outside of its grammar", 1, 0},
    {"vocab", "a token that no model has", 0, 0},
    {"end_early", "", 0, 0},
    {"end_middle", "a token that no model has", 0, 0},
    {"end_state", "an end that is none", 0, 0},
    {"stuck", "a stop that nothing asked for", 0, 0},
    {"stopped", "a stop that nothing asked for", 0, 0},
    {"many", "more tokens than were asked for", 0, 0},
    {"lane", "answered for another lane", 0, 0},
    {"passes", "counts that cannot be", 0, 0},
    {"accepted", "counts that cannot be", 0, 0},
    {"drafted", "counts that cannot be", 0, 0},
    {"position", "counts that cannot be", 0, 0},
    {"answer", "an answer that is none", 0, 0},
    {"entropy", "counts that cannot be", 0, 0},
    {"entropies", "counts that cannot be", 0, 0},
    {"digest", "counts that cannot be", 0, 0},
    {"nonfinite", "a logit is no number", 0, 0},
    {"park_lane", "parked another lane", 0, 1},
    {"park_tokens", "parked another lane", 0, 1},
    {"park_far", "parked another lane", 0, 1},
    {"park_huge", "parked another lane", 0, 1},
    {"park_order", "parked another lane", 0, 1},
    {"park_twice", "parked another lane", 0, 1},
    {"park_none", "parked another lane", 0, 1},
};

static void lie_run(size_t i)
{
    char behaviour[64], found[320];
    struct play *p;
    int is_good;

    /* A good one that parks, so it loses nothing; then the liar, for good. */
    snprintf(behaviour, sizeof(behaviour), "actor end=100 lie=%s:3",
             lies[i].lie);
    p = play_new(0, behaviour);
    if (lies[i].grammar) {
        with_grammar(p);
    }
    p->ask.park_every = lies[i].park ? 3 : 0;
    p->spec.entropy = strcmp(lies[i].lie, "entropies") == 0;
    run(1);
    is_good = lies[i].words[0] == '\0' || strstr(p->why, lies[i].words) != NULL;
    snprintf(found, sizeof(found), "%s: %s", lane_decision_name(p->decision),
             p->why);
    tap(is_good && (p->decision != LANE_EMIT || lies[i].words[0] == '\0'),
        lies[i].lie, found);
}

/* Those that are about no lane: the worker is lost, and the next, and so on. */
static void breaches(void)
{
    static const char *const names[] = {"id", "few", "turn"};

    for (size_t i = 0; i < ARRAY_N(names); i++) {
        char behaviour[64];
        struct play *p;

        snprintf(behaviour, sizeof(behaviour), "actor lie=%s:1", names[i]);
        p = play_new(0, behaviour);
        run(1);
        tap(p->decision == LANE_BAIL && strstr(p->why, "workers were lost"),
            names[i], p->why);
    }
    for (size_t i = 0; i < 3; i++) {
        static const char *const session[] = {"lane_bytes", "context",
                                              "no_session"};
        char behaviour[64];
        struct play *p;

        snprintf(behaviour, sizeof(behaviour), "actor lie=%s:0", session[i]);
        p = play_new(0, behaviour);
        run(1);
        tap(p->decision == LANE_DECISION_NONE &&
                strstr(p->why, "a session that cannot be") != NULL,
            session[i], p->why);
    }
    play_new(0, "actor lie=early:0"); /* and again, but not without end */
    run(1);
    tap(plays[0].decision == LANE_DECISION_NONE &&
            strstr(plays[0].why, "before it could begin") != NULL,
        "before_its_session", plays[0].why);
}

/* Two lanes of one worker that lies about each: both are refused. */
static void both_lied_about(void)
{
    struct play *p = play_new(0, "actor lie=vocab:3");
    struct play *q = play_new(1, "actor lie=vocab:3");
    char found[300];

    p->ask.park_every = q->ask.park_every = 1;
    run(2);
    snprintf(found, sizeof(found), "%s and %s",
             lane_decision_name(p->decision), lane_decision_name(q->decision));
    tap(p->decision == LANE_REJECT && q->decision == LANE_REJECT,
        "both_lied_about", found);
}

/* A lane that cannot be opened ends alone: those that were picked with it go on. */
static void strangers(void)
{
    static const uint8_t big[LIMIT_CML_TEXT_BYTES];
    ProtobufCBinaryData injectors[17];
    struct cid cid;
    char found[300];

    must(store_put(core.store, (struct ubytes){big, sizeof(big)}, &cid) == 0,
         "store_put");
    for (size_t i = 0; i < ARRAY_N(injectors); i++) {
        injectors[i] = cid_field(&cid);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct play *p = play_new(i, "actor end=20");

        p->spec.context = 40;
    }
    plays[1].spec.prompt = (char *)(uintptr_t) "a prompt of more bytes than the "
                                               "context of forty has";
    run(3);
    snprintf(found, sizeof(found), "%s; %s; %s",
             lane_decision_name(plays[0].decision), plays[1].why,
             lane_decision_name(plays[2].decision));
    tap(plays[0].decision == LANE_EMIT && plays[2].decision == LANE_EMIT &&
            plays[1].decision == LANE_BAIL,
        "one_too_long", found);
    play_new(0, "actor")->m.injectors = injectors;
    plays[0].m.n_injectors = ARRAY_N(injectors);
    tap(lane_new(&core, &plays[0].ask, &plays[0].lane) == ERR_LIMIT,
        "one_too_large", "injectors beyond one message are refused");
    err_trace_clear();
}

/* A worker lies about the lane in its second place alone, once in each process: the
 * lane beside it goes on elsewhere, and says what it says without a liar. */
static void neighbour(uint32_t park_every)
{
    uint8_t calm[TOKENS];
    char found[300];
    struct play *p = play_new(0, "actor lie=vocab:3 about=1");
    struct play *q;

    run(1); /* nobody is in the second place */
    must(p->decision == LANE_EMIT && p->text_n == TOKENS, p->why);
    memcpy(calm, p->text, TOKENS);
    p = play_new(0, "actor lie=vocab:3 about=1");
    q = play_new(1, "actor lie=vocab:3 about=1");
    p->ask.park_every = q->ask.park_every = park_every;
    run(2);
    snprintf(found, sizeof(found), "%s, and beside it %s, %u times elsewhere",
             lane_decision_name(q->decision), lane_decision_name(p->decision),
             p->went_on);
    tap(q->decision == LANE_REJECT && p->decision == LANE_EMIT &&
            p->text_n == TOKENS && memcmp(p->text, calm, TOKENS) == 0 &&
            p->went_on == 1,
        park_every == 0 ? "beside_a_lie" : "beside_a_lie_parked", found);
}

/* An honest worker of another model serves its lane beside a liar's. */
static void another_model(void)
{
    struct play *p = play_new(0, "actor");
    struct play *q = play_new(1, "actor lie=vocab:3");
    struct play *r = play_new(2, "actor lie=grammar:1");
    char found[300];

    with_grammar(r);
    run(3);
    snprintf(found, sizeof(found), "%s, %s, and beside them %s",
             lane_decision_name(q->decision), lane_decision_name(r->decision),
             lane_decision_name(p->decision));
    tap(q->decision == LANE_REJECT && r->decision == LANE_REJECT &&
            is_same(p, 0) && p->went_on == 0,
        "beside_a_liar", found);
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
    for (size_t i = 0; i < ARRAY_N(lies); i++) {
        lie_run(i);
    }
    breaches();
    strangers();
    both_lied_about();
    neighbour(0);
    neighbour(1);
    another_model();
    must(core_release(&core) == 0, "core_release");
    snprintf(command, sizeof(command), "chmod -R u+w %s && rm -rf %s", dir, dir);
    must(system(command) == 0, "clean up");
    printf("1..%u\n", ran);
    return failed > 0;
}
