/* What a worker says of a model file, for people and as JSON. The text comes from
 * the worker and from the file: hostile, so that it is escaped and cut. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/model.h"
#include "cli/term.h"
#include "proto/err.h"

#define COLUMNS 400

static void put(const char *text)
{
    term_put_text(stdout, (struct ubytes){(const uint8_t *)text, strlen(text)},
                  COLUMNS);
}

static void head(const char *name)
{
    printf("%-10s ", name);
}

static void put_number(uint64_t v)
{
    char text[TERM_NUMBER_BYTES];

    fputs(term_number(v, text), stdout);
}

static void print_tensors(const Proctor__ModelInfo *m)
{
    head("weights");
    put_number(m->parameters);
    for (size_t i = 0; i < m->n_tensors; i++) {
        printf("%s%u tensors %s, ", i == 0 ? ": " : "; ",
               m->tensors[i]->tensors, m->tensors[i]->type);
        put_number(m->tensors[i]->bytes);
        fputs(" bytes", stdout);
    }
    putchar('\n');
}

static void print_shape(const Proctor__ModelInfo *m)
{
    const char *gap = "";

    head("shape");
    for (size_t i = 0; i < m->n_shape; i++) {
        if (m->shape[i]->value != 0) {
            fputs(gap, stdout);
            put(m->shape[i]->name);
            printf(" %" PRIu64, m->shape[i]->value);
            gap = ", ";
        }
    }
    putchar('\n');
}

static void print_tokens(const Proctor__ModelTokens *t)
{
    head("tokenizer");
    put(t->rule);
    printf(", %u tokens", t->n);
    if (t->bos != 0) {
        printf(", begins with %u%s", t->bos - 1,
               t->adds_bos ? "" : " when asked to");
    }
    if (t->n_ends > 0) {
        fputs(", ends at", stdout);
        for (size_t i = 0; i < t->n_ends; i++) {
            printf(" %u", t->ends[i]);
        }
    }
    puts(t->adds_space ? ", a space before a text" : "");
}

static void print_info(const char *path, uint64_t bytes, const char *cid,
                       const Proctor__ModelInfo *m)
{
    put(path);
    fputs(": ", stdout);
    put(m->architecture[0] != '\0' ? m->architecture : "no architecture");
    if (m->name[0] != '\0') {
        fputs(", \"", stdout);
        put(m->name);
        fputs("\"", stdout);
    }
    fputs(", ", stdout);
    put_number(bytes);
    puts(" bytes");
    head("cid");
    puts(cid);
    print_tensors(m);
    if (m->n_shape > 0) {
        print_shape(m);
    }
    if (m->tokens != NULL) {
        print_tokens(m->tokens);
    }
    if (m->weight_bytes > 0) {
        head("memory");
        put_number(m->weight_bytes);
        fputs(" bytes, and ", stdout);
        put_number(m->lane_bytes);
        puts(" for a lane of the whole context");
    }
    head("runs");
    for (size_t i = 0; i < m->n_can; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        put(m->can[i]);
    }
    puts(m->n_can == 0 ? "nothing" : "");
    for (size_t i = 0; i < m->n_lacks; i++) {
        head("not");
        put(m->lacks[i]->what);
        fputs(": ", stdout);
        put(m->lacks[i]->why);
        putchar('\n');
    }
    head("routes");
    put(m->routes);
    putchar('\n');
}

static void json_tokens(struct json *j, const Proctor__ModelTokens *t)
{
    if (t == NULL) {
        json_null(j, "tokenizer");
        return;
    }
    json_object(j, "tokenizer");
    json_str(j, "rule", t->rule);
    json_u64(j, "tokens", t->n);
    if (t->bos != 0) {
        json_u64(j, "bos", t->bos - 1);
    }
    if (t->eos != 0) {
        json_u64(j, "eos", t->eos - 1);
    }
    json_array(j, "ends");
    for (size_t i = 0; i < t->n_ends; i++) {
        json_u64(j, NULL, t->ends[i]);
    }
    json_close(j);
    json_bool(j, "adds_bos", t->adds_bos);
    json_bool(j, "adds_space", t->adds_space);
    json_u64(j, "missing_bytes", t->missing_bytes);
    json_close(j);
}

static void json_lists(struct json *j, const Proctor__ModelInfo *m)
{
    json_array(j, "tensors");
    for (size_t i = 0; i < m->n_tensors; i++) {
        json_object(j, NULL);
        json_str(j, "type", m->tensors[i]->type);
        json_u64(j, "tensors", m->tensors[i]->tensors);
        json_u64(j, "bytes", m->tensors[i]->bytes);
        json_close(j);
    }
    json_close(j);
    json_object(j, "shape");
    for (size_t i = 0; i < m->n_shape; i++) {
        json_u64(j, m->shape[i]->name, m->shape[i]->value);
    }
    json_close(j);
    json_array(j, "can");
    for (size_t i = 0; i < m->n_can; i++) {
        json_str(j, NULL, m->can[i]);
    }
    json_close(j);
    json_array(j, "cannot");
    for (size_t i = 0; i < m->n_lacks; i++) {
        json_object(j, NULL);
        json_str(j, "what", m->lacks[i]->what);
        json_str(j, "why", m->lacks[i]->why);
        json_close(j);
    }
    json_close(j);
}

int model_show_info(struct cli *c, const char *path, uint64_t bytes,
                    const struct cid *cid, const Proctor__ModelInfo *m)
{
    char text[CID_TEXT_BYTES];
    struct json j;

    cid_text(cid, text);
    if (!c->json) {
        print_info(path, bytes, text, m);
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "path", path);
    json_str(&j, "cid", text);
    json_u64(&j, "bytes", bytes);
    json_str(&j, "kind", m->kind);
    json_str(&j, "architecture", m->architecture);
    json_str(&j, "name", m->name);
    json_u64(&j, "parameters", m->parameters);
    json_lists(&j, m);
    json_tokens(&j, m->tokens);
    json_u64(&j, "weight_bytes", m->weight_bytes);
    json_u64(&j, "lane_bytes", m->lane_bytes);
    json_str(&j, "routes", m->routes);
    json_close(&j);
    return cli_emit(c, &j);
}

/* Tokens per second of the fastest, the middle and the slowest repetition. */
static void rates(const double *s, size_t n, uint32_t tokens, double out[static 3])
{
    double v[1024];

    for (size_t i = 0; i < n; i++) {
        size_t at = i;

        for (; at > 0 && v[at - 1] > s[i]; at--) {
            v[at] = v[at - 1];
        }
        v[at] = s[i];
    }
    out[0] = tokens / v[0];
    out[1] = tokens / v[n / 2];
    out[2] = tokens / v[n - 1];
}

int model_show_bench(struct cli *c, const char *path,
                     const Proctor__ModelBench *m)
{
    size_t n = m->n_prefill_s;
    double speed[2][3];
    struct json j;

    if (n == 0 || n > 1024 || m->n_decode_s != n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    rates(m->prefill_s, n, m->prompt, speed[0]);
    rates(m->decode_s, n, m->generate, speed[1]);
    if (!c->json) {
        for (size_t i = 0; i < 2; i++) {
            printf("%-8s %5u tokens  %10.1f tokens/s (best %.1f, worst %.1f of "
                   "%zu)\n",
                   i == 0 ? "prefill" : "decode",
                   i == 0 ? m->prompt : m->generate, speed[i][1], speed[i][0],
                   speed[i][2], n);
        }
        printf("%-8s ", "routes");
        put(m->routes);
        putchar('\n');
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "path", path);
    for (size_t i = 0; i < 2; i++) {
        json_object(&j, i == 0 ? "prefill" : "decode");
        json_u64(&j, "tokens", i == 0 ? m->prompt : m->generate);
        json_array(&j, "seconds");
        for (size_t k = 0; k < n; k++) {
            json_f64(&j, NULL, i == 0 ? m->prefill_s[k] : m->decode_s[k]);
        }
        json_close(&j);
        json_f64(&j, "best", speed[i][0]);
        json_f64(&j, "median", speed[i][1]);
        json_f64(&j, "worst", speed[i][2]);
        json_close(&j);
    }
    json_str(&j, "routes", m->routes);
    json_close(&j);
    return cli_emit(c, &j);
}
