/* Series (docs/runs.md): the two lists of each, inputs and outputs, as the
 * records of the ledger have them. Believes nothing about them: position, order
 * and bytes are series_audit's to check. Reads only. */
#ifndef CLI_SERIES_H
#define CLI_SERIES_H

#include "cli/json.h"
#include "cli/ledger.h"
#include "proto/cid.h"

/* An INPUTS or OUTPUTS record. */
struct series_entry {
    uint64_t seq;     /* of the record */
    uint64_t wall_ns;
    uint64_t run;     /* its RUN record */
    uint64_t index;   /* as it says */
    uint64_t ref;     /* parent_ref, inputs_ref */
    uint64_t bytes;
    unsigned status;  /* enum series_status; inputs: 0 */
    struct cid artifact;
    struct cid program;
    uint8_t sha256[32];
    char *task; /* owned */
    char *text; /* owned; note, why */
};

struct series {
    char *name;                   /* owned */
    struct series_entry *inputs;  /* owned; in the order of the ledger */
    struct series_entry *outputs; /* owned */
    size_t inputs_n;
    size_t outputs_n;
    size_t *first; /* owned; of run i: the first run with its inputs */
};

struct series_all {
    struct series *v; /* owned; in the order of their first records */
    size_t n;
};

/* ERR_* of ledger_each. On failure all is empty. */
int series_load(const char *store, struct series_all *out,
                struct diag *d) MUST_USE;
void series_release(struct series_all *all);
/* NULL with d: there is none of that name; d knows the nearest. */
const struct series *series_find(const struct series_all *all, const char *name,
                                 struct diag *d);
/* The run whose OUTPUTS record a parent_ref names; NULL: none does. */
const struct series *series_by_ref(const struct series_all *all, uint64_t ref,
                                   size_t *out_i);

/* Its last run did not finish. */
int series_is_open(const struct series *s);
/* "done", "aborted", "unfinished". */
const char *series_status_text(const struct series *s, size_t i);
/* What runs of other series made of run i's output, "; " between: their short
 * texts. Appends, terminated. */
int series_put_measured(const struct series_all *all, const char *store,
                        const struct series *s, size_t i,
                        struct buf *out) MUST_USE;
/* Run i as an object. */
void series_put_json(struct json *j, const struct series_all *all,
                     const char *store, const struct series *s, size_t i);

/* Bytes of an artifact, checked against CID, SHA-256 and length. Appends.
 * ERR_STORE_DAMAGED: they are not those that were recorded. */
int series_read(const char *store, const struct series_entry *e,
                struct buf *out) MUST_USE;

/* Every invariant that can be checked without running anything. found is told
 * the place ("xor[2]") and what is wrong. ERR_NOMEM. */
struct series_ears {
    void (*found)(void *ctx, const char *where, const char *what);
    void *ctx;
};
int series_audit(const struct series_all *all, const char *store,
                 const struct series_ears *ears) MUST_USE;

struct cli;
/* All of it for a person or as JSON. ERR_STORE_DAMAGED, ERR_TASK_FAILED when
 * only a run did not finish. */
int series_audit_report(struct cli *c, const char *store) MUST_USE;
/* Makes outputs again from the recorded inputs, one at a time; i SIZE_MAX: all
 * of the series. ERR_TASK_FAILED when bytes differ. Prints. */
int series_replay(struct cli *c, const char *store, const struct series *s,
                  size_t i) MUST_USE;
/* Writes the series as a folder of files; dir must be new. */
int series_export(struct cli *c, const char *store,
                  const struct series_all *all, const struct series *s,
                  const char *dir) MUST_USE;

#endif
