/* Statements about refs of CML, their form and their signatures. Runs wherever
 * they are made or checked; decides nothing about order (that needs a ledger). */
#include "proto/assertion.h"

#include <sodium.h>
#include <string.h>

#include "proto/err.h"
#include "proto/record.h"
#include "proto/text.h"

#include "graph.pb-c.h"

static const char DIGITS[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char HEAD[] = "did:key:z";

enum {
    KEY_BYTES = 34, /* multicodec ed25519-pub, then the key */
    BASE = 58
};

void did_text(const uint8_t key[static 32], char out[static DID_BYTES])
{
    uint8_t bytes[KEY_BYTES] = {0xed, 0x01};
    uint8_t digits[DID_BYTES] = {0};
    size_t n = 0;
    size_t at = sizeof(HEAD) - 1;

    memcpy(bytes + 2, key, 32);
    for (size_t i = 0; i < KEY_BYTES; i++) {
        unsigned carry = bytes[i];

        for (size_t k = 0; k < n || carry > 0; k++) {
            carry += (unsigned)digits[k] << 8;
            digits[k] = (uint8_t)(carry % BASE);
            carry /= BASE;
            n = k == n ? k + 1 : n;
        }
    }
    ASSERT(at + n + 1 == DID_BYTES);
    memcpy(out, HEAD, at);
    while (n-- > 0) {
        out[at++] = DIGITS[digits[n]];
    }
    out[at] = '\0';
}

int did_parse(const char *text, uint8_t out_key[static 32])
{
    uint8_t bytes[KEY_BYTES] = {0};
    char again[DID_BYTES];

    if (strlen(text) != DID_BYTES - 1 ||
        strncmp(text, HEAD, sizeof(HEAD) - 1) != 0) {
        return ERR_INPUT;
    }
    for (const char *s = text + sizeof(HEAD) - 1; *s != '\0'; s++) {
        const char *digit = strchr(DIGITS, *s);
        unsigned carry = digit == NULL ? 0 : (unsigned)(digit - DIGITS);

        for (size_t i = KEY_BYTES; i-- > 0;) {
            carry += bytes[i] * (unsigned)BASE;
            bytes[i] = (uint8_t)carry;
            carry >>= 8;
        }
        if (digit == NULL || carry != 0) {
            return ERR_INPUT;
        }
    }
    did_text(bytes + 2, again);
    if (strcmp(again, text) != 0) {
        return ERR_INPUT; /* another kind of key */
    }
    memcpy(out_key, bytes + 2, 32);
    return 0;
}

void reconcile_key(const struct cid three[static 3],
                   char out[static RECONCILE_KEY_BYTES])
{
    struct cid hash = cid_of((struct ubytes){three[0].b, 3 * CID_BYTES});

    memcpy(out, ASSERTION_ROOT "=", sizeof(ASSERTION_ROOT));
    cid_text(&hash, out + sizeof(ASSERTION_ROOT));
}

unsigned reconcile_state(const struct cid three[static 3])
{
    return cid_is_zero(&three[1])    ? RECONCILE_MISSING_DESIRED
           : cid_is_zero(&three[2])  ? RECONCILE_MISSING_OBSERVED
           : !cid_is_zero(&three[0]) ? RECONCILE_UNIT
           : cid_is_equal(&three[1], &three[2]) ? RECONCILE_IN_SYNC
                                                : RECONCILE_DRIFT;
}

static int copy(char *out, size_t n, const char *text)
{
    if (strlen(text) >= n) {
        return ERR_LIMIT;
    }
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

int assertion_init(struct assertion *a, const char *did, const char *path,
                   const char *operation)
{
    memset(a, 0, sizeof(*a));
    TRY(copy(a->did, sizeof(a->did), did));
    TRY(copy(a->path, sizeof(a->path), path));
    return copy(a->operation, sizeof(a->operation), operation);
}

void assertion_put(const struct assertion *a, struct record *r)
{
    record_set_str(r, RF_ASSERT_did, a->did);
    record_set_str(r, RF_ASSERT_path, a->path);
    record_set_str(r, RF_ASSERT_operation, a->operation);
    record_set_hash(r, RF_ASSERT_payload, a->payload.b);
    record_set_u(r, RF_ASSERT_n, a->n);
    record_set_hash(r, RF_ASSERT_prev, a->prev.b);
}

static int copy_field(char *out, size_t n, const struct record *r,
                      enum record_field f)
{
    struct ubytes text = record_bytes(r, f);

    if (text.n >= n || memchr(text.p, '\0', text.n) != NULL) {
        return ERR_ENCODING;
    }
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return 0;
}

int assertion_of(const struct record *r, struct assertion *out)
{
    memset(out, 0, sizeof(*out));
    TRY(copy_field(out->did, sizeof(out->did), r, RF_ASSERT_did));
    TRY(copy_field(out->path, sizeof(out->path), r, RF_ASSERT_path));
    TRY(copy_field(out->operation, sizeof(out->operation), r,
                   RF_ASSERT_operation));
    memcpy(out->payload.b, record_hash(r, RF_ASSERT_payload), CID_BYTES);
    memcpy(out->prev.b, record_hash(r, RF_ASSERT_prev), CID_BYTES);
    out->n = record_u(r, RF_ASSERT_n);
    return 0;
}

const char *assertion_field(const char *operation)
{
    return strncmp(operation, "SET_", 4) == 0      ? operation + 4
           : strncmp(operation, "UPDATE_", 7) == 0 ? operation + 7
                                                   : "";
}

static int is_operation(const char *s)
{
    const char *field = assertion_field(s);

    if (field[0] != '\0') {
        return field[0] >= 'A' && field[0] <= 'Z' &&
               field[strspn(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] ==
                   '\0';
    }
    return strcmp(s, "SET") == 0 || strcmp(s, "UPDATE") == 0 ||
           strcmp(s, "DELETE") == 0;
}

/* Parts of letters, digits and "_.-", none empty or "." or "..". */
static int is_rest(const char *s)
{
    while (*s != '\0') {
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-"
                             "abcdefghijklmnopqrstuvwxyz0123456789");

        if (n == 0 || strspn(s, ".") == n ||
            (s[n] != '\0' && (s[n] != '/' || s[n + 1] == '\0'))) {
            return 0;
        }
        s += s[n] == '/' ? n + 1 : n;
    }
    return 1;
}

/* Behind remotes/DID/, or NULL: it is no other writer's. */
static const char *rest_of_remote(const struct assertion *a)
{
    const char *s = a->path + sizeof(ASSERTION_REMOTES) - 1;
    size_t n = strlen(a->did);

    return strncmp(a->path, ASSERTION_REMOTES, sizeof(ASSERTION_REMOTES) - 1) ==
                       0 &&
                   n > 0 && strncmp(s, a->did, n) == 0 && s[n] == '/'
               ? s + n + 1
               : NULL;
}

const char *assertion_problem(const struct assertion *a, const char *own)
{
    const char *rest = rest_of_remote(a);
    uint8_t key[32];
    int is_remote = rest != NULL;

    if (!is_operation(a->operation)) {
        return "no such operation: SET, UPDATE, DELETE, SET_FIELD or "
               "UPDATE_FIELD";
    }
    if ((own != NULL || a->did[0] != '\0') && did_parse(a->did, key) != 0) {
        return "no did:key of an Ed25519 key";
    }
    if (!is_remote &&
        strncmp(a->path, ASSERTION_ROOT, sizeof(ASSERTION_ROOT) - 1) == 0) {
        rest = a->path + sizeof(ASSERTION_ROOT) - 1;
    }
    if (rest == NULL || rest[0] == '\0' || !is_rest(rest)) {
        return "no ref of CML: refs/cml/ and parts of letters, digits and _.-";
    }
    if (!is_remote && strncmp(rest, "remotes", 7) == 0 &&
        (rest[7] == '/' || rest[7] == '\0')) {
        return "refs of others are refs/cml/remotes/DID/...";
    }
    return own != NULL && is_remote == (strcmp(a->did, own) == 0)
               ? "refs of the store itself are refs/cml/..., those of others "
                 "refs/cml/remotes/DID/..."
               : NULL;
}

void assertion_own_path(const struct assertion *a,
                        char out[static LIMIT_REF_BYTES + 1])
{
    const char *rest = rest_of_remote(a);
    struct text t;

    text_init(&t, out, LIMIT_REF_BYTES + 1);
    text_putf(&t, "%s%s", rest == NULL ? "" : ASSERTION_ROOT,
              rest == NULL ? a->path : rest);
}

int assertion_payload(struct ubytes bundle, struct cid *out)
{
    struct ubytes node = {NULL, 0};
    struct ubytes mark;
    struct rd r;
    uint32_t n;

    rd_init(&r, bundle);
    mark = rd_take(&r, 4);
    n = rd_u32(&r);
    if (rd_is_bad(&r) || memcmp(mark.p, "CMLB", 4) != 0 || n == 0) {
        return ERR_ENCODING;
    }
    for (; n > 0 && !rd_is_bad(&r); n--) {
        node = rd_bytes32(&r);
    }
    TRY(rd_end(&r));
    *out = cid_of(node);
    return 0;
}

static const char *hash_text(const struct cid *c, char out[static CID_TEXT_BYTES])
{
    if (cid_is_zero(c)) {
        return "-";
    }
    cid_text(c, out);
    return out;
}

int assertion_statement(const struct assertion *a, struct buf *out)
{
    char path[LIMIT_REF_BYTES + 1];
    char payload[CID_TEXT_BYTES];
    char prev[CID_TEXT_BYTES];

    assertion_own_path(a, path);
    return buf_putf(out, "proctor cml assertion v1\n%s\n%s\n%s\n%s\n%llu\n%s\n",
                    a->did, path, a->operation, hash_text(&a->payload, payload),
                    (unsigned long long)a->n, hash_text(&a->prev, prev));
}

int assertion_hash(const struct assertion *a, struct cid *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, 4096);
    TRY(assertion_statement(a, &b));
    *out = cid_of(buf_bytes(&b));
    return 0;
}

int assertion_is_signed(const struct assertion *a, struct ubytes signature)
{
    CLEANUP(buf_release) struct buf b;
    uint8_t key[32];

    buf_init(&b, 4096);
    return signature.n == crypto_sign_BYTES && did_parse(a->did, key) == 0 &&
           assertion_statement(a, &b) == 0 &&
           crypto_sign_verify_detached(signature.p, buf_bytes(&b).p,
                                       buf_len(&b), key) == 0;
}

static const char *follow_own(const struct assertion *head,
                              const struct cid *last, struct assertion *a,
                              uint64_t expect, int *out_there)
{
    if (head->n > 0 && strcmp(head->operation, a->operation) == 0 &&
        cid_is_equal(&head->payload, &a->payload)) {
        *out_there = 1;
        return NULL;
    }
    if (expect > 0 && expect - 1 != head->n) {
        return "another number of assertions was expected: look at what came "
               "in between";
    }
    if (head->n == 0 && cid_is_zero(&a->payload)) {
        return "there is nothing to delete";
    }
    a->n = head->n + 1;
    a->prev = *last;
    return NULL;
}

const char *assertion_follow(const struct assertion *head, struct assertion *a,
                             uint64_t expect, int *out_there)
{
    struct cid last = {{0}};
    struct cid hash;

    *out_there = 0;
    if (head->n > 0 && assertion_hash(head, &last) < 0) {
        return "no memory";
    }
    if (a->n == 0) {
        return follow_own(head, &last, a, expect, out_there);
    }
    if (a->n > head->n + 1) {
        return "numbers before it are missing";
    }
    if (a->n == head->n + 1) {
        return cid_is_equal(&a->prev, &last)
                   ? NULL
                   : "a fork: it follows another one than stands before it";
    }
    if (a->n == head->n && assertion_hash(a, &hash) == 0 &&
        cid_is_equal(&hash, &last)) {
        *out_there = 1;
        return NULL;
    }
    return "a fork: its writer has said something else under this number";
}

const char *assertion_spec_problem(const struct Proctor__AssertSpec *s)
{
    int payloads = (s->file[0] != '\0') + (s->leaf[0] != '\0');
    int is_delete = strcmp(s->operation, "DELETE") == 0;
    int is_signed = s->did[0] != '\0';
    struct assertion a;
    const char *problem;

    if (assertion_init(&a, s->did, s->ref, s->operation) < 0) {
        return "a name, operation or DID is too long";
    }
    problem = assertion_problem(&a, is_signed ? "" : NULL);
    if (problem != NULL) {
        return problem;
    }
    if (payloads != !is_delete) {
        return is_delete ? "DELETE takes no payload"
                         : "expected one payload: unit, bundle or leaf";
    }
    if ((s->cid.len != 0 && s->cid.len != CID_BYTES) ||
        (s->prev.len != 0 && s->prev.len != CID_BYTES)) {
        return "cid and prev are CIDs";
    }
    return is_signed == (s->signature.len > 0) && is_signed == (s->n > 0) &&
                   (s->n > 1) == (s->prev.len > 0)
               ? NULL
               : "another writer's has did, number, signature, and prev from "
                 "the second on";
}

/* A path whose writer only the path names. */
static const char *path_problem(const char *path)
{
    size_t n = sizeof(ASSERTION_REMOTES) - 1;
    struct assertion a;

    if (assertion_init(&a, "", path, "SET") < 0) {
        return "the ref's name is too long";
    }
    if (strncmp(path, ASSERTION_REMOTES, n) == 0 &&
        strlen(path + n) >= DID_BYTES) {
        memcpy(a.did, path + n, DID_BYTES - 1);
    }
    return assertion_problem(&a, a.did[0] != '\0' ? "" : NULL);
}

const char *assertion_reconcile_problem(const struct Proctor__ReconcileSpec *s)
{
    const char *problem = path_problem(s->desired);

    problem = problem != NULL ? problem : path_problem(s->observed);
    return problem != NULL ? problem
           : strcmp(s->desired, s->observed) == 0
               ? "desired and observed are one ref"
               : NULL;
}
