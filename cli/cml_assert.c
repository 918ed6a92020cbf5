/* proctor cml assert. Graph and policy are texts in memory, as those of `proctor
 * exam`; what a person wrote as a value goes along as overrides. The kernel
 * judges and records; another writer's key is used here and goes nowhere. */
#include "cli/cml_assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cml_refs.h"
#include "cli/cml_sign.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/object.h"
#include "cli/pem.h"
#include "cli/place.h"
#include "cli/session.h"
#include "proto/err.h"

#define LABEL "(proctor cml assert)"

enum { KEY_LEAF = 0x2000, KEY_TYPE, KEY_CID, KEY_KEY, KEY_DID, KEY_EXPECT };

static const struct argp_option OPTIONS[] = {
    {"leaf", KEY_LEAF, "JSON", 0, "The payload: a number, a text or a truth", 0},
    {"type", KEY_TYPE, "TYPE", 0,
     "The leaf's (else i64, f64, string or bool, as JSON suggests)", 0},
    {"cid", KEY_CID, "CID", 0,
     "The payload, which some ref of the store led to; with a file or a leaf: what "
     "it must be",
     0},
    {"key", KEY_KEY, "FILE", 0,
     "Another writer's private Ed25519 key in PEM: said by its did:key", 0},
    {"did", KEY_DID, "DID", 0, "With --key: whose it must be", 0},
    {"expect", KEY_EXPECT, "N", 0,
     "Only if this many assertions of the writer stand there", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct said *a = state->input;

    switch (key) {
    case KEY_LEAF:
        a->leaf = arg;
        return 0;
    case KEY_TYPE:
        a->type = arg;
        return 0;
    case KEY_CID:
        a->cid = arg;
        return 0;
    case KEY_KEY:
        a->key = arg;
        return 0;
    case KEY_DID:
        a->did = arg;
        return 0;
    case KEY_EXPECT:
        if (args_u64(arg, &a->expect) < 0 || a->expect++ >= INT64_MAX) {
            (void)cli_fail(a->c, ERR_INPUT, "--expect: \"%.40s\" is no number",
                           arg);
            return EINVAL;
        }
        return 0;
    case ARGP_KEY_ARG:
        if (a->words_n == ARRAY_N(a->words)) {
            return ARGP_ERR_UNKNOWN;
        }
        a->words[a->words_n++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "REF OPERATION [FILE.cml[:UNIT]|FILE.cmlb]",
    "Says something of a ref of CML and records it: SET or UPDATE with a payload, "
    "SET_FIELD or UPDATE_FIELD likewise, or DELETE.\vThe store says it, or with "
    "--key another writer, signed by that key, about "
    "refs/cml/remotes/DID/... Saying again what stands is no record.",
    NULL,
    NULL,
    NULL};

/* --- what is said --- */

/* FILE.cmlb; FILE.cml:UNIT; FILE.cml: what is named like the file. */
static int read_word(struct said *a, const char *word)
{
    const char *colon = strrchr(word, ':');
    const char *slash = strrchr(word, '/');
    size_t n = colon != NULL ? (size_t)(colon - word) : strlen(word);
    const char *base = slash != NULL ? slash + 1 : word;
    const char *unit = colon != NULL ? colon + 1 : base;
    int is_bundle = colon == NULL && n > 5 && strcmp(word + n - 5, ".cmlb") == 0;
    size_t unit_n = colon != NULL ? strlen(unit) : strcspn(base, ".");

    if (n == 0 || n >= sizeof(a->path) ||
        (!is_bundle && (unit_n == 0 || unit_n >= sizeof(a->unit)))) {
        return cli_fail_hint(a->c, ERR_INPUT, "FILE.cml:UNIT or FILE.cmlb",
                             "\"%.60s\" names no payload", word);
    }
    (void)snprintf(a->path, sizeof(a->path), "%.*s", (int)n, word);
    (void)snprintf(a->unit, sizeof(a->unit), "%.*s",
                   is_bundle ? 0 : (int)unit_n, unit);
    return 0;
}

static int check_words(struct said *a)
{
    int is_delete = a->words_n > 1 && strcmp(a->words[1], "DELETE") == 0;
    int payloads = (a->words_n > 2) + (a->leaf != NULL);

    if (a->words_n < 2) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "proctor cml assert refs/cml/desired/X SET --leaf 1",
                             "what is said of which ref?");
    }
    if (a->cid != NULL && (strlen(a->cid) != CID_TEXT_BYTES - 1 ||
                           cid_parse(a->cid, &a->payload) != 0)) {
        return cli_fail(a->c, ERR_INPUT, "--cid: expected 64 hex digits");
    }
    if (payloads > 1 || is_delete == (payloads > 0 || a->cid != NULL)) {
        return cli_fail(a->c, ERR_INPUT,
                        is_delete ? "DELETE takes no payload"
                                  : "expected one payload: a file, --leaf or "
                                    "--cid");
    }
    if (a->did != NULL && a->key == NULL) {
        return cli_fail_hint(a->c, ERR_INPUT, "--key FILE",
                             "another writer signs: with which key?");
    }
    if (a->type != NULL && a->leaf == NULL) {
        return cli_fail(a->c, ERR_INPUT, "--type is a leaf's");
    }
    return a->words_n > 2 ? read_word(a, a->words[2]) : 0;
}

/* Who says it, and the ref as the store calls it. */
static int name_ref(struct said *a, const char *store)
{
    const char *ref = a->words[0];
    const size_t root = sizeof(ASSERTION_ROOT) - 1;
    struct ledger_identity id;
    struct pem_public p;
    char own[DID_BYTES] = "";
    char did[DID_BYTES];
    char path[LIMIT_REF_BYTES + 80];
    const char *problem;
    struct diag none;
    int rc;

    diag_init(&none);
    if (ledger_identity(store, &id, &none) == 0) {
        did_text(id.first_key, own);
    }
    err_trace_clear(); /* there may be no store yet */
    (void)snprintf(did, sizeof(did), "%s", own);
    (void)snprintf(path, sizeof(path), "%.240s", ref);
    if (a->key != NULL) {
        rc = pem_sign(a->key, (struct ubytes){NULL, 0}, a->signature, &p);
        if (rc != 0) {
            return cli_fail(a->c, rc, "%s: %s", a->key,
                            rc == ERR_INPUT ? "no private Ed25519 key in PEM"
                                            : err_text(rc));
        }
        did_text(p.key, did);
        if (strncmp(ref, ASSERTION_ROOT, root) == 0 &&
            strncmp(ref, ASSERTION_REMOTES, sizeof(ASSERTION_REMOTES) - 1) != 0) {
            (void)snprintf(path, sizeof(path), ASSERTION_REMOTES "%s/%.180s",
                           did, ref + root);
        }
        if (a->did != NULL && strcmp(a->did, did) != 0) {
            return cli_fail(a->c, ERR_INPUT, "--key: it is the key of %s", did);
        }
    }
    if (assertion_init(&a->a, did, path, a->words[1]) != 0) {
        return cli_fail(a->c, ERR_INPUT, "a name or operation is too long");
    }
    problem = assertion_problem(&a->a, own[0] != '\0' ? own : NULL);
    return problem == NULL
               ? 0
               : cli_fail(a->c, ERR_INPUT, "%.100s %.40s: %s", path, a->words[1],
                          problem);
}

/* --- the question --- */

static void put_task(struct json *j, const struct said *a)
{
    char text[CML_SAID_UNIT_BYTES + 32];
    static const struct cid none;

    json_object(j, "with");
    json_str(j, "ref", a->a.path);
    json_str(j, "operation", a->a.operation);
    if (a->path[0] != '\0') {
        (void)snprintf(text, sizeof(text), "payload.cml%s%s",
                       a->unit[0] != '\0' ? ":" : "b", a->unit);
        json_str(j, a->unit[0] != '\0' ? "unit" : "bundle", text);
    }
    if (a->cid != NULL) {
        json_hex(j, "cid", a->payload.b, CID_BYTES);
    }
    if (a->expect > 0) {
        json_u64(j, "expect", a->expect - 1);
    }
    if (a->key != NULL) {
        json_str(j, "did", a->a.did);
        json_u64(j, "number", a->a.n);
        if (!cid_is_equal(&a->a.prev, &none)) {
            json_hex(j, "prev", a->a.prev.b, CID_BYTES);
        }
        json_hex(j, "signature", a->signature, sizeof(a->signature));
    }
    json_close(j);
}

static void put_graph(struct json *j, const struct said *a)
{
    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", "assert");
    json_array(j, "tasks");
    json_object(j, NULL);
    json_str(j, "id", "assert");
    json_str(j, "op", "assert");
    put_task(j, a);
    json_object(j, "validator");
    json_str(j, "name", "signed");
    json_str(j, "level", "schema");
    json_close(j);
    json_close(j);
    json_close(j);
    json_close(j);
}

/* This one assertion, and nothing else. */
static void put_policy(struct json *j, const struct said *a)
{
    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", "assert");
    json_array(j, "grants");
    json_object(j, NULL);
    json_str(j, "capability", "cml.assert");
    json_array(j, "refs");
    json_str(j, NULL, a->a.path);
    json_close(j);
    json_array(j, "files");
    json_str(j, NULL, a->unit[0] != '\0' ? "payload.cml" : "payload.cmlb");
    json_close(j);
    json_close(j);
    json_close(j);
    json_close(j);
}

static int add_override(struct said *a, unsigned i, const char *key,
                        const char *value)
{
    CLEANUP(buf_release) struct buf b;
    size_t n;

    if (value == NULL) {
        return 0;
    }
    buf_init(&b, LIMIT_FRAME_BYTES);
    TRY(buf_putf(&b, "assert.with.%s=", key));
    TRY(buf_put(&b, value, strlen(value) + 1));
    a->overrides[i] = (char *)buf_take(&b, &n);
    return request_override(&a->request, a->overrides[i], &a->c->d);
}

static int make(struct said *a)
{
    static char graph[] = LABEL;
    static char empty[] = "";
    struct json j;

    a->request.m.graph_path = graph;
    a->request.m.policy_path = graph;
    a->request.m.graph_dir = empty;
    json_init(&j);
    put_graph(&j, a);
    TRY(request_json(&a->request, &j, &a->c->d));
    json_init(&j);
    put_policy(&j, a);
    TRY(request_json(&a->request, &j, &a->c->d));
    TRY(add_override(a, 0, "leaf", a->leaf));
    return add_override(a, 1, "type", a->type);
}

/* Nobody wrote the graph, nor a file of that name. */
static void retell(const void *ctx, struct diag *d)
{
    const struct said *a = ctx;
    static const char *const heads[] = {"override \"assert.with.leaf\": ",
                                        "override \"assert.with.type\": ",
                                        "tasks[0].with."};
    char text[DIAG_TEXT_BYTES];

    if (d->at.path != NULL && strcmp(d->at.path, LABEL) == 0) {
        d->at = (struct loc){NULL, 0, 0};
    } else if (d->at.path != NULL && a->path[0] != '\0' &&
               strncmp(d->at.path, "payload.cml", 11) == 0) {
        d->at.path = a->path;
    }
    for (size_t i = 0; i < ARRAY_N(heads); i++) {
        size_t n = strlen(heads[i]);

        if (strncmp(d->what, heads[i], n) == 0) {
            (void)snprintf(text, sizeof(text), "%s", d->what + n);
            (void)snprintf(d->what, sizeof(d->what), "%s", text);
        }
    }
}

/* --- the answer --- */

/* The ASSERT record that the task's stands on. */
static int report(struct said *a, const char *store, uint64_t task_ref,
                  int is_new)
{
    struct ledger_entry e;
    struct assertion said;
    char hash[CID_TEXT_BYTES];
    struct cid cid;
    struct json j;
    int rc = task_ref > 0 ? 0 : ERR_TRACE(ERR_INTERNAL);

    ledger_entry_init(&e);
    rc = rc == 0 ? ledger_get(store, task_ref - 1, &e, &a->c->d) : rc;
    if (rc == 0 && e.r.kind == RECORD_TASK) {
        uint64_t ref = record_u(&e.r, RF_TASK_evidence_ref);

        ledger_entry_release(&e);
        ledger_entry_init(&e);
        rc = ref > 0 ? ledger_get(store, ref - 1, &e, &a->c->d)
                     : ERR_TRACE(ERR_INTERNAL);
    }
    if (rc == 0 && (e.r.kind != RECORD_ASSERT || assertion_of(&e.r, &said) ||
                    assertion_hash(&said, &cid))) {
        rc = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (rc == 0 && a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "did", said.did);
        json_str(&j, "ref_path", said.path);
        json_str(&j, "operation", said.operation);
        json_hex(&j, "payload_cid", said.payload.b,
                 cid_is_zero(&said.payload) ? 0 : CID_BYTES);
        json_u64(&j, "seq_number", said.n);
        json_hex(&j, "hash", cid.b, CID_BYTES);
        json_u64(&j, "record", e.r.seq);
        json_bool(&j, "new", is_new);
        json_close(&j);
        rc = cli_emit(a->c, &j);
    } else if (rc == 0) {
        cid_text(&cid, hash);
        printf("%s %s: number %" PRIu64 ", record %" PRIu64 "%s\n  %s\n",
               said.path, said.operation, said.n, e.r.seq,
               is_new ? "" : " (it was there)", hash);
    }
    ledger_entry_release(&e);
    return rc;
}

static int tell(struct said *a, const char *store, const Proctor__RunDone *done)
{
    const Proctor__TaskRow *row = done->n_tasks > 0 ? done->tasks[0] : NULL;

    if (done->code == 0 && row != NULL) {
        return report(a, store, row->seq,
                      strcmp(row->reason, "it was there") != 0);
    }
    if (row != NULL && row->reason[0] != '\0') {
        return cli_fail(a->c, done->code, "%s", row->reason);
    }
    a->c->told = 1;
    return done->code != 0 ? done->code : ERR_TRACE(ERR_INTERNAL);
}

static int ask(struct said *a, const char *store)
{
    const struct client_file file = {
        a->unit[0] != '\0' ? "payload.cml" : "payload.cmlb", a->path};
    const struct client_question q = {MSG_RUN_REQUEST, &a->request.m.base,
                                      a->request.fds, a->request.fds_n,
                                      MSG_RUN_DONE};
    struct session s;
    int rc = session_open(&s, a->c, store);

    s.retell = retell;
    s.retell_ctx = a;
    if (rc == 0) {
        client_serve_named(s.client, &file, a->path[0] != '\0');
        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        session_end_kernel(&s);
        rc = tell(a, store, (const Proctor__RunDone *)s.answer.m);
    }
    session_close(&s);
    return rc;
}

/* What the store knows already: the payload's file, and what is to be signed. */
static int prepare(struct said *a, const char *store)
{
    int by_cid = a->cid != NULL && a->leaf == NULL && a->path[0] == '\0';
    struct index *ix = NULL;
    struct cid bundle;
    int rc = 0;

    TRY(name_ref(a, store));
    if (!by_cid && a->key == NULL) {
        return 0;
    }
    TRY(index_open(store, &ix, &a->c->d));
    if (by_cid) {
        rc = cml_refs_bundle(ix, &a->payload, &bundle, &a->c->d);
        if (rc == 0) {
            object_path(store, &bundle, a->path);
        }
    }
    rc = rc == 0 && a->key != NULL ? cml_sign(a, ix) : rc;
    return index_end(ix, rc, &a->c->d);
}

int cml_assert(struct cli *c, int argc, char **argv)
{
    struct said *a = calloc(1, sizeof(*a));
    struct place place;
    int rc;

    if (a == NULL) {
        return cli_fail(c, ERR_NOMEM, "out of memory");
    }
    a->c = c;
    request_init(&a->request, PROCTOR__RUN_MODE__RUN_FULL);
    rc = args_parse(c, &SPEC, argc, argv, a);
    if (rc == 0) {
        rc = check_words(a);
        rc = rc == 0 ? place_make(c->store, &place, &c->d) : rc;
        rc = rc == 0 ? prepare(a, place.path) : rc;
        rc = rc == 0 ? make(a) : rc;
        rc = rc == 0 ? ask(a, place.path) : rc;
    }
    request_release(&a->request);
    free(a->overrides[0]);
    free(a->overrides[1]);
    free(a);
    return rc;
}
