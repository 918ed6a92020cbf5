/* A tokenizer out of a GGUF file's tables. Runs in the model worker; the tables
 * may be anything. Must never build one in which text could give a token that is
 * not for text, and never spend more than linear time but for sorting. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/sort.h"
#include "proto/utf8.h"
#include "workers/nn/gguf.h"
#include "workers/nn/tokenizer_int.h"

#define KEY(name) "tokenizer.ggml." name

static const struct loc nowhere = {NULL, 0, 0};

struct loader {
    const struct gguf *g;
    struct tokenizer *t;
    const struct gguf_pair *tokens;
    const struct gguf_pair *types;  /* NULL: none */
    const struct gguf_pair *scores; /* NULL: none */
    struct diag *d;
};

/* Tokens of these names end a text or a turn whatever their kind says: writing
 * them out is how models are talked out of their turn. */
static const char *const end_names[] = {
    "</s>",         "<|endoftext|>",   "<|end_of_text|>", "<|eot_id|>",
    "<|eom_id|>",   "<|im_end|>",      "<|end|>",         "<|return|>",
    "<|call|>",     "<end_of_turn>",   "<EOT>",           "<|end_of_turn|>",
    "<|end_of_sentence|>", "<|eot|>",  "<end_of_utterance>",
};

static int is_text(struct ubytes s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static int is_end_name(struct ubytes s)
{
    for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++) {
        if (is_text(s, end_names[i])) {
            return 1;
        }
    }
    return 0;
}

/* <0x41> is 0x41; -1: no such text. */
static int byte_of(struct ubytes s)
{
    static const char hex[] = "0123456789ABCDEF";
    int v = 0;

    if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>') {
        return -1;
    }
    for (size_t i = 3; i < 5; i++) {
        const char *at = memchr(hex, s.p[i], 16);

        if (at == NULL) {
            return -1;
        }
        v = 16 * v + (int)(at - hex);
    }
    return v;
}

/* The alphabet in which byte-level BPE writes bytes as visible characters: those
 * that are visible in Latin-1 stand for themselves, the other 68 follow from
 * U+0100 on. -1: not of it. */
static int byte_of_letter(uint32_t cp)
{
    if ((cp >= 0x21 && cp <= 0x7e) || (cp >= 0xa1 && cp <= 0xff && cp != 0xad)) {
        return (int)cp;
    }
    if (cp < 0x100 || cp >= 0x100 + 68) {
        return -1;
    }
    cp -= 0x100;
    return (int)(cp < 33 ? cp : cp < 67 ? 0x7f + cp - 33 : 0xad);
}

/* Writes out the bytes that a normal token stands for. 0: text can never give it
 * (then nothing is said about out). */
static int plain_bytes(const struct tokenizer *t, struct ubytes s, uint8_t *out,
                       uint32_t *out_n)
{
    uint32_t n = 0;
    uint32_t cp = 0;

    for (size_t off = 0, step; off < s.n; off += step) {
        int byte = -1;

        step = utf8_next((struct ubytes){s.p + off, s.n - off}, &cp);
        if (t->pre != NULL) {
            byte = byte_of_letter(cp);
        } else if (cp == 0x2581) {
            byte = ' ';
        } else if (cp != ' ') {
            memcpy(out + n, s.p + off, step);
            n += (uint32_t)step;
            continue;
        }
        if (byte < 0) {
            return 0;
        }
        out[n++] = (uint8_t)byte;
    }
    *out_n = n;
    return n > 0;
}

static int refuse(struct loader *l, const char *key, uint64_t i,
                  const char *what)
{
    return diag_set(l->d, ERR_INPUT, nowhere, "%s, entry %" PRIu64 ": %s", key, i,
                    what);
}

/* An array of this key and type; *out NULL when there is none. */
static int find_array(struct loader *l, const char *key, enum gguf_type element,
                      const struct gguf_pair **out)
{
    const struct gguf_pair *p = gguf_pair(l->g, key);

    *out = p;
    if (p != NULL && (p->type != GGUF_ARRAY || p->element != element)) {
        return diag_set(l->d, ERR_INPUT, nowhere,
                        "%s is of another type than the format gives it", key);
    }
    return 0;
}

static int find_arrays(struct loader *l)
{
    TRY(find_array(l, KEY("tokens"), GGUF_STRING, &l->tokens));
    TRY(find_array(l, KEY("token_type"), GGUF_I32, &l->types));
    TRY(find_array(l, KEY("scores"), GGUF_F32, &l->scores));
    if (l->tokens == NULL || l->tokens->n == 0) {
        return diag_set(l->d, ERR_INPUT, nowhere,
                        KEY("tokens") " is missing or empty");
    }
    if (l->tokens->n > TOKENIZER_TOKENS_MAX) {
        return diag_set(l->d, ERR_LIMIT, nowhere,
                        KEY("tokens") ": %" PRIu64 " tokens, the limit is %u",
                        l->tokens->n, TOKENIZER_TOKENS_MAX);
    }
    if ((l->types != NULL && l->types->n != l->tokens->n) ||
        (l->scores != NULL && l->scores->n != l->tokens->n)) {
        return diag_set(l->d, ERR_INPUT, nowhere,
                        KEY("token_type") " or " KEY("scores")
                        " has another length than " KEY("tokens"));
    }
    return 0;
}

/* The token of a key, by default `otherwise`. */
static int read_id(struct loader *l, const char *key, uint32_t otherwise,
                   uint32_t *out)
{
    uint64_t v = otherwise;
    int code = gguf_uint(l->g, key, &v);

    *out = otherwise;
    if (code == GGUF_E_ABSENT) {
        return 0;
    }
    if (code != 0 || v >= l->t->n) {
        return diag_set(l->d, ERR_INPUT, nowhere, "%s is no token", key);
    }
    *out = (uint32_t)v;
    return 0;
}

/* Kind of an entry as the file says, before entries are read; 0: it does not. */
static uint64_t said_kind(const struct loader *l, uint32_t id)
{
    int ok = 1;
    uint64_t kind = l->types == NULL || id >= l->t->n
                        ? 0
                        : gguf_array_uint(l->types, id, &ok);

    return ok ? kind : 0;
}

/* Which tokens begin and end a text. Pieces have theirs at 1 and 2 by default, as
 * SentencePiece numbers them. */
static int read_ids(struct loader *l)
{
    static const char *const keys[] = {KEY("bos_token_id"), KEY("eos_token_id"),
                                       KEY("eot_token_id"),
                                       KEY("eom_token_id")};
    struct tokenizer *t = l->t;
    uint32_t ids[4];

    for (uint32_t i = 0; i < 4; i++) {
        int usual = i < 2 && t->pre == NULL &&
                    said_kind(l, i + 1) == TOKEN_CONTROL;

        TRY(read_id(l, keys[i], usual ? i + 1 : TOKENIZER_NONE, &ids[i]));
        if (ids[i] != TOKENIZER_NONE) {
            t->entries[ids[i]].is_end |= i > 0;
            /* Without kinds in the file, read_kind leaves this one. */
            t->entries[ids[i]].kind = TOKEN_CONTROL;
        }
    }
    t->bos = ids[0];
    t->eos = ids[1];
    return 0;
}

static int read_kind(struct loader *l, uint32_t id, struct ubytes text)
{
    struct entry *e = &l->t->entries[id];

    if (l->types != NULL) {
        int ok = 1;
        uint64_t kind = gguf_array_uint(l->types, id, &ok);

        if (!ok || kind < TOKEN_NORMAL || kind > TOKEN_BYTE) {
            return refuse(l, KEY("token_type"), id, "no kind of token, 1 to 6");
        }
        e->kind = (uint8_t)kind;
    } else if (e->kind != TOKEN_CONTROL) {
        e->kind = l->t->pre == NULL && byte_of(text) >= 0 ? TOKEN_BYTE
                                                          : TOKEN_NORMAL;
    }
    if (is_end_name(text) && e->kind != TOKEN_BYTE) {
        e->kind = TOKEN_CONTROL;
        e->is_end = 1;
    }
    return 0;
}

static int read_byte_token(struct loader *l, uint32_t id, struct ubytes text)
{
    struct tokenizer *t = l->t;
    int byte = byte_of(text);

    if (byte < 0 || t->bytes[byte] != TOKENIZER_NONE) {
        return refuse(l, KEY("tokens"), id,
                      "a byte token that is not <0x00> to <0xFF>, or a second "
                      "one of its byte");
    }
    t->bytes[byte] = id;
    t->entries[id].byte = (uint8_t)byte;
    return 0;
}

/* One token into the pool at off; normal ones as the bytes they stand for. */
static int read_token(struct loader *l, uint32_t id, struct ubytes text,
                      size_t off)
{
    struct tokenizer *t = l->t;
    struct entry *e = &t->entries[id];

    if (text.n > TOKENIZER_TOKEN_BYTES_MAX) {
        return diag_set(l->d, ERR_LIMIT, nowhere,
                        KEY("tokens") ", entry %u: %zu bytes, the limit is %u",
                        id, text.n, TOKENIZER_TOKEN_BYTES_MAX);
    }
    if (!utf8_is_valid(text)) {
        return refuse(l, KEY("tokens"), id, "no UTF-8");
    }
    TRY(read_kind(l, id, text));
    e->off = off;
    e->score = l->scores == NULL ? 0.0f : gguf_array_f32(l->scores, id);
    if (isnan(e->score)) {
        return refuse(l, KEY("scores"), id, "no number");
    }
    if (e->kind == TOKEN_BYTE && t->pre == NULL) {
        TRY(read_byte_token(l, id, text));
    }
    e->is_matched = e->kind == TOKEN_NORMAL &&
                    plain_bytes(t, text, t->pool + off, &e->bytes);
    if (!e->is_matched) {
        memcpy(t->pool + off, text.p, text.n);
        e->bytes = (uint32_t)text.n;
    } else if (e->bytes > t->longest) {
        t->longest = e->bytes;
    }
    return 0;
}

/* The pieces of the kind "llama" are characters too; its bytes are tokens of
 * their own kind. Those of "gpt2" are normal tokens of one byte. */
static int index_tokens(struct loader *l)
{
    struct tokenizer *t = l->t;

    for (uint32_t id = 0; id < t->n; id++) {
        const struct entry *e = &t->entries[id];
        int code;

        if (e->bytes == 0) {
            continue;
        }
        code = index_add(e->is_matched ? &t->matched : &t->others, t, id);
        if (code == INDEX_E_TWICE) {
            return refuse(l, KEY("tokens"), id, "this text stands twice");
        }
        if (code == INDEX_E_FULL) {
            return refuse(l, KEY("tokens"), id,
                          "too many texts made to look alike");
        }
        if (t->pre != NULL && e->is_matched && e->bytes == 1) {
            t->bytes[t->pool[e->off]] = id;
        }
    }
    return 0;
}

static int read_tokens(struct loader *l)
{
    struct tokenizer *t = l->t;
    uint64_t at = 0;
    size_t off = 0;

    t->n = (uint32_t)l->tokens->n;
    t->entries = calloc(t->n, sizeof(*t->entries));
    /* No text grows, and eight bytes of length stood before each. */
    t->pool = malloc(l->tokens->value.n);
    if (t->entries == NULL || t->pool == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(read_ids(l));
    for (uint32_t id = 0; id < t->n; id++) {
        struct ubytes text = gguf_next_string(l->tokens, &at);

        TRY(read_token(l, id, text, off));
        off += text.n;
    }
    TRY(index_init(&t->matched, t->n));
    TRY(index_init(&t->others, t->n));
    return index_tokens(l);
}

/* Half of a merge as a token's number. */
static uint32_t part(const struct tokenizer *t, struct ubytes text)
{
    uint8_t bytes[TOKENIZER_TOKEN_BYTES_MAX];
    uint32_t n = 0;

    if (text.n > sizeof(bytes) || !plain_bytes(t, text, bytes, &n)) {
        return TOKENIZER_NONE;
    }
    return index_find(&t->matched, t, (struct ubytes){bytes, n});
}

static uint32_t both(const struct tokenizer *t, uint32_t left, uint32_t right)
{
    uint8_t bytes[2 * TOKENIZER_TOKEN_BYTES_MAX];
    struct ubytes a = entry_text(t, left);
    struct ubytes b = entry_text(t, right);

    memcpy(bytes, a.p, a.n);
    memcpy(bytes + a.n, b.p, b.n);
    return index_find(&t->matched, t, (struct ubytes){bytes, a.n + b.n});
}

static int read_merge(struct loader *l, uint32_t rank, struct ubytes text)
{
    struct merge *m = &l->t->merges[rank];
    const uint8_t *gap =
        text.n < 3 ? NULL : memchr(text.p + 1, ' ', text.n - 1);
    size_t at = gap == NULL ? 0 : (size_t)(gap - text.p);

    if (gap == NULL || !utf8_is_valid(text)) {
        return refuse(l, KEY("merges"), rank, "not two texts and a space");
    }
    m->left = part(l->t, (struct ubytes){text.p, at});
    m->right = part(l->t, (struct ubytes){gap + 1, text.n - at - 1});
    if (m->left == TOKENIZER_NONE || m->right == TOKENIZER_NONE) {
        return refuse(l, KEY("merges"), rank,
                      "it joins what is no normal token");
    }
    m->gives = both(l->t, m->left, m->right);
    if (m->gives == TOKENIZER_NONE) {
        return refuse(l, KEY("merges"), rank, "it gives what is no normal token");
    }
    switch (index_add_pair(&l->t->pairs, l->t, rank)) {
    case 0:
        return 0;
    case INDEX_E_TWICE:
        return refuse(l, KEY("merges"), rank, "this pair stands twice");
    default:
        return refuse(l, KEY("merges"), rank,
                      "too many pairs made to look alike");
    }
}

static int read_merges(struct loader *l)
{
    const struct gguf_pair *p;
    uint64_t at = 0;

    TRY(find_array(l, KEY("merges"), GGUF_STRING, &p));
    if (p == NULL) {
        return diag_set(l->d, ERR_INPUT, nowhere, KEY("merges") " is missing");
    }
    if (p->n > TOKENIZER_MERGES_MAX) {
        return diag_set(l->d, ERR_LIMIT, nowhere,
                        KEY("merges") ": %" PRIu64 " merges, the limit is %u",
                        p->n, TOKENIZER_MERGES_MAX);
    }
    l->t->merges_n = (uint32_t)p->n;
    l->t->merges = calloc(p->n + 1, sizeof(*l->t->merges));
    if (l->t->merges == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(index_init(&l->t->pairs, p->n));
    for (uint32_t i = 0; i < l->t->merges_n; i++) {
        TRY(read_merge(l, i, gguf_next_string(p, &at)));
    }
    return 0;
}

/* sort_items has no context: the numbers are sorted with their texts. */
struct user {
    struct ubytes text;
    uint32_t id;
};

static int compare_users(const void *a, const void *b)
{
    struct ubytes x = ((const struct user *)a)->text;
    struct ubytes y = ((const struct user *)b)->text;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

static int sort_users(struct tokenizer *t)
{
    struct user *v CLEANUP(mem_freep) = calloc(t->n, sizeof(*v));
    size_t n = 0;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t id = 0; id < t->n; id++) {
        if (t->entries[id].kind == TOKEN_USER && t->entries[id].bytes > 0) {
            v[n++] = (struct user){entry_text(t, id), id};
        }
    }
    sort_items(v, n, sizeof(*v), compare_users);
    t->users = calloc(n + 1, sizeof(*t->users));
    if (t->users == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        t->users[i] = v[i].id;
        t->user_first[v[i].text.p[0]] = 1;
    }
    t->users_n = n;
    return 0;
}

/* In a dialogue of gpt-oss <|end|> only ends one message of several. */
static void mend_ends(struct tokenizer *t)
{
    uint32_t end, other;

    if (tokenizer_find(t, "<|end|>", &end) == 0 && end != t->eos &&
        tokenizer_find(t, "<|return|>", &other) == 0 &&
        tokenizer_find(t, "<|call|>", &other) == 0) {
        t->entries[end].is_end = 0;
    }
}

static int read_flags(struct loader *l)
{
    struct tokenizer *t = l->t;
    int bos = gguf_bool(l->g, KEY("add_bos_token"), &t->adds_bos);
    int space = gguf_bool(l->g, KEY("add_space_prefix"), &t->adds_space);

    if (bos == GGUF_E_TYPE || space == GGUF_E_TYPE) {
        return diag_set(l->d, ERR_INPUT, nowhere,
                        KEY("add_bos_token") " or " KEY("add_space_prefix")
                        " is no bool");
    }
    if (t->adds_bos && t->bos == TOKENIZER_NONE) {
        if (bos == 0) {
            return diag_set(l->d, ERR_INPUT, nowhere,
                            KEY("add_bos_token") " without " KEY("bos_token_id"));
        }
        t->adds_bos = 0;
    }
    t->adds_space = t->adds_space && t->pre == NULL;
    return 0;
}

static int load(struct loader *l, struct ubytes model)
{
    struct tokenizer *t = l->t;
    struct ubytes pre = gguf_string(l->g, KEY("pre"));

    for (size_t i = 0; i < 256; i++) {
        t->bytes[i] = TOKENIZER_NONE;
    }
    t->adds_bos = t->adds_space = 1;
    if (is_text(model, "gpt2")) {
        t->pre = pre_rule_find(
            pre.p == NULL ? (struct ubytes){(const uint8_t *)"default", 7} : pre);
        if (t->pre == NULL) {
            (void)diag_set(l->d, ERR_INPUT, nowhere,
                           KEY("pre") ": the pre-tokenizer \"%.*s\" is not known",
                           (int)(pre.n < 60 ? pre.n : 60), (const char *)pre.p);
            diag_hint(l->d, "those that are: docs/model/tokens.md");
            return ERR_INPUT;
        }
        t->adds_bos = t->pre->adds_bos;
    } else if (!is_text(model, "llama")) {
        (void)diag_set(l->d, ERR_INPUT, nowhere,
                       KEY("model") ": a tokenizer of kind \"%.*s\" is not read",
                       (int)(model.n < 60 ? model.n : 60),
                       (const char *)model.p);
        diag_hint(l->d, "read are llama, gpt2 and no_vocab");
        return ERR_INPUT;
    }
    TRY(find_arrays(l));
    TRY(read_tokens(l));
    TRY(sort_users(t));
    if (t->pre != NULL) {
        TRY(read_merges(l));
    }
    mend_ends(t);
    return read_flags(l);
}

int tokenizer_new(const struct gguf *g, struct tokenizer **out, struct diag *d)
{
    const struct gguf_pair *p = gguf_pair(g, KEY("model"));
    struct ubytes model = gguf_string(g, KEY("model"));
    struct loader l = {.g = g, .d = d};
    int code;

    *out = NULL;
    if (p == NULL || is_text(model, "no_vocab") || is_text(model, "none")) {
        return 0;
    }
    l.t = calloc(1, sizeof(*l.t));
    if (l.t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    code = load(&l, model);
    if (code != 0) {
        tokenizer_free(l.t);
        return code;
    }
    *out = l.t;
    return 0;
}
