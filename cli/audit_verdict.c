/* One line for a person: what is wrong, since when, and what can still be
 * trusted. Must never call more good than was looked at: without full, objects
 * and tiles were not. */
#include "cli/audit_int.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/seen.h"
#include "proto/err.h"
#include "proto/text.h"

struct line {
    char *p;
    size_t n;
    size_t max;
};

PRINTF_LIKE(2, 3)
static void say(struct line *l, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(l->p + l->n, l->max - l->n, fmt, ap);
    va_end(ap);
    if (n > 0) {
        l->n += (size_t)n;
        l->n = l->n < l->max ? l->n : l->max - 1;
    }
}

void audit_label_of(const struct audit *a, uint64_t seq, char out[static 96])
{
    struct ledger_entry e;
    struct diag d;

    out[0] = '\0';
    diag_init(&d);
    ledger_entry_init(&e);
    if (ledger_get(a->store, seq, &e, &d) == 0) {
        audit_label(&e.r, out);
    }
    err_trace_clear();
    ledger_entry_release(&e);
}

/* " (2026-11-21 09:14:03, verdict of crc32)". */
static void say_label(struct line *l, const char *label)
{
    if (label[0] != '\0') {
        say(l, " (%s)", label);
    }
}

/* When the last good record before seq was written. */
static void say_since(struct line *l, const struct audit *a, uint64_t seq)
{
    char label[96];

    if (seq == 0) {
        return;
    }
    audit_label_of(a, seq - 1, label);
    label[strcspn(label, ",")] = '\0';
    if (label[0] != '\0') {
        say(l, ", written after %s", label);
    }
}

/* "records 0..8 are good". */
static void say_good(struct line *l, const struct audit *a, uint64_t n)
{
    const char *objects =
        !a->full ? " (their objects: --full)"
        : a->damage[AUDIT_OBJECT].n == 0 ? " and the objects they name"
                                              : "";

    if (n == 0) {
        say(l, "; no record can be relied on");
    } else if (n == 1) {
        say(l, "; record 0%s is good", objects);
    } else {
        say(l, "; records 0..%" PRIu64 "%s are good", n - 1, objects);
    }
}

static void say_ledger(struct line *l, const struct audit *a,
                       const struct audit_damage *d)
{
    say(l, "from record %" PRIu64 " on", d->seq);
    say_since(l, a, d->seq);
    say(l, ": %s: %s", d->where, d->what);
    say_good(l, a, d->seq);
    say(l, "; nothing after can be relied on");
}

static void say_cut(struct line *l, const struct audit *a,
                    const struct audit_damage *d)
{
    uint64_t once = a->published.size > a->seen.size ? a->published.size
                                                     : a->seen.size;

    if (once > d->seq) {
        say(l, "records %" PRIu64 "..%" PRIu64 " are gone", d->seq, once - 1);
    } else {
        say(l, "the records are gone");
    }
    say_since(l, a, d->seq);
    say(l, ": %s: %s", d->where, d->what);
    say_good(l, a, d->seq);
}

static void say_entry(struct line *l, const struct audit *a,
                      const struct audit_damage *d)
{
    if (d->seq == AUDIT_NO_SEQ) {
        say(l, "%s: %s; all %" PRIu64 " records are good", d->where, d->what,
            a->out->size);
        return;
    }
    say(l, "record %" PRIu64, d->seq);
    say_label(l, d->label);
    if (d->label[0] == '\0') {
        say_since(l, a, d->seq);
        say(l, "%s", d->seq == 0 ? "" : ",");
    }
    say(l, " was changed: %s", d->where);
    if (d->n > 1) {
        say(l, "; so were %" PRIu64 " others", d->n - 1);
    }
    say_good(l, a, d->seq);
    say(l, ", and the bytes of all others up to %" PRIu64 " are as signed",
        a->out->size - 1);
}

static void say_rule(struct line *l, const struct audit *a,
                     const struct audit_damage *d)
{
    char label[96];

    audit_label_of(a, d->seq, label);
    say(l, "record %" PRIu64, d->seq);
    say_label(l, label);
    say(l, " breaks a rule: %s; every byte is as it was signed", d->what);
    say_good(l, a, d->seq);
}

static void say_object(struct line *l, const struct audit *a,
                       const struct audit_damage *d)
{
    say(l, "%s: %s", d->where, d->what);
    if (d->n > 1) {
        say(l, "; %" PRIu64 " others are bad too", d->n - 1);
    }
    say(l, "; all %" PRIu64 " records and %" PRIu64 " other objects are good",
        a->out->size, a->out->objects);
}

/* Files beside records and objects. */
static void say_file(struct line *l, const struct audit *a,
                     const struct audit_damage *d)
{
    say(l, "%s: %s", d->where, d->what);
    if (d->n > 1) {
        say(l, "; and %" PRIu64 " more", d->n - 1);
    }
    say_good(l, a, a->out->size);
}

static uint64_t first_doubt(const struct audit *a)
{
    static const enum audit_part DOUBT[] = {AUDIT_LEDGER, AUDIT_CUT,
                                            AUDIT_ENTRY, AUDIT_RULE};
    uint64_t n = a->out->size;
    size_t i;

    for (i = 0; i < ARRAY_N(DOUBT); i++) {
        const struct audit_damage *d = &a->damage[DOUBT[i]];

        if (d->n > 0 && d->seq < n) {
            n = d->seq;
        }
    }
    return n;
}

static void say_whole(struct line *l, const struct audit *a)
{
    const struct audit_result *r = a->out;

    say(l, "ledger is whole: %" PRIu64 " records", r->size);
    if (r->has_root) {
        char root[65];

        hex_text(r->root.b, sizeof(r->root.b), root);
        say(l, ", %" PRIu64 " batches signed, root %s", r->batches, root);
    }
    if (r->count[AUDIT_WARNING] > 0) {
        say(l, "; %" PRIu64 " warning%s", r->count[AUDIT_WARNING],
            r->count[AUDIT_WARNING] == 1 ? "" : "s");
    }
}

/* Who has seen more than is here, and never will again, must say so by hand. */
static void hint_cut(const struct audit *a, struct line *l)
{
    say(l, "put the newer copy back: no kernel works on this one");
    if (a->published.size <= a->out->size) { /* only the memory is ahead */
        char path[PATH_MAX];

        seen_path(a->id.origin, path);
        say(l, "; if it is lost for good, remove what you remember of it, %s, "
               "and go on from here", path);
    }
}

static void say_hint(struct audit *a, unsigned part)
{
    static const char *const DO[AUDIT_PARTS_N] = {
        [AUDIT_LEDGER] = "put a whole copy of the store back; nothing is "
                         "repaired by itself",
        [AUDIT_ENTRY] = "put ledger/wal back from a copy; nothing is repaired "
                        "by itself",
        [AUDIT_RULE] = "do not rely on it: whoever holds the key signed it",
        [AUDIT_OBJECT] = "put that file of objects/ back from a copy",
        [AUDIT_SIGNED] = "put that file back from a copy of this store, or, "
                         "where it is not the only damage, the whole store",
        [AUDIT_DERIVED] = "remove that file: the next run writes it again from "
                          "the records",
        [AUDIT_FILE] = "look who put it there, then remove it or set it right"};
    struct line l = {a->out->hint, 0, AUDIT_HINT_BYTES};

    if (part == AUDIT_CUT) {
        hint_cut(a, &l);
    } else {
        say(&l, "%s", DO[part]);
    }
}

void audit_verdict(struct audit *a)
{
    static void (*const SAY[AUDIT_PARTS_N])(struct line *, const struct audit *,
                                            const struct audit_damage *) = {
        say_ledger, say_cut,  say_entry, say_rule,
        say_object, say_file, say_file,  say_file};
    struct audit_result *r = a->out;
    struct line l = {r->line, 0, AUDIT_LINE_BYTES};
    unsigned part = 0;

    r->trusted = first_doubt(a);
    while (part < AUDIT_PARTS_N && a->damage[part].n == 0) {
        part++;
    }
    if (part == AUDIT_PARTS_N) {
        say_whole(&l, a);
        return;
    }
    say(&l, "DAMAGED: ");
    SAY[part](&l, a, &a->damage[part]);
    say_hint(a, part);
    if (r->count[AUDIT_DAMAGE] > a->damage[part].n) {
        say(&l, " (%" PRIu64 " findings)", r->count[AUDIT_DAMAGE]);
    }
}
