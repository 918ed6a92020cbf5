/* Series from the ledger's records. */
#include "cli/series.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/object.h"
#include "proto/err.h"
#include "proto/limits.h"

#define MEASURED_BYTES_MAX 200 /* longer outputs are data, not a measurement */

static void entry_release(struct series_entry *e)
{
    free(e->task);
    free(e->text);
}

void series_release(struct series_all *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct series *s = &all->v[i];

        for (size_t k = 0; k < s->inputs_n; k++) {
            entry_release(&s->inputs[k]);
        }
        for (size_t k = 0; k < s->outputs_n; k++) {
            entry_release(&s->outputs[k]);
        }
        free(s->name);
        free(s->inputs);
        free(s->outputs);
        free(s->first);
    }
    free(all->v);
    *all = (struct series_all){NULL, 0};
}

/* One more zeroed element behind n; room doubles at powers of two. */
static void *grow(void *v, size_t n, size_t each)
{
    if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) {
        v = reallocarray(v, n == 0 ? 8 : 2 * n, each);
    }
    if (v != NULL) {
        memset((char *)v + n * each, 0, each);
    }
    return v;
}

static int of_name(struct series_all *all, struct ubytes name,
                   struct series **out)
{
    struct series *more;

    for (size_t i = all->n; i > 0; i--) { /* the last ones are asked for most */
        struct series *s = &all->v[i - 1];

        if (strlen(s->name) == name.n && memcmp(s->name, name.p, name.n) == 0) {
            *out = s;
            return 0;
        }
    }
    more = grow(all->v, all->n, sizeof(*all->v));
    if (more == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    all->v = more;
    more[all->n].name = strndup((const char *)name.p, name.n);
    if (more[all->n].name == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = &more[all->n++];
    return 0;
}

static char *text_of(const struct record *r, enum record_field f)
{
    struct ubytes b = record_bytes(r, f);

    return strndup((const char *)b.p, b.n);
}

static int fill_inputs(struct series_entry *e, const struct record *r)
{
    e->run = record_u(r, RF_INPUTS_run);
    e->index = record_u(r, RF_INPUTS_index);
    e->ref = record_u(r, RF_INPUTS_parent_ref);
    e->bytes = record_u(r, RF_INPUTS_bytes);
    memcpy(e->artifact.b, record_hash(r, RF_INPUTS_artifact), CID_BYTES);
    memcpy(e->program.b, record_hash(r, RF_INPUTS_program), CID_BYTES);
    memcpy(e->sha256, record_hash(r, RF_INPUTS_sha256), sizeof(e->sha256));
    e->task = text_of(r, RF_INPUTS_task);
    e->text = text_of(r, RF_INPUTS_note);
    return e->task != NULL && e->text != NULL ? 0 : ERR_TRACE(ERR_NOMEM);
}

static int fill_outputs(struct series_entry *e, const struct record *r)
{
    e->run = record_u(r, RF_OUTPUTS_run);
    e->index = record_u(r, RF_OUTPUTS_index);
    e->ref = record_u(r, RF_OUTPUTS_inputs_ref);
    e->bytes = record_u(r, RF_OUTPUTS_bytes);
    e->status = (unsigned)record_u(r, RF_OUTPUTS_status);
    memcpy(e->artifact.b, record_hash(r, RF_OUTPUTS_artifact), CID_BYTES);
    memcpy(e->program.b, record_hash(r, RF_OUTPUTS_program), CID_BYTES);
    memcpy(e->sha256, record_hash(r, RF_OUTPUTS_sha256), sizeof(e->sha256));
    e->task = text_of(r, RF_OUTPUTS_task);
    e->text = text_of(r, RF_OUTPUTS_why);
    return e->task != NULL && e->text != NULL ? 0 : ERR_TRACE(ERR_NOMEM);
}

static int add(void *ctx, const struct record *r, struct ubytes entry,
               const struct merkle_hash *leaf)
{
    struct series_all *all = ctx;
    int is_in = r->kind == RECORD_INPUTS;
    struct series_entry **list;
    struct series_entry *e;
    struct series *s;
    size_t *n;

    (void)entry;
    (void)leaf;
    if (!is_in && r->kind != RECORD_OUTPUTS) {
        return 0;
    }
    TRY(of_name(all,
                record_bytes(r, is_in ? RF_INPUTS_series : RF_OUTPUTS_series),
                &s));
    list = is_in ? &s->inputs : &s->outputs;
    n = is_in ? &s->inputs_n : &s->outputs_n;
    e = grow(*list, *n, sizeof(*e));
    if (e == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *list = e;
    e = &e[(*n)++];
    e->seq = r->seq;
    e->wall_ns = r->wall_ns;
    return is_in ? fill_inputs(e, r) : fill_outputs(e, r);
}

static int by_artifact(const void *a, const void *b, void *ctx)
{
    const struct series *s = ctx;
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    int order =
        memcmp(s->inputs[x].artifact.b, s->inputs[y].artifact.b, CID_BYTES);

    return order != 0 ? order : (x > y) - (x < y);
}

/* Which inputs were seen before. */
static int find_first(struct series *s)
{
    CLEANUP(mem_freep) size_t *sorted = calloc(s->inputs_n + 1, sizeof(size_t));
    size_t first = 0;

    s->first = calloc(s->inputs_n + 1, sizeof(size_t));
    if (sorted == NULL || s->first == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < s->inputs_n; i++) {
        sorted[i] = i;
    }
    qsort_r(sorted, s->inputs_n, sizeof(*sorted), by_artifact, s);
    for (size_t i = 0; i < s->inputs_n; i++) {
        if (i == 0 || !cid_is_equal(&s->inputs[sorted[i]].artifact,
                                    &s->inputs[first].artifact)) {
            first = sorted[i];
        }
        s->first[sorted[i]] = first;
    }
    return 0;
}

int series_load(const char *store, struct series_all *out, struct diag *d)
{
    struct ledger_end end;
    int code;

    *out = (struct series_all){NULL, 0};
    code = ledger_each(store, 0, add, out, &end, d);
    for (size_t i = 0; code == 0 && i < out->n; i++) {
        code = find_first(&out->v[i]);
    }
    if (code != 0) {
        series_release(out);
    }
    return code;
}

const struct series *series_find(const struct series_all *all, const char *name,
                                 struct diag *d)
{
    const char *names[64];
    const char *near;
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->v[i].name, name) == 0) {
            return &all->v[i];
        }
        if (n < ARRAY_N(names)) {
            names[n++] = all->v[i].name;
        }
    }
    near = diag_nearest(name, names, n);
    (void)diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                   "no series is called \"%.80s\"%s%.80s%s", name,
                   near != NULL ? "; did you mean \"" : "",
                   near != NULL ? near : "", near != NULL ? "\"?" : "");
    diag_hint(d, "`proctor runs list` lists them");
    return NULL;
}

const struct series *series_by_ref(const struct series_all *all, uint64_t ref,
                                   size_t *out_i)
{
    for (size_t i = 0; ref > 0 && i < all->n; i++) {
        const struct series *s = &all->v[i];
        size_t lo = 0;
        size_t hi = s->outputs_n;

        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;

            if (s->outputs[mid].seq < ref - 1) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        if (lo < s->outputs_n && s->outputs[lo].seq == ref - 1) {
            *out_i = lo;
            return s;
        }
    }
    return NULL;
}

int series_is_open(const struct series *s)
{
    return s->inputs_n == s->outputs_n + 1;
}

const char *series_status_text(const struct series *s, size_t i)
{
    if (i >= s->outputs_n) {
        return "unfinished";
    }
    return s->outputs[i].status == SERIES_DONE ? "done" : "aborted";
}

int series_read(const char *store, const struct series_entry *e,
                struct buf *out)
{
    uint8_t sha256[32];
    size_t before = buf_len(out);
    struct ubytes b;

    TRY(object_read(store, &e->artifact, LIMIT_OBJECT_BYTES, out));
    b = buf_bytes(out);
    crypto_hash_sha256(sha256, b.p + before, b.n - before);
    return b.n - before == e->bytes &&
                   memcmp(sha256, e->sha256, sizeof(sha256)) == 0
               ? 0
               : ERR_TRACE(ERR_STORE_DAMAGED);
}

static int is_line(struct ubytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] < 0x20 || b.p[i] > 0x7e) {
            return 0;
        }
    }
    return b.n > 0;
}

int series_put_measured(const struct series_all *all, const char *store,
                        const struct series *s, size_t i, struct buf *out)
{
    CLEANUP(buf_release) struct buf b;
    size_t before = buf_len(out);

    buf_init(&b, MEASURED_BYTES_MAX);
    for (size_t k = 0; i < s->outputs_n && k < all->n; k++) {
        const struct series *x = &all->v[k];

        for (size_t n = 0; n < x->inputs_n && n < x->outputs_n; n++) {
            if (x->inputs[n].ref != s->outputs[i].seq + 1 ||
                x->outputs[n].bytes > MEASURED_BYTES_MAX) {
                continue;
            }
            buf_reset(&b);
            if (series_read(store, &x->outputs[n], &b) != 0) {
                err_trace_clear(); /* none was made, or audit names it */
                continue;
            }
            if (is_line(buf_bytes(&b))) {
                TRY(buf_putf(out, "%s%.*s", buf_len(out) > before ? "; " : "",
                             (int)buf_len(&b), (const char *)buf_bytes(&b).p));
            }
        }
    }
    return buf_put_u8(out, 0);
}

static void put_entry(struct json *j, const char *key,
                      const struct series_entry *e)
{
    json_object(j, key);
    json_u64(j, "seq", e->seq);
    json_u64(j, "run", e->run);
    json_str(j, "task", e->task);
    json_hex(j, "artifact", e->artifact.b,
             cid_is_zero(&e->artifact) ? 0 : CID_BYTES);
    json_hex(j, "sha256", e->sha256,
             cid_is_zero(&e->artifact) ? 0 : sizeof(e->sha256));
    json_u64(j, "bytes", e->bytes);
}

void series_put_json(struct json *j, const struct series_all *all,
                     const char *store, const struct series *s, size_t i)
{
    CLEANUP(buf_release) struct buf measured;
    const struct series_entry *in = &s->inputs[i];
    size_t parent_i = 0;
    const struct series *parent = series_by_ref(all, in->ref, &parent_i);

    buf_init(&measured, 1u << 20);
    json_object(j, NULL);
    json_str(j, "series", s->name);
    json_u64(j, "index", i);
    json_str(j, "status", series_status_text(s, i));
    json_hex(j, "program", in->program.b, CID_BYTES);
    put_entry(j, "inputs", in);
    json_str(j, "note", in->text);
    if (parent != NULL) {
        json_object(j, "parent");
        json_str(j, "series", parent->name);
        json_u64(j, "index", parent_i);
        json_close(j);
    } else {
        json_null(j, "parent");
    }
    json_bool(j, "seen", s->first[i] != i);
    json_u64(j, "first", s->first[i]);
    json_close(j);
    if (i < s->outputs_n) {
        put_entry(j, "output", &s->outputs[i]);
        json_str(j, "why", s->outputs[i].text);
        json_close(j);
    } else {
        json_null(j, "output");
    }
    if (series_put_measured(all, store, s, i, &measured) == 0) {
        json_str(j, "measured", (const char *)buf_bytes(&measured).p);
    }
    json_close(j);
}
