/* What the ending of a program is called, and how its last words are quoted. */
#ifndef KERNEL_RUN_ENDING_H
#define KERNEL_RUN_ENDING_H

#include "proto/base.h"

#include "worker.pb-c.h"

/* "exited with status 3 after 17 of 4096 answers": the same for the same bytes,
 * so it may stand in evidence. */
void ending_text(const Proctor__BatchReply *r, uint32_t answered, uint32_t asked,
                 char *out, size_t out_n);
/* True when a limit of processor time ended it. */
int ending_is_time(const Proctor__BatchReply *r);
/* The last line that is not blank, cut, anything but printable ASCII as '?'. With
 * skip_note not the worker's own closing line ("proctor: ..."), if there is
 * another. */
void ending_last_line(struct ubytes text, int skip_note, char *out,
                      size_t out_n);
/* Whether that closing line says no more than ending_text does. */
int ending_is_plain(const Proctor__BatchReply *r);

#endif
