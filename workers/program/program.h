/* A candidate or an oracle that is a program, and where it lives: what a
 * PROGRAM_TASK says, checked, with its files put in place. With function_file,
 * argv is the interpreter and the adapter's words follow it (adapter.h).
 * Program worker only; nothing here judges an answer. */
#ifndef WORKERS_PROGRAM_PROGRAM_H
#define WORKERS_PROGRAM_PROGRAM_H

#include "proto/diag.h"
#include "proto/type.h"

#include "worker.pb-c.h"

struct program {
    /* Of the process: NULL-terminated, borrowed from the task and from here. */
    const char **argv_; /* owned array */
    char takes_text_[512];
    char gives_text_[512];
    const Proctor__ProgramTask *task; /* borrowed for the program's life */
    const char *work_dir;             /* borrowed; the process starts there */
    struct type takes;
    struct type gives;
    uint64_t output_bytes;
    int is_dirty; /* a process has run since the files were placed */
};

/* Checks the task, places nothing. 0, ERR_NOMEM, or ERR_INPUT with ${d} set: no
 * argv, types that are none, a file name that is absolute, empty, has an empty,
 * "." or ".." part, a control character, or stands twice, or a mode that is
 * neither 0444 nor 0555. */
int program_init(struct program *p, const Proctor__ProgramTask *task,
                 const char *work_dir, struct diag *d) MUST_USE;
void program_release(struct program *p);

/* Makes ${work_dir} hold exactly the files of the task, and empties ${tmp_dir}
 * (NULL = none). Called before every batch, so nothing that one process left
 * behind reaches the next. 0, ERR_NOMEM, or an ERR_* with ${d} set. */
int program_place(struct program *p, const char *tmp_dir,
                  struct diag *d) MUST_USE;

#endif
