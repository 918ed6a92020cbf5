/* proctor prove: a C2SP tlog-proof that the ledger holds a record, for somebody
 * who trusts nobody; and its check, which needs no store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/place.h"
#include "cli/proof.h"
#include "cli/quorum.h"
#include "cli/vkey.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/tlog_proof.h"

enum {
    KEY_CHECK = 0x2000,
    KEY_KEY,
    KEY_POLICY,
    KEY_ENTRY,
    KEY_SINCE,
    KEY_OLD_KEY
};

static const struct argp_option OPTIONS[] = {
    {"output", 'o', "FILE", 0, "Write the proof to FILE, not standard output",
     0},
    {"entry", KEY_ENTRY, "FILE", 0,
     "The record's bytes: written beside the proof too, or read by --check for "
     "a proof that does not hold them",
     0},
    {"since", KEY_SINCE, "FILE", 0,
     "Prove, or with --check check, that the ledger goes on from the older "
     "checkpoint in FILE",
     0},
    {"check", KEY_CHECK, "FILE", 0, "Check the proof in FILE", 1},
    {"key", KEY_KEY, "VKEY", 0,
     "The log's verifier key (the line in ledger/vkey) or a file with it", 1},
    {"old-key", KEY_OLD_KEY, "VKEY", 0,
     "With --since: the key that signed the older checkpoint, if it was another",
     1},
    {"policy", KEY_POLICY, "FILE", 0,
     "With --check: logs and witnesses (c2sp.org/tlog-policy); its quorum must "
     "have cosigned. Names the log's key too, so --key may be left out",
     1},
    {0}};

struct prove_args {
    struct cli *c;
    int has_seq;
    uint64_t seq;
    const char *output;
    const char *entry;
    const char *check;
    const char *key;
    const char *policy;
    const char *since;
    const char *old_key;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct prove_args *a = state->input;

    switch (key) {
    case 'o':
        a->output = arg;
        return 0;
    case KEY_ENTRY:
        a->entry = arg;
        return 0;
    case KEY_CHECK:
        a->check = arg;
        return 0;
    case KEY_KEY:
        a->key = arg;
        return 0;
    case KEY_POLICY:
        a->policy = arg;
        return 0;
    case KEY_SINCE:
        a->since = arg;
        return 0;
    case KEY_OLD_KEY:
        a->old_key = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->has_seq || args_u64(arg[0] == '#' ? arg + 1 : arg, &a->seq)) {
            argp_error(state, "\"%.40s\" is not the number of one record", arg);
            return EINVAL;
        }
        a->has_seq = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "SEQ\n--since FILE\n--check FILE --key VKEY [--since FILE]",
    "Writes a proof that the ledger holds record SEQ, or checks one. The proof "
    "is a c2sp.org/tlog-proof file: it verifies offline, with other people's "
    "tools too.\vGive the other side the proof, which holds the record, and, "
    "by a "
    "way that they trust, the key.",
    NULL,
    NULL,
    NULL};

static int write_out(struct cli *c, const char *path, struct ubytes bytes,
                     const char *what)
{
    int rc = files_write(path, bytes);

    if (rc != 0) {
        return cli_fail(c, rc, "cannot write the %s to %.150s: %s", what, path,
                        err_text(rc));
    }
    return 0;
}

static int emit_proof(struct prove_args *a, const struct proof *p)
{
    struct cli *c = a->c;
    struct json j;

    if (a->entry != NULL) {
        TRY(write_out(c, a->entry, buf_bytes(&p->entry), "record's bytes"));
    }
    if (a->output != NULL) {
        TRY(write_out(c, a->output, buf_bytes(&p->text), "proof"));
    }
    if (c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_u64(&j, "seq", a->seq);
        json_u64(&j, "size", p->size);
        json_hex(&j, "leaf", p->leaf.b, sizeof(p->leaf.b));
        json_hex(&j, "root", p->root.b, sizeof(p->root.b));
        json_text(&j, "vkey", buf_bytes(&p->vkey));
        json_text(&j, "proof", buf_bytes(&p->text));
        json_hex(&j, "entry", buf_bytes(&p->entry).p, buf_len(&p->entry));
        json_close(&j);
        return cli_emit(c, &j);
    }
    if (a->output == NULL) {
        (void)fwrite(buf_bytes(&p->text).p, 1, buf_len(&p->text), stdout);
        return 0;
    }
    printf("record %" PRIu64 " of %" PRIu64 " proven in %s\n"
           "check it with: proctor prove --check %s --key '%.*s'\n",
           a->seq, p->size, a->output, a->output, (int)buf_len(&p->vkey),
           (const char *)buf_bytes(&p->vkey).p);
    return 0;
}

static int prove(struct prove_args *a)
{
    struct place place;
    struct proof p;
    int rc;

    TRY(place_open(a->c->store, &place, &a->c->d));
    proof_init(&p);
    rc = proof_make(place.path, a->seq, &p, &a->c->d);
    if (rc == 0) {
        rc = emit_proof(a, &p);
    }
    proof_release(&p);
    return rc;
}

/* The record's bytes: they stand in the proof, or in the file of --entry; where
 * there are both, they are the same. */
static int read_entry(struct prove_args *a, const struct tlog_proof *p,
                      struct buf *out)
{
    struct cli *c = a->c;
    struct ubytes extra = buf_bytes(&p->extra);
    int rc;

    if (a->entry == NULL && extra.n == 0) {
        return cli_fail_hint(c, ERR_INPUT,
                             "name a file with them by --entry; `proctor prove "
                             "SEQ` writes proofs that hold them",
                             "%.150s does not hold the record's bytes",
                             a->check);
    }
    if (a->entry == NULL) {
        return buf_put(out, extra.p, extra.n);
    }
    rc = files_read(a->entry, LIMIT_RECORD_BYTES, out);
    if (rc != 0) {
        return cli_fail(c, rc, "cannot read the record's bytes: %s",
                        err_text(rc));
    }
    if (extra.n > 0 && (extra.n != buf_len(out) ||
                        memcmp(extra.p, buf_bytes(out).p, extra.n) != 0)) {
        return cli_fail(c, ERR_TASK_FAILED,
                        "bad proof: %.150s is not the record that it holds",
                        a->entry);
    }
    return 0;
}

static int say_checked(struct prove_args *a, const struct tlog_proof *p,
                       struct ubytes entry)
{
    const struct checkpoint *cp = &p->checkpoint;
    struct merkle_hash leaf = merkle_leaf(entry);
    struct buf text;
    struct json j;
    struct record r;

    if (record_decode(entry, &r) != 0 || r.seq != p->index) {
        return cli_fail(a->c, ERR_TASK_FAILED,
                        "bad proof: what it proves is in the log, but is no "
                        "record number %" PRIu64 " of Proctor's",
                        p->index);
    }
    if (a->c->json) {
        int rc;

        buf_init(&text, (size_t)8 * LIMIT_RECORD_BYTES);
        json_init(&j);
        json_object(&j, NULL);
        json_bool(&j, "good", 1);
        json_u64(&j, "seq", p->index);
        json_u64(&j, "size", cp->size);
        json_str(&j, "origin", cp->origin);
        json_hex(&j, "root", cp->root.b, sizeof(cp->root.b));
        rc = record_put_json(&text, &r, leaf.b);
        json_raw(&j, "record", buf_bytes(&text));
        json_close(&j);
        buf_release(&text);
        return rc == 0 ? cli_emit(a->c, &j) : rc;
    }
    printf("good: record %" PRIu64 " is in the log %s of %" PRIu64
           " records (a %s record)\n",
           p->index, cp->origin, cp->size, record_kind_name(r.kind));
    return 0;
}

/* The diagnosis of a proof that was read and is bad. */
static int refuted(struct prove_args *a)
{
    struct diag *d = &a->c->d;
    char what[DIAG_TEXT_BYTES];

    memcpy(what, d->what, sizeof(what));
    d->at.path = a->check;
    (void)diag_set(d, ERR_TASK_FAILED, d->at, "bad proof: %.200s", what);
    return ERR_TASK_FAILED;
}

static int check_bytes(struct prove_args *a, struct ubytes text,
                       struct tlog_proof *p, struct buf *entry)
{
    struct merkle_hash leaf;
    struct vkey v;
    int rc;

    TRY(a->key != NULL ? vkey_read(a->c, a->key, &v)
                       : quorum_log(a->policy, tlog_proof_note(text), v.origin,
                                    v.key, &a->c->d));
    rc = tlog_proof_read(text, v.origin, v.key, p, &a->c->d);
    if (rc != 0) {
        return rc > 0 ? refuted(a) : rc;
    }
    TRY(read_entry(a, p, entry));
    leaf = merkle_leaf(buf_bytes(entry));
    if (tlog_proof_check(p, &leaf, &a->c->d) != 0) {
        return refuted(a);
    }
    if (a->policy != NULL &&
        quorum_check(a->policy, tlog_proof_note(text), &a->c->d) != 0) {
        return a->c->d.code == ERR_REFUSED ? refuted(a) : a->c->d.code;
    }
    return say_checked(a, p, buf_bytes(entry));
}

static int check(struct prove_args *a)
{
    struct tlog_proof p;
    struct buf text;
    struct buf entry;
    int rc;

    buf_init(&text, TLOG_PROOF_BYTES_MAX);
    buf_init(&entry, LIMIT_RECORD_BYTES);
    tlog_proof_init(&p);
    rc = files_read(a->check, TLOG_PROOF_BYTES_MAX, &text);
    if (rc != 0) {
        rc = cli_fail(a->c, rc, "cannot read the proof %.150s: %s", a->check,
                      err_text(rc));
    }
    if (rc == 0) {
        rc = check_bytes(a, buf_bytes(&text), &p, &entry);
    }
    tlog_proof_release(&p);
    buf_release(&text);
    buf_release(&entry);
    return rc;
}

static int make_since(struct prove_args *a, struct ubytes old, struct buf *out)
{
    struct place place;

    TRY(place_open(a->c->store, &place, &a->c->d));
    TRY(proof_since_make(place.path, old, out, &a->c->d));
    if (a->output != NULL) {
        return write_out(a->c, a->output, buf_bytes(out), "proof");
    }
    (void)fwrite(buf_bytes(out).p, 1, buf_len(out), stdout);
    a->c->emitted = 1;
    return 0;
}

static int check_since(struct prove_args *a, struct ubytes old,
                       struct buf *text)
{
    struct checkpoint before;
    struct checkpoint now;
    struct vkey v;
    struct vkey older;
    struct json j;
    int rc;

    TRY(vkey_read(a->c, a->key, &v));
    TRY(vkey_read(a->c, a->old_key != NULL ? a->old_key : a->key, &older));
    rc = files_read(a->check, NOTE_BYTES_MAX, text);
    if (rc != 0) {
        return cli_fail(a->c, rc, "cannot read the proof %.150s: %s", a->check,
                        err_text(rc));
    }
    TRY(proof_since_check(buf_bytes(text), old, v.origin, older.key, v.key,
                          &before, &now, &a->c->d));
    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_bool(&j, "good", 1);
        json_u64(&j, "old_size", before.size);
        json_u64(&j, "size", now.size);
        json_str(&j, "origin", now.origin);
        json_hex(&j, "root", now.root.b, sizeof(now.root.b));
        json_close(&j);
        return cli_emit(a->c, &j);
    }
    printf("good: the log %s of %" PRIu64 " records goes on from that of "
           "%" PRIu64 "\n",
           now.origin, now.size, before.size);
    return 0;
}

/* --since: from which checkpoint on. */
static int since(struct prove_args *a)
{
    struct buf old;
    struct buf text;
    int rc;

    buf_init(&old, NOTE_BYTES_MAX);
    buf_init(&text, NOTE_BYTES_MAX);
    rc = files_read(a->since, NOTE_BYTES_MAX, &old);
    if (rc != 0) {
        rc = cli_fail(a->c, rc, "cannot read the checkpoint %.150s: %s",
                      a->since, err_text(rc));
    } else {
        rc = a->check != NULL ? check_since(a, buf_bytes(&old), &text)
                              : make_since(a, buf_bytes(&old), &text);
    }
    buf_release(&old);
    buf_release(&text);
    return rc;
}

int cmd_prove(struct cli *c, int argc, char **argv)
{
    struct prove_args a = {.c = c};
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.check != NULL && ((a.key == NULL && a.policy == NULL) || a.has_seq)) {
        return cli_fail_hint(c, ERR_INPUT,
                             "the key is the line in ledger/vkey of the store, "
                             "got by a way that you trust",
                             "--check needs --key or --policy, and no SEQ");
    }
    if (a.since != NULL) {
        return a.has_seq || a.entry != NULL
                   ? cli_fail(c, ERR_INPUT,
                              "--since takes no SEQ and no --entry")
                   : since(&a);
    }
    if (a.check == NULL && !a.has_seq) {
        return cli_fail_hint(c, ERR_INPUT, "`proctor log` lists the records",
                             "which record is to be proven?");
    }
    return a.check != NULL ? check(&a) : prove(&a);
}
