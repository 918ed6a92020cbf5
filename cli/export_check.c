/* Checking a statement by writing it again. In the person's process; the payload
 * comes from anybody, its signer included. */
#include "cli/export_check.h"

#include <stdio.h>
#include <string.h>

#include "cli/dsse.h"
#include "cli/files.h"
#include "cli/json_read.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

/* The proof and the objects as they stand in the payload. */
static int take_sources(struct json_read *j, const struct vkey *log,
                        struct statement *s, struct diag *d)
{
    size_t i;
    int rc = json_read_string(j, "$.predicate.proctor.proof", &s->proof_text);

    if (rc == 0) {
        TRY(statement_take_proof(s, log->origin, log->key, d));
    }
    for (i = 0; i < STATEMENT_OBJECTS_N && rc == 0; i++) {
        char path[80];

        (void)snprintf(path, sizeof(path), "$.predicate.proctor.objects.%s",
                       statement_object_name((enum statement_object)i));
        rc = json_read_base64(j, path, &s->objects[i]);
    }
    if (rc == 0) {
        return statement_take_objects(s, d);
    }
    return rc == ERR_NOMEM
               ? rc
               : diag_set(d, ERR_INPUT, NOWHERE,
                          "the payload is not a statement of `proctor "
                          "export`: proof or objects are missing");
}

static int take_files(struct statement *s, char **files, size_t n,
                      struct diag *d)
{
    const struct statement_subject *missing;
    size_t i;

    for (i = 0; i < n; i++) {
        int fd CLEANUP(fd_closep) = -1;
        uint8_t sha256[32];
        struct cid c;

        TRY(files_open("the file", files[i], &fd, d));
        TRY(statement_digest_file(fd, &c, sha256));
        if (!statement_give_digests(s, &c, sha256)) {
            return diag_set(d, ERR_TASK_FAILED, NOWHERE,
                            "the verdict is not about %.150s: no file of the "
                            "candidate has these bytes",
                            files[i]);
        }
    }
    missing = statement_missing(s);
    if (missing != NULL) {
        (void)diag_set(d, ERR_INPUT, NOWHERE,
                       "the verdict is also about \"%.100s\": without that "
                       "file its SHA-256 cannot be checked",
                       missing->name);
        diag_hint(d, "name all files of the candidate behind the options");
        return ERR_INPUT;
    }
    return 0;
}

static int compare(struct json_read *j, struct ubytes payload,
                   const struct statement *s, struct diag *d)
{
    char where[JSON_READ_PATH_BYTES];
    struct buf again;
    int rc;

    buf_init(&again, 2 * DSSE_PAYLOAD_BYTES);
    rc = statement_write(s, &again);
    if (rc == 0 && (buf_len(&again) != payload.n ||
                    memcmp(buf_bytes(&again).p, payload.p, payload.n) != 0)) {
        json_read_difference(j, payload, buf_bytes(&again), where);
        rc = diag_set(d, ERR_TASK_FAILED, NOWHERE,
                      "the ledger does not say %.120s",
                      where[0] != '\0' ? where
                                       : "it in these bytes: spacing or order "
                                         "was changed");
    }
    buf_release(&again);
    return rc;
}

int export_check(struct ubytes payload, const struct vkey *log, char **files,
                 size_t files_n, struct statement *s, struct diag *d)
{
    struct json_read *j;
    int rc;

    TRY(json_read_new(&j));
    if (json_read_text(j, payload, DSSE_PAYLOAD_BYTES) != 0) {
        rc = diag_set(d, ERR_INPUT, NOWHERE, "the payload is not JSON");
    } else {
        rc = take_sources(j, log, s, d);
    }
    if (rc == 0) {
        rc = take_files(s, files, files_n, d);
    }
    if (rc == 0) {
        rc = compare(j, payload, s, d);
    }
    json_read_free(j);
    return rc;
}
