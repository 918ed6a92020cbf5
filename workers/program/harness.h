/* One batch: a fresh process of the program, one line of JSON in and one out
 * per input, and nothing of it left afterwards. Program worker only.
 *
 * What decides is what was read, never an exit code: exactly one well-formed,
 * finite answer per input, and no byte more, is ENDING_OK, whatever the status
 * (told in detail). An answer counts when its newline has been read. The end is
 *  - malformed, non-finite, too many, flood: the first that is met while
 *    reading in order; the process is killed there. (A flood of standard error
 *    alone has no place in that order: then no answer counts.)
 *  - exited or killed: it ended before the last answer.
 * Its input being at its end, or its output closed, the process must end by
 * itself; the kernel's limits end a worker whose program does not. Once the
 * program itself has ended, everything it started is killed, what is still in
 * the pipe is read, and that is all: a daemon that holds the pipe delays
 * nothing. */
#ifndef WORKERS_PROGRAM_HARNESS_H
#define WORKERS_PROGRAM_HARNESS_H

#include "proto/limits.h"
#include "proto/value.h"
#include "workers/program/program.h"

struct batch_result {
    struct values_builder answers; /* values of type gives, in order */
    Proctor__Ending ending;
    uint32_t detail; /* EXITED: status; KILLED: signal; OK: status or 128 +
                        signal; NO_START: errno; else 0 */
    /* Tail of its standard error, then one line of ours, "proctor: ...", when
     * the ending has a reason that a person should see. Hostile text. */
    uint8_t text[LIMIT_WORKER_TEXT];
    size_t text_n;
};

/* Runs p (placed) over inputs, values of p->takes. Only in process 1 of a pid
 * namespace. 0 whatever the program did; ERR_CONFINE, ERR_NOMEM, ERR_IO,
 * ERR_LIMIT when we failed. result is released by the caller in either case. */
int batch_run(struct program *p, const struct values *inputs,
              struct batch_result *result) MUST_USE;
void batch_result_release(struct batch_result *result);

#endif
