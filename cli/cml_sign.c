/* Another writer's assertion: its place behind what the store holds, its payload's
 * CID by a worker, its signature by the key in a person's file. Records nothing. */
#include "cli/cml_sign.h"

#include <inttypes.h>
#include <string.h>

#include "cli/cmd_cml.h"
#include "cli/files.h"
#include "cli/pem.h"
#include "proto/err.h"
#include "proto/type.h"

/* The CID that the payload has, by a worker: what is signed. */
static int hash_payload(struct said *a)
{
    CLEANUP(buf_release) struct buf bytes;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    Proctor__CmlText text = PROCTOR__CML_TEXT__INIT;
    Proctor__CmlText *texts[] = {&text};
    const Proctor__CmlReply *reply = NULL;
    struct type type;
    struct session s;
    int rc = 0;

    buf_init(&bytes, LIMIT_CML_TEXT_BYTES);
    task.command = PROCTOR__CML_COMMAND__CML_PAYLOAD;
    if (a->leaf != NULL) {
        task.args = &a->leaf;
        task.n_args = 1;
        if (a->type != NULL && type_from_name(a->type, &type) != 0) {
            return cli_fail(a->c, ERR_INPUT, "--type: \"%.40s\" is no scalar",
                            a->type);
        }
        task.gives.data = type.b;
        task.gives.len = a->type != NULL ? type.n : 0;
    } else {
        TRY(files_read(a->path, LIMIT_CML_TEXT_BYTES, &bytes));
        text.name = a->path;
        text.content.data = (uint8_t *)(uintptr_t)buf_bytes(&bytes).p;
        text.content.len = buf_len(&bytes);
        task.texts = texts;
        task.n_texts = 1;
        task.unit = a->unit;
    }
    rc = cml_ask(&s, a->c, &task, &reply);
    if (rc == 0 && reply->problem != NULL) {
        rc = diag_set(&a->c->d, ERR_INPUT,
                      (struct loc){a->path[0] != '\0' ? a->path : NULL,
                                   reply->problem->line, reply->problem->col},
                      "%s", reply->problem->what);
    } else if (rc == 0 &&
               (reply->n_units != 1 ||
                assertion_payload((struct ubytes){reply->units[0]->bundle.data,
                                                  reply->units[0]->bundle.len},
                                  &a->a.payload) != 0)) {
        rc = cli_fail(a->c, ERR_WORKER, "the worker gave no payload");
    }
    session_close(&s);
    return rc;
}

/* Saying again what this writer said last is that statement, not one more. */
static int put_behind(struct said *a, sqlite3_stmt *q)
{
    struct cid payload = {{0}};
    const char *cid = index_text(q, 3);
    const char *prev = index_text(q, 1);

    if (cid[0] != '\0' && cid_parse(cid, &payload) != 0) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    a->a.n = index_u64(q, 0) + 1;
    if (a->expect == 0 && strcmp(index_text(q, 2), a->a.operation) == 0 &&
        cid_is_equal(&payload, &a->a.payload)) {
        a->a.n--;
        prev = index_text(q, 4);
    }
    return prev[0] == '\0' || cid_parse(prev, &a->a.prev) == 0
               ? 0
               : ERR_TRACE(ERR_STORE_DAMAGED);
}

/* Number and predecessor: behind the last one, or behind the one expected. */
static int follow(struct said *a, struct index *ix)
{
    sqlite3_stmt *q = NULL;
    int rc;

    a->a.n = 1;
    TRY(index_query(ix,
                    "SELECT seq_number,hash,operation,coalesce(payload_cid,''),"
                    "prev FROM m4_assertions WHERE did=?1 AND ref_path=?2"
                    " AND (?3=0 OR seq_number=?3-1)"
                    " ORDER BY seq_number DESC LIMIT 1",
                    &q, &a->c->d));
    (void)sqlite3_bind_text(q, 1, a->a.did, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(q, 2, a->a.path, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(q, 3, (sqlite3_int64)a->expect);
    rc = index_step(ix, q, &a->c->d);
    if (rc == 0) {
        rc = put_behind(a, q);
    } else if (rc == INDEX_E_DONE) {
        rc = a->expect <= 1
                 ? 0
                 : cli_fail(a->c, ERR_TASK_FAILED,
                            "--expect: fewer than %" PRIu64 " stand there",
                            a->expect - 1);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

int cml_sign(struct said *a, struct index *ix)
{
    CLEANUP(buf_release) struct buf statement;
    struct pem_public p;

    buf_init(&statement, 4096);
    if (strcmp(a->words[1], "DELETE") != 0) {
        TRY(hash_payload(a));
    }
    TRY(follow(a, ix));
    TRY(assertion_statement(&a->a, &statement));
    return pem_sign(a->key, buf_bytes(&statement), a->signature, &p);
}
