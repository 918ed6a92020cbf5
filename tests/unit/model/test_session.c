/* Sessions: what a lane proposes is a function of the model and its spec alone,
 * however its passes were cut into quanta, whoever ran beside it, whether it was
 * parked, rolled back or drafted for. */
#include "tests/unit/model/session_play.h"

#include "workers/nn/tokenizer.h"

enum {
    CONTEXT = 96,
    MOST = 48
};

static const char text[] = "one two one two one three one two ";

static struct model_file models[5]; /* of each architecture; [0] is dense */
static struct model_file draft;

static uint64_t random_state;

static uint32_t any(uint32_t n)
{
    random_state =
        random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((random_state >> 33) % n);
}

/* Settings of sampling that differ in what they do. */
static const struct sampling samplings[] = {
    {0, 0, 0, 0},     {1.0, 0, 0, 0},   {0.7, 5, 0, 0},
    {1.3, 0, 0.9, 0}, {0.9, 0, 0, 0.1}, {2.0, 40, 0.95, 0.02}};

static void tell(struct told *t, size_t how, uint32_t seed)
{
    const struct sampling *s = &samplings[how % ARRAY_N(samplings)];

    told_init(t, text);
    t->sampling.temperature = s->temperature;
    t->sampling.top_k = s->top_k;
    t->sampling.top_p = s->top_p;
    t->sampling.min_p = s->min_p;
    t->key[0] = (uint8_t)seed;
}

/* The plainest loop over the forward pass: one token at a time, alone. */
static void by_hand(const struct model_file *f, struct told *t, uint32_t most,
                    struct heard *out)
{
    struct sampling how = {t->sampling.temperature, t->sampling.top_k,
                           t->sampling.top_p, t->sampling.min_p};
    struct tokens tokens = {NULL, 0, 0};
    struct fact_marks marks;
    struct tokenizer *k;
    struct sampler *w;
    struct model *m;
    struct pass *p;
    struct cache c;
    struct diag d;
    uint8_t *bits;
    float *logits;
    size_t prompt_n;
    void *area;

    memset(out, 0, sizeof(*out));
    assert_int_equal(model_new(&f->g, &m, &d), 0);
    assert_int_equal(tokenizer_new(&f->g, &k, &d), 0);
    marks = fact_marks(k);
    assert_int_equal(prompt_encode(k, &marks, &t->spec, &tokens, &d), 0);
    prompt_n = tokens.n;
    assert_int_equal(pass_new(m, 1, 1, &p), 0);
    assert_int_equal(sampler_new(model_shape(m)->vocab, &w), 0);
    logits = calloc(model_shape(m)->vocab, sizeof(float));
    bits = malloc(model_shape(m)->vocab / 8 + 1);
    area = aligned_alloc(64, cache_bytes(m, CONTEXT, 64));
    assert_true(logits != NULL && bits != NULL && area != NULL);
    memset(bits, 0xff, model_shape(m)->vocab / 8 + 1);
    bits[marks.open / 8] &= (uint8_t) ~(1u << marks.open % 8);
    bits[marks.close / 8] &= (uint8_t) ~(1u << marks.close % 8);
    memset(area, 0, cache_bytes(m, CONTEXT, 64));
    cache_init(&c, m, area, CONTEXT, 64);
    for (size_t i = 0; out->n < most && tokens.n < CONTEXT; i++) {
        struct pass_lane l = {&c, &tokens.v[i], 1, 0, logits, NULL};
        uint32_t id;

        assert_int_equal(pass_run(p, &l, 1, NULL), PASS_DONE);
        if (i + 1 < tokens.n) {
            continue;
        }
        assert_int_equal(
            sample(w, logits, bits, &how, t->key, tokens.n - prompt_n, &id), 0);
        out->id[out->n++] = id;
        assert_int_equal(tokens_add(&tokens, id), 0);
        if (tokenizer_is_end(k, id)) {
            out->state = PROCTOR__LANE_STATE__LANE_END;
            break;
        }
    }
    if (tokens.n == CONTEXT && out->state == 0) {
        out->state = PROCTOR__LANE_STATE__LANE_FULL;
    }
    tokens_release(&tokens);
    free(logits);
    free(bits);
    free(area);
    sampler_free(w);
    pass_free(p);
    tokenizer_free(k);
    model_free(m);
}

static void test_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(models); i++) {
        for (size_t how = i % 2; how < ARRAY_N(samplings); how += 2) {
            static struct heard hand, session;
            struct told t;

            tell(&t, how, (uint32_t)i);
            by_hand(&models[i], &t, MOST, &hand);
            play_alone(&models[i], NULL, CONTEXT, 16, &t, MOST, &session);
            assert_same(&hand, &session);
            assert_true(session.n > 0);
        }
    }
}

static void test_quanta(void **state)
{
    (void)state;
    random_state = 1;
    for (uint32_t round = 0; round < 20; round++) {
        const struct model_file *m = &models[round % ARRAY_N(models)];
        static struct heard whole, cut;
        struct play p;
        struct told t;

        tell(&t, round, round);
        play_alone(m, NULL, CONTEXT, 16, &t, MOST, &whole);
        play_new(&p, m, NULL, CONTEXT, 1 + any(20), 1);
        assert_int_equal(play_open(&p, 0, &t, NULL), 0);
        memset(&cut, 0, sizeof(cut));
        while (!is_over(&cut, MOST)) {
            uint32_t lane = 0, wanted = any(6), left = MOST - cut.n;

            (void)play_quantum(&p, &lane, 1, any(5),
                               wanted < left ? wanted : left, &cut);
        }
        assert_same(&whole, &cut);
        play_free(&p);
    }
}

/* Parked after every token, and every time resumed by another session. */
static void test_parks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(models); i++) {
        static struct heard whole, parked;
        uint8_t *stored = NULL;
        struct told t;

        tell(&t, i + 1, 9);
        t.spec.draft_tokens = i % 2 ? 4 : 0;
        play_alone(&models[i], NULL, CONTEXT, 16, &t, MOST, &whole);
        memset(&parked, 0, sizeof(parked));
        while (!is_over(&parked, MOST)) {
            Proctor__LaneOpened opened;
            uint32_t lane = 0;
            struct play p;

            play_new(&p, &models[i], NULL, CONTEXT, 16, 1);
            if (stored == NULL) {
                stored = calloc(1, p.lane_bytes);
                assert_int_equal(play_open(&p, 0, &t, &opened), 0);
                assert_true(opened.prompt_tokens > 4);
            } else {
                assert_int_equal(play_resume(&p, 0, &t, stored, &opened), 0);
            }
            assert_int_equal(opened.tokens, parked.n);
            (void)play_quantum(&p, &lane, 1, 1, 1, &parked);
            play_park(&p, 0, stored);
            play_free(&p);
        }
        assert_same(&whole, &parked);
        free(stored);
    }
}

/* Several lanes, opened, advanced, parked, closed and resumed in any slot at
 * random, are each as if alone. */
static void test_lanes(void **state)
{
    enum {
        LANES = 5,
        SLOTS = 3
    };
    static struct heard alone[LANES], heard[LANES];

    (void)state;
    random_state = 5;
    for (size_t m = 0; m < ARRAY_N(models); m++) {
        uint8_t *stored[LANES] = {NULL};
        int slot_of[LANES], lane_of[SLOTS] = {-1, -1, -1};
        struct told t[LANES];
        struct play p;
        size_t over = 0;

        play_new(&p, &models[m], NULL, CONTEXT, 16, SLOTS);
        memset(heard, 0, sizeof(heard));
        for (size_t i = 0; i < LANES; i++) {
            tell(&t[i], i + m, (uint32_t)i);
            t[i].spec.prompt = pb_str(text + i);
            t[i].spec.draft_tokens = (uint32_t)(i % 3 * 3);
            play_alone(&models[m], NULL, CONTEXT, 16, &t[i], MOST, &alone[i]);
            slot_of[i] = -1;
        }
        while (over < LANES) {
            uint32_t slots[SLOTS];
            struct heard *h[SLOTS];
            static struct heard some[SLOTS];
            size_t n = 0, i = any(LANES), s = any(SLOTS);

            if (slot_of[i] < 0 && lane_of[s] < 0 && !is_over(&heard[i], MOST)) {
                if (stored[i] == NULL) {
                    stored[i] = calloc(1, p.lane_bytes);
                    assert_int_equal(play_open(&p, (uint32_t)s, &t[i], NULL),
                                     0);
                } else {
                    assert_int_equal(
                        play_resume(&p, (uint32_t)s, &t[i], stored[i], NULL),
                        0);
                }
                slot_of[i] = (int)s;
                lane_of[s] = (int)i;
            }
            for (size_t k = 0; k < SLOTS; k++) {
                if (lane_of[k] >= 0 && any(3) > 0) {
                    slots[n] = (uint32_t)k;
                    h[n] = &heard[(size_t)lane_of[k]];
                    some[n] = *h[n];
                    n++;
                }
            }
            (void)play_quantum(&p, slots, n, 1 + any(4), 1 + any(3), some);
            for (size_t k = 0; k < n; k++) {
                *h[k] = some[k];
            }
            for (size_t k = 0; k < SLOTS; k++) {
                int lane = lane_of[k];

                if (lane >= 0 && (any(4) == 0 || is_over(&heard[lane], MOST))) {
                    play_park(&p, (uint32_t)k, stored[lane]);
                    assert_int_equal(session_close(p.s, (uint32_t)k), 0);
                    slot_of[lane] = lane_of[k] = -1;
                    over += is_over(&heard[lane], MOST) != 0 ? 1u : 0u;
                }
            }
        }
        for (size_t i = 0; i < LANES; i++) {
            heard[i].n = heard[i].n < MOST ? heard[i].n : MOST;
            assert_memory_equal(heard[i].id, alone[i].id,
                                alone[i].n * sizeof(uint32_t));
            assert_int_equal(heard[i].n, alone[i].n);
            free(stored[i]);
        }
        play_free(&p);
    }
}

static void speculate(size_t how, const struct model_file *m,
                      uint32_t *accepted, uint32_t *drafted)
{
    static struct heard plain, looked, guessed, sure;
    struct told t;

    tell(&t, how, (uint32_t)how);
    play_alone(m, NULL, CONTEXT, 16, &t, MOST, &plain);
    assert_int_equal(plain.drafted, 0);
    t.spec.draft_tokens = 1 + (uint32_t)how;
    play_alone(m, NULL, CONTEXT, 16, &t, MOST, &looked);
    assert_same(&plain, &looked);
    play_alone(m, &draft, CONTEXT, 16, &t, MOST, &guessed);
    assert_same(&plain, &guessed);
    play_alone(m, m, CONTEXT, 16, &t, MOST, &sure);
    assert_same(&plain, &sure); /* its own guesses are all right */
    assert_int_equal(sure.drafted, sure.accepted);
    assert_true(sure.drafted > 0 && sure.passes < plain.passes);
    assert_true(looked.accepted <= looked.drafted);
    *accepted += looked.accepted + guessed.accepted;
    *drafted += looked.drafted + guessed.drafted;
}

/* Twelve settings of each model with PROCTOR_FULL, else four. */
static void test_speculation(void **state)
{
    size_t step = getenv("PROCTOR_FULL") == NULL ? 3 : 1;
    uint32_t accepted = 0, drafted = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(models); i++) {
        for (size_t how = i % step; how < 2 * ARRAY_N(samplings); how += step) {
            speculate(how, &models[i], &accepted, &drafted);
        }
    }
    assert_true(drafted > accepted); /* rollback was tried */
    assert_true(accepted > 0);
}

/* The kernel keeps less than was proposed: as if the rest had never been. */
static void test_keep(void **state)
{
    (void)state;
    random_state = 77;
    for (size_t i = 0; i < ARRAY_N(models); i++) {
        static struct heard whole, again;
        uint32_t lane = 0;
        struct play p;
        struct told t;

        tell(&t, i + 2, 3);
        t.spec.draft_tokens = i % 2 ? 5 : 0;
        play_alone(&models[i], NULL, CONTEXT, 16, &t, MOST, &whole);
        play_new(&p, &models[i], NULL, CONTEXT, 4, 1);
        assert_int_equal(play_open(&p, 0, &t, NULL), 0);
        memset(&again, 0, sizeof(again));
        for (uint32_t round = 0; round < 30; round++) {
            (void)play_quantum(&p, &lane, 1, 30, 1 + any(9), &again);
            assert_true(again.n <= whole.n + 64);
            assert_memory_equal(again.id, whole.id,
                                (again.n < whole.n ? again.n : whole.n) *
                                    sizeof(uint32_t));
            if (again.n >= whole.n || any(3) == 0) {
                again.n = any(again.n + 1);
                again.state = PROCTOR__LANE_STATE__LANE_GOES_ON;
            }
        }
        play_all(&p, 30, 3, MOST, &again);
        assert_same(&whole, &again);
        play_free(&p);
    }
}

static void test_context(void **state)
{
    static struct heard h;
    struct play p;
    struct told t;
    uint32_t lane = 0;

    (void)state;
    tell(&t, 1, 4);
    play_alone(&models[0], NULL, 60, 16, &t, PLAY_TOKENS, &h);
    assert_true(h.state == PROCTOR__LANE_STATE__LANE_FULL ||
                h.state == PROCTOR__LANE_STATE__LANE_END);
    t.spec.context = 50; /* its own, smaller one */
    play_new(&p, &models[0], NULL, 60, 16, 1);
    assert_int_equal(play_open(&p, 0, &t, NULL), 0);
    memset(&h, 0, sizeof(h));
    play_all(&p, 100, 100, PLAY_TOKENS, &h);
    (void)play_quantum(&p, &lane, 1, 9, 9, &h); /* nothing more */
    assert_int_equal(h.state, PROCTOR__LANE_STATE__LANE_FULL);
    t.spec.context = 20; /* too small for the prompt */
    assert_int_equal(play_open(&p, 0, &t, NULL), ERR_LIMIT);
    play_free(&p);
}

/* Another key from here on: the prompt is not fed again. */
static void test_repair(void **state)
{
    static struct heard first, second;
    const Proctor__QuantumDone *done;
    uint32_t lane = 0;
    struct told t;
    struct play p;
    uint8_t *stored;

    (void)state;
    tell(&t, 1, 50);
    play_alone(&models[2], NULL, CONTEXT, 16, &t, 20, &second);
    tell(&t, 1, 49);
    play_new(&p, &models[2], NULL, CONTEXT, 16, 1);
    stored = calloc(1, p.lane_bytes);
    assert_int_equal(play_open(&p, 0, &t, NULL), 0);
    memset(&first, 0, sizeof(first));
    play_all(&p, 100, 100, 20, &first);
    assert_memory_not_equal(first.id, second.id, sizeof(first.id[0]) * 20);
    play_park(&p, 0, stored);
    t.key[0] = 50;
    assert_int_equal(play_resume(&p, 0, &t, stored, NULL), 0);
    memset(&first, 0, sizeof(first));
    done = play_quantum(&p, &lane, 1, 100, 20, &first);
    assert_int_equal(done->passes, first.n); /* no prefill */
    assert_same(&second, &first);
    free(stored);
    play_free(&p);
}

static int make_models(void **state)
{
    static const char *const archs[] = {"llama", "llama", "qwen3moe", "olmoe",
                                        "gpt-oss"};
    struct diag d;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(models); i++) {
        struct model_init spec = {.arch = archs[i],
                                  .layers = 2,
                                  .vocab = 300,
                                  .context = 256,
                                  .experts = i == 1 ? 4 : 0,
                                  .window = i == 4 ? 16 : 0,
                                  .seed = 7};

        if (model_file_make(&spec, &models[i], &d) != 0) {
            return -1;
        }
    }
    return model_file_make(&(struct model_init){.arch = "llama",
                                                .layers = 1,
                                                .vocab = 300,
                                                .context = 256,
                                                .seed = 7},
                           &draft, &d);
}

static int drop_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(models); i++) {
        model_file_release(&models[i]);
    }
    model_file_release(&draft);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),       cmocka_unit_test(test_quanta),
        cmocka_unit_test(test_parks),       cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_speculation), cmocka_unit_test(test_keep),
        cmocka_unit_test(test_context),     cmocka_unit_test(test_repair)};

    return cmocka_run_group_tests(tests, make_models, drop_models);
}
