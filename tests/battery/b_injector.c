/* Battery injector: values told through the residual stream. Tests only. */
#include "tests/battery/wishes.h"

#include <stdio.h>
#include <string.h>

#include "workers/nn/gguf_write.h"

#define TOKENS_N 40u
#define CONTEXT 160u
#define BOTTLENECK 16u

struct bytes {
    uint8_t *p;
    size_t n;
};

static int sink(void *ctx, struct ubytes b)
{
    struct bytes *to = ctx;

    memcpy(to->p + to->n, b.p, b.n);
    to->n += b.n;
    return 0;
}

static void put_floats(struct account *a, struct gguf_writer *w, size_t n,
                       float size)
{
    float *v = keep(n * sizeof(*v));

    for (size_t i = 0; i < n; i++) {
        v[i] = size * ((float)below(a, 2001) - 1000.0f) / 1000.0f;
    }
    MUST(gguf_writer_data(w,
                          (struct ubytes){(const uint8_t *)v, n * sizeof(*v)}));
}

/* up: how large what it adds may be; 0: nothing. */
static struct ubytes injector(struct account *a, uint32_t width, float up,
                              float scale)
{
    struct gguf_writer *w = NULL;
    struct bytes out = {keep(1u << 16), 0};
    const uint64_t norm[] = {width}, proj[] = {1, width};
    const uint64_t down[] = {width, BOTTLENECK}, ups[] = {BOTTLENECK, width};

    MUST(gguf_writer_new(&w));
    gguf_writer_string(w, "general.architecture", "proctor-injector");
    gguf_writer_f32(w, "inject.scale", scale);
    gguf_writer_tensor(w, "norm.weight", GGUF_TENSOR_F32, 1, norm);
    gguf_writer_tensor(w, "proj.weight", GGUF_TENSOR_F32, 2, proj);
    gguf_writer_tensor(w, "down.weight", GGUF_TENSOR_F32, 2, down);
    gguf_writer_tensor(w, "up.weight", GGUF_TENSOR_F32, 2, ups);
    must(gguf_writer_bytes(w) > 1u << 16, "room of an injector");
    MUST(gguf_writer_begin(w, sink, &out));
    put_floats(a, w, width, 1);
    put_floats(a, w, width, 1);
    put_floats(a, w, (size_t)width * BOTTLENECK, 0.3f);
    put_floats(a, w, (size_t)width * BOTTLENECK, up);
    MUST(gguf_writer_end(w));
    gguf_writer_free(w);
    return (struct ubytes){out.p, out.n};
}

/* w alone in lane 0 beside the plain wish in lane 1, with drafts. */
static void beside(struct account *a, const struct plain_text *p,
                   const struct plain_text *other, const char *text)
{
    const void *mark = keep_mark();
    struct talk t = talk_make(p->little, NULL, CONTEXT, 64, 2);
    struct wish w[2] = {*p->wish, *other->wish};
    struct said said[2] = {{.n = 0}};

    w[0].drafts = w[1].drafts = below(a, 6);
    (void)talk_open(&t, 0, &w[0], 0);
    (void)talk_open(&t, 1, &w[1], 0);
    for (size_t i = 0; i < TOKENS_N; i++) {
        struct turn turns[2];
        size_t n = 0;

        for (uint32_t lane = 0; lane < 2; lane++) {
            if (!said[lane].is_over && said[lane].n < TOKENS_N) {
                turns[n++] = (struct turn){lane, &said[lane],
                                           TOKENS_N - (uint32_t)said[lane].n};
            }
        }
        if (n > 0) {
            (void)talk_quantum(&t, turns, n, 1 + below(a, 9));
        }
    }
    same_said(a, p, &said[0], 0, text);
    same_lane(a, p, &t, 0, text);
    same_said(a, other, &said[1], 0, text);
    same_lane(a, other, &t, 1, text);
    a->schedules++;
    keep_back(mark);
}

static void one(struct account *a, const struct little *l)
{
    static const char off[] = "an injector that adds 0";
    static const char on[] = "an injector, in pieces and alone";
    const void *mark = keep_mark();
    struct wish *w = wish_draw(a, TOKENS_N), tells[3] = {*w, *w, *w};
    const struct plain_text *none = plain_text(a, l, w, CONTEXT), *p;
    uint32_t width = l->shape->width;

    tells[0].injector = injector(a, width, 0, 1);
    tells[1].injector = injector(a, width, 0.5f, 0);
    tells[2].injector = injector(a, width, 0.5f, 1);
    for (size_t i = 0; i < ARRAY_N(tells); i++) {
        tells[i].value = (float)below(a, 100) / 10.0f;
    }
    for (size_t i = 0; i < 2; i++) {
        p = plain_text(a, l, &tells[i], CONTEXT);
        same_said(a, none, &p->said, 1, off);
        same_lane(a, none, &p->talk, 0, off);
    }
    p = plain_text(a, l, &tells[2], CONTEXT);
    hold(a,
         memcmp(session_lane(p->talk.session, 0)->residuals,
                session_lane(none->talk.session, 0)->residuals, 32) != 0,
         "%s: an injector changed nothing", l->kind);
    beside(a, p, none, on);
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = talker_make(a, kind, type, 16, 1600 + kind);

    for (size_t i = 0; i < (a->full ? 30u : 1u); i++) {
        one(a, l);
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_injector = {
    .name = "injector",
    .mechanism = "trap plane: residual injector",
    .compares =
        "tokens, digests of all residual rows, keys and values: an injector of "
        "zeros against none, one that changes against itself alone, and the "
        "lane beside it",
    .over = "all kinds and types; disabled by its matrix and by its scale; "
            "random quanta and drafts; every sampling",
    .saboteurs = {"inject-zero"},
    .run = run,
};
