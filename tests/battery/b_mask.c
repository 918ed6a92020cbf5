/* Battery mask: an automaton over bytes forbids strings, wherever tokens are
 * cut. Tests only. */
#include "tests/battery/wishes.h"

#include <stdio.h>
#include <string.h>

#include "proto/automaton.h"
#include "workers/model/mask.h"
#include "workers/nn/gguf.h"
#include "workers/nn/tokenizer.h"

#define TOKENS_N 70u
#define CONTEXT 200u

/* Texts of these bytes in which this string is nowhere. */
struct ban {
    const char *alphabet, *string;
};
static const struct ban bans[] = {
    {"aeiot nrs", "te"},   {"aeiot nrs", "tat"}, {"abe ", "ea"},
    {"etaoin shr", "n s"}, {"et", "tet"},        {"aeiounthrsld ,.", "the"},
};

/* The truth: a search. */
static int is_allowed(const struct ban *b, const uint8_t *text, size_t n)
{
    size_t length = strlen(b->string);

    for (size_t i = 0; i < n; i++) {
        if (text[i] == 0 || strchr(b->alphabet, text[i]) == NULL ||
            (i + length <= n && memcmp(text + i, b->string, length) == 0)) {
            return 0;
        }
    }
    return 1;
}

static void put16(uint8_t *out, size_t *n, size_t v)
{
    out[(*n)++] = (uint8_t)(v >> 8);
    out[(*n)++] = (uint8_t)v;
}

/* How much of the string the text "string[0..matched) byte" ends in. */
static size_t next_state(const char *string, size_t matched, uint8_t byte)
{
    uint8_t text[32];
    size_t n = matched + 1;

    memcpy(text, string, matched);
    text[matched] = byte;
    while (memcmp(text + matched + 1 - n, string, n) != 0) {
        n--;
    }
    return n;
}

/* The same as a network (automaton.h): state = how much of the string the text
 * ends in; all states are final. */
static struct ubytes network(const struct ban *b)
{
    uint8_t *out = keep(65536);
    size_t n = 0, states = strlen(b->string);

    memcpy(out, "PAU1", 4);
    n = 4;
    put16(out, &n, states);
    for (size_t s = 0; s < states; s++) {
        size_t count_at, ranges = 0, last_to = SIZE_MAX, last_byte = 0;

        out[n++] = 1;
        count_at = n;
        n += 4; /* ranges; no calls */
        for (unsigned byte = 1; byte < 256; byte++) {
            size_t to = next_state(b->string, s, (uint8_t)byte);

            if (strchr(b->alphabet, (int)byte) == NULL || to == states) {
                continue;
            }
            if (to == last_to && last_byte + 1 == byte) {
                out[n - 3] = (uint8_t)byte;
            } else {
                out[n++] = (uint8_t)byte;
                out[n++] = (uint8_t)byte;
                put16(out, &n, to);
                ranges++;
            }
            last_to = to;
            last_byte = byte;
        }
        put16(out, &count_at, ranges);
        put16(out, &count_at, 0);
    }
    return (struct ubytes){out, n};
}

struct search {
    const struct ban *ban;
    const struct tokenizer *tokens;
    uint64_t refused; /* tokens whose own bytes would do, but not here */
};

/* For same_loop: by search, for each token of the vocabulary. */
static void allowed_tokens(void *ctx, const uint8_t *text, size_t n,
                           uint8_t *bits)
{
    struct search *s = ctx;
    uint32_t vocab = tokenizer_n(s->tokens);

    memset(bits, 0, vocab / 8 + 1);
    for (uint32_t i = 0; i < vocab; i++) {
        struct ubytes b = tokenizer_bytes(s->tokens, i);
        uint8_t whole[64 * TOKENS_N + 64];
        int ok = tokenizer_is_end(s->tokens, i);

        if (b.n > 0) {
            memcpy(whole, text, n);
            memcpy(whole + n, b.p, b.n);
            ok = is_allowed(s->ban, whole, n + b.n);
            s->refused += !ok && is_allowed(s->ban, b.p, b.n);
        }
        bits[i / 8] |= (uint8_t)((unsigned)(ok != 0) << (i % 8));
    }
}

/* The text itself, once more: nowhere the string. */
static void check_text(struct account *a, const struct search *s,
                       const struct said *said)
{
    uint8_t text[64 * TOKENS_N];
    size_t n = 0;

    for (size_t i = 0; i < said->n; i++) {
        struct ubytes b = tokenizer_bytes(s->tokens, said->ids[i]);

        if (b.n > 0) {
            memcpy(text + n, b.p, b.n);
        }
        n += b.n;
    }
    hold(a, is_allowed(s->ban, text, n), "'%s' is in a text of %zu bytes",
         s->ban->string, n);
}

static void with_drafts(struct account *a, const struct plain_text *p,
                        const struct search *search)
{
    const void *mark = keep_mark();
    struct talk t = talk_make(p->little, p->little, CONTEXT, 64, 1);
    struct wish w = *p->wish;
    struct said said = {0};
    struct turn turn = {0, &said, 1};

    w.drafts = 1 + below(a, 8);
    (void)talk_open(&t, 0, &w, 0);
    while (!said.is_over && said.n < w.most) {
        turn.tokens = 1 + below(a, w.most - (uint32_t)said.n);
        (void)talk_quantum(&t, &turn, 1, 1 + below(a, 5));
        check_text(a, search, &said);
    }
    same_said(a, p, &said, 1, "with a grammar and drafts");
    same_lane(a, p, &t, 0, "with a grammar and drafts");
    a->schedules++;
    keep_back(mark);
}

/* Every text of up to three tokens that the mask lets through, and at each of
 * them every token of the vocabulary. */
struct all {
    struct account *account;
    struct search *search;
    const struct automaton *automaton;
    struct mask_grammar *grammar;
    uint8_t *want, *got;
    size_t bytes; /* of a set of tokens */
};

static void every_text(struct all *e, const struct automaton_at *at,
                       const uint8_t *text, size_t n, size_t tokens_left)
{
    const void *mark = keep_mark();
    struct automaton_at *next = keep(sizeof(*next));
    const struct tokenizer *t = e->search->tokens;
    uint8_t *bits = keep(e->bytes), more[256];

    memset(e->got, 0, e->bytes);
    MUST(mask_allowed(e->grammar, at, e->got));
    allowed_tokens(e->search, text, n, e->want);
    same(e->account, e->want, e->got, e->bytes,
         "tokens that may follow '%.*s' without '%s'", (int)n, text,
         e->search->ban->string);
    e->account->positions++;
    memcpy(bits, e->got, e->bytes);
    memcpy(more, text, n);
    for (uint32_t i = 0; tokens_left > 0 && i < tokenizer_n(t); i++) {
        struct ubytes b = tokenizer_bytes(t, i);

        if ((bits[i / 8] >> (i % 8) & 1) == 0 || b.n == 0) {
            continue;
        }
        must(n + b.n > sizeof(more), "bytes of a short text");
        *next = *at;
        for (size_t k = 0; k < b.n; k++) {
            more[n + k] = b.p[k];
            MUST(automaton_step(e->automaton, next, b.p[k]));
        }
        every_text(e, next, more, n + b.n, tokens_left - 1);
    }
    keep_back(mark);
}

static void exhaust(struct account *a, struct search *s)
{
    const void *mark = keep_mark();
    struct automaton *automaton = NULL;
    struct automaton_at *start = keep(sizeof(*start));
    struct mask *mask = NULL;
    struct all e = {.account = a, .search = s};

    MUST(automaton_read(network(s->ban), &automaton));
    MUST(mask_new(s->tokens, &mask));
    MUST(mask_grammar_new(mask, automaton, &e.grammar));
    e.automaton = automaton;
    e.bytes = mask_bytes(mask);
    e.want = keep(e.bytes + 8);
    e.got = keep(e.bytes + 8);
    automaton_start(automaton, start);
    every_text(&e, start, (const uint8_t *)"", 0, a->full ? 3 : 2);
    mask_grammar_free(e.grammar);
    mask_free(mask);
    automaton_free(automaton);
    a->schedules++;
    keep_back(mark);
}

static void run(struct account *a)
{
    uint64_t refused = 0;

    for (size_t kind = 0; kind < KINDS_N; kind++) {
        for (uint64_t spm = 0; spm < 2; spm++) {
            const struct little *l =
                talker_make(a, kind, 0, 16, 1500 + 2 * kind + spm);
            struct search s = {NULL, talker_tokens(l), 0};

            for (size_t i = 0; kind == 0 && i < ARRAY_N(bans); i++) {
                s.ban = &bans[i];
                exhaust(a, &s);
            }
            for (size_t i = 0; i < (a->full ? 20u : 1u) * ARRAY_N(bans); i++) {
                const void *mark = keep_mark();
                struct wish *w = wish_draw(a, TOKENS_N);
                const struct plain_text *p;

                s.ban = &bans[i % ARRAY_N(bans)];
                w->automaton = network(s.ban);
                p = plain_text(a, l, w, CONTEXT);
                check_text(a, &s, &p->said);
                same_loop(a, p, allowed_tokens, &s);
                with_drafts(a, p, &s);
                keep_back(mark);
            }
            refused += s.refused;
        }
    }
    hold(a, refused > 100,
         "%llu tokens were refused for what stood before them",
         (unsigned long long)refused);
}

const struct battery battery_mask = {
    .name = "mask",
    .mechanism = "commit trap: automaton over bytes",
    .compares =
        "tokens under an automaton against a loop that searches each "
        "continuation for the forbidden string, the mask of every short text "
        "with that search, and texts with drafts, their residuals, keys and "
        "values against those without",
    .over = "all kinds, both kinds of tokenizer; strings that tokens are cut "
            "within; every sampling; random quanta",
    .saboteurs = {"mask-boundary"},
    .run = run,
};
