/* The plain text once more, without a session. Tests only. */
#include <string.h>

#include "tests/battery/talk.h"
#include "workers/nn/gguf.h"
#include "workers/nn/tokenizer.h"

static void end_tokenizer(void *p)
{
    tokenizer_free(p);
}

struct tokenizer *talker_tokens(const struct little *l)
{
    struct gguf g CLEANUP(gguf_release) = {0};
    struct tokenizer *t = NULL;
    struct diag d;

    diag_init(&d);
    must(gguf_open(l->file, &g, &d), d.what);
    must(tokenizer_new(&g, &t, &d), d.what);
    must(t == NULL, "a tokenizer");
    keep_until(t, end_tokenizer);
    return t;
}

/* Without a grammar all may come but the marks of facts. */
static void all_but_marks(const struct tokenizer *t, uint8_t *bits)
{
    static const char *const marks[] = {"<|fact|>", "<|/fact|>"};
    uint32_t mark;

    memset(bits, 0xff, tokenizer_n(t) / 8 + 1);
    for (size_t i = 0; i < ARRAY_N(marks); i++) {
        MUST(tokenizer_find(t, marks[i], &mark));
        bits[mark / 8] &= (uint8_t) ~(1u << (mark % 8));
    }
}

void same_loop(struct account *a, const struct plain_text *p,
               allowed_fn *allowed, void *ctx)
{
    const struct little *l = p->little;
    const struct lane *lane = session_lane(p->talk.session, 0);
    uint32_t prompt_n = lane->history_n - (uint32_t)p->said.n, token = 0;
    struct tokenizer *t = talker_tokens(l);
    struct pass *pass = pass_make(l, 1, 1);
    uint32_t context = lane->history_n + 1;
    struct cache c = cache_make(l, context, context);
    float *logits = keep(l->shape->vocab * sizeof(float));
    uint8_t *bits = keep(l->shape->vocab / 8 + 1), key[32] = {0};
    uint8_t *text = keep(64 * WISH_TOKENS_MAX);
    size_t text_n = 0;
    struct sampler *w = NULL;

    memcpy(key, &p->wish->key, sizeof(p->wish->key));
    MUST(sampler_new(l->shape->vocab, &w));
    for (uint32_t i = 0; i + 1 < lane->history_n; i++) {
        struct pass_lane feed = {&c, lane->history + i, 1, 0, logits, NULL};
        struct ubytes bytes;

        MUST(pass_run(pass, &feed, 1, NULL));
        if (i + 1 < prompt_n) {
            continue;
        }
        if (allowed != NULL) {
            allowed(ctx, text, text_n, bits);
        } else {
            all_but_marks(t, bits);
        }
        MUST(sample(w, logits, bits, &p->wish->sampling, key, i + 1 - prompt_n,
                    &token));
        hold(a, token == p->said.ids[i + 1 - prompt_n],
             "%s %s: the session's token %u is %u, a loop's is %u", l->kind,
             l->type, i + 1 - prompt_n, p->said.ids[i + 1 - prompt_n], token);
        a->bits += 32;
        bytes = tokenizer_bytes(t, token);
        must(bytes.n > 64, "bytes of a token");
        if (bytes.n > 0) {
            memcpy(text + text_n, bytes.p, bytes.n);
        }
        text_n += bytes.n;
    }
    sampler_free(w);
    a->schedules++;
}
