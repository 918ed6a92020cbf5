/* proctor key: the keys that sign the ledger, and the change to another one. The
 * kernel and its signer change it; no private key is ever read here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cosigning.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/place.h"
#include "cli/published.h"
#include "cli/session.h"
#include "cli/files.h"
#include "cli/vkey.h"
#include "proto/tlog_proof.h"
#include "proto/err.h"

enum {
    KEY_ALL = 0x2000,
    KEY_KEY
};

static const struct argp_option OPTIONS[] = {
    {"all", KEY_ALL, NULL, 0, "Also the keys that it had before", 0},
    {"key", KEY_KEY, "VKEY", 0,
     "follow: the key that is known, a line or a file with it", 0},
    {0}};

#define FILES_MAX 64

struct key_args {
    struct cli *c;
    const char *verb;
    const char *key;
    int all;
    const char *files[FILES_MAX];
    size_t files_n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct key_args *a = state->input;

    if (key == KEY_ALL) {
        a->all = 1;
        return 0;
    }
    if (key == KEY_KEY) {
        a->key = arg;
        return 0;
    }
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (a->verb != NULL) {
        if (strcmp(a->verb, "follow") != 0 || a->files_n == FILES_MAX) {
            return ARGP_ERR_UNKNOWN;
        }
        a->files[a->files_n++] = arg;
        return 0;
    }
    if (strcmp(arg, "show") != 0 && strcmp(arg, "rotate") != 0 &&
        strcmp(arg, "follow") != 0) {
        argp_error(state, "\"%.40s\": say `show`, `rotate` or `follow`", arg);
        return EINVAL;
    }
    a->verb = arg;
    return 0;
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "show [--all]\nrotate\nfollow --key VKEY PROOF...",
    "Shows the key that signs the ledger, as others need it to check proofs, or "
    "changes it.\vrotate makes a new key and records the change, signed by the "
    "old key and by the new one. The old private key is gone then. Proofs and "
    "checkpoints that were given away stay good under the old public key: "
    "`show --all` lists it. follow leads from a key that is known to the one that "
    "signs now: each PROOF is of a record of a change, in their order; no store "
    "is read.",
    NULL,
    NULL,
    NULL};

/* One line of the list. from: the first record that it signs. */
static int put_key(struct json *j, const char *origin, uint64_t from,
                   const uint8_t key[static 32])
{
    struct buf vkey;
    int rc;

    buf_init(&vkey, NOTE_BYTES_MAX);
    rc = note_vkey(&vkey, origin, key);
    if (rc == 0 && j != NULL) {
        json_object(j, NULL);
        json_u64(j, "from", from);
        json_text(j, "vkey", buf_bytes(&vkey));
        json_close(j);
    } else if (rc == 0) {
        printf("%" PRIu64 "\t%.*s\n", from, (int)buf_len(&vkey),
               (const char *)buf_bytes(&vkey).p);
    }
    buf_release(&vkey);
    return rc;
}

/* A KEY record is signed by its new key, like the CHECKPOINT before it. */
static int put_all(struct json *j, const struct ledger_identity *id,
                   const struct ledger_key *v, size_t n)
{
    size_t i;

    TRY(put_key(j, id->origin, 0, id->first_key));
    for (i = 0; i < n; i++) {
        TRY(put_key(j, id->origin, v[i].seq - 1, v[i].new_key));
    }
    return 0;
}

static int show(const struct key_args *a, const char *store)
{
    CLEANUP(mem_freep) struct ledger_key *v = NULL;
    struct ledger_identity id;
    struct buf vkey;
    struct json j;
    size_t n;
    int rc;

    TRY(ledger_identity(store, &id, &a->c->d));
    rc = ledger_keys(store, &v, &n);
    if (rc != 0) {
        return cli_fail(a->c, rc, "cannot read ledger/wal: %s", err_text(rc));
    }
    if (a->all && !a->c->json) {
        return put_all(NULL, &id, v, n);
    }
    buf_init(&vkey, NOTE_BYTES_MAX);
    rc = note_vkey(&vkey, id.origin, id.key);
    if (rc == 0 && a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "origin", id.origin);
        json_text(&j, "vkey", buf_bytes(&vkey));
        json_array(&j, "keys");
        rc = put_all(&j, &id, v, n);
        json_close(&j);
        json_close(&j);
        rc = rc == 0 ? cli_emit(a->c, &j) : rc;
    } else if (rc == 0) {
        printf("%.*s\n", (int)buf_len(&vkey),
               (const char *)buf_bytes(&vkey).p);
    }
    buf_release(&vkey);
    return rc;
}

static int report(struct cli *c, const char *store, const char *origin,
                  const Proctor__KeyDone *done)
{
    struct buf vkey;
    char path[4200];
    struct json j;
    int rc;

    if (done->code != 0 || done->key.len != 32) {
        return cli_fail_hint(c, done->code < 0 ? done->code : ERR_PROTOCOL,
                             done->hint, "%.200s", done->problem);
    }
    buf_init(&vkey, NOTE_BYTES_MAX);
    rc = note_vkey(&vkey, origin, done->key.data);
    if (rc == 0 && c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_u64(&j, "record", done->seq);
        json_text(&j, "vkey", buf_bytes(&vkey));
        json_close(&j);
        rc = cli_emit(c, &j);
    } else if (rc == 0) {
        printf("%.*s\nsigns from now on: record %" PRIu64
               " says so under both keys\n",
               (int)buf_len(&vkey), (const char *)buf_bytes(&vkey).p,
               done->seq);
        (void)snprintf(path, sizeof(path), "%s/%s", store, COSIGNING_FILE);
        if (access(path, F_OK) == 0) {
            puts("let each witness know it: proctor witness add --dir DIR "
                 "ledger/vkey");
        }
    }
    buf_release(&vkey);
    return rc;
}

static int rotate(struct cli *c, const char *store)
{
    Proctor__KeyRequest m = PROCTOR__KEY_REQUEST__INIT;
    Proctor__SeenHead head = PROCTOR__SEEN_HEAD__INIT;
    const struct client_question q = {MSG_KEY_REQUEST, &m.base, NULL, 0,
                                      MSG_KEY_DONE};
    struct published p;
    struct checkpoint at;
    struct session s;
    int code;
    int rc;

    published_init(&p);
    rc = published_read(store, &p, &c->d);
    if (rc != 0) {
        published_release(&p);
        return rc;
    }
    rc = session_open(&s, c, store);
    at = s.seen.size > p.at.size ? s.seen : p.at;
    head.size = at.size;
    head.root = (ProtobufCBinaryData){sizeof(at.root.b), at.root.b};
    m.seen = &head;
    if (rc == 0) {
        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        session_end_kernel(&s);
    }
    if (rc == 0) {
        const ProtobufCMessage *done = session_answer(&s, MSG_KEY_DONE, &code);

        rc = done == NULL ? code
                          : report(c, store, p.id.origin,
                                   (const Proctor__KeyDone *)done);
    }
    session_close(&s);
    published_release(&p);
    return rc;
}

/* The key that the record in a proof changes v's to. */
static int next_key(struct cli *c, const char *path, struct tlog_proof *p,
                    struct vkey *v)
{
    struct wal_check check;
    struct wal_head head = {.first = 0};
    struct record r;

    wal_check_init(&check, &head, v->origin, v->key);
    if (record_decode(buf_bytes(&p->extra), &r) != 0 || r.kind != RECORD_KEY ||
        r.seq != p->index) {
        return cli_fail_hint(c, ERR_TASK_FAILED,
                             "`proctor log --kind key` lists them",
                             "%.150s: not a proof of a change of the key", path);
    }
    if (wal_check_key(&check, &r, r.seq - 1) != 0) {
        return cli_fail(c, ERR_TASK_FAILED, "%.150s: %s", path, check.what);
    }
    memcpy(v->key, check.key, sizeof(v->key));
    return 0;
}

/* One file: the change that it holds, or whether the last key signed the proof. */
static int follow_one(struct cli *c, const char *path, struct vkey *v,
                      int is_last)
{
    struct merkle_hash leaf;
    struct tlog_proof p;
    struct buf text;
    int rc;

    buf_init(&text, TLOG_PROOF_BYTES_MAX);
    tlog_proof_init(&p);
    rc = files_read(path, TLOG_PROOF_BYTES_MAX, &text);
    if (rc != 0) {
        rc = cli_fail(c, rc, "cannot read the proof %.150s: %s", path,
                      err_text(rc));
    } else {
        rc = tlog_proof_read(buf_bytes(&text), v->origin, v->key, &p, &c->d);
    }
    if (rc == TLOG_PROOF_E_SIGNER && !is_last) {
        diag_init(&c->d); /* whose it is, is what the record says */
        rc = 0;
    }
    if (rc == 0 && is_last) {
        leaf = merkle_leaf(buf_bytes(&p.extra));
        rc = tlog_proof_check(&p, &leaf, &c->d);
    } else if (rc == 0) {
        rc = next_key(c, path, &p, v);
    }
    tlog_proof_release(&p);
    buf_release(&text);
    return rc > 0 ? ERR_TASK_FAILED : rc;
}

static int follow(const struct key_args *a)
{
    struct cli *c = a->c;
    struct vkey v;
    struct buf vkey;
    struct json j;
    size_t i;
    int rc;

    if (a->key == NULL || a->files_n == 0) {
        return cli_fail_hint(c, ERR_INPUT,
                             "proctor key follow --key VKEY PROOF...",
                             "which key is known, and where are the proofs?");
    }
    TRY(vkey_read(c, a->key, &v));
    for (i = 0; i < a->files_n; i++) {
        TRY(follow_one(c, a->files[i], &v, 0));
    }
    for (i = 0; i < a->files_n; i++) {
        TRY(follow_one(c, a->files[i], &v, 1));
    }
    buf_init(&vkey, NOTE_BYTES_MAX);
    rc = note_vkey(&vkey, v.origin, v.key);
    if (rc == 0 && c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_text(&j, "vkey", buf_bytes(&vkey));
        json_close(&j);
        rc = cli_emit(c, &j);
    } else if (rc == 0) {
        printf("%.*s\n", (int)buf_len(&vkey),
               (const char *)buf_bytes(&vkey).p);
    }
    buf_release(&vkey);
    return rc;
}

int cmd_key(struct cli *c, int argc, char **argv)
{
    struct key_args a = {.c = c};
    struct place place;

    TRY(args_parse(c, &SPEC, argc, argv, &a));
    if (a.verb == NULL) {
        return cli_fail_hint(c, ERR_INPUT, "proctor key show",
                             "say `show`, `rotate` or `follow`");
    }
    if (strcmp(a.verb, "follow") == 0) {
        return follow(&a);
    }
    TRY(place_open(c->store, &place, &c->d));
    return strcmp(a.verb, "show") == 0 ? show(&a, place.path)
                                       : rotate(c, place.path);
}
