/* See quorum.h. Command line. */
#include "cli/quorum.h"

#include <stdlib.h>
#include <string.h>

#include "cli/files.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

static int load(const char *path, struct tlog_policy **out, struct diag *d)
{
    struct tlog_policy *p = malloc(sizeof(*p));
    struct buf text;
    int rc;

    if (p == NULL) {
        return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
    }
    buf_init(&text, TLOG_POLICY_BYTES_MAX);
    rc = files_read(path, TLOG_POLICY_BYTES_MAX, &text);
    if (rc != 0) {
        (void)diag_set(d, rc, NOWHERE, "cannot read the policy %.150s: %s",
                       path, err_text(rc));
    } else {
        rc = tlog_policy_read(buf_bytes(&text), path, p, d);
    }
    buf_release(&text);
    if (rc != 0) {
        free(p);
        return rc;
    }
    *out = p;
    return 0;
}

static int judge(const struct tlog_policy *p, struct ubytes note,
                 struct diag *d)
{
    uint32_t good;
    uint32_t bad;
    int rc = tlog_policy_cosigned(p, note, &good, &bad);

    if (rc == ERR_ENCODING) {
        err_trace_clear();
        return diag_set(d, ERR_INPUT, NOWHERE, "there is no checkpoint");
    }
    if (rc != 0) {
        return diag_set(d, rc, NOWHERE, "%s", err_text(rc));
    }
    if (bad != 0) {
        return diag_set(d, ERR_REFUSED, NOWHERE,
                        "the line of the witness %.80s is not its cosignature",
                        p->witnesses[__builtin_ctz(bad)].name);
    }
    if (!tlog_policy_met(p, good)) {
        (void)diag_set(d, ERR_REFUSED, NOWHERE,
                       "%d of the policy's %u witnesses cosigned the "
                       "checkpoint, which is no quorum",
                       __builtin_popcount(good), p->witnesses_n);
        diag_hint(d, "ask for a proof under a checkpoint that they cosigned");
        return ERR_REFUSED;
    }
    return 0;
}

int quorum_check(const char *policy, struct ubytes note, struct diag *d)
{
    CLEANUP(mem_freep) struct tlog_policy *p = NULL;

    TRY(load(policy, &p, d));
    ASSERT(p != NULL);
    return judge(p, note, d);
}

int quorum_log(const char *policy, struct ubytes note,
               char out_origin[static NOTE_ORIGIN_BYTES],
               uint8_t out_key[static 32], struct diag *d)
{
    CLEANUP(mem_freep) struct tlog_policy *p = NULL;
    struct checkpoint at;
    struct checkpoint ignored;
    uint8_t sig[64];
    size_t body_n;
    unsigned found;
    unsigned i;

    TRY(load(policy, &p, d));
    ASSERT(p != NULL);
    found = p->logs_n;
    if (note_peek(note, &at, &body_n) != 0) {
        err_trace_clear();
        return diag_set(d, ERR_INPUT, NOWHERE, "there is no checkpoint");
    }
    for (i = 0; i < p->logs_n; i++) {
        if (strcmp(p->logs[i].origin, at.origin) == 0) {
            found = found == p->logs_n ? i : found;
            if (note_read(note, at.origin, p->logs[i].key, &ignored, sig) == 0) {
                found = i; /* a log that had another key before is named twice */
            }
        }
    }
    err_trace_clear();
    if (found == p->logs_n) {
        return diag_set(d, ERR_INPUT, NOWHERE,
                        "the policy names no log %.80s; give --key", at.origin);
    }
    memcpy(out_origin, p->logs[found].origin, NOTE_ORIGIN_BYTES);
    memcpy(out_key, p->logs[found].key, 32);
    return 0;
}
