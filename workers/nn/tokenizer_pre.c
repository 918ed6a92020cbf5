/* Scanners of pre-tokenizers. Run in the model worker, over text that anybody
 * may have written; must never look behind its end. Each scanner gives the bytes
 * of the one next word at a place, as its pattern, tried from left to right,
 * would take them. Every character is looked at a bounded number of times. */
#include "workers/nn/tokenizer_pre.h"

#include <string.h>
#include <utf8proc.h>

#include "proto/utf8.h"

enum { /* of a character; 0 = behind the end */
    LETTER = 1,      /* \p{L} */
    NUMBER = 2,      /* \p{N} */
    SPACE = 4,       /* \s */
    PUNCTUATION = 8, /* \p{P} */
    OTHER = 16
};
#define REST (PUNCTUATION | OTHER) /* [^\s\p{L}\p{N}] */

struct at {
    uint32_t cp;
    unsigned class;
    size_t n; /* bytes */
};

static int is_space(uint32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0d) || cp == 0x20 || cp == 0x85 ||
           cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

static unsigned class_of(uint32_t cp)
{
    static const uint8_t classes[] = {
        [UTF8PROC_CATEGORY_LU] = LETTER,      [UTF8PROC_CATEGORY_LL] = LETTER,
        [UTF8PROC_CATEGORY_LT] = LETTER,      [UTF8PROC_CATEGORY_LM] = LETTER,
        [UTF8PROC_CATEGORY_LO] = LETTER,      [UTF8PROC_CATEGORY_ND] = NUMBER,
        [UTF8PROC_CATEGORY_NL] = NUMBER,      [UTF8PROC_CATEGORY_NO] = NUMBER,
        [UTF8PROC_CATEGORY_PC] = PUNCTUATION, [UTF8PROC_CATEGORY_PD] = PUNCTUATION,
        [UTF8PROC_CATEGORY_PS] = PUNCTUATION, [UTF8PROC_CATEGORY_PE] = PUNCTUATION,
        [UTF8PROC_CATEGORY_PI] = PUNCTUATION, [UTF8PROC_CATEGORY_PF] = PUNCTUATION,
        [UTF8PROC_CATEGORY_PO] = PUNCTUATION, [UTF8PROC_CATEGORY_CO] = 0};
    unsigned category;

    if (is_space(cp)) {
        return SPACE;
    }
    category = (unsigned)utf8proc_category((utf8proc_int32_t)cp);
    if (category < sizeof(classes) && classes[category] != 0) {
        return classes[category];
    }
    return OTHER;
}

static struct at look(struct ubytes s, size_t off)
{
    struct at a = {UINT32_MAX, 0, 0};

    if (off < s.n) {
        a.n = utf8_next((struct ubytes){s.p + off, s.n - off}, &a.cp);
        ASSERT(a.n > 0); /* valid, by contract */
        a.class = class_of(a.cp);
    }
    return a;
}

/* End of the run of such characters at off, of at most `most`. */
static size_t run(struct ubytes s, size_t off, unsigned classes, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct at a = look(s, off);

        if ((a.class & classes) == 0) {
            break;
        }
        off += a.n;
    }
    return off;
}

static int byte_at(struct ubytes s, size_t off)
{
    return off < s.n ? s.p[off] : -1;
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Bytes of 's 't 'm 'd 're 've 'll at off, else 0. */
static size_t contraction(struct ubytes s, size_t off, int any_case)
{
    int a = byte_at(s, off + 1);
    int b = byte_at(s, off + 2);

    if (byte_at(s, off) != '\'') {
        return 0;
    }
    if (any_case) {
        a = lower(a);
        b = lower(b);
    }
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
        return 2;
    }
    return ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l') ? 3
                                                                          : 0;
}

static int is_newline(int c)
{
    return c == '\r' || c == '\n';
}

/* With newlines: \s*[\r\n]+ first. Then \s+(?!\S)|\s+ */
static size_t spaces(struct ubytes s, size_t off, int newlines)
{
    size_t end = off;
    size_t last = off;    /* start of the last space */
    size_t newline = off; /* end of the last newline */
    struct at a = look(s, end);

    while (a.class == SPACE) {
        last = end;
        end += a.n;
        newline = is_newline((int)a.cp) ? end : newline;
        a = look(s, end);
    }
    if (newlines && newline > off) {
        return newline - off;
    }
    return (end < s.n && last > off ? last : end) - off;
}

/*  ?[^\s\p{L}\p{N}]+ with [\r\n]* or [\r\n/]* behind it, as asked; 0: none. */
static size_t symbols(struct ubytes s, size_t off, int newlines, int slash)
{
    size_t start = off + (byte_at(s, off) == ' ');
    size_t end = run(s, start, REST, SIZE_MAX);
    int c;

    if (end == start) {
        return 0;
    }
    for (c = byte_at(s, end); (newlines && is_newline(c)) || (slash && c == '/');
         c = byte_at(s, end)) {
        end++;
    }
    return end - off;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t gpt2(struct ubytes s, size_t off)
{
    size_t start = off + (byte_at(s, off) == ' ');
    unsigned class = look(s, start).class;
    size_t n = contraction(s, off, 0);

    if (n > 0) {
        return n;
    }
    if ((class & (LETTER | NUMBER)) != 0) {
        return run(s, start, class, SIZE_MAX) - off;
    }
    n = symbols(s, off, 0, 0);
    return n > 0 ? n : spaces(s, off, 0);
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
 *  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t llama3(struct ubytes s, size_t off, size_t digits)
{
    struct at a = look(s, off);
    size_t n = contraction(s, off, 1);

    if (n > 0) {
        return n;
    }
    if (!is_newline((int)a.cp) && a.class != NUMBER &&
        (a.class == LETTER || look(s, off + a.n).class == LETTER)) {
        return run(s, off + a.n, LETTER, SIZE_MAX) - off;
    }
    if (a.class == NUMBER) {
        return run(s, off, NUMBER, digits) - off;
    }
    n = symbols(s, off, 1, 0);
    return n > 0 ? n : spaces(s, off, 1);
}

static int is_upper_letter(const struct at *a) /* \p{L} but a-z */
{
    return a->class == LETTER && !(a->cp >= 'a' && a->cp <= 'z');
}

static int is_lower_letter(const struct at *a) /* \p{L} but A-Z */
{
    return a->class == LETTER && !(a->cp >= 'A' && a->cp <= 'Z');
}

/* End of upper*lower+, as much of upper as leaves one for lower, else upper+;
 * off: neither. Letters beyond ASCII are both, as in llama.cpp, whose files this
 * has to fit. */
static size_t cased(struct ubytes s, size_t off)
{
    size_t both = SIZE_MAX;
    struct at a = look(s, off);

    while (is_upper_letter(&a)) {
        both = is_lower_letter(&a) ? off : both;
        off += a.n;
        a = look(s, off);
    }
    if (!is_lower_letter(&a)) {
        if (both == SIZE_MAX) {
            return off;
        }
        off = both;
        a = look(s, off);
    }
    while (is_lower_letter(&a)) {
        off += a.n;
        a = look(s, off);
    }
    return off;
}

/* [^\r\n\p{L}\p{N}]?upper*lower+(contraction)?|
 * [^\r\n\p{L}\p{N}]?upper+lower*(contraction)?|\p{N}{1,digits}|
 *  ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t gpt4o(struct ubytes s, size_t off, size_t digits,
                    int contractions)
{
    struct at a = look(s, off);
    int led = !is_newline((int)a.cp) && (a.class & (LETTER | NUMBER)) == 0;
    size_t start = off + (led ? a.n : 0);
    size_t end = cased(s, start);
    size_t n;

    if (end > start) {
        return end - off + (contractions ? contraction(s, end, 1) : 0);
    }
    if (a.class == NUMBER) {
        return run(s, off, NUMBER, digits) - off;
    }
    n = symbols(s, off, 1, 1);
    return n > 0 ? n : spaces(s, off, 1);
}

static size_t punctuation(struct ubytes s, size_t off, int tick)
{
    size_t end = off;

    for (;;) {
        struct at a = look(s, end);
        const char *others = tick ? "$+<=>^~|`" : "$+<=>^~|";

        if (a.class != PUNCTUATION &&
            (a.cp == 0 || a.cp > 0x7f || strchr(others, (int)a.cp) == NULL)) {
            return end - off;
        }
        end += a.n;
    }
}

static size_t three_digits(struct ubytes s, size_t off)
{
    for (size_t i = 0; i < 3; i++) {
        if (byte_at(s, off + i) < '0' || byte_at(s, off + i) > '9') {
            return 0;
        }
    }
    return 3;
}

/* Bytes of a cutting pattern's match at off, 0: none begins there. */
static size_t match(enum pre_pass pass, struct ubytes s, size_t off)
{
    switch (pass) {
    case PRE_PUNCTUATION:
        return punctuation(s, off, 0);
    case PRE_PUNCTUATION_TICK:
        return punctuation(s, off, 1);
    case PRE_DIGIT:
        return run(s, off, NUMBER, 1) - off;
    case PRE_DIGITS:
        return run(s, off, NUMBER, SIZE_MAX) - off;
    case PRE_DIGITS_1_3:
        return run(s, off, NUMBER, 3) - off;
    case PRE_THREE_DIGITS:
        return three_digits(s, off);
    case PRE_GPT2:
    case PRE_LLAMA3:
    case PRE_QWEN2:
    case PRE_GPT4O:
    case PRE_TEKKEN:
        break;
    }
    return 0;
}

/* A match of a cutting pattern, or what lies before the next one. */
static size_t cut(enum pre_pass pass, struct ubytes s, size_t off)
{
    size_t n = match(pass, s, off);
    size_t end = off;

    while (n == 0 && end < s.n) {
        end += look(s, end).n;
        if (end < s.n && match(pass, s, end) > 0) {
            break;
        }
    }
    return n > 0 ? n : end - off;
}

static size_t piece(enum pre_pass pass, struct ubytes s, size_t off)
{
    switch (pass) {
    case PRE_GPT2:
        return gpt2(s, off);
    case PRE_LLAMA3:
        return llama3(s, off, 3);
    case PRE_QWEN2:
        return llama3(s, off, 1);
    case PRE_GPT4O:
        return gpt4o(s, off, 3, 1);
    case PRE_TEKKEN:
        return gpt4o(s, off, 1, 0);
    case PRE_PUNCTUATION:
    case PRE_PUNCTUATION_TICK:
    case PRE_DIGIT:
    case PRE_DIGITS:
    case PRE_DIGITS_1_3:
    case PRE_THREE_DIGITS:
        break;
    }
    return cut(pass, s, off);
}

void pre_words_init(struct pre_words *w, const struct pre_rule *rule,
                    struct ubytes text)
{
    memset(w, 0, sizeof(*w));
    w->rule_ = rule;
    w->text_[0] = text;
}

int pre_words_next(struct pre_words *w, struct ubytes *out)
{
    for (;;) {
        size_t d = w->depth_;
        struct ubytes s = w->text_[d];
        size_t off = w->off_[d];

        if (off == s.n) {
            if (d == 0) {
                return 0;
            }
            w->depth_--;
            continue;
        }
        out->n = piece(w->rule_->passes[d], s, off);
        ASSERT(out->n > 0 && out->n <= s.n - off);
        out->p = s.p + off;
        w->off_[d] += out->n;
        if (d + 1 == w->rule_->passes_n) {
            return 1;
        }
        w->depth_++;
        w->text_[d + 1] = *out;
        w->off_[d + 1] = 0;
    }
}

/* Which rule a file's name stands for; several names share one. */
static const struct named_rule {
    const char *name;
    struct pre_rule rule;
} rules[] = {
#define RULE(name, rule, n, whole, bos, ...)                                   \
    {name, {rule, {__VA_ARGS__}, n, whole, bos}}
    RULE("default", "default", 4, 0, 0, PRE_PUNCTUATION, PRE_GPT2, PRE_DIGITS,
         PRE_THREE_DIGITS),
    RULE("gpt-2", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("phi-2", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("mpt", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("olmo", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("jais", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("gigachat", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("trillion", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("exaone4", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("mellum", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("modern-bert", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("granite-docling", "gpt-2", 1, 0, 0, PRE_GPT2),
    RULE("starcoder", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("refact", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("command-r", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("smollm", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("codeshell", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("exaone", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("minerva-7b", "starcoder", 2, 0, 0, PRE_DIGIT, PRE_GPT2),
    RULE("falcon", "falcon", 3, 0, 0, PRE_PUNCTUATION_TICK, PRE_GPT2,
         PRE_THREE_DIGITS),
    RULE("llama-bpe", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("llama3", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("llama-v3", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("falcon3", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("falcon-h1", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("pixtral", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("midm-2.0", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("lfm2", "llama-bpe", 1, 1, 1, PRE_LLAMA3),
    RULE("dbrx", "dbrx", 1, 0, 0, PRE_LLAMA3),
    RULE("smaug-bpe", "dbrx", 1, 0, 0, PRE_LLAMA3),
    RULE("chatglm-bpe", "dbrx", 1, 0, 0, PRE_LLAMA3),
    RULE("glm4", "dbrx", 1, 0, 0, PRE_LLAMA3),
    RULE("minicpm5", "minicpm5", 2, 1, 0, PRE_DIGITS_1_3, PRE_LLAMA3),
    RULE("qwen2", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("deepseek-r1-qwen", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("stablelm2", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("hunyuan", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("megrez", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("grok-2", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("solar-open", "qwen2", 1, 0, 0, PRE_QWEN2),
    RULE("gpt-4o", "gpt-4o", 1, 0, 0, PRE_GPT4O),
    RULE("llama4", "gpt-4o", 1, 0, 0, PRE_GPT4O),
    RULE("kanana2", "gpt-4o", 1, 0, 0, PRE_GPT4O),
    RULE("minimax-m2", "gpt-4o", 1, 0, 0, PRE_GPT4O),
    RULE("tekken", "tekken", 1, 1, 1, PRE_TEKKEN),
#undef RULE
};

const struct pre_rule *pre_rule_find(struct ubytes name)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strlen(rules[i].name) == name.n &&
            memcmp(rules[i].name, name.p, name.n) == 0) {
            return &rules[i].rule;
        }
    }
    return NULL;
}
