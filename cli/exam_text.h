/* What an exam found, for people: the sentence after a run and in `show`. */
#ifndef CLI_EXAM_TEXT_H
#define CLI_EXAM_TEXT_H

#include <stdio.h>

#include "cli/message.h"
#include "proto/record.h"

#include "evidence.pb-c.h"

/* A verdict with the objects that it names; each may be missing. */
struct exam_text {
    Proctor__Evidence *evidence; /* owned */
    struct message_types types;  /* of the exam */
    double alpha_j;              /* of its COMMIT record; 0 = unknown */
};
/* Reads what VERDICT record r names. What cannot be read stays empty; `verify`
 * is who complains. */
void exam_text_load(const char *store, const struct record *r,
                    struct exam_text *out);
void exam_text_release(struct exam_text *x);

/* "ADMIT proven: 16 384 draws, 0 failures, ..." and, for a refuted candidate,
 * the counterexample, on lines indented by `indent`. */
int exam_text_print(FILE *to, const struct exam_text *x, const struct record *r,
                    unsigned indent, int colour) MUST_USE;

#endif
