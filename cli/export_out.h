/* `proctor export --git DIR` and `--sql WHERE`, and `proctor cml import --git
 * DIR`: a store's CML to the outside and back. */
#ifndef CLI_EXPORT_OUT_H
#define CLI_EXPORT_OUT_H

#include "cli/cli.h"

struct export_out {
    struct cli *c;
    char **units; /* CML files whose units go along; borrowed */
    size_t units_n;
};

int export_git(const struct export_out *x, const char *dir) MUST_USE;
/* where: a SQLite file, postgres://..., "-" (SQL for sqlite3) or "postgres:-"
 * (for psql). */
int export_sql(const struct export_out *x, const char *where) MUST_USE;
/* Bundles into folder. */
int import_git(struct cli *c, const char *dir, const char *folder) MUST_USE;

#endif
