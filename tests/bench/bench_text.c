/* Steps of training of transformers on one thread: gradient, clipping, AdamW,
 * packing; made-up tokens. "name value unit" lines, the best of all turns, which
 * alternate. PROCTOR_BENCH_TURNS: how many (5). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/unit/train/text_world.h"
#include "workers/train/optimizer.h"

enum {
    TURNS = 5,
    STEPS = 3
};

static const struct given {
    const char *name;
    struct text_form form;
} given[] = {
    /* two million parameters, a quarter of a million of them unused by a token */
    {"moe_2m_8x256",
     {.arch = "olmoe", .blocks = 4, .width = 128, .heads = 4, .kv_heads = 4,
      .ffn = 256, .experts = 4, .experts_used = 2, .vocab = 512, .context = 256,
      .rows = 8, .balance = 0.01}},
    /* the shapes and the batch of llm.c's program, with experts and without */
    {"moe_2m_4x64",
     {.arch = "olmoe", .blocks = 4, .width = 128, .heads = 4, .kv_heads = 4,
      .ffn = 256, .experts = 4, .experts_used = 2, .vocab = 512, .context = 64,
      .rows = 4, .balance = 0.01}},
    {"dense_4x64",
     {.arch = "llama", .blocks = 4, .width = 128, .heads = 4, .kv_heads = 4,
      .ffn = 384, .vocab = 512, .context = 64, .rows = 4}},
};

struct course {
    struct text_world w;
    Proctor__OptimizerSpec spec;
    struct optimizer *o;
    uint8_t *mask;
    uint32_t order[8];
    double best; /* ns a step */
};

static void open_course(struct course *c, const struct text_form *f)
{
    struct diag d;

    world_make(&c->w, f);
    proctor__optimizer_spec__init(&c->spec);
    c->spec.kind = (char *)(uintptr_t)"adamw";
    c->spec.rate = 1e-3;
    c->spec.decay = 0.1;
    c->mask = calloc(c->w.n, 1);
    need(c->mask != NULL && optimizer_new(&c->spec, c->w.n, &c->o, &d) == 0,
         "an optimizer");
    learner_transformer.decays(c->w.l, c->mask);
    for (uint32_t i = 0; i < f->rows; i++) {
        c->order[i] = i;
    }
}

static void run(struct course *c, const struct text_form *f, uint64_t first)
{
    for (uint64_t i = 0; i < STEPS; i++) {
        struct loss_sum sum = {0};

        need(learner_transformer.gradient(c->w.l, &c->w.rows, c->order, f->rows,
                                          first + i, 0, c->w.grad, &sum) == 0,
             "gradient");
        clip_scale(c->w.grad, c->w.n, 1.0 / (double)sum.count);
        optimizer_step(c->o, c->w.params, c->w.grad, c->mask, 1e-3);
        need(learner_transformer.set(c->w.l, c->w.params) == 0, "set");
    }
}

int main(void)
{
    static struct course courses[ARRAY_N(given)];
    const char *asked = getenv("PROCTOR_BENCH_TURNS");
    long turns = asked == NULL ? TURNS : strtol(asked, NULL, 10);

    need(nn_prove() == 0, "nn_prove");
    for (size_t i = 0; i < ARRAY_N(given); i++) {
        open_course(&courses[i], &given[i].form);
    }
    for (long t = 0; t < turns; t++) {
        for (size_t i = 0; i < ARRAY_N(given); i++) {
            double start = now_ns(), took;

            run(&courses[i], &given[i].form, (uint64_t)t * STEPS);
            took = (now_ns() - start) / STEPS;
            if (t == 0 || took < courses[i].best) {
                courses[i].best = took;
            }
        }
    }
    for (size_t i = 0; i < ARRAY_N(given); i++) {
        const struct text_form *f = &given[i].form;

        printf("train_%s_parameters %zu numbers\n", given[i].name,
               courses[i].w.n);
        printf("train_%s %.0f tokens/s\n", given[i].name,
               (double)f->rows * f->context / courses[i].best * 1e9);
        free(courses[i].mask);
        optimizer_free(courses[i].o);
        world_release(&courses[i].w);
    }
    return 0;
}
