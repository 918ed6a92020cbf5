/* Lanes of a model worker that acts (actor.c), as the cases of lanes.c and
 * lanes_lies.c play them through the kernel's own planes. Tests only. */
#ifndef TESTS_ATTACK_LANES_H
#define TESTS_ATTACK_LANES_H

#include "kernel/run/core.h"
#include "kernel/run/plane.h"
#include "tests/attack/tap.h"

#define PLAYS_MAX 24u
#define TOKENS 120u

/* A lane, from its prompt to what was decided. */
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

extern struct core core;
extern struct play plays[PLAYS_MAX];

/* plays[i] anew: a lane of its own prompt; behaviour: the line of its model. */
struct play *play_new(unsigned i, const char *behaviour);
/* Its text has to be [a-z]+. */
void with_grammar(struct play *p);
/* The first n plays at once, until all are decided. */
void run(unsigned n);
/* Does p say what lane i says when nothing disturbs it? */
int is_same(const struct play *p, unsigned i);

/* Workers that lie, each about its own lane, its neighbours', or none. */
void lies_run(void);

#endif
