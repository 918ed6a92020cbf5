/* proctor export: a verdict as an in-toto statement in a DSSE envelope, to be
 * attached to a release or a run; and its check, which needs no store. Also the
 * store's CML, to git and SQL (export_out.h).
 *
 * The envelope is signed by a person's key, not by the log's: that one signs
 * checkpoints and nothing else, ever. What the ledger says is proven by the
 * proof inside; who attached it, by the envelope. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/dsse.h"
#include "cli/export_check.h"
#include "cli/export_out.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/object.h"
#include "cli/place.h"
#include "cli/proof.h"
#include "cli/term.h"
#include "proto/err.h"

enum {
    KEY_DSSE = 0x2000,
    KEY_STATEMENT,
    KEY_KEY,
    KEY_VERIFY,
    KEY_LOG,
    KEY_NEW_KEY,
    KEY_GIT,
    KEY_SQL,
    KEY_UNIT
};

#define UNITS_MAX 256

static const struct argp_option OPTIONS[] = {
    {"dsse", KEY_DSSE, NULL, 0,
     "Write the statement in a DSSE envelope that KEY signs", 0},
    {"statement", KEY_STATEMENT, NULL, 0,
     "Write the statement alone, for somebody else's signer", 0},
    {"key", KEY_KEY, "KEY", 0,
     "Ed25519 key in PEM: the private one to sign with, the public one to "
     "verify "
     "by",
     0},
    {"output", 'o', "FILE", 0, "Write to FILE, not standard output", 0},
    {"verify", KEY_VERIFY, "FILE", 0,
     "Check the envelope in FILE; the candidate's files stand behind the "
     "options",
     1},
    {"log", KEY_LOG, "VKEY", 0,
     "The log's verifier key (the line in ledger/vkey) or a file with it", 1},
    {"new-key", KEY_NEW_KEY, "FILE", 0,
     "Make a key: FILE, which only you can read, and FILE.pub", 2},
    {"git", KEY_GIT, "DIR", 0,
     "Write CML artifacts and their names into the git repository in DIR, which "
     "is made if it is not there",
     3},
    {"sql", KEY_SQL, "WHERE", 0,
     "Write them into the SQLite file or the postgres:// database WHERE; - "
     "prints SQL for sqlite3, postgres:- for psql",
     3},
    {"unit", KEY_UNIT, "FILE", 0,
     "With git and sql: also the units of this CML file; may be repeated", 3},
    {0}};

struct export_args {
    struct cli *c;
    int dsse;
    int statement;
    const char *key;
    const char *output;
    const char *verify;
    const char *log;
    const char *new_key;
    const char *git;
    const char *sql;
    char *units[UNITS_MAX]; /* borrowed */
    size_t units_n;
    char **words; /* borrowed: SEQ, or files */
    size_t words_n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct export_args *a = state->input;

    switch (key) {
    case 'o':
        a->output = arg;
        return 0;
    case KEY_DSSE:
        a->dsse = 1;
        return 0;
    case KEY_STATEMENT:
        a->statement = 1;
        return 0;
    case KEY_KEY:
        a->key = arg;
        return 0;
    case KEY_VERIFY:
        a->verify = arg;
        return 0;
    case KEY_LOG:
        a->log = arg;
        return 0;
    case KEY_NEW_KEY:
        a->new_key = arg;
        return 0;
    case KEY_GIT:
        a->git = arg;
        return 0;
    case KEY_SQL:
        a->sql = arg;
        return 0;
    case KEY_UNIT:
        if (a->units_n == UNITS_MAX) {
            argp_error(state, "more than %d files", UNITS_MAX);
            return EINVAL;
        }
        a->units[a->units_n++] = arg;
        return 0;
    case ARGP_KEY_ARGS:
        a->words = state->argv + state->next;
        a->words_n = (size_t)(state->argc - state->next);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "--dsse --key KEY SEQ\n--statement SEQ\n"
    "--verify FILE --key KEY --log VKEY CANDIDATE_FILE...\n--new-key FILE\n"
    "--git DIR [--unit FILE]\n--sql WHERE [--unit FILE]",
    "Writes the verdict of record SEQ as an in-toto statement in a signed DSSE "
    "envelope, or checks one against what the ledger says; or carries CML into a "
    "git repository or a database.\vThe statement "
    "holds "
    "the ledger's own proof: whoever has the envelope, the two public keys and "
    "the candidate's files can check it offline.",
    NULL,
    NULL,
    NULL};

static int key_failed(struct cli *c, int rc, const char *path)
{
    return cli_fail_hint(
        c, rc,
        "an Ed25519 key in PEM, as `proctor export --new-key FILE` or `openssl "
        "genpkey -algorithm ed25519` makes; the private one signs, the public "
        "one verifies",
        "%.120s: %s", path, rc == ERR_INPUT ? "not such a key" : err_text(rc));
}

/* One object of the record, with both digests of each file of the candidate. */
static int load_objects(const char *store, struct statement *s, struct diag *d)
{
    size_t i;

    for (i = 0; i < STATEMENT_OBJECTS_N; i++) {
        struct cid c = statement_object_cid(s, (enum statement_object)i);
        int rc = object_read(store, &c, STATEMENT_OBJECT_BYTES, &s->objects[i]);

        if (rc != 0) {
            return diag_set(
                d, rc, (struct loc){store, 0, 0}, "the verdict's %s: %s",
                statement_object_name((enum statement_object)i), err_text(rc));
        }
    }
    TRY(statement_take_objects(s, d));
    for (i = 0; i < s->subjects_n; i++) {
        int fd CLEANUP(fd_closep) = -1;
        char path[PATH_MAX];
        uint8_t sha256[32];
        struct cid c;

        if (s->subjects[i].has_sha256) {
            continue;
        }
        object_path(store, &s->subjects[i].cid, path);
        TRY(files_open("the candidate's file", path, &fd, d));
        TRY(statement_digest_file(fd, &c, sha256));
        if (!cid_is_equal(&c, &s->subjects[i].cid)) {
            return diag_set(d, ERR_STORE_DAMAGED, (struct loc){store, 0, 0},
                            "the object of \"%.100s\" has other bytes than its "
                            "name says",
                            s->subjects[i].name);
        }
        (void)statement_give_digests(s, &c, sha256);
    }
    return 0;
}

/* The statement about record seq, appended to out. */
static int make_statement(struct cli *c, uint64_t seq, struct buf *out)
{
    struct ledger_identity id;
    struct statement s;
    struct place place;
    struct proof p;
    int rc;

    TRY(place_open(c->store, &place, &c->d));
    TRY(ledger_identity(place.path, &id, &c->d));
    proof_init(&p);
    statement_init(&s);
    rc = proof_make(place.path, seq, &p, &c->d);
    if (rc == 0) {
        rc = buf_put(&s.proof_text, buf_bytes(&p.text).p, buf_len(&p.text));
    }
    if (rc == 0) {
        rc = statement_take_proof(&s, id.origin, id.key, &c->d);
    }
    if (rc == 0) {
        rc = load_objects(place.path, &s, &c->d);
    }
    if (rc == 0) {
        rc = statement_write(&s, out);
    }
    proof_release(&p);
    statement_release(&s);
    return rc;
}

static int envelope(struct export_args *a, struct ubytes payload,
                    struct buf *out)
{
    struct pem_public signer;
    uint8_t sig[64];
    struct buf pae;
    int rc;

    buf_init(&pae, DSSE_PAYLOAD_BYTES + 100);
    rc = dsse_pae(payload, &pae);
    if (rc == 0) {
        rc = pem_sign(a->key, buf_bytes(&pae), sig, &signer);
        if (rc != 0) {
            rc = key_failed(a->c, rc, a->key);
        }
    }
    if (rc == 0) {
        rc = dsse_write(payload, &signer, sig, out);
    }
    buf_release(&pae);
    return rc;
}

static int put_out(struct export_args *a, struct ubytes bytes)
{
    int rc;

    if (a->output == NULL) {
        (void)fwrite(bytes.p, 1, bytes.n, stdout);
        a->c->emitted = 1; /* a JSON document itself */
        return 0;
    }
    rc = files_write(a->output, bytes);
    if (rc != 0) {
        return cli_fail(a->c, rc, "cannot write %.150s: %s", a->output,
                        err_text(rc));
    }
    return 0;
}

static int make(struct export_args *a)
{
    struct buf payload;
    struct buf out;
    uint64_t seq = 0;
    int rc = 0;

    if (a->words_n != 1 ||
        args_u64(a->words[0] + (a->words[0][0] == '#'), &seq) != 0) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "`proctor log --kind verdict` lists the verdicts",
                             "name the number of one VERDICT record");
    }
    if (a->dsse && a->key == NULL) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "`proctor export --new-key FILE` makes one",
                             "--dsse needs --key, the key that signs");
    }
    buf_init(&payload, DSSE_PAYLOAD_BYTES);
    buf_init(&out, DSSE_ENVELOPE_BYTES);
    rc = make_statement(a->c, seq, &payload);
    if (rc == 0 && a->dsse) {
        rc = envelope(a, buf_bytes(&payload), &out);
    }
    if (rc == 0) {
        rc = put_out(a, a->dsse ? buf_bytes(&out) : buf_bytes(&payload));
    }
    buf_release(&payload);
    buf_release(&out);
    return rc;
}

static int say_good(struct export_args *a, const struct statement *s,
                    const struct pem_public *signer)
{
    const struct record *r = &s->r;
    struct cid exam = statement_object_cid(s, STATEMENT_EXAM);
    char exam_text[CID_TEXT_BYTES];
    struct json j;

    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_bool(&j, "good", 1);
        json_str(&j, "verdict",
                 verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)));
        json_str(&j, "level",
                 level_name((unsigned)record_u(r, RF_VERDICT_level)));
        json_hex(&j, "exam", exam.b, sizeof(exam.b));
        json_str(&j, "log", s->proof.checkpoint.origin);
        json_u64(&j, "record", r->seq);
        json_f64(&j, "bound95", s->evidence->bound95);
        json_str(&j, "signed_by", signer->id);
        json_close(&j);
        return cli_emit(a->c, &j);
    }
    cid_text(&exam, exam_text);
    printf("good: record %" PRIu64 " of %s: ", r->seq,
           s->proof.checkpoint.origin);
    printf("%s %s in exam %.12s, %" PRIu64 " draws",
           verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)),
           level_name((unsigned)record_u(r, RF_VERDICT_level)), exam_text,
           s->evidence->draws);
    if (s->evidence->bound95 > 0) {
        printf(", error rate below %.2g (95 %%)", s->evidence->bound95);
    }
    printf("\nattached by key %.12s\n", signer->id);
    return 0;
}

/* The payload of the envelope that --verify names. */
static int read_envelope(struct export_args *a, const struct pem_public *signer,
                         struct buf *out)
{
    struct buf text;
    int rc;

    buf_init(&text, DSSE_ENVELOPE_BYTES);
    rc = files_read(a->verify, DSSE_ENVELOPE_BYTES, &text);
    if (rc != 0) {
        rc = cli_fail(a->c, rc, "cannot read %.150s: %s", a->verify,
                      err_text(rc));
    } else {
        rc = dsse_read(buf_bytes(&text), signer, out);
    }
    buf_release(&text);
    if (rc == DSSE_E_FORM) {
        return cli_fail(a->c, ERR_INPUT,
                        "%.150s is not a DSSE envelope of an in-toto statement",
                        a->verify);
    }
    if (rc == DSSE_E_SIGNATURE) {
        return cli_fail(a->c, ERR_TASK_FAILED,
                        "bad envelope: it bears no signature of key %.12s over "
                        "this payload",
                        signer->id);
    }
    return rc;
}

static int verify(struct export_args *a)
{
    struct pem_public signer;
    struct statement s;
    struct vkey log;
    struct buf payload;
    int rc;

    if (a->key == NULL || a->log == NULL) {
        return cli_fail_hint(
            a->c, ERR_INPUT,
            "both come by a way that you trust, not with the envelope",
            "--verify needs --key, the public key of who attached it, and "
            "--log, the log's verifier key");
    }
    TRY(vkey_read(a->c, a->log, &log));
    rc = pem_read_public(a->key, &signer);
    if (rc != 0) {
        return key_failed(a->c, rc, a->key);
    }
    statement_init(&s);
    buf_init(&payload, DSSE_PAYLOAD_BYTES);
    rc = read_envelope(a, &signer, &payload);
    if (rc == 0) {
        rc = export_check(buf_bytes(&payload), &log, a->words, a->words_n, &s,
                          &a->c->d);
    }
    if (rc == 0) {
        rc = say_good(a, &s, &signer);
    }
    statement_release(&s);
    buf_release(&payload);
    return rc;
}

static int new_key(struct export_args *a)
{
    int rc = pem_make(a->new_key);

    if (rc != 0) {
        return cli_fail(a->c, rc, "cannot make the key %.150s: %s", a->new_key,
                        err_text(rc));
    }
    if (!a->c->json) {
        printf("%s signs; give away %s.pub\n", a->new_key, a->new_key);
    }
    return 0;
}

static int export_cml(struct export_args *a)
{
    const struct export_out x = {a->c, a->units, a->units_n};

    if (a->words_n > 0) {
        return cli_fail_hint(a->c, ERR_INPUT, "--unit FILE",
                             "\"%.80s\": what is it?", a->words[0]);
    }
    return a->git != NULL ? export_git(&x, a->git) : export_sql(&x, a->sql);
}

int cmd_export(struct cli *c, int argc, char **argv)
{
    struct export_args a = {.c = c};
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.dsse + a.statement + (a.verify != NULL) + (a.new_key != NULL) +
            (a.git != NULL) + (a.sql != NULL) !=
        1) {
        return cli_fail_hint(c, ERR_INPUT,
                             "`proctor export --dsse --key KEY SEQ`",
                             "say one of --dsse, --statement, --verify, "
                             "--new-key, --git and --sql");
    }
    if (a.git != NULL || a.sql != NULL) {
        return export_cml(&a);
    }
    if (a.new_key != NULL) {
        return new_key(&a);
    }
    return a.verify != NULL ? verify(&a) : make(&a);
}
