/* The file between the two processes: a head, the model's file, the tokens, the
 * lane's bytes; then the answer. Tests only. */
#include "tests/battery/resume.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/nn/gguf.h"
#include "workers/nn/panel.h"

struct head {
    uint64_t file_n, tokens_n, area_n, held;
    uint32_t context, slack;
};

static void put(FILE *f, const void *p, size_t n)
{
    must(fwrite(p, 1, n, f) != n, "fwrite");
}

static void *get(FILE *f, size_t n)
{
    void *p = aligned_alloc(64, (n + 63) & ~(size_t)63);

    must(p == NULL || fread(p, 1, n, f) != n, "fread");
    return p;
}

static void start_again(const char *path)
{
    int status = 0;
    pid_t child = fork();

    must(child < 0, "fork");
    if (child == 0) {
        execl("/proc/self/exe", "battery", "resume", path, (char *)NULL);
        _exit(127);
    }
    must(waitpid(child, &status, 0) != child, "waitpid");
    must(status, "the other process");
}

void resume_elsewhere(const struct plain *p, const struct cache *c,
                      float *out_logits)
{
    const struct little *l = p->little;
    char path[] = "/tmp/proctor-battery-XXXXXX";
    struct head h = {
        l->file.n, p->n,       cache_bytes(l->model, c->context, c->slack),
        c->n,      c->context, c->slack};
    size_t answer = (p->n - (size_t)c->n) * l->shape->vocab;
    int fd = mkostemp(path, O_CLOEXEC);
    FILE *f;
    float *logits;

    must(fd < 0, "mkostemp");
    f = fdopen(fd, "r+");
    must(f == NULL, "fdopen");
    put(f, &h, sizeof(h));
    put(f, l->file.p, l->file.n);
    put(f, p->tokens, p->n * sizeof(*p->tokens));
    put(f, c->area, h.area_n);
    must(fflush(f), "fflush");
    start_again(path);
    must(fseek(f, 0, SEEK_CUR), "fseek");
    logits = get(f, answer * sizeof(float));
    memcpy(out_logits, logits, answer * sizeof(float));
    free(logits);
    (void)fclose(f);
    (void)unlink(path);
}

/* Feeds the rest one by one, and writes each position's logits. */
static void go_on(FILE *f, const struct model *m, struct cache *c,
                  const uint32_t *tokens, size_t n)
{
    struct pass *pass = NULL;
    size_t vocab = model_shape(m)->vocab;
    float *logits = calloc(vocab, sizeof(float));

    must(logits == NULL, "calloc");
    MUST(pass_new(m, 1, 1, &pass));
    for (size_t i = (size_t)c->n; i < n; i++) {
        struct pass_lane lane = {c, tokens + i, 1, 0, logits, NULL};

        MUST(pass_run(pass, &lane, 1, NULL));
        put(f, logits, vocab * sizeof(float));
    }
    pass_free(pass);
    free(logits);
}

int resume_child(const char *path)
{
    FILE *f = fopen(path, "r+e");
    struct gguf g CLEANUP(gguf_release) = {0};
    struct model *model = NULL;
    struct head h;
    struct cache c;
    struct diag d;
    uint8_t *file, *area;
    uint32_t *tokens;

    must(f == NULL, "fopen");
    must(fread(&h, sizeof(h), 1, f) != 1, "fread");
    file = get(f, h.file_n);
    tokens = get(f, h.tokens_n * sizeof(*tokens));
    area = get(f, h.area_n);
    must(fseek(f, 0, SEEK_CUR), "fseek");
    diag_init(&d);
    must(gguf_open((struct ubytes){file, h.file_n}, &g, &d), d.what);
    must(model_new(&g, &model, &d), d.what);
    cache_init(&c, model, area, h.context, h.slack);
    c.n = h.held;
    go_on(f, model, &c, tokens, h.tokens_n);
    model_free(model);
    free(file);
    free(tokens);
    free(area);
    return fclose(f) == 0 ? 0 : 1;
}
