/* See tlog_policy.h. Source: c2sp.org/tlog-policy. A key type that cannot be
 * checked here is refused, not passed over: its group would count less than the
 * person meant. */
#include "proto/tlog_policy.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/note_text.h"

#define WORDS_MAX (3 + 2 * TLOG_POLICY_MAX)
#define FIRST_GROUP 32

struct reader {
    struct tlog_policy *p;
    const char *path;
    uint32_t line;
    struct diag *d;
    struct note_text words[WORDS_MAX];
    size_t words_n;
    uint64_t used; /* members of some group */
    int has_quorum;
};

static int refuse(struct reader *r, const char *what, struct note_text about)
{
    return diag_set(r->d, ERR_INPUT, (struct loc){r->path, r->line, 0},
                    "%s%s%.*s", what, about.n > 0 ? ": " : "",
                    (int)(about.n < 80 ? about.n : 80),
                    about.n > 0 ? about.p : "");
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Words of one line; none for an empty line and a comment. */
static int cut(struct reader *r, struct note_text line)
{
    size_t i = 0;

    r->words_n = 0;
    while (i < line.n) {
        struct note_text *w = &r->words[r->words_n];

        if (is_blank(line.p[i])) {
            i++;
            continue;
        }
        if (r->words_n == 0 && line.p[i] == '#') {
            return 0;
        }
        if (r->words_n == WORDS_MAX) {
            return refuse(r, "too many words", (struct note_text){NULL, 0});
        }
        w->p = line.p + i;
        while (i < line.n && !is_blank(line.p[i])) {
            i++;
        }
        w->n = (size_t)(line.p + i - w->p);
        r->words_n++;
    }
    return 0;
}

static int copy(struct note_text t, char *out, size_t out_n)
{
    if (t.n >= out_n) {
        return 0;
    }
    memcpy(out, t.p, t.n);
    out[t.n] = '\0';
    return 1;
}

/* The bit of a witness or group of that name, or -1. */
static int find(const struct tlog_policy *p, struct note_text name)
{
    unsigned i;

    for (i = 0; i < p->witnesses_n; i++) {
        if (note_text_is(name, p->witnesses[i].name)) {
            return (int)i;
        }
    }
    for (i = 0; i < p->groups_n; i++) {
        if (note_text_is(name, p->groups[i].name)) {
            return FIRST_GROUP + (int)i;
        }
    }
    return -1;
}

/* A name that can be defined here. */
static int take_name(struct reader *r, struct note_text t, char *out)
{
    if (note_text_is(t, "none") || find(r->p, t) >= 0) {
        return refuse(r, "this name is taken", t);
    }
    return copy(t, out, TLOG_POLICY_NAME_BYTES)
               ? 0
               : refuse(r, "this name is too long", t);
}

static int take_url(struct reader *r, size_t at, char *out)
{
    out[0] = '\0';
    if (r->words_n > at + 1) {
        return refuse(r, "more words than belong here", r->words[at + 1]);
    }
    return r->words_n <= at || copy(r->words[at], out, TLOG_POLICY_URL_BYTES)
               ? 0
               : refuse(r, "this URL is too long", r->words[at]);
}

static int read_log(struct reader *r)
{
    struct tlog_policy *p = r->p;
    struct tlog_policy_log *l = &p->logs[p->logs_n];
    char vkey[512];
    unsigned i;

    if (p->logs_n == TLOG_POLICY_MAX) {
        return refuse(r, "more than 32 logs", r->words[0]);
    }
    if (r->words_n < 2 || !copy(r->words[1], vkey, sizeof(vkey)) ||
        note_vkey_parse(vkey, l->origin, l->key) != 0) {
        err_trace_clear();
        return refuse(r, "expected log VKEY [URL], an Ed25519 log key",
                      (struct note_text){NULL, 0});
    }
    for (i = 0; i < p->logs_n; i++) {
        if (memcmp(p->logs[i].key, l->key, sizeof(l->key)) == 0) {
            return refuse(r, "this log key stands here twice", r->words[1]);
        }
    }
    TRY(take_url(r, 2, l->url));
    p->logs_n++;
    return 0;
}

static int read_witness(struct reader *r)
{
    struct tlog_policy *p = r->p;
    struct tlog_policy_witness *w = &p->witnesses[p->witnesses_n];
    char vkey[512];
    unsigned i;

    if (p->witnesses_n == TLOG_POLICY_MAX) {
        return refuse(r, "more than 32 witnesses", r->words[0]);
    }
    if (r->words_n < 3 || !copy(r->words[2], vkey, sizeof(vkey)) ||
        cosigner_parse(vkey, &w->cosigner) != 0) {
        err_trace_clear();
        return refuse(r,
                      "expected witness NAME VKEY [URL], an Ed25519 "
                      "cosignature key (type 4)",
                      (struct note_text){NULL, 0});
    }
    for (i = 0; i < p->witnesses_n; i++) {
        if (memcmp(p->witnesses[i].cosigner.key, w->cosigner.key, 32) == 0) {
            return refuse(r, "this witness key stands here twice", r->words[2]);
        }
    }
    TRY(take_name(r, r->words[1], w->name));
    TRY(take_url(r, 3, w->url));
    p->witnesses_n++;
    return 0;
}

static int read_members(struct reader *r, struct tlog_policy_group *g)
{
    size_t i;

    g->members = 0;
    for (i = 3; i < r->words_n; i++) {
        int at = find(r->p, r->words[i]);

        if (at < 0) {
            return refuse(r, "not defined above", r->words[i]);
        }
        if ((r->used >> at & 1) != 0) {
            return refuse(r, "is a member already", r->words[i]);
        }
        r->used |= (uint64_t)1 << at;
        g->members |= (uint64_t)1 << at;
    }
    return 0;
}

static int read_group(struct reader *r)
{
    struct tlog_policy *p = r->p;
    struct tlog_policy_group *g = &p->groups[p->groups_n];
    uint64_t n = r->words_n - 3;
    uint64_t k = 0;

    if (p->groups_n == TLOG_POLICY_MAX) {
        return refuse(r, "more than 32 groups", r->words[0]);
    }
    if (r->words_n < 4) {
        return refuse(r, "expected group NAME K|any|all NAME...",
                      (struct note_text){NULL, 0});
    }
    TRY(take_name(r, r->words[1], g->name));
    if (note_text_is(r->words[2], "any")) {
        k = 1;
    } else if (note_text_is(r->words[2], "all")) {
        k = n;
    } else if (!note_parse_u64(r->words[2], &k) || k < 1 || k > n) {
        return refuse(r, "expected any, all or 1 to the number of members",
                      r->words[2]);
    }
    TRY(read_members(r, g));
    g->k = (unsigned)k;
    p->groups_n++;
    return 0;
}

static int read_quorum(struct reader *r)
{
    if (r->has_quorum) {
        return refuse(r, "a second quorum", r->words[0]);
    }
    if (r->words_n != 2) {
        return refuse(r, "expected quorum NAME|none",
                      (struct note_text){NULL, 0});
    }
    r->has_quorum = 1;
    r->p->quorum = -1;
    if (note_text_is(r->words[1], "none")) {
        return 0;
    }
    r->p->quorum = find(r->p, r->words[1]);
    return r->p->quorum >= 0 ? 0
                             : refuse(r, "not defined above", r->words[1]);
}

static int read_line(struct reader *r, struct note_text line)
{
    static const struct {
        const char *word;
        int (*read)(struct reader *r);
    } kinds[] = {{"log", read_log},
                 {"witness", read_witness},
                 {"group", read_group},
                 {"quorum", read_quorum}};
    size_t i;

    for (i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return refuse(r, "a control character",
                          (struct note_text){NULL, 0});
        }
    }
    TRY(cut(r, line));
    for (i = 0; i < ARRAY_N(kinds) && r->words_n > 0; i++) {
        if (note_text_is(r->words[0], kinds[i].word)) {
            return kinds[i].read(r);
        }
    }
    return r->words_n == 0
               ? 0
               : refuse(r, "expected log, witness, group or quorum",
                        r->words[0]);
}

int tlog_policy_read(struct ubytes in, const char *path,
                     struct tlog_policy *out, struct diag *d)
{
    struct reader r = {.p = out, .path = path, .d = d};
    struct note_text rest = {(const char *)in.p, in.n};
    struct note_text line;

    memset(out, 0, sizeof(*out));
    while (rest.n > 0) {
        r.line++;
        if (!note_take_line(&rest, &line)) {
            return refuse(&r, "the last line has no end",
                          (struct note_text){NULL, 0});
        }
        TRY(read_line(&r, line));
    }
    if (!r.has_quorum) {
        r.line = 0;
        return refuse(&r, "there is no quorum line",
                      (struct note_text){NULL, 0});
    }
    return 0;
}

static const char *name_of(const struct tlog_policy *p, unsigned bit)
{
    return bit < FIRST_GROUP ? p->witnesses[bit].name
                             : p->groups[bit - FIRST_GROUP].name;
}

static int write_keys(struct buf *out, const struct tlog_policy *p)
{
    unsigned i;

    for (i = 0; i < p->logs_n; i++) {
        const struct tlog_policy_log *l = &p->logs[i];

        TRY(buf_putf(out, "log "));
        TRY(note_vkey(out, l->origin, l->key));
        TRY(buf_putf(out, "%s%s\n", l->url[0] != '\0' ? " " : "", l->url));
    }
    for (i = 0; i < p->witnesses_n; i++) {
        const struct tlog_policy_witness *w = &p->witnesses[i];

        TRY(buf_putf(out, "witness %s ", w->name));
        TRY(cosigner_vkey(out, &w->cosigner));
        TRY(buf_putf(out, "%s%s\n", w->url[0] != '\0' ? " " : "", w->url));
    }
    return 0;
}

static int write_group(struct buf *out, const struct tlog_policy *p,
                       const struct tlog_policy_group *g)
{
    unsigned bit;

    TRY(buf_putf(out, "group %s %u", g->name, g->k));
    for (bit = 0; bit < 64; bit++) {
        if ((g->members >> bit & 1) != 0) {
            TRY(buf_putf(out, " %s", name_of(p, bit)));
        }
    }
    return buf_put_u8(out, '\n');
}

int tlog_policy_write(struct buf *out, const struct tlog_policy *p)
{
    unsigned i;

    TRY(write_keys(out, p));
    for (i = 0; i < p->groups_n; i++) {
        TRY(write_group(out, p, &p->groups[i]));
    }
    return buf_putf(out, "quorum %s\n",
                    p->quorum < 0 ? "none" : name_of(p, (unsigned)p->quorum));
}

int tlog_policy_met(const struct tlog_policy *p, uint32_t witnesses)
{
    uint64_t met = witnesses;
    unsigned i;

    for (i = 0; i < p->groups_n; i++) {
        const struct tlog_policy_group *g = &p->groups[i];

        if ((unsigned)__builtin_popcountll(g->members & met) >= g->k) {
            met |= (uint64_t)1 << (FIRST_GROUP + i);
        }
    }
    return p->quorum < 0 || (met >> p->quorum & 1) != 0;
}

int tlog_policy_cosigned(const struct tlog_policy *p, struct ubytes note,
                         uint32_t *out_good, uint32_t *out_bad)
{
    unsigned i;

    *out_good = 0;
    *out_bad = 0;
    for (i = 0; i < p->witnesses_n; i++) {
        uint64_t time_s;
        int code = cosign_check(note, &p->witnesses[i].cosigner, &time_s);

        if (code < 0) {
            return code;
        }
        if (code != COSIGN_E_NONE) {
            *(code == 0 ? out_good : out_bad) |= (uint32_t)1 << i;
        }
    }
    return 0;
}
