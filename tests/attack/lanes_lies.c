/* Lanes of a model worker that lies (actor.c): what it is called, what is refused,
 * and that nobody beside it loses anything. Part of attack_lanes. */
#include "tests/attack/lanes.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"

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
    tap_case('N',
             is_good && (p->decision != LANE_EMIT || lies[i].words[0] == '\0'),
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
        tap_case('N',
                 p->decision == LANE_BAIL &&
                     strstr(p->why, "workers were lost"),
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
        tap_case('N',
                 p->decision == LANE_DECISION_NONE &&
                     strstr(p->why, "a session that cannot be") != NULL,
                 session[i], p->why);
    }
    play_new(0, "actor lie=early:0"); /* and again, but not without end */
    run(1);
    tap_case('N',
             plays[0].decision == LANE_DECISION_NONE &&
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
    snprintf(found, sizeof(found), "%s and %s", lane_decision_name(p->decision),
             lane_decision_name(q->decision));
    tap_case('N', p->decision == LANE_REJECT && q->decision == LANE_REJECT,
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
    plays[1].spec.prompt =
        (char *)(uintptr_t) "a prompt of more bytes than the "
                            "context of forty has";
    run(3);
    snprintf(found, sizeof(found), "%s; %s; %s",
             lane_decision_name(plays[0].decision), plays[1].why,
             lane_decision_name(plays[2].decision));
    tap_case('N',
             plays[0].decision == LANE_EMIT && plays[2].decision == LANE_EMIT &&
                 plays[1].decision == LANE_BAIL,
             "one_too_long", found);
    play_new(0, "actor")->m.injectors = injectors;
    plays[0].m.n_injectors = ARRAY_N(injectors);
    tap_case('N', lane_new(&core, &plays[0].ask, &plays[0].lane) == ERR_LIMIT,
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
    tap_case('N',
             q->decision == LANE_REJECT && p->decision == LANE_EMIT &&
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
    tap_case('N',
             q->decision == LANE_REJECT && r->decision == LANE_REJECT &&
                 is_same(p, 0) && p->went_on == 0,
             "beside_a_liar", found);
}

void lies_run(void)
{
    for (size_t i = 0; i < ARRAY_N(lies); i++) {
        lie_run(i);
    }
    breaches();
    strangers();
    both_lied_about();
    neighbour(0);
    neighbour(1);
    another_model();
}
