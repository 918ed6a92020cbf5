/* proctor cml link: a unit with what its references lead to in their place. The
 * worker says which refs it wants; they are read here with the person's authority.
 * Nothing is recorded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_cml.h"
#include "cli/cml_refs.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/place.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

static int read_snapshot(struct cml_args *a, Proctor__CmlSnapshot **out)
{
    CLEANUP(buf_release) struct buf bytes;
    ProtobufCMessage *m = NULL;
    int rc;

    buf_init(&bytes, LIMIT_FRAME_BYTES);
    rc = files_read(a->snapshot, LIMIT_FRAME_BYTES, &bytes);
    rc = rc == 0 ? pb_decode(&proctor__cml_snapshot__descriptor,
                             buf_bytes(&bytes), LIMIT_FRAME_BYTES, &m)
                 : rc;
    if (rc != 0) {
        return cli_fail_hint(a->c, rc == ERR_ENCODING ? ERR_INPUT : rc,
                             "proctor show --raw CID > FILE; a candidate's "
                             "object names its snapshot",
                             "%s: %s", a->snapshot,
                             rc == ERR_ENCODING ? "no snapshot" : err_text(rc));
    }
    *out = (Proctor__CmlSnapshot *)m;
    return 0;
}

static int put_link(struct cml_args *a, const struct cml_refs *refs,
                    const Proctor__CmlUnit *u)
{
    struct ubytes bundle = {u->bundle.data, u->bundle.len};
    char text[CID_TEXT_BYTES];
    struct json j;
    struct cid cid;

    if (assertion_payload(bundle, &cid) != 0) {
        return cli_fail(a->c, ERR_WORKER, "the worker's bundle is none");
    }
    if (a->output != NULL) {
        TRY(files_write(a->output, bundle));
    }
    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "name", u->name);
    json_hex(&j, "cid", cid.b, CID_BYTES);
    json_u64(&j, "nodes", u->nodes);
    json_array(&j, "refs");
    cid_text(&cid, text);
    if (!a->c->json) {
        printf("%s  %s\n", text, u->name);
    }
    for (size_t i = 0; i < refs->n; i++) {
        cid_text(&refs->cids[i], text);
        json_object(&j, NULL);
        json_str(&j, "ref_path", refs->m[i].path);
        json_str(&j, "target_cid", text);
        json_close(&j);
        if (!a->c->json) {
            printf("  %.16s  %s\n", text, refs->m[i].path);
        }
    }
    json_close(&j);
    json_close(&j);
    if (a->c->json) {
        return cli_emit(a->c, &j);
    }
    json_release(&j);
    return 0;
}

/* One question; 0: answered, 1: there are more refs now. */
static int ask_once(struct cml_args *a, struct cml_refs *refs)
{
    const Proctor__CmlReply *reply = NULL;
    size_t before = refs->n;
    struct session s;
    int rc = cml_ask(&s, a->c, &a->task, &reply);

    if (rc == 0 && reply->problem != NULL) {
        rc = cml_tell_problem(a, reply);
    } else if (rc == 0) {
        for (size_t i = 0; rc == 0 && i < reply->n_missing; i++) {
            rc = cml_refs_add(refs, reply->missing[i], &a->c->d);
        }
        if (rc == 0 && refs->n == before) {
            rc = reply->n_units == 1
                     ? put_link(a, refs, reply->units[0])
                     : cli_fail(a->c, ERR_WORKER, "the worker gave no unit");
        } else if (rc == 0) {
            rc = 1;
        }
    }
    session_close(&s);
    return rc;
}

static int link_with(struct cml_args *a, struct cml_refs *refs)
{
    struct ledger_identity id;
    char did[DID_BYTES];
    int rc = 1;

    TRY(ledger_identity(refs->store, &id, &a->c->d));
    did_text(id.first_key, did);
    a->task.did = refs->snapshot != NULL ? refs->snapshot->did : did;
    a->task.refs = refs->list;
    for (unsigned i = 0; rc == 1 && i <= LIMIT_CML_LINK_ROUNDS; i++) {
        a->task.n_refs = refs->n;
        rc = ask_once(a, refs);
    }
    return rc == 1 ? cli_fail(a->c, ERR_LIMIT,
                              "more than %u references behind each other",
                              LIMIT_CML_LINK_ROUNDS)
                   : rc;
}

int cml_link(struct cml_args *a)
{
    CLEANUP(mem_freep) struct cml_refs *refs = calloc(1, sizeof(*refs));
    Proctor__CmlSnapshot *snapshot = NULL;
    struct place place;
    struct index *ix = NULL;
    int rc;

    if (refs == NULL) {
        return cli_fail(a->c, ERR_NOMEM, "out of memory");
    }
    if (a->snapshot != NULL && a->at != INT64_MAX) {
        return cli_fail(a->c, ERR_INPUT, "--at or --snapshot, not both");
    }
    TRY(place_open(a->c->store, &place, &a->c->d));
    TRY(index_open(place.path, &ix, &a->c->d));
    rc = a->snapshot != NULL ? read_snapshot(a, &snapshot) : 0;
    if (rc == 0) {
        refs->store = place.path;
        refs->ix = ix;
        refs->at = a->at;
        refs->snapshot = snapshot;
        rc = link_with(a, refs);
    }
    cml_refs_release(refs);
    if (snapshot != NULL) {
        pb_free(&snapshot->base);
    }
    return index_end(ix, rc, &a->c->d);
}
