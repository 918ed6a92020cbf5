/* What a mask costs: random texts of a grammar, token by token, over vocabularies
 * of words cut out of a text. Prints "name value unit" lines.
 * Usage: bench_mask TEXT_FILE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"
#include "workers/config/config.h"
#include "workers/model/mask.h"

#define STEPS 4000
#define WORD_MAX 12

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},"
    "\"mail\":{\"type\":\"string\",\"maxLength\":40},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":5},"
    "\"kind\":{\"enum\":[\"person\",\"company\",\"other\"]},"
    "\"born\":{\"type\":\"string\",\"format\":\"date\"}},"
    "\"required\":[\"name\",\"age\",\"kind\"]}";
static const char gbnf[] =
    "root ::= value\n"
    "value ::= object | array | string | number | \"true\" | \"null\"\n"
    "object ::= \"{\" (string \":\" value (\",\" string \":\" value)*)? \"}\"\n"
    "array ::= \"[\" (value (\",\" value)*)? \"]\"\n"
    "string ::= \"\\\"\" [^\"\\\\\\n]* \"\\\"\"\n"
    "number ::= \"-\"? [0-9]+ (\".\" [0-9]+)?\n";

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct automaton *compile(Proctor__GrammarForm form, const char *text)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__ConfigReply reply;
    struct automaton *a = NULL;
    struct config c;

    task.kind = PROCTOR__CONFIG_KIND__CONFIG_AUTOMATON;
    task.grammar = form;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = strlen(text);
    if (config_answer(&c, &task, &reply) != 0 || reply.problem != NULL ||
        automaton_read((struct ubytes){reply.automaton.data,
                                       reply.automaton.len},
                       &a) != 0) {
        exit(1);
    }
    config_release(&c);
    return a;
}

/* 256 bytes, an end, then words and parts of words with the space before them. */
static struct mask *vocabulary(const uint8_t *text, size_t text_n, uint32_t n,
                               struct mask_token *tokens, uint8_t *bytes)
{
    struct mask *m = NULL;

    for (uint32_t i = 0; i < n; i++) {
        size_t at = below((uint32_t)(text_n - WORD_MAX));
        size_t len = 2 + below(i < n / 2 ? 4 : WORD_MAX - 2);

        bytes[i] = (uint8_t)i;
        tokens[i] = (struct mask_token){{text + at, len}, 0};
        if (i < 256) {
            tokens[i].text = (struct ubytes){bytes + i, 1};
        }
        tokens[i].ends = i == 256;
    }
    if (mask_make(tokens, n, &m) != 0) {
        exit(1);
    }
    return m;
}

static void walk(const char *name, const struct automaton *a,
                 const struct mask *m, const struct mask_token *tokens,
                 uint32_t n)
{
    struct mask_grammar *g = NULL;
    uint8_t *bits = calloc(1, mask_bytes(m));
    static struct automaton_at at;
    double sum = 0;
    double worst = 0;
    double first = 0;

    if (bits == NULL || mask_grammar_new(m, a, &g) != 0) {
        exit(1);
    }
    automaton_start(a, &at);
    for (int step = 0; step < STEPS; step++) {
        double t0 = now_us();
        int code = mask_allowed(g, &at, bits);
        double t = now_us() - t0;
        uint32_t i = below(n);

        sum += t;
        first = step < 100 ? first + t : first;
        worst = t > worst ? t : worst;
        while (code == 0 && !(bits[i / 8] >> i % 8 & 1)) {
            i = (i + 1) % n;
        }
        if (code != 0 || tokens[i].ends) {
            automaton_start(a, &at);
            continue;
        }
        for (size_t k = 0; k < tokens[i].text.n; k++) {
            if (automaton_step(a, &at, tokens[i].text.p[k]) != 0) {
                exit(1);
            }
        }
    }
    printf("%s_%u_mean %.2f us\n%s_%u_first_100 %.2f us\n%s_%u_worst %.1f us\n",
           name, n, sum / STEPS, name, n, first / 100, name, n, worst);
    mask_grammar_free(g);
    free(bits);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {8192, 150000};
    FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
    uint8_t *text = malloc(1u << 20);
    size_t text_n = f != NULL && text != NULL ? fread(text, 1, 1u << 20, f) : 0;

    if (text_n < 1000) {
        fprintf(stderr, "usage: bench_mask TEXT_FILE\n");
        return 2;
    }
    (void)fclose(f);
    for (size_t i = 0; i < ARRAY_N(sizes); i++) {
        struct mask_token *tokens = calloc(sizes[i], sizeof(*tokens));
        uint8_t *bytes = calloc(sizes[i], 1);
        struct mask *m;
        struct automaton *a;

        if (tokens == NULL || bytes == NULL) {
            return 1;
        }
        m = vocabulary(text, text_n, sizes[i], tokens, bytes);
        a = compile(PROCTOR__GRAMMAR_FORM__GRAMMAR_JSON_SCHEMA, schema);
        walk("schema", a, m, tokens, sizes[i]);
        automaton_free(a);
        a = compile(PROCTOR__GRAMMAR_FORM__GRAMMAR_GBNF, gbnf);
        walk("gbnf", a, m, tokens, sizes[i]);
        automaton_free(a);
        mask_free(m);
        free(tokens);
        free(bytes);
    }
    free(text);
    return 0;
}
