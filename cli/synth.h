/* `proctor synth`: a file of examples as a problem, a unit as its answer. The file is
 * read, the search is made and the answer is checked by three confined workers of
 * class cml; here are the questions to them, the loop with an oracle, and what is
 * said in the end. The person's process. */
#ifndef CLI_SYNTH_H
#define CLI_SYNTH_H

#include "cli/exam_ask.h"
#include "cli/exam_text.h"
#include "cli/ledger.h"
#include "cli/session.h"
#include "proto/value.h"

#define SYNTH_DISCLOSURES_MAX 64 /* counterexamples that an oracle may give */

enum synth_outcome {
    SYNTH_NOTHING,    /* failed before there was an answer */
    SYNTH_FITS,       /* a unit that fits; nothing examined it */
    SYNTH_ADMITTED,   /* a unit that an exam admitted */
    SYNTH_UNSURE,     /* not enough evidence */
    SYNTH_REFUTED,    /* the oracle refuted all there was */
    SYNTH_NONE,       /* the grammar has none up to that size */
    SYNTH_OVER,       /* none found within the budget */
    SYNTH_CONTRADICTS /* one input, two outputs */
};

/* A counterexample that the oracle gave away, as lines of JSON; owned. */
struct synth_disclosed {
    char *input;
    char *expected;
    uint64_t record; /* its VERDICT */
};

struct synth {
    struct cli *c;
    /* Options; borrowed, NULL = not given. */
    char *file;
    char *types;
    char *column;
    char *grammar;
    char *oracle;
    char *domain;
    const char *out;
    uint64_t budget; /* 0 = the worker's own */
    uint64_t size;
    uint32_t hold_out; /* of 1000 */
    int as_smt;
    int any; /* the first that fits is enough */

    struct buf text; /* of the file */
    struct session asks;
    int has_session;
    struct frame read;    /* ASK_DONE with the problem */
    struct frame found;   /* ... with what the search gave */
    struct frame checked; /* ... with what the check gave */
    struct frame rival;   /* ... of the search for another unit, when unsure */
    const Proctor__SynthProblem *problem; /* in read; NULL = not read */
    const Proctor__SynthReply *reply;     /* in found */
    const Proctor__SynthCheck *check;     /* in checked */
    const Proctor__SynthReply *other;     /* in rival */
    struct values_builder inputs; /* of the examples, the disclosed ones too */
    struct values_builder outputs;
    struct type takes;
    struct type gives;
    uint64_t evaluations; /* of all searches */
    uint64_t terms;

    enum synth_outcome outcome;
    struct synth_disclosed disclosed[SYNTH_DISCLOSURES_MAX];
    uint32_t disclosed_n;
    uint32_t exams;
    char *store;  /* owned; NULL = none */
    int has_verdict;
    struct ledger_entry verdict;
    struct exam_text evidence;
};

/* Reads x->file and asks what is in it. */
int synth_read(struct synth *x) MUST_USE;
/* Looks for a unit: sets reply, and outcome to SYNTH_FITS, UNSURE, NONE or OVER. */
int synth_solve(struct synth *x) MUST_USE;
/* Has the unit found checked: sets check. ERR_WORKER when it is not what the search
 * said. */
int synth_check(struct synth *x) MUST_USE;
/* The unit that gives `other` where x->reply gives `output`: sets other if found. */
int synth_find_rival(struct synth *x) MUST_USE;
/* Ends the session of these questions. */
void synth_end_asks(struct synth *x);

/* Proposes, has it examined, learns from the counterexample, proposes again: until
 * an exam admits one, nothing is found any more, or SYNTH_DISCLOSURES_MAX are
 * spent. Sets outcome. */
int synth_examine(struct synth *x) MUST_USE;

/* One example more, values of takes and gives. */
int synth_add_example(struct synth *x, struct ubytes in,
                      struct ubytes out) MUST_USE;

/* Says what came of it. code: of the work so far. Gives the command's code. */
int synth_report(struct synth *x, int code) MUST_USE;

#endif
