/* Printing records. Writes standard output only. */
#include "cli/log_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/summary.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"

#define BLOCK_ROWS 512u

void log_print_init(struct log_print *p, enum log_form form)
{
    static const char *const HEADS[] = {"record", "time", "kind", "task",
                                        "what"};

    *p = (struct log_print){.form = form};
    buf_init(&p->json, (size_t)LIMIT_RECORD_BYTES * 8);
    table_init(&p->table, 5, HEADS);
}

void log_print_release(struct log_print *p)
{
    buf_release(&p->json);
    table_release(&p->table);
}

void log_print_open(struct log_print *p, struct cli *c)
{
    if (p->form != LOG_TABLE) {
        c->emitted = 1;
    }
    if (p->form == LOG_DOCUMENT) {
        fputs("{\"records\":[", stdout);
    }
}

static int print_json(struct log_print *p, const struct record *r,
                      const struct merkle_hash *leaf)
{
    struct ubytes text;

    buf_reset(&p->json);
    TRY(record_put_json(&p->json, r, leaf->b));
    text = buf_bytes(&p->json);
    if (p->form == LOG_DOCUMENT && p->n > 0) {
        fputc(',', stdout);
    }
    (void)fwrite(text.p, 1, text.n, stdout);
    if (p->form == LOG_LINES) {
        fputc('\n', stdout);
    }
    return ferror(stdout) ? ERR_TRACE(ERR_IO) : 0;
}

static int print_row(struct log_print *p, const struct record *r)
{
    char seq[24];
    char time[TERM_TIME_BYTES];
    char task[LIMIT_ID_BYTES * 2];
    char what[SUMMARY_BYTES];
    const char *cells[] = {seq, term_time(r->wall_ns, time),
                           record_kind_name(r->kind), task, what};

    (void)snprintf(seq, sizeof(seq), "%" PRIu64, r->seq);
    summary_task(r, task, sizeof(task));
    summary_of(r, what);
    table_row(&p->table, cells);
    if (++p->held < BLOCK_ROWS) {
        return 0;
    }
    return log_print_flush(p);
}

int log_print_record(struct log_print *p, const struct record *r,
                     const struct merkle_hash *leaf)
{
    TRY(p->form == LOG_TABLE ? print_row(p, r) : print_json(p, r, leaf));
    p->n++;
    return 0;
}

int log_print_flush(struct log_print *p)
{
    if (p->form == LOG_TABLE) {
        p->held = 0;
        TRY(table_flush(&p->table, stdout, term_has_colour(stdout)));
    }
    return fflush(stdout) == 0 ? 0 : ERR_TRACE(ERR_IO);
}

int log_print_end(struct log_print *p)
{
    if (p->form == LOG_DOCUMENT) {
        fputs("]}\n", stdout);
    }
    if (p->form == LOG_TABLE && p->n == 0) {
        puts("no such records");
        return fflush(stdout) == 0 ? 0 : ERR_TRACE(ERR_IO);
    }
    return log_print_flush(p);
}
