/* proctor witness: both sides of cosigning. init, add, list and serve are the
 * witness, which knows no store; use and sync are a store that has some. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cosigning.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/term.h"
#include "cli/witness_state.h"
#include "proto/err.h"
#include "proto/launch.h"

enum {
    KEY_DIR = 0x2000,
    KEY_NAME,
    KEY_OWNER,
    KEY_LISTEN,
    KEY_QUORUM
};

/* A witness that root makes belongs to a uid that nobody else has. */
#define OWNER_BASE 1879048192u /* above what hosts and kernels give out */
#define OWNER_RANGE 16777216u
#define VKEY_BYTES 512
#define GROUP_NAME "witnesses"

static const struct argp_option OPTIONS[] = {
    {"dir", KEY_DIR, "DIR", 0, "The witness's own folder", 0},
    {"name", KEY_NAME, "NAME", 0,
     "init: its name, such as a host's; without spaces and plus signs", 0},
    {"owner", KEY_OWNER, "UID", 0,
     "init: who runs it, where root makes it (else a uid of its own)", 0},
    {"listen", KEY_LISTEN, "WHERE", 0,
     "serve: unix:PATH, 127.0.0.1:PORT or [::1]:PORT", 0},
    {"quorum", KEY_QUORUM, "K", 0,
     "use: how many of the witnesses must cosign: a number, any or all (the "
     "default)",
     1},
    {0}};

struct witness_args {
    struct cli *c;
    const char *verb;
    const char *words[2];
    size_t words_n;
    const char *dir;
    const char *name;
    const char *owner;
    const char *listen;
    const char *quorum;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct witness_args *a = state->input;

    switch (key) {
    case KEY_DIR:
        a->dir = arg;
        return 0;
    case KEY_NAME:
        a->name = arg;
        return 0;
    case KEY_OWNER:
        a->owner = arg;
        return 0;
    case KEY_LISTEN:
        a->listen = arg;
        return 0;
    case KEY_QUORUM:
        a->quorum = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->verb == NULL) {
            a->verb = arg;
        } else if (a->words_n < ARRAY_N(a->words)) {
            a->words[a->words_n++] = arg;
        } else {
            return ARGP_ERR_UNKNOWN;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "init --dir DIR --name NAME\nadd --dir DIR LOG-VKEY\nserve --dir DIR "
    "--listen WHERE\nlist --dir DIR\nuse VKEY URL\nsync",
    "A witness cosigns a ledger's checkpoints, each only when it continues the "
    "last one, so nobody can show two histories or go back to an older one "
    "unnoticed.\vOn the witness's side: init makes one, add makes a log known "
    "to it, serve answers (C2SP tlog-witness), list tells what it holds. On the "
    "store's side: use names a witness of the store, sync asks all of them "
    "now.",
    NULL,
    NULL,
    NULL};

/* A verifier key: itself, or the first line of a file. */
static int read_vkey(struct cli *c, const char *word,
                     char out[static VKEY_BYTES])
{
    struct buf text;
    size_t n = 0;
    int rc;

    buf_init(&text, VKEY_BYTES - 1);
    rc = access(word, F_OK) == 0 ? files_read(word, VKEY_BYTES - 1, &text)
                                 : buf_put(&text, word, strlen(word));
    while (rc == 0 && n < buf_len(&text) && buf_bytes(&text).p[n] != '\n') {
        out[n] = (char)buf_bytes(&text).p[n];
        n++;
    }
    out[n] = '\0';
    buf_release(&text);
    return rc == 0 ? 0
                   : cli_fail(c, rc, "cannot read the key %.80s: %s", word,
                              err_text(rc));
}

/* unix:PATH with an absolute path, anything else as it is. */
static int place_of(struct cli *c, const char *word,
                    char out[static TLOG_POLICY_URL_BYTES])
{
    char here[PATH_MAX] = "";
    const char *slash = "";
    int n;

    if (strncmp(word, "unix:", 5) == 0 && word[5] != '/') {
        if (getcwd(here, sizeof(here)) == NULL) {
            return cli_fail(c, err_from_errno(errno), "getcwd: %s",
                            strerror(errno));
        }
        slash = "/";
        n = snprintf(out, TLOG_POLICY_URL_BYTES, "unix:%s%s%s", here, slash,
                     word + 5);
    } else {
        n = snprintf(out, TLOG_POLICY_URL_BYTES, "%s", word);
    }
    return n < TLOG_POLICY_URL_BYTES
               ? 0
               : cli_fail(c, ERR_INPUT, "this address is too long");
}

/* The witness's side. */

static int owner_of(struct witness_args *a, uid_t *out)
{
    uint64_t uid;

    *out = (uid_t)-1;
    if (a->owner != NULL) {
        if (args_u64(a->owner, &uid) != 0 || uid == 0 || uid >= UINT32_MAX) {
            return cli_fail(a->c, ERR_INPUT,
                            "--owner needs a uid above 0, not \"%.20s\"",
                            a->owner);
        }
        *out = (uid_t)uid;
    } else if (geteuid() == 0) {
        *out = OWNER_BASE + randombytes_uniform(OWNER_RANGE);
    }
    return 0;
}

static int put_vkey(struct cli *c, const struct cosigner *self)
{
    struct buf vkey;
    struct json j;
    int rc;

    buf_init(&vkey, VKEY_BYTES);
    rc = cosigner_vkey(&vkey, self);
    if (rc == 0 && c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "name", self->name);
        json_text(&j, "vkey", buf_bytes(&vkey));
        json_close(&j);
        rc = cli_emit(c, &j);
    } else if (rc == 0) {
        printf("%.*s\n", (int)buf_len(&vkey), (const char *)buf_bytes(&vkey).p);
    }
    buf_release(&vkey);
    return rc;
}

static int init(struct witness_args *a)
{
    struct witness *w;
    uid_t owner;
    int rc;

    if (a->name == NULL) {
        return cli_fail_hint(a->c, ERR_INPUT, "--name $(hostname)/proctor",
                             "what is the witness called?");
    }
    TRY(owner_of(a, &owner));
    TRY(witness_create(a->dir, a->name, owner, &a->c->d));
    TRY(witness_open(a->dir, WITNESS_LOOK, &w, &a->c->d));
    rc = put_vkey(a->c, witness_self(w));
    witness_close(w);
    return rc;
}

static int add(struct witness_args *a)
{
    char vkey[VKEY_BYTES];
    struct witness *w;
    int rc;

    if (a->words_n != 1) {
        return cli_fail_hint(a->c, ERR_INPUT, "the line in STORE/ledger/vkey",
                             "which log is it to know?");
    }
    TRY(read_vkey(a->c, a->words[0], vkey));
    TRY(witness_open(a->dir, WITNESS_LOOK, &w, &a->c->d));
    rc = witness_add(w, vkey, &a->c->d);
    witness_close(w);
    return rc;
}

struct listing {
    struct table *table;
    struct json *json;
    int damaged;
};

static int list_one(void *ctx, const struct checkpoint *head, int damaged)
{
    struct listing *l = ctx;
    char size[24];
    const char *cells[] = {head->origin, size};

    l->damaged |= damaged;
    if (l->json != NULL) {
        json_object(l->json, NULL);
        json_str(l->json, "origin", head->origin);
        json_bool(l->json, "damaged", damaged);
        json_u64(l->json, "size", head->size);
        json_hex(l->json, "root", head->root.b, sizeof(head->root.b));
        json_close(l->json);
        return 0;
    }
    (void)snprintf(size, sizeof(size), "%" PRIu64, head->size);
    cells[1] = damaged ? "DAMAGED" : size;
    table_row(l->table, cells);
    return 0;
}

static int list(struct witness_args *a)
{
    static const char *const HEADS[] = {"log", "records"};
    struct cli *c = a->c;
    struct table t;
    struct json j;
    struct listing l = {c->json ? NULL : &t, c->json ? &j : NULL, 0};
    struct witness *w;
    int rc;

    TRY(witness_open(a->dir, WITNESS_LOOK, &w, &c->d));
    table_init(&t, 2, HEADS);
    if (c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "name", witness_self(w)->name);
        json_array(&j, "logs");
    }
    rc = witness_each(w, list_one, &l);
    if (c->json) {
        json_close(&j);
        json_close(&j);
        rc = rc == 0 ? cli_emit(c, &j) : rc;
    } else if (rc == 0) {
        rc = table_print(&t, stdout, term_has_colour(stdout));
    }
    table_release(&t);
    witness_close(w);
    return rc == 0 && l.damaged
               ? cli_fail(c, ERR_STORE_DAMAGED,
                          "what it keeps of some log is damaged; for that it "
                          "cosigns nothing")
               : rc;
}

/* Becomes the program that listens. */
static int serve(struct witness_args *a)
{
    char where[TLOG_POLICY_URL_BYTES];
    char path[PATH_MAX];

    if (a->listen == NULL) {
        return cli_fail_hint(a->c, ERR_INPUT, "--listen unix:/run/witness.sock",
                             "where is it to listen?");
    }
    TRY(place_of(a->c, a->listen, where));
    TRY(launch_path(WITNESS_PROGRAM, path, &a->c->d));
    (void)execl(path, WITNESS_PROGRAM, "serve", a->dir, where, (char *)NULL);
    return cli_fail(a->c, err_from_errno(errno), "cannot become %s: %s",
                    WITNESS_PROGRAM, strerror(errno));
}

/* The store's side. */

/* One group of all witnesses; what a person wrote by hand stays theirs. */
static int add_to_policy(struct witness_args *a, struct tlog_policy *p,
                         const struct ledger_identity *id)
{
    struct tlog_policy_witness *w = &p->witnesses[p->witnesses_n];
    struct tlog_policy_group *g = &p->groups[0];
    uint64_t k = p->witnesses_n + 1;
    char vkey[VKEY_BYTES];

    if (p->groups_n > 1 ||
        (p->groups_n == 1 && strcmp(g->name, GROUP_NAME) != 0)) {
        return cli_fail_hint(a->c, ERR_INPUT, "edit the file `witnesses` of "
                             "the store", "its groups were made by hand");
    }
    if (p->witnesses_n == TLOG_POLICY_MAX) {
        return cli_fail(a->c, ERR_LIMIT, "no more than %d witnesses",
                        TLOG_POLICY_MAX);
    }
    TRY(read_vkey(a->c, a->words[0], vkey));
    if (cosigner_parse(vkey, &w->cosigner) != 0) {
        return cli_fail_hint(a->c, ERR_INPUT, "`proctor witness init` prints "
                             "it", "\"%.60s\" is no witness's key", vkey);
    }
    _Static_assert(sizeof(w->name) == sizeof(w->cosigner.name), "same names");
    memcpy(w->name, w->cosigner.name, sizeof(w->name));
    TRY(place_of(a->c, a->words[1], w->url));
    p->witnesses_n++;
    if (a->quorum != NULL && strcmp(a->quorum, "any") == 0) {
        k = 1;
    } else if (a->quorum != NULL && strcmp(a->quorum, "all") != 0 &&
               (args_u64(a->quorum, &k) != 0 || k < 1 || k > p->witnesses_n)) {
        return cli_fail(a->c, ERR_INPUT,
                        "--quorum is any, all or 1 to %u, not \"%.20s\"",
                        p->witnesses_n, a->quorum);
    }
    (void)snprintf(g->name, sizeof(g->name), GROUP_NAME);
    g->k = (unsigned)k;
    g->members = ((uint64_t)1 << p->witnesses_n) - 1;
    p->groups_n = 1;
    p->quorum = TLOG_POLICY_MAX; /* the first group */
    p->logs_n = 1;
    memcpy(p->logs[0].origin, id->origin, sizeof(id->origin));
    memcpy(p->logs[0].key, id->key, sizeof(id->key));
    return 0;
}

/* As it will be read: a name that is taken, a key that stands there twice. */
static int check_policy(struct cli *c, const struct tlog_policy *p)
{
    CLEANUP(mem_freep) struct tlog_policy *again = malloc(sizeof(*again));
    struct buf text;
    int rc;

    if (again == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    buf_init(&text, TLOG_POLICY_BYTES_MAX);
    rc = tlog_policy_write(&text, p);
    if (rc == 0) {
        rc = tlog_policy_read(buf_bytes(&text), "witnesses", again, &c->d);
    }
    buf_release(&text);
    return rc;
}

static int use(struct witness_args *a)
{
    CLEANUP(mem_freep) struct tlog_policy *p = calloc(1, sizeof(*p));
    struct ledger_identity id;
    struct place place;
    struct buf vkey;
    int rc;

    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (a->words_n != 2) {
        return cli_fail_hint(a->c, ERR_INPUT, "proctor witness use VKEY "
                             "unix:/run/witness.sock", "which witness, where?");
    }
    TRY(place_open(a->c->store, &place, &a->c->d));
    TRY(ledger_identity(place.path, &id, &a->c->d));
    rc = cosigning_policy(place.path, p, &a->c->d);
    if (rc == ERR_NOT_FOUND) {
        diag_init(&a->c->d);
        err_trace_clear();
        rc = 0;
    }
    TRY(rc);
    TRY(add_to_policy(a, p, &id));
    TRY(check_policy(a->c, p));
    TRY(cosigning_policy_put(place.path, p, &a->c->d));
    buf_init(&vkey, VKEY_BYTES);
    rc = note_vkey(&vkey, id.origin, id.key);
    if (rc == 0 && !a->c->json) {
        printf("%u of %u witnesses must cosign from now on\n"
               "let each know this log: proctor witness add --dir DIR '%.*s'\n",
               p->groups[0].k, p->witnesses_n, (int)buf_len(&vkey),
               (const char *)buf_bytes(&vkey).p);
    }
    buf_release(&vkey);
    return rc;
}

static const char *const STATES[] = {
    [COSIGNING_NONE] = "not asked: no URL", [COSIGNING_DONE] = "cosigned",
    [COSIGNING_AWAY] = "not reached",       [COSIGNING_UNKNOWN] = "refused",
    [COSIGNING_REFUSED] = "refused",        [COSIGNING_AHEAD] = "holds more",
    [COSIGNING_FORK] = "holds another"};

static int sync_text(const struct cosigning *k)
{
    static const char *const HEADS[] = {"witness", "state", "records", ""};
    struct table t;
    unsigned i;
    int rc;

    table_init(&t, 4, HEADS);
    for (i = 0; i < k->policy.witnesses_n; i++) {
        char size[24];
        const char *cells[] = {k->policy.witnesses[i].name,
                               STATES[k->rows[i].state], size, k->rows[i].why};

        (void)snprintf(size, sizeof(size), "%" PRIu64, k->rows[i].size);
        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int sync_json(struct cli *c, const struct cosigning *k, int rc)
{
    struct json j;
    unsigned i;

    json_init(&j);
    json_object(&j, NULL);
    json_u64(&j, "size", k->size);
    json_bool(&j, "quorum", rc == 0);
    json_array(&j, "witnesses");
    for (i = 0; i < k->policy.witnesses_n; i++) {
        json_object(&j, NULL);
        json_str(&j, "name", k->policy.witnesses[i].name);
        json_str(&j, "state", STATES[k->rows[i].state]);
        json_u64(&j, "size", k->rows[i].size);
        json_str(&j, "why", k->rows[i].why);
        json_close(&j);
    }
    json_close(&j);
    json_close(&j);
    return cli_emit(c, &j);
}

static int sync_now(struct witness_args *a)
{
    CLEANUP(mem_freep) struct cosigning *k = malloc(sizeof(*k));
    struct place place;
    int rc;

    if (k == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(place_open(a->c->store, &place, &a->c->d));
    rc = cosigning_ask(place.path, k, &a->c->d);
    if (rc == 0 || (k->size > 0 &&
                    (rc == ERR_REFUSED || rc == ERR_STORE_DAMAGED))) {
        int printed = a->c->json ? sync_json(a->c, k, rc) : sync_text(k);

        rc = rc == 0 ? printed : rc;
    }
    return rc;
}

int cmd_witness(struct cli *c, int argc, char **argv)
{
    static const struct {
        const char *verb;
        int (*run)(struct witness_args *a);
        int needs_dir;
    } verbs[] = {{"init", init, 1}, {"add", add, 1}, {"serve", serve, 1},
                 {"list", list, 1}, {"use", use, 0}, {"sync", sync_now, 0}};
    struct witness_args a = {.c = c};
    size_t i;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (sodium_init() < 0) {
        return ERR_TRACE(ERR_INTERNAL);
    }
    for (i = 0; a.verb != NULL && i < ARRAY_N(verbs); i++) {
        if (strcmp(a.verb, verbs[i].verb) != 0) {
            continue;
        }
        if (verbs[i].needs_dir && a.dir == NULL) {
            return cli_fail_hint(c, ERR_INPUT, "--dir DIR: a folder of its own",
                                 "which witness?");
        }
        return verbs[i].run(&a);
    }
    return cli_fail_hint(c, ERR_INPUT, "proctor witness --help",
                         "say `init`, `add`, `serve`, `list`, `use` or `sync`");
}
