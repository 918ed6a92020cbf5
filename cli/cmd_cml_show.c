/* What `proctor cml` shows of a worker's answer. Nothing of it is believed: names
 * become files only when they are names, and bytes are read again. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_cml_export.h"
#include "cli/files.h"
#include "cli/json.h"
#include "proto/cid.h"
#include "proto/manifest.h"
#include "proto/err.h"
#include "proto/type.h"

static void put_types(const Proctor__CmlUnit *u, char *takes, char *gives,
                      size_t n)
{
    struct type t;

    takes[0] = '\0';
    gives[0] = '\0';
    if (u->gives.len > 0 &&
        type_decode((struct ubytes){u->takes.data, u->takes.len}, &t) == 0) {
        type_text(&t, takes, n);
        if (type_decode((struct ubytes){u->gives.data, u->gives.len}, &t) ==
            0) {
            type_text(&t, gives, n);
        }
    }
}

static void print_units(const struct cml_args *a, const Proctor__CmlReply *r)
{
    for (size_t i = 0; i < r->n_units; i++) {
        const Proctor__CmlUnit *u = r->units[i];
        char cid[CID_TEXT_BYTES] = "";
        char takes[400];
        char gives[400];

        if (u->cid.len == CID_BYTES) {
            hex_text(u->cid.data, CID_BYTES, cid);
        }
        put_types(u, takes, gives, sizeof(takes));
        if (a->verb == VERB_CID || a->verb == VERB_CANONICAL) {
            printf("%s  %s\n", cid, u->name);
        } else {
            printf("%s %s -> %s: %u nodes, good\n", u->name, takes, gives,
                   u->nodes);
        }
    }
}

/* What an error of the language means, for people. */
static const char *error_text(const char *name)
{
    static const char *const texts[][2] = {
#define EVAL(name, text) {#name, text},
#include "proto/cml_error.def"
    };

    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        if (strcmp(texts[i][0], name) == 0) {
            return texts[i][1];
        }
    }
    return "an error that is not in the language";
}

/* Lines as the elements of an array. */
static void put_values(struct json *j, struct ubytes lines)
{
    json_array(j, "values");
    while (lines.n > 0) {
        const uint8_t *end = memchr(lines.p, '\n', lines.n);
        size_t n = end != NULL ? (size_t)(end - lines.p) : lines.n;

        json_raw(j, NULL, (struct ubytes){lines.p, n});
        n += end != NULL;
        lines = (struct ubytes){lines.p + n, lines.n - n};
    }
    json_close(j);
}

static int emit_json(struct cml_args *a, const Proctor__CmlReply *r)
{
    struct json j;
    struct ubytes out = {r->out.data, r->out.len};

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "units");
    for (size_t i = 0; i < r->n_units; i++) {
        const Proctor__CmlUnit *u = r->units[i];
        char takes[400];
        char gives[400];

        put_types(u, takes, gives, sizeof(takes));
        json_object(&j, NULL);
        json_str(&j, "name", u->name);
        json_hex(&j, "cid", u->cid.data, u->cid.len);
        json_str(&j, "takes", takes);
        json_str(&j, "gives", gives);
        json_u64(&j, "nodes", u->nodes);
        if (u->canonical.len > 0) {
            json_hex(&j, "canonical", u->canonical.data, u->canonical.len);
            json_u64(&j, "branches", u->branches);
            json_u64(&j, "mutants", u->mutants);
        }
        json_close(&j);
    }
    json_close(&j);
    if (a->verb == VERB_EVAL) {
        json_u64(&j, "fuel", r->fuel);
        json_str(&j, "engine",
                 r->engine == PROCTOR__CML_ENGINE__CML_ENGINE_COLUMNS
                     ? "columns"
                     : "reference");
        if (r->fallback[0] != '\0') {
            json_str(&j, "not_columns", r->fallback);
        }
        if (a->inputs != NULL) {
            put_values(&j, out);
        } else if (r->error[0] != '\0') {
            json_str(&j, "error", r->error);
            json_str(&j, "message", error_text(r->error));
        } else {
            json_raw(&j, "value", out);
        }
    } else if (out.n > 0) {
        json_text(&j, "text", out);
    }
    json_close(&j);
    return cli_emit(a->c, &j);
}

/* What is wrong with a text, at its place. */
int cml_tell_problem(struct cml_args *a, const Proctor__CmlReply *r)
{
    const Proctor__Problem *p = r->problem;
    size_t i = r->problem_text < a->files_n ? r->problem_text : 0;

    diag_set(&a->c->d, p->kind == 1 ? ERR_LIMIT : ERR_INPUT,
             (struct loc){a->words[i], p->line, p->col}, "%s", p->what);
    if (p->hint[0] != '\0') {
        diag_hint(&a->c->d, "%s", p->hint);
    }
    return a->c->d.code;
}

int cml_write_out(struct cml_args *a, const char *path, struct ubytes bytes)
{
    int rc = files_write(path, bytes);

    return rc == 0 ? 0
                   : cli_fail_hint(a->c, rc,
                                   "is its folder there, with room and the right "
                                   "to write?",
                                   "cannot write %.200s: %s", path,
                                   err_text(rc));
}

/* The worker's bytes are read again: they are a manifest, or nothing is told. */
static int show_manifest(struct cml_args *a, const Proctor__CmlReply *r)
{
    struct ubytes bytes = {r->out.data, r->out.len};
    struct component c = {.name = {NULL, 0}};
    struct cid own = cid_of(bytes);
    char cid[CID_TEXT_BYTES];
    struct json j;
    size_t at = 0;
    int rc;

    json_init(&j);
    json_object(&j, NULL);
    json_hex(&j, "cid", own.b, CID_BYTES);
    json_array(&j, "components");
    while ((rc = manifest_next(bytes, &at, &c)) == 0) {
        json_object(&j, NULL);
        json_text(&j, "name", c.name);
        json_hex(&j, "cid", c.cid.b, CID_BYTES);
        json_close(&j);
        cid_text(&c.cid, cid);
        if (!a->c->json) {
            printf("%s  %.*s\n", cid, (int)c.name.n, (const char *)c.name.p);
        }
    }
    json_close(&j);
    json_hex(&j, "bytes", bytes.p, bytes.n);
    json_close(&j);
    if (rc != ERR_NOT_FOUND) {
        json_release(&j);
        return cli_fail(a->c, ERR_WORKER, "the worker's manifest is none");
    }
    if (a->output != NULL) {
        TRY(cml_write_out(a, a->output, bytes));
    }
    if (a->c->json) {
        return cli_emit(a->c, &j);
    }
    json_release(&j);
    return 0;
}

static int conflicts_json(struct cml_args *a, const Proctor__CmlReply *r)
{
    static const char *const sides[] = {"base", "ours", "theirs"};
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_u64(&j, "conflicts_n", r->conflicts_n);
    json_array(&j, "conflicts");
    for (size_t i = 0; i < r->n_conflicts; i++) {
        const Proctor__CmlConflict *c = r->conflicts[i];

        json_object(&j, NULL);
        json_str(&j, "path", c->path);
        json_str(&j, "why", c->why);
        for (size_t k = 0; k < ARRAY_N(sides) && k < c->n_values; k++) {
            json_str(&j, sides[k], c->values[k]);
        }
        json_close(&j);
    }
    json_close(&j);
    json_close(&j);
    a->c->told = 1;
    return cli_emit(a->c, &j);
}

static void print_conflicts(const Proctor__CmlReply *r)
{
    static const char *const sides[] = {"base:  ", "ours:  ", "theirs:"};

    for (size_t i = 0; i < r->n_conflicts; i++) {
        const Proctor__CmlConflict *c = r->conflicts[i];

        printf("%s: %s\n", c->path, c->why);
        for (size_t k = 0; k < ARRAY_N(sides) && k < c->n_values; k++) {
            if (c->values[k][0] != '\0') {
                printf("  %s %s\n", sides[k], c->values[k]);
            }
        }
    }
}

/* A merge with conflicts writes nothing. */
static int show_merge(struct cml_args *a, const Proctor__CmlReply *r)
{
    struct ubytes out = {r->out.data, r->out.len};

    if (r->conflicts_n > 0 && a->c->json) {
        TRY(conflicts_json(a, r));
        return ERR_TASK_FAILED;
    }
    if (r->conflicts_n > 0) {
        print_conflicts(r);
        return cli_fail(a->c, ERR_TASK_FAILED, "%u conflict%s: nothing is written",
                        r->conflicts_n, r->conflicts_n > 1 ? "s" : "");
    }
    if (a->output != NULL) {
        TRY(cml_write_out(a, a->output, out));
    }
    if (a->c->json) {
        return emit_json(a, r);
    }
    return a->output != NULL || fwrite(out.p, 1, out.n, stdout) == out.n
               ? 0
               : ERR_IO;
}

int cml_show_reply(struct cml_args *a, const Proctor__CmlReply *r)
{
    if (a->verb == VERB_EXPORT) {
        return cml_export_write(a, r);
    }
    if (a->verb == VERB_MANIFEST) {
        return show_manifest(a, r);
    }
    if (a->verb == VERB_MERGE) {
        return show_merge(a, r);
    }
    if (a->verb == VERB_FMT && a->write) {
        return cml_write_out(a, a->words[0],
                           (struct ubytes){r->out.data, r->out.len});
    }
    if (a->c->json) {
        TRY(emit_json(a, r));
    } else if (a->verb == VERB_CID || a->verb == VERB_CHECK ||
               (a->verb == VERB_CANONICAL && !a->as_text)) {
        print_units(a, r);
    } else if (r->error[0] == '\0' || a->inputs != NULL) {
        (void)fwrite(r->out.data, 1, r->out.len, stdout);
        printf("%s", a->verb == VERB_EVAL && a->inputs == NULL ? "\n" : "");
    }
    if (r->error_line > 0) {
        return cli_fail(a->c, ERR_TASK_FAILED, "line %u has no value: %s",
                        r->error_line, error_text(r->error));
    }
    if (r->error[0] != '\0') {
        return cli_fail(a->c, ERR_TASK_FAILED, "no value: %s", error_text(r->error));
    }
    if (a->verb == VERB_DIFF && r->out.len > 0) {
        a->c->told = 1; /* as diff(1) does */
        return ERR_TASK_FAILED;
    }
    return 0;
}
