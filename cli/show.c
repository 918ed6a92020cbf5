/* Showing one record: fields with their meaning, then the objects. Strings of a
 * record may quote a worker: escaped and cut. */
#include "cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/exam_text.h"
#include "cli/json.h"
#include "cli/kinds.h"
#include "cli/ledger.h"
#include "cli/holdout_text.h"
#include "cli/look_text.h"
#include "cli/object.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/little.h"
#include "proto/pb.h"

#include "worker.pb-c.h"

#define FIELD_BYTES 1000
#define LANE_SHOWN_BYTES (64u << 20)

/* The word of a coded number, or NULL. */
static const char *word_of(const struct record_field_info *info, uint64_t v)
{
    if (info->type != RT_U8) {
        return NULL;
    }
    if (strcmp(info->name, "verdict") == 0) {
        return verdict_name((unsigned)v);
    }
    if (strcmp(info->name, "metric") == 0) {
        return metric_name((unsigned)v);
    }
    if (strcmp(info->name, "level") == 0) {
        return level_name((unsigned)v);
    }
    if (strcmp(info->name, "decision") == 0) {
        return lane_decision_name((unsigned)v);
    }
    return strcmp(info->name, "state") == 0 ? state_name((unsigned)v) : NULL;
}

static void print_number(const struct record_field_info *info, uint64_t v)
{
    const char *word = word_of(info, v);
    size_t n = strlen(info->name);

    if (word != NULL) {
        fputs(word, stdout);
    } else if (n > 4 && strcmp(info->name + n - 4, "_ref") == 0) {
        /* A record's number plus one. */
        if (v == 0) {
            fputs("none", stdout);
        } else {
            printf("record %" PRIu64, v - 1);
        }
    } else {
        printf("%" PRIu64, v);
    }
}

static void print_hash(const uint8_t *h)
{
    static const uint8_t zero[CID_BYTES];
    char text[CID_TEXT_BYTES];

    if (memcmp(h, zero, sizeof(zero)) == 0) {
        fputs("none", stdout);
        return;
    }
    hex_text(h, CID_BYTES, text);
    fputs(text, stdout);
}

static void print_cids(struct ubytes list)
{
    size_t i;

    for (i = 0; i + CID_BYTES <= list.n; i += CID_BYTES) {
        printf("%s", i > 0 ? "\n                 " : "");
        print_hash(list.p + i);
    }
}

static void print_field(const struct record *r, enum record_field f)
{
    const struct record_field_info *info = record_field_info(f);

    printf("  %-14s ", info->name);
    switch (info->type) {
    case RT_U8:
    case RT_U32:
    case RT_U64:
        print_number(info, record_u(r, f));
        break;
    case RT_F64:
        printf("%.6g", record_f64(r, f));
        break;
    case RT_HASH:
        print_hash(record_hash(r, f));
        break;
    case RT_STR:
        term_put_text(stdout, record_bytes(r, f), FIELD_BYTES);
        break;
    case RT_BYTES:
        printf("%zu bytes", record_bytes(r, f).n);
        break;
    case RT_CIDS:
        print_cids(record_bytes(r, f));
        break;
    }
    printf("  (%s)\n", info->what);
}

/* Types for values inside the record's objects: those of the exam it names. */
static void types_of(const char *store, const struct record *r,
                     struct message_types *out)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    struct cid c;
    enum record_field f = RF_N_;

    memset(out, 0, sizeof(*out));
    if (r->kind == RECORD_VERDICT) {
        f = RF_VERDICT_exam;
    } else if (r->kind == RECORD_COMMIT) {
        f = RF_COMMIT_exam;
    }
    if (f == RF_N_) {
        return;
    }
    memcpy(c.b, record_hash(r, f), CID_BYTES);
    if (object_message(store, &c, &proctor__exam__descriptor, &m) == 0) {
        const Proctor__Exam *e = (const Proctor__Exam *)m;

        message_types_set(out, (struct ubytes){e->takes.data, e->takes.len},
                          (struct ubytes){e->gives.data, e->gives.len});
    }
    err_trace_clear();
}

/* The object that field f names, as what it should be. NULL with *out_rc when
 * it cannot be read; *out_rc 0: the field names no message. */
static ProtobufCMessage *load(const char *store, const struct record *r,
                              enum record_field f, int *out_rc)
{
    const struct kinds_info *kind = kinds_of_field(f);
    ProtobufCMessage *m = NULL;
    struct cid c;

    *out_rc = 0;
    if (kind == NULL || kind->type == NULL) {
        return NULL;
    }
    memcpy(c.b, record_hash(r, f), CID_BYTES);
    if (cid_is_zero(&c)) {
        return NULL;
    }
    *out_rc = object_message(store, &c, kind->type, &m);
    if (*out_rc == ERR_ENCODING && f == RF_TASK_result) {
        /* The result of an exam is its evidence, of a data.split the split. */
        *out_rc = object_message(store, &c, &proctor__evidence__descriptor, &m);
    }
    if (*out_rc == ERR_ENCODING && f == RF_TASK_result) {
        *out_rc = object_message(store, &c, &proctor__split__descriptor, &m);
    }
    err_trace_clear();
    return m;
}

static int print_object(const char *store, const struct record *r,
                        enum record_field f, const struct message_types *t)
{
    const char *name = record_field_info(f)->name;
    int rc;
    ProtobufCMessage *m CLEANUP(pb_freep) = load(store, r, f, &rc);

    if (m == NULL) {
        /* Not every field's object is kept, and a result may be of any type. */
        if (rc == ERR_STORE_DAMAGED) {
            printf("\n%s: DAMAGED: its bytes do not hash to their name\n",
                   name);
        }
        return 0;
    }
    printf("\n%s: %s\n", name, m->descriptor->short_name);
    return message_print(stdout, m, t, 2);
}

/* What a lane gave: the text as it is, then its tokens. */
static int print_lane(const char *store, const struct record *r)
{
    struct buf text, ids;
    struct cid c;
    int rc;

    if (r->kind != RECORD_GENERATE ||
        record_u(r, RF_GENERATE_decision) != LANE_EMIT) {
        return 0;
    }
    buf_init(&text, LANE_SHOWN_BYTES);
    buf_init(&ids, 4u * LIMIT_LANE_TOKENS);
    memcpy(c.b, record_hash(r, RF_GENERATE_result), CID_BYTES);
    rc = object_read(store, &c, LANE_SHOWN_BYTES, &text);
    memcpy(c.b, record_hash(r, RF_GENERATE_tokens), CID_BYTES);
    if (rc == 0 && !cid_is_zero(&c)) {
        rc = object_read(store, &c, 4u * LIMIT_LANE_TOKENS, &ids);
        printf("\ntext: ");
        term_put_text(stdout, buf_bytes(&text), LANE_SHOWN_BYTES);
        printf("\ntokens:");
        for (size_t i = 0; rc == 0 && i < buf_len(&ids) / 4; i++) {
            printf(" %" PRIu32, little_u32(buf_bytes(&ids).p, i));
        }
        printf("\n");
    } else if (rc == 0) {
        ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
        static const struct message_types none;

        if (pb_decode(&proctor__lane_answer__descriptor, buf_bytes(&text),
                      LANE_SHOWN_BYTES, &m) == 0) {
            printf("\nresult: %s\n", m->descriptor->short_name);
            rc = message_print(stdout, m, &none, 2);
        }
    }
    buf_release(&text);
    buf_release(&ids);
    err_trace_clear();
    return rc == ERR_NOMEM ? rc : 0; /* what is not there was collected */
}

static int print_record(const char *store, const struct ledger_entry *e)
{
    const struct record *r = &e->r;
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned n = record_fields_n(r->kind);
    struct message_types types;
    char time[TERM_TIME_BYTES];
    unsigned i;

    printf("record %" PRIu64 ": %s (%s)\n", r->seq, record_kind_name(r->kind),
           record_kind_what(r->kind));
    printf("  %-14s ", "leaf hash");
    print_hash(e->leaf.b);
    printf("\n  %-14s ", "follows");
    print_hash(r->prev);
    printf("\n  %-14s %s\n", "time", term_time(r->wall_ns, time));
    for (i = first; i < first + n; i++) {
        print_field(r, (enum record_field)i);
    }
    types_of(store, r, &types);
    for (i = first; i < first + n; i++) {
        TRY(print_object(store, r, (enum record_field)i, &types));
    }
    return print_lane(store, r);
}

static int json_record(struct cli *c, const char *store,
                       const struct ledger_entry *e)
{
    const struct record *r = &e->r;
    unsigned first = (unsigned)record_first_field(r->kind);
    struct message_types types;
    struct buf text;
    struct json j;
    unsigned i;
    int rc;

    buf_init(&text, (size_t)4 << 20);
    rc = record_put_json(&text, r, e->leaf.b);
    if (rc == 0) {
        json_init(&j);
        json_object(&j, NULL);
        json_raw(&j, "record", buf_bytes(&text));
        types_of(store, r, &types);
        json_object(&j, "objects");
        for (i = first; i < first + record_fields_n(r->kind); i++) {
            ProtobufCMessage *m = load(store, r, (enum record_field)i, &rc);

            if (m != NULL) {
                message_json(&j, record_field_info((enum record_field)i)->name,
                             m, &types);
                pb_free(m);
            }
        }
        json_close(&j);
        json_close(&j);
        rc = cli_emit(c, &j);
    }
    buf_release(&text);
    return rc;
}

int show_record(struct show_args *a, const char *store, uint64_t seq)
{
    struct ledger_entry e;
    int rc;

    ledger_entry_init(&e);
    rc = ledger_get(store, seq, &e, &a->c->d);
    if (rc == 0 && a->raw) {
        (void)fwrite(buf_bytes(&e.bytes).p, 1, buf_len(&e.bytes), stdout);
    } else if (rc == 0 && a->c->json) {
        rc = json_record(a->c, store, &e);
    } else if (rc == 0 && e.r.kind == RECORD_VERDICT) {
        struct exam_text x;

        exam_text_load(store, &e.r, &x);
        rc = exam_text_print(stdout, &x, &e.r, 2, term_has_colour(stdout));
        exam_text_release(&x);
        fputc('\n', stdout);
    } else if (rc == 0 && e.r.kind == RECORD_HOLDOUT) {
        holdout_print(stdout, store, &e.r, 2);
        fputc('\n', stdout);
    } else if (rc == 0 && e.r.kind == RECORD_LOOK) {
        look_print(stdout, store, &e.r, 2);
        fputc('\n', stdout);
    }
    if (rc == 0 && !a->raw && !a->c->json) {
        rc = print_record(store, &e);
    }
    ledger_entry_release(&e);
    return rc;
}
