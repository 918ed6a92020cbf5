/* Artifacts of CML for tasks, and the refs that they name. What a worker says of
 * a bundle is never believed: its root is hashed here, its nodes are checked by
 * every worker that gets it. Kernel process. */
#include "kernel/run/linking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/say.h"
#include "kernel/store/fold.h"
#include "proto/assertion.h"
#include "proto/err.h"

struct pinned {
    char path[LIMIT_REF_BYTES + 1];
    uint64_t seq; /* of its last record (none: 0), plus one; 0: not read */
    struct cid cid;
    struct cid object;
    struct buf bundle;
};

struct linking {
    struct live *live;
    struct config_job *job;
    linking_fn fn;
    char did[DID_BYTES];
    char path[LIMIT_PATH_BYTES + 1]; /* of the text, as the policy sees it */
    struct buf text;
    Proctor__CmlText source;
    Proctor__CmlText *sources[1];
    Proctor__CmlTask task;
    unsigned rounds;
    struct pinned pinned[LIMIT_CML_REFS]; /* sorted by path */
    size_t pinned_n;
    Proctor__CmlRef m[LIMIT_CML_REFS];
    Proctor__CmlRef *refs[LIMIT_CML_REFS];
    Proctor__CmlSnapshotRef s[LIMIT_CML_REFS];
    Proctor__CmlSnapshotRef *snapshot[LIMIT_CML_REFS];
};

int linking_new(struct live *l, struct linking **out)
{
    struct linking *k = calloc(1, sizeof(*k));
    CLEANUP(buf_release) struct buf b;
    struct record genesis;

    buf_init(&b, LIMIT_RECORD_BYTES);
    if (k == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = k;
    k->live = l;
    buf_init(&k->text, LIMIT_CML_TEXT_BYTES);
    proctor__cml_text__init(&k->source);
    k->sources[0] = &k->source;
    TRY(core_read_record(l->run->core, 0, RECORD_GENESIS, &b, &genesis));
    did_text(record_hash(&genesis, RF_GENESIS_log_key), k->did);
    return 0;
}

void linking_free(struct linking *k)
{
    if (k != NULL) {
        config_free(k->job);
        buf_release(&k->text);
        for (size_t i = 0; i < k->pinned_n; i++) {
            buf_release(&k->pinned[i].bundle);
        }
        free(k);
    }
}

const char *linking_did(const struct linking *k)
{
    return k->did;
}

struct cid linking_pinned(const struct linking *k, const char *path)
{
    size_t i = 0;

    while (strcmp(k->pinned[i].path, path) != 0) {
        i++;
        ASSERT(i < k->pinned_n);
    }
    return k->pinned[i].cid;
}

int linking_pin(struct linking *k, const char *path)
{
    size_t i = k->pinned_n;

    if (i == LIMIT_CML_REFS || strlen(path) > LIMIT_REF_BYTES) {
        return ERR_LIMIT;
    }
    for (; i > 0 && strcmp(k->pinned[i - 1].path, path) > 0; i--) {
        k->pinned[i] = k->pinned[i - 1];
    }
    memset(&k->pinned[i], 0, sizeof(k->pinned[i]));
    memcpy(k->pinned[i].path, path, strlen(path));
    buf_init(&k->pinned[i].bundle, LIMIT_CML_BUNDLE_BYTES);
    k->pinned_n++;
    return 0;
}

int linking_read(struct linking *k)
{
    struct core *c = k->live->run->core;
    int moved = 0;

    for (size_t i = 0; i < k->pinned_n; i++) {
        struct pinned *p = &k->pinned[i];
        const Proctor__RefState *ref =
            fold_ref_state(ledger_fold(c->ledger), p->path);
        uint64_t seq = ref == NULL ? 1 : ref->seq + 1;

        if (p->seq == seq) {
            continue;
        }
        moved = 1;
        p->seq = seq;
        buf_reset(&p->bundle);
        memset(&p->cid, 0, sizeof(p->cid));
        if (fold_ref(ledger_fold(c->ledger), p->path, &p->object)) {
            TRY(store_get(c->store, &p->object, &p->bundle));
            TRY(assertion_payload(buf_bytes(&p->bundle), &p->cid));
        }
    }
    return moved;
}

static void on_problem(void *ctx, struct config_job *j, int code,
                       Proctor__ConfigReply *reply, const struct diag *d)
{
    const struct linking *k = ctx;

    (void)j;
    (void)reply;
    say_diag(k->live->run->core, d, live_id(k->live));
    if (code == ERR_INPUT || code == ERR_LIMIT || code == ERR_WORKER) {
        code = 0; /* the text's own fault */
    }
    live_fail(k->live, code, "%.100s: %s", k->path, d->what);
}

static void on_reply(void *ctx, const Proctor__CmlReply *reply);

static int ask(struct linking *k)
{
    struct config_ask a = {.label = live_id(k->live),
                           .on_cml = on_reply,
                           .path = k->path,
                           .cml = &k->task,
                           .limits = k->live->run->policy->limits};

    for (size_t i = 0; i < k->pinned_n; i++) {
        proctor__cml_ref__init(&k->m[i]);
        k->m[i].path = k->pinned[i].path;
        k->m[i].bundle = bytes_field(buf_bytes(&k->pinned[i].bundle));
        k->refs[i] = &k->m[i];
    }
    k->task.refs = k->refs;
    k->task.n_refs = k->pinned_n;
    config_free(k->job);
    k->job = NULL;
    return config_start(k->live->run->core, &a, on_problem, k, &k->job);
}

static void on_reply(void *ctx, const Proctor__CmlReply *reply)
{
    struct linking *k = ctx;
    int is_link = k->task.command == PROCTOR__CML_COMMAND__CML_LINK;
    int code = 0;

    for (size_t i = 0; is_link && code == 0 && i < reply->n_missing; i++) {
        code = linking_pin(k, reply->missing[i]);
    }
    code = is_link && code == 0 ? linking_read(k) : code;
    if (code == 1) {
        code = ++k->rounds > LIMIT_CML_LINK_ROUNDS ? ERR_LIMIT : ask(k);
    } else if (code == 0) {
        code = reply->synth != NULL || (reply->n_units == 1 &&
                                        reply->units[0]->bundle.len > 0)
                   ? k->fn(k->live, reply)
                   : ERR_PROTOCOL;
    }
    if (code == ERR_LIMIT) {
        live_fail(k->live, 0, "its references lead to over %u refs, or %u of "
                  "them one behind the other, or keep moving",
                  LIMIT_CML_REFS, LIMIT_CML_LINK_ROUNDS);
    } else if (code != 0) {
        live_error(k->live, code, NULL);
    }
}

int linking_ask(struct linking *k, const Proctor__CmlTask *task,
                const char *file, const struct buf *bundle, linking_fn fn)
{
    const struct run *r = k->live->run;
    const struct file *f = files_find(&r->files, file);
    const char *dir = r->req->graph_dir;
    int code = linking_read(k);

    k->fn = fn;
    k->task = *task;
    k->task.did = k->did;
    k->task.texts = k->sources;
    k->task.n_texts = f != NULL || bundle != NULL;
    snprintf(k->path, sizeof(k->path), "%s", live_id(k->live));
    if (bundle != NULL) {
        k->source.content = bytes_field(buf_bytes(bundle));
    } else if (f != NULL) {
        TRY(store_get(r->core->store, &f->cid, &k->text));
        k->source.content = bytes_field(buf_bytes(&k->text));
        k->source.name = k->path;
        snprintf(k->path, sizeof(k->path), "%s%s%s", dir,
                 dir[0] == '\0' ? "" : "/", f->name);
    }
    return code < 0 ? code : ask(k);
}

int linking_snapshot(struct linking *k, struct cid *out)
{
    Proctor__CmlSnapshot m = PROCTOR__CML_SNAPSHOT__INIT;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < k->pinned_n; i++) {
        proctor__cml_snapshot_ref__init(&k->s[i]);
        k->s[i].path = k->pinned[i].path;
        if (!cid_is_zero(&k->pinned[i].cid)) {
            k->s[i].cid = cid_field(&k->pinned[i].cid);
            k->s[i].bundle = cid_field(&k->pinned[i].object);
        }
        k->snapshot[i] = &k->s[i];
    }
    m.did = k->did;
    m.refs = k->snapshot;
    m.n_refs = k->pinned_n;
    return k->pinned_n == 0
               ? 0
               : core_put_message(k->live->run->core, &m.base, out);
}
