/* proctor prove: a C2SP tlog-proof that the ledger holds a record, for somebody
 * who trusts nobody; and its check, which needs no store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/place.h"
#include "cli/proof.h"
#include "proto/err.h"
#include "proto/limits.h"

enum {
    KEY_CHECK = 0x2000,
    KEY_KEY,
    KEY_ENTRY
};

static const struct argp_option OPTIONS[] = {
    {"output", 'o', "FILE", 0, "Write the proof to FILE, not standard output",
     0},
    {"entry", KEY_ENTRY, "FILE", 0,
     "The record's bytes: written beside the proof, or read by --check (else "
     "taken from the store)",
     0},
    {"check", KEY_CHECK, "FILE", 0, "Check the proof in FILE", 1},
    {"key", KEY_KEY, "VKEY", 0,
     "The log's verifier key (the line in ledger/vkey) or a file with it", 1},
    {0}};

struct prove_args {
    struct cli *c;
    int has_seq;
    uint64_t seq;
    const char *output;
    const char *entry;
    const char *check;
    const char *key;
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
    "SEQ\n--check FILE --key VKEY",
    "Writes a proof that the ledger holds record SEQ, or checks one. The proof "
    "is a c2sp.org/tlog-proof file: it verifies offline, with other people's "
    "tools too.\vGive the other side the proof, the record's bytes (--entry) "
    "and, by a way that they trust, the key.",
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

enum {
    KEY_BYTES = 512
};

/* The key's text: VKEY itself, or the first line of a file. */
static int read_key(struct prove_args *a, char out[static KEY_BYTES])
{
    struct buf text;
    size_t n = 0;
    int rc = 0;

    buf_init(&text, KEY_BYTES - 1);
    if (access(a->key, F_OK) == 0) {
        rc = files_read(a->key, KEY_BYTES - 1, &text);
    } else {
        rc = buf_put(&text, a->key, strlen(a->key));
    }
    while (rc == 0 && n < buf_len(&text) && buf_bytes(&text).p[n] != '\n') {
        out[n] = (char)buf_bytes(&text).p[n];
        n++;
    }
    out[n] = '\0';
    buf_release(&text);
    if (rc != 0) {
        return cli_fail(a->c, rc, "cannot read the key: %s", err_text(rc));
    }
    return 0;
}

/* The record's bytes: --entry, else the store's record of that number. */
static int read_entry(struct prove_args *a, struct ubytes proof,
                      struct buf *out)
{
    struct cli *c = a->c;
    struct place place;
    struct ledger_entry e;
    uint64_t index;
    int rc;

    if (a->entry != NULL) {
        rc = files_read(a->entry, LIMIT_RECORD_BYTES, out);
        return rc == 0 ? 0
                       : cli_fail(c, rc, "cannot read the record's bytes: %s",
                                  err_text(rc));
    }
    if (proof_index(proof, &index) != 0) {
        return cli_fail(c, ERR_INPUT, "%.150s is not a tlog-proof file",
                        a->check);
    }
    rc = place_open(c->store, &place, &c->d);
    if (rc < 0) {
        return cli_fail_hint(
            c, ERR_INPUT,
            "`proctor prove SEQ --entry FILE` and `proctor show "
            "SEQ --raw` write them",
            "a proof holds no record: name the record's bytes "
            "with --entry");
    }
    ledger_entry_init(&e);
    rc = ledger_get(place.path, index, &e, &c->d);
    if (rc == 0) {
        rc = buf_put(out, buf_bytes(&e.bytes).p, buf_len(&e.bytes));
    }
    ledger_entry_release(&e);
    return rc;
}

static int say_checked(struct prove_args *a, const struct checkpoint *cp,
                       uint64_t index, struct ubytes entry)
{
    struct json j;
    struct record r;

    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_bool(&j, "good", 1);
        json_u64(&j, "seq", index);
        json_u64(&j, "size", cp->size);
        json_str(&j, "origin", cp->origin);
        json_hex(&j, "root", cp->root.b, sizeof(cp->root.b));
        json_close(&j);
        return cli_emit(a->c, &j);
    }
    printf("good: record %" PRIu64 " is in the log %s of %" PRIu64 " records",
           index, cp->origin, cp->size);
    if (record_decode(entry, &r) == 0) {
        printf(" (a %s record)", record_kind_name(r.kind));
    }
    fputc('\n', stdout);
    return 0;
}

static int check_bytes(struct prove_args *a, struct ubytes proof,
                       struct ubytes entry, const char *key)
{
    struct merkle_hash leaf = merkle_leaf(entry);
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t public_key[32];
    struct checkpoint cp;
    uint64_t index = 0;
    int rc;

    if (note_vkey_parse(key, origin, public_key) != 0) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "it looks like "
                             "proctor/0123456789abcdef+01234567+AbC...=, the "
                             "line in ledger/vkey",
                             "the key is not a verifier key");
    }
    rc = note_proof_check(proof, origin, public_key, &leaf, &index, &cp);
    if (rc == NOTE_E_SIGNATURE) {
        return cli_fail(a->c, ERR_TASK_FAILED,
                        "bad proof: the checkpoint is not signed by that key");
    }
    if (rc == NOTE_E_PROOF) {
        return cli_fail(a->c, ERR_TASK_FAILED,
                        "bad proof: it does not lead from this record to the "
                        "signed root");
    }
    if (rc != 0) {
        return cli_fail(a->c, rc == ERR_ENCODING ? ERR_INPUT : rc,
                        "%.150s is not a tlog-proof file for this log",
                        a->check);
    }
    return say_checked(a, &cp, index, entry);
}

static int check(struct prove_args *a)
{
    struct buf proof;
    struct buf entry;
    char key[KEY_BYTES];
    int rc;

    buf_init(&proof, NOTE_BYTES_MAX);
    buf_init(&entry, LIMIT_RECORD_BYTES);
    rc = files_read(a->check, NOTE_BYTES_MAX, &proof);
    if (rc != 0) {
        rc = cli_fail(a->c, rc, "cannot read the proof %.150s: %s", a->check,
                      err_text(rc));
    }
    if (rc == 0) {
        rc = read_key(a, key);
    }
    if (rc == 0) {
        rc = read_entry(a, buf_bytes(&proof), &entry);
    }
    if (rc == 0) {
        rc = check_bytes(a, buf_bytes(&proof), buf_bytes(&entry), key);
    }
    buf_release(&proof);
    buf_release(&entry);
    return rc;
}

int cmd_prove(struct cli *c, int argc, char **argv)
{
    struct prove_args a = {.c = c};
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.check != NULL && (a.key == NULL || a.has_seq)) {
        return cli_fail_hint(c, ERR_INPUT,
                             "the key is the line in ledger/vkey of the store, "
                             "got by a way that you trust",
                             "--check needs --key and no SEQ");
    }
    if (a.check == NULL && !a.has_seq) {
        return cli_fail_hint(c, ERR_INPUT, "`proctor log` lists the records",
                             "which record is to be proven?");
    }
    return a.check != NULL ? check(&a) : prove(&a);
}
