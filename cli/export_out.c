/* See export_out.h. What leaves is collected here; who carries it is a program of
 * its own (bridge.h), but for SQLite, which the command line has anyway. */
#include "cli/export_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/bridge.h"
#include "cli/export_units.h"
#include "cli/import.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/projection.h"
#include "cli/sql_lite.h"
#include "cli/sql_text.h"
#include "proto/err.h"
#include "proto/pb.h"

/* The store, if there is one, and the files. Without files there must be one. */
static int collect(const struct export_out *x, struct projection *p,
                   int with_texts)
{
    struct place place;
    int rc = 0;

    if (x->units_n > 0 && x->c->store == NULL) {
        TRY(rc = place_find(NULL, &place, &x->c->d));
    }
    if (rc == 0) {
        TRY(place_open(x->c->store, &place, &x->c->d));
        TRY(projection_store(p, place.path, &x->c->d));
    }
    TRY(export_units_add(x, p));
    TRY(projection_end(p, &x->c->d));
    return with_texts ? export_units_text(x, p) : 0;
}

/* The answer for a person or a program. */
static int tell(const struct export_out *x, const struct projection *p,
                const Proctor__BridgeAnswer *a, const char *where)
{
    struct json j;

    if (x->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "did", p->did);
        json_hex(&j, "manifest", p->m.manifest.data, p->m.manifest.len);
        json_u64(&j, "names", p->manifest.n);
        json_u64(&j, "refs_not_cml", p->refs_other);
        if (a->commit[0] != '\0') {
            json_str(&j, "commit", a->commit);
        }
        json_bool(&j, "changed", a->changed);
        json_u64(&j, "new_blobs", a->blobs);
        json_u64(&j, "new_refs", a->refs);
        json_u64(&j, "new_assertions", a->assertions);
        json_close(&j);
        return cli_emit(x->c, &j);
    }
    printf("%zu names in %s: ", p->manifest.n, where);
    if (!a->changed) {
        printf("nothing new");
    } else {
        printf("%" PRIu64 " new blobs, %" PRIu64 " refs moved", a->blobs,
               a->refs);
    }
    printf("%s%s\n", a->commit[0] != '\0' ? ", commit " : "", a->commit);
    if (p->refs_other > 0) {
        printf("%" PRIu64 " other refs stand for no CML and stay here\n",
               p->refs_other);
    }
    if (a->note[0] != '\0') {
        printf("note: %s\n", a->note);
    }
    return 0;
}

static int carry(const struct export_out *x, struct projection *p,
                 const struct bridge *b, const char *place, const char *where)
{
    CLEANUP(pb_freep) Proctor__BridgeAnswer *a = NULL;
    Proctor__BridgeAsk ask = PROCTOR__BRIDGE_ASK__INIT;

    ask.place = pb_str(place);
    ask.projection = &p->m;
    TRY(bridge_ask(b, &ask, &a, &x->c->d));
    return tell(x, p, a, where);
}

int export_git(const struct export_out *x, const char *dir)
{
    const struct bridge b = {BRIDGE_GIT, "export", dir, 0};
    struct projection p;
    int rc;

    projection_init(&p);
    rc = collect(x, &p, 1);
    if (rc == 0) {
        rc = carry(x, &p, &b, "", dir);
    }
    projection_release(&p);
    return rc;
}

static int is_postgres(const char *where)
{
    return strncmp(where, "postgres://", 11) == 0 ||
           strncmp(where, "postgresql://", 13) == 0;
}

static int to_sqlite(const struct export_out *x, struct projection *p,
                     const char *path)
{
    Proctor__BridgeAnswer a = PROCTOR__BRIDGE_ANSWER__INIT;

    TRY(sql_lite_write(path, &p->m, &a, &x->c->d));
    return tell(x, p, &a, path);
}

int export_sql(const struct export_out *x, const char *where)
{
    const struct bridge b = {BRIDGE_SQL, "export", NULL, 1};
    int for_psql = strcmp(where, "postgres:-") == 0;
    struct projection p;
    int rc;

    projection_init(&p);
    rc = collect(x, &p, 0);
    if (rc == 0 && (for_psql || strcmp(where, "-") == 0)) {
        rc = sql_text_write(stdout, for_psql, &p.m);
        x->c->emitted = 1; /* SQL, whatever --json says */
        rc = rc == 0 ? 0 : cli_fail(x->c, rc, "cannot write the SQL");
    } else if (rc == 0 && is_postgres(where)) {
        rc = carry(x, &p, &b, where, "the database");
    } else if (rc == 0 && strstr(where, "://") != NULL) {
        rc = cli_fail_hint(x->c, ERR_INPUT,
                           "FILE.sqlite, postgres://HOST/DATABASE, - or "
                           "postgres:-",
                           "no such kind of database");
    } else if (rc == 0) {
        rc = to_sqlite(x, &p, where);
    }
    projection_release(&p);
    return rc;
}

static int tell_import(struct cli *c, const struct import *m,
                       const char *folder)
{
    struct json j;

    if (!c->json) {
        for (size_t i = 0; i < m->n; i++) {
            char cid[CID_TEXT_BYTES];

            cid_text(&m->items[i].cid, cid);
            printf("%s  %s/%s.cmlb\n", cid, folder, m->items[i].name);
        }
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "imported");
    for (size_t i = 0; i < m->n; i++) {
        json_object(&j, NULL);
        json_str(&j, "name", m->items[i].name);
        json_hex(&j, "cid", m->items[i].cid.b, CID_BYTES);
        json_u64(&j, "nodes", m->items[i].nodes);
        json_close(&j);
    }
    json_close(&j);
    json_str(&j, "folder", folder);
    json_close(&j);
    return cli_emit(c, &j);
}

int import_git(struct cli *c, const char *dir, const char *folder)
{
    const struct bridge b = {BRIDGE_GIT, "import", dir, 0};
    CLEANUP(pb_freep) Proctor__BridgeAnswer *a = NULL;
    Proctor__BridgeAsk ask = PROCTOR__BRIDGE_ASK__INIT;
    struct import m;
    int rc;

    TRY(bridge_ask(&b, &ask, &a, &c->d));
    if (a->projection == NULL) {
        return cli_fail(c, ERR_INTERNAL, BRIDGE_GIT " found nothing");
    }
    import_init(&m);
    rc = import_check(&m, a->projection, &c->d);
    if (rc == 0) {
        rc = import_write(&m, folder, &c->d);
    }
    if (rc == 0) {
        rc = tell_import(c, &m, folder);
    }
    import_release(&m);
    return rc;
}
