/* Pre-tokenizers of byte-level BPE: how a text is cut into words before its
 * bytes are joined. Written as scanners, one per pattern that files name; the
 * patterns are quoted in the source. Categories are those of utf8proc (Unicode
 * 15.0). Nothing is allocated; the time is linear in the text. */
#ifndef WORKERS_NN_TOKENIZER_PRE_H
#define WORKERS_NN_TOKENIZER_PRE_H

#include "proto/base.h"

#define PRE_PASSES_MAX 4

enum pre_pass { /* one pattern; each cuts what the one before it gave */
    PRE_GPT2,
    PRE_LLAMA3,
    PRE_QWEN2,
    PRE_GPT4O,
    PRE_TEKKEN,
    PRE_PUNCTUATION,
    PRE_PUNCTUATION_TICK,
    PRE_DIGIT,
    PRE_DIGITS,
    PRE_DIGITS_1_3,
    PRE_THREE_DIGITS
};

struct pre_rule {
    const char *name; /* of the rule, not of the file */
    enum pre_pass passes[PRE_PASSES_MAX];
    size_t passes_n;
    int whole_words; /* a word that is a token is not merged together */
    int adds_bos;    /* when the file does not say */
};

/* What tokenizer.ggml.pre names; NULL when that is not known. */
const struct pre_rule *pre_rule_find(struct ubytes name);

/* Where the cutting of one text stands. */
struct pre_words {
    const struct pre_rule *rule_;
    struct ubytes text_[PRE_PASSES_MAX];
    size_t off_[PRE_PASSES_MAX];
    size_t depth_;
};

/* text is valid UTF-8, borrowed to the end. */
void pre_words_init(struct pre_words *w, const struct pre_rule *rule,
                    struct ubytes text);
/* The next word, not empty; 0 behind the last. Words follow each other without
 * gaps. */
int pre_words_next(struct pre_words *w, struct ubytes *out);

#endif
