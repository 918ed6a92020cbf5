/* Writes what reference.py reads. Tests only. */
#include "tests/battery/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "tests/battery/plain.h"

#define TOKENS_N 100u
#define WINDOW 24u

static void write_file(const char *path, const char *suffix,
                       const struct ubytes *parts, size_t n)
{
    char name[4096];
    FILE *f;

    must(snprintf(name, sizeof(name), "%s.%s", path, suffix) >=
             (int)sizeof(name),
         "name of a dump");
    f = fopen(name, "we");
    must(f == NULL, "fopen");
    for (size_t i = 0; i < n; i++) {
        must(fwrite(parts[i].p, 1, parts[i].n, f) != parts[i].n, "fwrite");
    }
    must(fclose(f), "fclose");
}

static void write_dump(const struct plain *p, const char *path)
{
    const struct model_shape *s = p->little->shape;
    const uint32_t head[5] = {(uint32_t)p->n, s->layers, s->width, s->vocab, 0};
    const struct ubytes parts[] = {
        {(const uint8_t *)"PROCDUMP", 8},
        {(const uint8_t *)head, sizeof(head)},
        {(const uint8_t *)p->tokens, p->n * sizeof(uint32_t)},
        {(const uint8_t *)p->logits, p->n * s->vocab * sizeof(float)},
        {(const uint8_t *)p->residual,
         2 * (size_t)s->layers * p->n * s->width * sizeof(float)},
    };

    write_file(path, "gguf", &p->little->file, 1);
    write_file(path, "dump", parts, ARRAY_N(parts));
}

int dump(const char *kind, const char *type, const char *path)
{
    static struct account a;
    size_t k, t;
    const struct little *l;

    if (little_kind(kind, &k) != 0 || little_type(type, &t) != 0) {
        fprintf(stderr, "battery: no kind \"%s\" or type \"%s\"\n", kind, type);
        return 2;
    }
    blake3_init(&a.truth);
    a.random = 1;
    if (setjmp(a.stop) != 0) {
        fprintf(stderr, "battery: %s\n", a.first);
        return 1;
    }
    l = little_make(&a, k, t, WINDOW, 700 + k);
    write_dump(plain_run(&a, l, tokens_draw(&a, l, TOKENS_N), TOKENS_N), path);
    keep_release();
    return 0;
}
