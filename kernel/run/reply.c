/* Replies of workers, from hostile bytes. Kernel process. Must never keep an
 * answer behind the first that is missing, malformed or not finite. */
#include "kernel/run/reply.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "kernel/run/ending.h"
#include "proto/err.h"

void reply_init(struct reply *r)
{
    memset(r, 0, sizeof(*r));
    values_init(&r->answers);
}

void reply_release(struct reply *r)
{
    values_release(&r->answers);
}

void reply_bad(struct reply *r, const char *ending)
{
    r->bad = 1;
    snprintf(r->ending, sizeof(r->ending), "%s", ending);
}

/* Answers that count: n of them, without what is not finite. */
static uint32_t finite_prefix(const struct values *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (value_has_nonfinite(values_at(v, i))) {
            return i;
        }
    }
    return n;
}

int reply_read(struct reply *r, const Proctor__BatchReply *m,
               struct ubytes outputs, const struct type *gives, uint32_t asked)
{
    char ending[160];
    uint32_t n;
    uint32_t kept;
    int code = values_decode(&r->answers, outputs, gives, asked);

    if (code == ERR_NOMEM) {
        return ERR_TRACE(code);
    }
    if (code < 0) {
        reply_bad(r, "answered in no valid encoding");
        return 0;
    }
    ending_last_line((struct ubytes){m->text.data, m->text.len},
                     ending_is_plain(m), r->text, sizeof(r->text));
    n = values_n(&r->answers);
    kept = finite_prefix(&r->answers, n);
    if (kept == asked && m->ending == PROCTOR__ENDING__ENDING_OK) {
        return 0;
    }
    if (kept < n) {
        snprintf(ending, sizeof(ending), "answered NaN or an infinity");
    } else {
        ending_text(m, n, asked, ending, sizeof(ending));
    }
    /* All inputs answered and yet it ended badly: the last answer is not one. */
    if (kept == asked && kept > 0) {
        kept--;
    }
    r->limit = ending_is_time(m);
    r->was_killed =
        m->ending == PROCTOR__ENDING__ENDING_KILLED && m->detail == SIGKILL;
    reply_bad(r, ending);
    values_cut(&r->answers, kept);
    return 0;
}
