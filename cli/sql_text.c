/* See sql_text.h. The same statements as elsewhere, with literals in place of
 * $1, $2, ... */
#include "cli/sql_text.h"

#include <stdlib.h>
#include <string.h>

#include "cli/sql_rows.h"
#include "proto/cid.h"
#include "proto/err.h"

struct out {
    FILE *to;
    int for_psql;
};

static void put_data(const struct out *o, struct ubytes b)
{
    char hex[3];

    fputs(o->for_psql ? "'\\x" : "x'", o->to);
    for (size_t i = 0; i < b.n; i++) {
        hex_text(b.p + i, 1, hex);
        fputs(hex, o->to);
    }
    fputc('\'', o->to);
}

static void put_arg(const struct out *o, enum sql_type type,
                    const struct sql_arg *a)
{
    if (a->is_null) {
        fputs("NULL", o->to);
    } else if (type == SQL_NUMBER) {
        fprintf(o->to, "%llu", (unsigned long long)a->number);
    } else if (type == SQL_DATA) {
        put_data(o, a->bytes);
    } else {
        fputc('\'', o->to);
        for (size_t i = 0; i < a->bytes.n; i++) {
            if (a->bytes.p[i] == '\'') {
                fputc('\'', o->to);
            }
            fputc(a->bytes.p[i], o->to);
        }
        fputc('\'', o->to);
    }
}

/* Writes what changes rows; what would be asked is answered as it must be. */
static int run(void *ctx, enum sql_statement s, const struct sql_arg *args,
               int64_t *out_n, struct diag *d)
{
    const struct out *o = ctx;
    const struct sql_info *info = sql_info(s);

    (void)d;
    *out_n = 1;
    if (info->is_query) {
        return 0;
    }
    for (const char *c = info->text; *c != '\0'; c++) {
        if (*c == '$') {
            unsigned i = (unsigned)(*++c - '1');

            ASSERT(i < info->args_n);
            put_arg(o, info->types[i], &args[i]);
        } else {
            fputc(*c, o->to);
        }
    }
    fputs(";\n", o->to);
    return ferror(o->to) ? ERR_IO : 0;
}

int sql_text_write(FILE *to, int for_psql, const Proctor__Projection *p)
{
    struct out o = {to, for_psql};
    const struct sql_driver driver = {run, &o};
    Proctor__BridgeAnswer a = PROCTOR__BRIDGE_ANSWER__INIT;
    struct diag d;
    int rc;

    diag_init(&d);
    fputs(for_psql ? "SET standard_conforming_strings=on;\n"
                   : "PRAGMA foreign_keys=ON;\n",
          to);
    fputs("BEGIN;\n", to);
    fputs(for_psql ? sql_tables_postgres() : sql_tables_sqlite(), to);
    rc = sql_rows_put(&driver, p, &a, &d);
    fputs("COMMIT;\n", to);
    return rc < 0 ? rc : ferror(to) ? ERR_IO : 0;
}
