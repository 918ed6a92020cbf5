/* What a session (workers/model/session.h) costs beside the bare passes of the same
 * model over the same tokens, in this process, one thread; what drafts gain; what
 * bringing a lane to rest takes. FILE: of bench_model init.
 *
 *   lane_pace FILE quanta      a session's tokens by quanta of 16 passes against
 *                              bare passes, turn by turn; parking
 *   lane_pace FILE drafts N..  the same text with N tokens drafted by looking it
 *                              up, turn by turn: rows of a table, kept by a
 *                              grammar, whose four digits are the model's
 *   lane_pace FILE bare A B    milliseconds of the bare passes that make tokens
 *                              [A, B) behind the prompt, for pairs with a whole
 *                              `proctor model generate`
 *
 * The first two print "name value unit" lines, name without what the file is. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base.h"
#include "proto/pb.h"
#include "tests/bench/bench.h"
#include "workers/model/session_int.h"
#include "workers/nn/gguf.h"
#include "workers/nn/panel.h"

#define PROMPT "Once upon a time"
#define CONTEXT 1024u
#define QUANTUM 16u
#define QUANTA 6u
#define ROUNDS 4u
#define TEXT 256u     /* tokens of a text with drafts */
#define TOKENS 512u   /* kept of one lane */
#define DRAFT_WAYS 4u /* lanes with different numbers of drafts */

struct pace {
    struct session *s;
    uint8_t *area;
    uint64_t lane_bytes;
    struct cache cache; /* of the bare passes */
    float *logits;
    uint32_t prompt[64];
    uint32_t prompt_n;
};

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* A network (automaton.h) of one row over and over, which never ends; '#' stands
 * for any digit. */
static size_t table_of(uint8_t *out, size_t cap)
{
    static const char row[] =
        "| apple ## | pear ## | to be paid at the door |\n";
    static const size_t n = sizeof(row) - 1;
    size_t at = 6;

    memcpy(out, "PAU1", 4);
    out[4] = 0;
    out[5] = (uint8_t)n;
    need(n < 256 && cap >= 6 + n * 9, "a long row");
    for (size_t i = 0; i < n; i++) {
        uint8_t first = row[i] == '#' ? '0' : (uint8_t)row[i];
        uint8_t last = row[i] == '#' ? '9' : (uint8_t)row[i];
        uint8_t state[] = {
            0, 0, 1, 0, 0, first, last, 0, (uint8_t)((i + 1) % n)};

        memcpy(out + at, state, sizeof(state));
        at += sizeof(state);
    }
    return at;
}

static void open_lane(struct pace *p, uint32_t lane, uint32_t drafts,
                      int is_table)
{
    uint8_t network[512];
    uint8_t key[32] = {0};
    Proctor__LaneOpen m = PROCTOR__LANE_OPEN__INIT;
    Proctor__LaneSpec spec = PROCTOR__LANE_SPEC__INIT;
    Proctor__LaneOpened opened = PROCTOR__LANE_OPENED__INIT;
    Proctor__GrammarSpec grammar = PROCTOR__GRAMMAR_SPEC__INIT;
    struct diag d;

    diag_init(&d);
    if (is_table) {
        grammar.automaton.len = table_of(network, sizeof(network));
        grammar.automaton.data = network;
        spec.grammar = &grammar;
    }
    spec.prompt = pb_str(PROMPT);
    spec.draft_tokens = drafts;
    m.lane = lane;
    m.spec = &spec;
    m.key = (ProtobufCBinaryData){sizeof(key), key};
    need(session_open(p->s, &m, &opened, &d) == 0 && d.code == 0,
         d.code == 0 ? "a lane" : d.what);
}

static void start(struct pace *p, const char *path, uint32_t lanes)
{
    struct session_config c = {.context = CONTEXT, .lanes = lanes};
    Proctor__SessionReady ready = PROCTOR__SESSION_READY__INIT;
    const struct lane *l;
    struct gguf g;
    struct diag d;
    struct stat st;
    void *file, *cache;
    size_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    memset(p, 0, sizeof(*p));
    diag_init(&d);
    need(fd >= 0 && fstat(fd, &st) == 0, path);
    file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    need(file != MAP_FAILED, path);
    need(gguf_open((struct ubytes){file, (size_t)st.st_size}, &g, &d) == 0,
         d.what);
    need(session_new(&g, NULL, &c, &p->s, &d) == 0, d.what);
    gguf_release(&g);
    munmap(file, (size_t)st.st_size);
    close(fd);
    session_ready(p->s, &ready);
    p->lane_bytes = ready.lane_bytes;
    p->area = aligned_alloc(4096, p->lane_bytes * lanes);
    need(p->area != NULL, "memory");
    memset(p->area, 0, p->lane_bytes * lanes);
    session_area(p->s, p->area);
    n = cache_bytes(p->s->model, CONTEXT, 0);
    cache = aligned_alloc(64, n);
    p->logits = malloc(model_shape(p->s->model)->vocab * sizeof(float));
    need(cache != NULL && p->logits != NULL, "memory");
    memset(cache, 0, n);
    cache_init(&p->cache, p->s->model, cache, CONTEXT, 0);
    open_lane(p, 0, 0, 0);
    l = session_lane(p->s, 0);
    p->prompt_n = l->history_n;
    need(p->prompt_n <= ARRAY_N(p->prompt), "a long prompt");
    memcpy(p->prompt, l->history, p->prompt_n * sizeof(p->prompt[0]));
}

static void stop(struct pace *p)
{
    session_free(p->s);
    free(p->area);
    free(p->cache.area);
    free(p->logits);
}

/* One quantum of a lane that keeps ${keep} tokens: milliseconds. */
static double quantum(struct pace *p, uint32_t lane, uint32_t keep,
                      uint32_t passes, uint32_t tokens,
                      const Proctor__LaneDone **out)
{
    Proctor__Quantum q = PROCTOR__QUANTUM__INIT;
    Proctor__QuantumLane one = PROCTOR__QUANTUM_LANE__INIT, *v = &one;
    const Proctor__QuantumDone *done;
    double t = now_ms();

    one.lane = lane;
    one.keep = keep;
    one.tokens = tokens;
    q.lanes = &v;
    q.n_lanes = 1;
    q.passes = passes;
    need(session_quantum(p->s, &q, &done) == 0, "a quantum");
    need(done->lanes[0]->state == PROCTOR__LANE_STATE__LANE_GOES_ON,
         "the text ended");
    *out = done->lanes[0];
    return now_ms() - t;
}

/* n tokens in one bare pass, logits of the last: milliseconds. */
static double bare(struct pace *p, const uint32_t *tokens, size_t n)
{
    struct pass_lane lane = {.cache = &p->cache,
                             .tokens = tokens,
                             .n = n,
                             .logits_from = n - 1,
                             .logits = p->logits};
    double t = now_ms();

    need(pass_run(p->s->pass, &lane, 1, NULL) == PASS_DONE, "a pass");
    return now_ms() - t;
}

/* The same quantum again and again, undone in between, in turn with the bare
 * passes of its tokens; the least of each quantum's times counts. */
static void show_quanta(struct pace *p)
{
    const Proctor__LaneDone *d;
    uint32_t text[1 + QUANTUM];
    double sum[2] = {0};

    (void)quantum(p, 0, 0, 1, 1, &d);
    (void)bare(p, p->prompt, p->prompt_n);
    text[QUANTUM] = d->tokens[0]->id;
    for (uint32_t k = 0; k < QUANTA; k++) {
        double best[2] = {1e18, 1e18};

        text[0] = text[QUANTUM]; /* proposed, not yet fed */
        for (unsigned r = 0; r < ROUNDS; r++) {
            double t = 0;

            best[1] = least(
                best[1], quantum(p, 0, 1 + k * QUANTUM, QUANTUM, QUANTUM, &d));
            need(d->n_tokens == QUANTUM, "a token of each pass");
            for (size_t i = 0; i < QUANTUM; i++) {
                text[1 + i] = d->tokens[i]->id;
            }
            need(cache_rollback(&p->cache, p->s->model,
                                p->prompt_n + k * QUANTUM) == 0,
                 "a rollback");
            for (size_t i = 0; i < QUANTUM; i++) {
                t += bare(p, &text[i], 1);
            }
            best[0] = least(best[0], t);
        }
        sum[0] += best[0];
        sum[1] += best[1];
    }
    printf("bare_token %.4f ms\n", sum[0] / (QUANTA * QUANTUM));
    printf("session_token %.4f ms\n", sum[1] / (QUANTA * QUANTUM));
    printf("session_over_bare %.2f percent\n", (sum[1] / sum[0] - 1) * 100);
}

/* What the worker does to bring a lane to rest: first whole, then what one
 * quantum changed. Bytes: of the extents that the kernel stores. */
static void show_parking(struct pace *p)
{
    const Proctor__LaneParked *parked;
    const Proctor__LaneDone *d;
    uint32_t keep = 1 + QUANTA * QUANTUM;

    for (unsigned k = 0; k < 2; k++) {
        uint64_t bytes = 0;
        double t = now_ms();

        need(session_park(p->s, 0, &parked) == 0, "parking");
        t = now_ms() - t;
        for (size_t i = 0; i < parked->n_extents; i++) {
            bytes += parked->extents[i]->bytes;
        }
        printf("worker_park_%s %.3f ms\n", k == 0 ? "whole" : "quantum", t);
        printf("worker_park_%s_bytes %.2f MB\n", k == 0 ? "whole" : "quantum",
               (double)bytes / 1e6);
        (void)quantum(p, 0, keep, QUANTUM, QUANTUM, &d);
        keep += QUANTUM;
    }
}

/* One text in as many lanes as there are ways, quantum by quantum in turn. */
static void show_drafts(struct pace *p, const uint32_t *drafts, uint32_t ways)
{
    uint32_t n[DRAFT_WAYS] = {0}, drafted[DRAFT_WAYS] = {0};
    uint32_t accepted[DRAFT_WAYS] = {0}, passes[DRAFT_WAYS] = {0};
    static uint32_t text[DRAFT_WAYS][TOKENS];
    double sum[DRAFT_WAYS] = {0};
    const Proctor__LaneDone *d;
    int goes_on = 1;

    need(session_close(p->s, 0) == 0, "closing");
    for (uint32_t w = 0; w < ways; w++) {
        open_lane(p, w, drafts[w], 1);
        (void)quantum(p, w, 0, 1, 1, &d); /* the prompt */
        text[w][n[w]++] = d->tokens[0]->id;
    }
    while (goes_on) {
        goes_on = 0;
        for (uint32_t w = 0; w < ways; w++) {
            if (n[w] >= TEXT) {
                continue;
            }
            sum[w] += quantum(p, w, n[w], QUANTUM, TEXT - n[w], &d);
            for (size_t i = 0; i < d->n_tokens; i++) {
                need(n[w] < TOKENS, "too many tokens");
                text[w][n[w]++] = d->tokens[i]->id;
            }
            drafted[w] += d->drafted;
            accepted[w] += d->accepted;
            passes[w] += d->passes;
            goes_on = 1;
        }
    }
    for (uint32_t w = 0; w < ways; w++) {
        need(memcmp(text[w], text[0], TEXT * sizeof(text[0][0])) == 0,
             "drafts changed the text");
        printf("drafts_%u %.0f tokens/s\n", drafts[w],
               (TEXT - 1) / sum[w] * 1e3);
        if (w > 0) {
            printf("drafts_%u_gain %.2f ratio\n", drafts[w], sum[0] / sum[w]);
            printf("drafts_%u_accepted %.0f percent\n", drafts[w],
                   drafted[w] == 0 ? 0.0 : 100.0 * accepted[w] / drafted[w]);
            printf("drafts_%u_passes %u of_%u\n", drafts[w], passes[w],
                   passes[0]);
        }
    }
}

/* The likeliest that may be proposed: what a greedy lane takes. */
static uint32_t next_of(const struct pace *p)
{
    const uint8_t *plain = p->s->plain;
    uint32_t vocab = model_shape(p->s->model)->vocab, best = vocab;

    for (uint32_t i = 0; i < vocab; i++) {
        int may = plain == NULL || (plain[i / 8] >> i % 8 & 1) != 0;

        if (may && (best == vocab || p->logits[i] > p->logits[best])) {
            best = i;
        }
    }
    need(best < vocab, "no token");
    return best;
}

static void show_bare(struct pace *p, uint32_t from, uint32_t to)
{
    double sum = 0;
    uint32_t token;

    need(p->prompt_n + to <= CONTEXT, "a long text");
    (void)bare(p, p->prompt, p->prompt_n);
    token = next_of(p); /* number 0 */
    for (uint32_t i = 1; i < to; i++) {
        double t = bare(p, &token, 1);

        sum += i >= from ? t : 0;
        token = next_of(p);
    }
    printf("%.3f\n", sum);
}

int main(int argc, char **argv)
{
    struct pace p;

    need(nn_prove() == 0, "the start-up proof");
    need(argc >= 3, "usage: lane_pace FILE quanta | drafts N.. | bare A B");
    if (strcmp(argv[2], "quanta") == 0) {
        start(&p, argv[1], 1);
        show_quanta(&p);
        show_parking(&p);
    } else if (strcmp(argv[2], "drafts") == 0) {
        uint32_t drafts[DRAFT_WAYS] = {0}, ways = 1;

        for (int i = 3; i < argc && ways < DRAFT_WAYS; i++) {
            drafts[ways++] = (uint32_t)strtoul(argv[i], NULL, 10);
        }
        start(&p, argv[1], ways);
        show_drafts(&p, drafts, ways);
    } else {
        need(argc == 5 && strcmp(argv[2], "bare") == 0, "a command");
        start(&p, argv[1], 1);
        show_bare(&p, (uint32_t)strtoul(argv[3], NULL, 10),
                  (uint32_t)strtoul(argv[4], NULL, 10));
    }
    stop(&p);
    return 0;
}
