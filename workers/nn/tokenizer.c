/* Text to tokens and back. Runs in the model worker. Must never turn text into a
 * token that is not for text: only entries of the `matched` index, USER tokens
 * and the tokens of single bytes come out of here. */
#include "workers/nn/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/nn/tokenizer_int.h"

static const struct loc nowhere = {NULL, 0, 0};

int tokens_add(struct tokens *t, uint32_t id)
{
    if (t->n == t->cap) {
        size_t cap = 2 * t->cap + 64;
        uint32_t *more = realloc(t->v, cap * sizeof(*more));

        if (more == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        t->v = more;
        t->cap = cap;
    }
    t->v[t->n++] = id;
    return 0;
}

void tokens_release(struct tokens *t)
{
    free(t->v);
    memset(t, 0, sizeof(*t));
}

void tokenizer_free(struct tokenizer *t)
{
    if (t != NULL) {
        free(t->entries);
        free(t->pool);
        free(t->merges);
        free(t->users);
        index_release(&t->matched);
        index_release(&t->others);
        index_release(&t->pairs);
        free(t);
    }
}

uint32_t tokenizer_n(const struct tokenizer *t)
{
    return t->n;
}

const char *tokenizer_rule(const struct tokenizer *t)
{
    return t->pre == NULL ? "llama" : t->pre->name;
}

/* The longest USER token at the front of s, or TOKENIZER_NONE. The sorted tokens
 * [lo, hi) share the first `depth` bytes with s; each step keeps those that share
 * one more. */
static uint32_t user_at(const struct tokenizer *t, struct ubytes s)
{
    size_t lo = 0;
    size_t hi = t->users_n;
    uint32_t best = TOKENIZER_NONE;

    if (!t->user_first[s.p[0]]) {
        return TOKENIZER_NONE;
    }
    for (size_t depth = 0; lo < hi; depth++) {
        size_t ends[2];

        if (t->entries[t->users[lo]].bytes == depth) {
            best = t->users[lo++]; /* it sorts before all that go on */
        }
        if (depth == s.n) {
            break;
        }
        for (int end = 0; end < 2; end++) { /* first not below, first above */
            size_t a = lo;
            size_t b = hi;

            while (a < b) {
                size_t middle = a + (b - a) / 2;
                uint8_t c = entry_text(t, t->users[middle]).p[depth];

                if (c < s.p[depth] || (end == 1 && c == s.p[depth])) {
                    a = middle + 1;
                } else {
                    b = middle;
                }
            }
            ends[end] = a;
        }
        lo = ends[0];
        hi = ends[1];
    }
    return best;
}

struct encoder {
    struct join join;
    struct tokens *out;
    struct buf spaced; /* a stretch with a space before it */
};

/* Pieces: a stretch between USER tokens, at its front a space if asked. */
static int encode_pieces(struct encoder *e, struct ubytes s, size_t *out_bad)
{
    int code;

    if (!e->join.t->adds_space) {
        return join_pieces(&e->join, s, e->out, out_bad);
    }
    buf_reset(&e->spaced);
    TRY(buf_put_u8(&e->spaced, ' '));
    TRY(buf_put(&e->spaced, s.p, s.n));
    code = join_pieces(&e->join, buf_bytes(&e->spaced), e->out, out_bad);
    *out_bad -= *out_bad > 0;
    return code;
}

static int encode_words(struct encoder *e, struct ubytes s, size_t *out_bad)
{
    struct pre_words words;
    struct ubytes word;

    pre_words_init(&words, e->join.t->pre, s);
    while (pre_words_next(&words, &word)) {
        uint32_t id = e->join.t->pre->whole_words &&
                              word.n <= e->join.t->longest
                          ? index_find(&e->join.t->matched, e->join.t, word)
                          : TOKENIZER_NONE;
        int code = id != TOKENIZER_NONE
                       ? tokens_add(e->out, id)
                       : join_pairs(&e->join, word, e->out, out_bad);

        if (code != 0) {
            *out_bad += (size_t)(word.p - s.p);
            return code;
        }
    }
    return 0;
}

static int encode_stretch(struct encoder *e, struct ubytes s, size_t *out_bad)
{
    if (s.n == 0) {
        return 0;
    }
    return e->join.t->pre == NULL ? encode_pieces(e, s, out_bad)
                                  : encode_words(e, s, out_bad);
}

static int encode_all(struct encoder *e, struct ubytes text, size_t *out_bad)
{
    const struct tokenizer *t = e->join.t;
    size_t done = 0;
    int code;

    for (size_t off = 0; off < text.n;) {
        struct ubytes rest = {text.p + off, text.n - off};
        uint32_t id = user_at(t, rest);

        if (id == TOKENIZER_NONE) {
            off++;
            continue;
        }
        code = encode_stretch(e, (struct ubytes){text.p + done, off - done},
                              out_bad);
        *out_bad += done;
        TRY(code);
        TRY(tokens_add(e->out, id));
        off += t->entries[id].bytes;
        done = off;
        *out_bad = 0;
    }
    code = encode_stretch(e, (struct ubytes){text.p + done, text.n - done},
                          out_bad);
    *out_bad += done;
    return code;
}

/* Offset of the first byte that is no UTF-8; text.n: all of it is. */
static size_t bad_utf8(struct ubytes text)
{
    size_t off = 0;

    while (off < text.n) {
        uint32_t cp;
        size_t n = utf8_next((struct ubytes){text.p + off, text.n - off}, &cp);

        if (n == 0) {
            break;
        }
        off += n;
    }
    return off;
}

static int check_text(struct ubytes text, struct diag *d)
{
    size_t bad;

    if (text.n > TOKENIZER_TEXT_BYTES_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the text has %zu bytes, the limit is %u", text.n,
                        TOKENIZER_TEXT_BYTES_MAX);
    }
    bad = bad_utf8(text);
    if (bad < text.n) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the text is no UTF-8 at byte %zu (0x%02x)", bad,
                        text.p[bad]);
    }
    return 0;
}

int tokenizer_encode(const struct tokenizer *t, struct ubytes text,
                     struct tokens *out, struct diag *d)
{
    struct encoder e = {.join = {.t = t}, .out = out};
    size_t before = out->n;
    size_t bad = 0;
    int code = check_text(text, d);

    if (code != 0) {
        return code;
    }
    buf_init(&e.spaced, (size_t)TOKENIZER_TEXT_BYTES_MAX + 1);
    code = encode_all(&e, text, &bad);
    if (code != 0) {
        out->n = before;
    }
    if (code == ERR_INPUT) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "byte %zu (0x%02x) of the text is no token of this model",
                       bad, text.p[bad]);
    }
    join_release(&e.join);
    buf_release(&e.spaced);
    return code;
}

int tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t n,
                     struct buf *out, struct diag *d)
{
    int spaced = t->adds_space; /* a space stands before what comes next */

    for (size_t i = 0; i < n; i++) {
        struct ubytes s;

        if (ids[i] >= t->n) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "token %u: the model has %u, from 0 on", ids[i],
                            t->n);
        }
        s = tokenizer_bytes(t, ids[i]);
        if (t->entries[ids[i]].kind == TOKEN_USER) {
            spaced = t->adds_space;
        } else if (s.n > 0) {
            size_t skip = spaced && s.p[0] == ' ';

            spaced = 0;
            s.p += skip;
            s.n -= skip;
        }
        TRY(buf_put(out, s.p, s.n));
    }
    return 0;
}

struct ubytes tokenizer_bytes(const struct tokenizer *t, uint32_t id)
{
    const struct entry *e = &t->entries[id];
    struct ubytes text = entry_text(t, id);

    ASSERT(id < t->n);
    switch ((enum token_kind)e->kind) {
    case TOKEN_NORMAL:
    case TOKEN_USER:
        return text;
    case TOKEN_BYTE:
        return t->bytes[e->byte] == id ? (struct ubytes){&e->byte, 1}
                                       : (struct ubytes){NULL, 0};
    case TOKEN_UNKNOWN:
    case TOKEN_CONTROL:
    case TOKEN_UNUSED:
        break;
    }
    return (struct ubytes){NULL, 0};
}

struct ubytes tokenizer_text(const struct tokenizer *t, uint32_t id)
{
    ASSERT(id < t->n);
    return entry_text(t, id);
}

enum token_kind tokenizer_kind(const struct tokenizer *t, uint32_t id)
{
    ASSERT(id < t->n);
    return (enum token_kind)t->entries[id].kind;
}

int tokenizer_find(const struct tokenizer *t, const char *text, uint32_t *out)
{
    uint32_t id = index_find(
        &t->others, t,
        (struct ubytes){(const uint8_t *)text, strlen(text)});

    if (id == TOKENIZER_NONE || (t->entries[id].kind != TOKEN_CONTROL &&
                                 t->entries[id].kind != TOKEN_USER)) {
        return ERR_NOT_FOUND;
    }
    *out = id;
    return 0;
}

uint32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

uint32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

int tokenizer_adds_bos(const struct tokenizer *t)
{
    return t->adds_bos;
}

int tokenizer_adds_space(const struct tokenizer *t)
{
    return t->adds_space;
}

int tokenizer_is_end(const struct tokenizer *t, uint32_t id)
{
    ASSERT(id < t->n);
    return t->entries[id].is_end;
}

unsigned tokenizer_missing_bytes(const struct tokenizer *t)
{
    unsigned n = 0;

    for (size_t i = 0; i < 0xf5; i++) {
        n += i != 0xc0 && i != 0xc1 && t->bytes[i] == TOKENIZER_NONE;
    }
    return n;
}
