/* Prompts with facts. */
#include "workers/model/facts.h"

#include <string.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "workers/nn/sabotage.h"

static const struct loc nowhere = {NULL, 0, 0};

static uint32_t find_control(const struct tokenizer *t, const char *text)
{
    uint32_t id = 0;

    /* a USER token of that text would be one that prompts can spell */
    if (tokenizer_find(t, text, &id) != 0 ||
        tokenizer_kind(t, id) != TOKEN_CONTROL) {
        return TOKENIZER_NONE;
    }
    return id;
}

struct fact_marks fact_marks(const struct tokenizer *t)
{
    struct fact_marks m = {find_control(t, FACT_OPEN),
                           find_control(t, FACT_CLOSE)};

    return m;
}

int text_encode(const struct tokenizer *t, struct ubytes text,
                struct tokens *out, struct diag *d)
{
    size_t from = out->n;

    TRY(tokenizer_encode(t, text, out, d));
    for (size_t i = from; i < out->n; i++) {
        enum token_kind kind = tokenizer_kind(t, out->v[i]);

        if (kind == TOKEN_CONTROL || kind == TOKEN_UNUSED) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "the text gives token %u, which stands for no text",
                            out->v[i]);
        }
    }
    return 0;
}

static int fact_encode(const struct tokenizer *t,
                       const struct fact_marks *marks,
                       const Proctor__FactSpec *f, struct tokens *out,
                       struct diag *d)
{
    struct buf text CLEANUP(buf_release);

    buf_init(&text, TOKENIZER_TEXT_BYTES_MAX);
    TRY(buf_put(&text, f->name, strlen(f->name)));
    TRY(buf_put(&text, "=", 1));
    TRY(buf_put(&text, f->text, strlen(f->text)));
    TRY(tokens_add(out, marks->open));
    TRY(text_encode(t, buf_bytes(&text), out, d));
    return SABOTAGE(FACTS_CLOSE) ? 0 : tokens_add(out, marks->close);
}

int prompt_encode(const struct tokenizer *t, const struct fact_marks *marks,
                  const Proctor__LaneSpec *spec, struct tokens *out,
                  struct diag *d)
{
    struct ubytes prompt = {(const uint8_t *)spec->prompt,
                            strlen(spec->prompt)};

    if (spec->n_facts > 0 &&
        (marks->open == TOKENIZER_NONE || marks->close == TOKENIZER_NONE)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "the model has no tokens " FACT_OPEN " and " FACT_CLOSE
                       " to carry the fact %.64s",
                       spec->facts[0]->name);
        diag_hint(d, "take a model whose file has them as control tokens, or "
                     "say it in the prompt, as text that nobody vouches for");
        return ERR_INPUT;
    }
    if (tokenizer_adds_bos(t) && tokenizer_bos(t) != TOKENIZER_NONE) {
        TRY(tokens_add(out, tokenizer_bos(t)));
    }
    for (size_t i = 0; i < spec->n_facts; i++) {
        TRY(fact_encode(t, marks, spec->facts[i], out, d));
    }
    TRY(text_encode(t, prompt, out, d));
    if (out->n == 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the prompt is empty, and the model puts no token "
                        "before it");
    }
    return 0;
}
