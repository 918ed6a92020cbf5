/* tokenizer.c against tests/vectors/tokenizer.py, which tokenizes slowly and by
 * itself: vocabularies of every rule, texts that hit its corners, and random
 * ones. The seed is printed; PROCTOR_SEED sets it, PROCTOR_FULL tries more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/nn/vocabulary.h"

#define LINE_BYTES (1u << 16)

static char line[LINE_BYTES];

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Hex in place; "-" is nothing. */
static struct ubytes unhex(char *s)
{
    size_t n = strlen(s) / 2;

    for (size_t i = 0; i < n; i++) {
        s[i] = (char)(digit(s[2 * i]) << 4 | digit(s[2 * i + 1]));
    }
    return (struct ubytes){(const uint8_t *)s, n};
}

static void read_token(struct vocabulary *v, char *rest)
{
    char *end;
    unsigned kind = (unsigned)strtoul(rest, &end, 10);
    float score = strtof(end, &end);

    (void)vocabulary_put(v, kind, score, unhex(end + 1));
}

/* From behind a vocabulary line to its end. */
static struct tokenizer *read_vocabulary(FILE *f, struct vocabulary *v,
                                         const char *model, const char *pre,
                                         int space)
{
    struct tokenizer *t = NULL;
    struct gguf_writer *w;
    struct diag d;

    vocabulary_init(v);
    while (fgets(line, sizeof(line), f) != NULL && strcmp(line, "end\n") != 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "token ", 6) == 0) {
            read_token(v, line + 6);
        } else {
            struct ubytes b = unhex(line + 6);

            must(gguf_put_string(&v->merges, b));
            v->merges_n++;
        }
    }
    w = vocabulary_write(v, model, pre);
    vocabulary_kinds(v, w);
    gguf_writer_bool(w, "tokenizer.ggml.add_space_prefix", space);
    gguf_writer_bool(w, "tokenizer.ggml.add_bos_token", 0);
    if (vocabulary_read(v, w, &t, &d) != 0) {
        fail_msg("%s", d.what);
    }
    assert_string_equal(tokenizer_rule(t), pre == NULL ? "llama" : pre);
    return t;
}

static void try_case(const struct tokenizer *t, char *rest)
{
    char *ids = strchr(rest, ' ');
    struct tokens got = {NULL, 0, 0};
    struct ubytes text;
    struct buf back;
    struct diag d;
    size_t n = 0;

    if (ids != NULL) {
        *ids++ = '\0';
    }
    text = unhex(rest);
    diag_init(&d);
    assert_int_equal(tokenizer_encode(t, text, &got, &d), 0);
    while (ids != NULL && *ids != '\0') {
        uint32_t wanted = (uint32_t)strtoul(ids, &ids, 10);

        if (n >= got.n || got.v[n] != wanted) {
            fail_msg("%s, \"%.*s\": token %zu of %zu is %u, expected %u",
                     tokenizer_rule(t), (int)text.n, (const char *)text.p, n,
                     got.n, n < got.n ? got.v[n] : 0, wanted);
        }
        n++;
    }
    assert_int_equal(got.n, n);
    buf_init(&back, LINE_BYTES);
    assert_int_equal(tokenizer_decode(t, got.v, got.n, &back, &d), 0);
    assert_int_equal(buf_len(&back), text.n);
    assert_memory_equal(buf_bytes(&back).p == NULL ? (const void *)""
                                                   : buf_bytes(&back).p,
                        text.p, text.n);
    buf_release(&back);
    tokens_release(&got);
}

static void agrees(void **state)
{
    const char *seed = getenv("PROCTOR_SEED");
    char command[512];
    char model[16], pre[32];
    int space;
    struct vocabulary v;
    struct tokenizer *t = NULL;
    size_t cases = 0;
    FILE *f;

    (void)state;
    (void)snprintf(command, sizeof(command), "python3 '%s' %lu %d",
                   TEST_SOURCE_DIR "/tests/vectors/tokenizer.py",
                   seed != NULL ? strtoul(seed, NULL, 10)
                                : (unsigned long)time(NULL),
                   getenv("PROCTOR_FULL") != NULL ? 3000 : 60);
    print_message("%s\n", command);
    f = popen(command, "r");
    assert_non_null(f);
    vocabulary_init(&v);
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "vocabulary %15s %31s %d", model, pre, &space) == 3) {
            tokenizer_free(t);
            vocabulary_release(&v);
            t = read_vocabulary(f, &v, model, pre[0] == '-' ? NULL : pre, space);
            continue;
        }
        assert_memory_equal(line, "case ", 5);
        try_case(t, line + 5);
        cases++;
    }
    assert_int_equal(pclose(f), 0);
    assert_true(cases > 500);
    tokenizer_free(t);
    vocabulary_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees),
    };

    return cmocka_run_group_tests_name("tokenizer_vectors", tests, NULL, NULL);
}
