/* What stands in a lane's way: passes stopped at every place and resumed by
 * another session, residual digests, injectors, entropies, experts, and areas
 * that were damaged at rest. */
#include <math.h>

#include "tests/unit/model/session_play.h"

#include "workers/model/inject.h"

enum {
    CONTEXT = 64,
    MOST = 6
};

static const char text[] = "one two one two one three one ";

static struct model_file model; /* gpt-oss: experts and a ring */

static void tell(struct told *t)
{
    told_init(t, text);
    t->sampling.temperature = 0.8;
    t->key[0] = 3;
}

/* Opened with this trap, stopped, and resumed elsewhere as often as it stops;
 * how often that was. */
static uint32_t play_stops(struct told *t, struct heard *out, uint32_t batch)
{
    uint8_t *stored = NULL;
    uint32_t stops = 0;

    memset(out, 0, sizeof(*out));
    while (!is_over(out, MOST)) {
        uint32_t lane = 0;
        struct play p;

        play_new(&p, &model, NULL, CONTEXT, batch, 1);
        if (stored == NULL) {
            stored = calloc(1, p.lane_bytes);
            assert_non_null(stored);
            assert_int_equal(play_open(&p, 0, t, NULL), 0);
        } else {
            assert_int_equal(play_resume(&p, 0, t, stored, NULL), 0);
        }
        (void)play_quantum(&p, &lane, 1, 100, MOST - out->n, out);
        stops += out->state == PROCTOR__LANE_STATE__LANE_STOPPED;
        play_park(&p, 0, stored);
        play_free(&p);
    }
    free(stored);
    return stops;
}

static void test_stops(void **state)
{
    static struct heard plain, stopped;
    struct told t;

    (void)state;
    tell(&t);
    play_alone(&model, NULL, CONTEXT, 8, &t, MOST, &plain);
    for (uint64_t pass = 0; pass < 8; pass++) {
        for (uint32_t site = 0; site < 4; site++) {
            tell(&t);
            told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, site / 2,
                      (int)(site % 2), pass);
            told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, 1, 1, pass + 1);
            assert_int_equal(play_stops(&t, &stopped, 8), 2);
            assert_same(&plain, &stopped);
        }
    }
}

/* Beside a lane that always wants the next pass, too: neither waits for ever,
 * and neither's text is another for it. */
static void test_stop_beside(void **state)
{
    static struct heard plain, heard[2];
    uint32_t lanes[2] = {0, 1}, quanta = 0;
    struct told t, u;
    struct play p;

    (void)state;
    tell(&t);
    play_alone(&model, NULL, CONTEXT, 8, &t, MOST, &plain);
    tell(&u);
    told_trap(&u, PROCTOR__LAYER_ACT__LAYER_STOP, 1, 0, 5);
    told_trap(&u, PROCTOR__LAYER_ACT__LAYER_STOP, 0, 1, 6);
    play_new(&p, &model, NULL, CONTEXT, 8, 2);
    assert_int_equal(play_open(&p, 0, &t, NULL), 0);
    assert_int_equal(play_open(&p, 1, &u, NULL), 0);
    memset(heard, 0, sizeof(heard));
    while (heard[1].n < MOST && quanta++ < 20) {
        (void)play_quantum(&p, lanes, 2, 4, 4, heard);
    }
    assert_true(quanta < 8); /* the other is full after nine */
    assert_memory_equal(heard[1].id, plain.id, MOST * sizeof(plain.id[0]));
    assert_memory_equal(heard[0].id, plain.id, MOST * sizeof(plain.id[0]));
    play_free(&p);
}

/* Stopped, then told to forget some: the pass goes with them. */
static void test_stop_and_keep(void **state)
{
    static struct heard plain, stopped;
    uint32_t lane = 0;
    struct told t;
    struct play p;

    (void)state;
    tell(&t);
    play_alone(&model, NULL, CONTEXT, 8, &t, MOST, &plain);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, 1, 0, 7);
    play_new(&p, &model, NULL, CONTEXT, 8, 1);
    assert_int_equal(play_open(&p, 0, &t, NULL), 0);
    memset(&stopped, 0, sizeof(stopped));
    (void)play_quantum(&p, &lane, 1, 100, MOST, &stopped);
    assert_int_equal(stopped.state, PROCTOR__LANE_STATE__LANE_STOPPED);
    assert_true(stopped.n >= 2);
    stopped.n -= 2;
    play_all(&p, 100, 100, MOST, &stopped);
    assert_same(&plain, &stopped);
    play_free(&p);
}

/* Equal digests: cut, batched, drafted, rolled back, stopped. Another text or
 * another site: another digest. */
static void test_digests(void **state)
{
    static struct heard a, b;
    uint32_t lane = 0;
    struct told t;
    struct play p;

    (void)state;
    tell(&t);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_DIGEST, 0, 0, 0);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_DIGEST, 1, 1, 0);
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &a);
    for (uint32_t batch = 1; batch < 40; batch += 9) {
        t.spec.draft_tokens = batch % 8;
        play_alone(&model, NULL, CONTEXT, batch, &t, MOST, &b);
        assert_same(&a, &b);
        assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    }
    t.spec.draft_tokens = 0;
    play_new(&p, &model, NULL, CONTEXT, 8, 1);
    assert_int_equal(play_open(&p, 0, &t, NULL), 0);
    memset(&b, 0, sizeof(b));
    (void)play_quantum(&p, &lane, 1, 100, MOST, &b);
    b.n = 1;
    (void)play_quantum(&p, &lane, 1, 100, MOST - 1, &b);
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    play_free(&p);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, 1, 0, 4);
    (void)play_stops(&t, &b, 8);
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    t.trap[1].layer = 0;
    play_alone(&model, NULL, CONTEXT, 64, &t, 1, &b);
    assert_memory_not_equal(a.digest, b.digest, sizeof(a.digest));
}

static void test_entropy(void **state)
{
    static struct heard plain, a, b;
    struct told t;

    (void)state;
    tell(&t);
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &plain);
    assert_int_equal(plain.entropy_n, 0);
    t.spec.entropy = 1;
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &a);
    t.spec.draft_tokens = 5;
    play_alone(&model, &model, CONTEXT, 7, &t, MOST, &b);
    assert_same(&plain, &a); /* inert */
    assert_same(&plain, &b);
    assert_int_equal(a.entropy_n, 2 * a.n);
    assert_int_equal(b.entropy_n, a.entropy_n);
    assert_memory_equal(a.entropy, b.entropy, a.entropy_n * sizeof(float));
    for (size_t i = 0; i < a.entropy_n; i++) {
        assert_true(a.entropy[i] > 0 && a.entropy[i] <= 1.00001f);
    }
    t.spec.draft_tokens = 0;
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, 0, 1, 5);
    memset(&b, 0, sizeof(b));
    (void)play_stops(&t, &b, 64);
    assert_int_equal(b.entropy_n, a.entropy_n);
    assert_memory_equal(a.entropy, b.entropy, a.entropy_n * sizeof(float));
}

static void test_experts(void **state)
{
    static struct heard plain, all, some;
    uint32_t experts[64], n = 0;
    struct told t;
    struct play p;

    (void)state;
    tell(&t);
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &plain);
    play_new(&p, &model, NULL, CONTEXT, 8, 1);
    for (uint32_t i = 0; i < 64; i++) {
        experts[i] = i;
    }
    t.spec.experts = experts;
    for (t.spec.n_experts = 1; t.spec.n_experts < 64; t.spec.n_experts++) {
        if (play_open(&p, 0, &t, NULL) == 0) {
            n = (uint32_t)t.spec.n_experts; /* the most that it has */
        } else if (n > 0) {
            break;
        }
    }
    play_free(&p);
    assert_true(n > 2 && n < 63); /* too few and too many were refused */
    t.spec.n_experts = n;
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &all);
    assert_same(&plain, &all);
    t.spec.n_experts = 2;
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &some);
    assert_memory_not_equal(plain.id, some.id, sizeof(plain.id[0]) * MOST);
}

/* An injector file; scale and up as given. */
static void make_injector(struct model_file *f, float scale, float up,
                          uint32_t width, uint32_t values)
{
    static const char *const names[] = {"norm.weight", "proj.weight",
                                        "down.weight", "up.weight"};
    const uint64_t sizes[4][2] = {
        {width, 1}, {values, width}, {width, 4}, {4, width}};
    struct gguf_writer *w;

    memset(f, 0, sizeof(*f));
    assert_int_equal(gguf_writer_new(&w), 0);
    gguf_writer_string(w, "general.architecture", "proctor-injector");
    gguf_writer_f32(w, "inject.scale", scale);
    for (size_t i = 0; i < 4; i++) {
        gguf_writer_tensor(w, names[i], GGUF_TENSOR_F32, i == 0 ? 1 : 2,
                           sizes[i]);
    }
    assert_int_equal(gguf_writer_begin(w, model_file_sink, f), 0);
    for (size_t i = 0; i < 4; i++) {
        for (uint64_t k = 0; k < sizes[i][0] * sizes[i][1]; k++) {
            float v = i == 3 ? up : 0.25f - (float)((k * 7 + i) % 5) / 8;

            v = i == 0 ? 1 : v;
            assert_int_equal(
                gguf_writer_data(w, (struct ubytes){(uint8_t *)&v, 4}), 0);
        }
    }
    assert_int_equal(gguf_writer_end(w), 0);
    gguf_writer_free(w);
}

static void tell_injector(struct told *t, const struct model_file *f,
                          ProtobufCBinaryData *file, float *value)
{
    told_trap(t, PROCTOR__LAYER_ACT__LAYER_INJECT, 0, 1, 0);
    t->trap[t->spec.n_traps - 1].value = value;
    t->trap[t->spec.n_traps - 1].n_value = 2;
    *file = (ProtobufCBinaryData){f->n, f->bytes};
    t->open.injectors = file;
    t->open.n_injectors = 1;
}

/* The formula in double, and rows that do not know of each other. */
static void test_injector(void **state)
{
    enum {
        WIDTH = 64,
        ROWS = 3
    };
    float x[ROWS][80], alone[80], value[2] = {1.5f, -0.5f};
    struct model_file f;
    struct injector *i;
    struct diag d;

    (void)state;
    make_injector(&f, 0.5f, 0.125f, WIDTH, 2);
    assert_int_equal(injector_new((struct ubytes){f.bytes, f.n}, WIDTH, value,
                                  2, ROWS, &i, &d),
                     0);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t k = 0; k < WIDTH; k++) {
            x[r][k] = (float)((r * 31 + k * 17) % 23) / 8 - 1;
        }
    }
    memcpy(alone, x[1], sizeof(alone));
    injector_add(i, &x[0][0], 80, ROWS);
    {
        double in[WIDTH], square = 0, narrow[4], sum = 0;

        for (size_t k = 0; k < WIDTH; k++) {
            square += (double)alone[k] * (double)alone[k];
        }
        for (size_t k = 0; k < WIDTH; k++) {
            double told = 0;

            for (size_t v = 0; v < 2; v++) {
                told += (double)value[v] *
                        (0.25 - (double)(((k * 2 + v) * 7 + 1) % 5) / 8);
            }
            in[k] = (double)alone[k] / sqrt(square / WIDTH + 1e-5) + told;
        }
        for (size_t b = 0; b < 4; b++) {
            narrow[b] = 0;
            for (size_t k = 0; k < WIDTH; k++) {
                narrow[b] +=
                    in[k] *
                    (0.25 - (double)(((b * WIDTH + k) * 7 + 2) % 5) / 8);
            }
            sum += narrow[b] / (1 + exp(-narrow[b])) * 0.125;
        }
        for (size_t k = 0; k < WIDTH; k++) {
            assert_true(fabs((double)x[1][k] - (double)alone[k] - 0.5 * sum) <
                        1e-5);
        }
    }
    injector_add(i, alone, 80, 1);
    assert_memory_equal(alone, x[1], WIDTH * sizeof(float));
    injector_free(i);
    model_file_release(&f);
}

static void test_inject(void **state)
{
    static struct heard plain, h, cut;
    float value[2] = {3, -2};
    ProtobufCBinaryData file;
    struct model_file f;
    struct told t;

    (void)state;
    tell(&t);
    t.sampling.temperature = 0;
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &plain);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_DIGEST, 0, 1, 0);
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &cut);
    for (int is_up = 0; is_up < 2; is_up++) { /* the identity, twice */
        make_injector(&f, is_up ? 0.0f : 2.0f, is_up ? 1.0f : 0.0f, 64, 2);
        tell(&t);
        t.sampling.temperature = 0;
        tell_injector(&t, &f, &file, value);
        told_trap(&t, PROCTOR__LAYER_ACT__LAYER_DIGEST, 0, 1, 0);
        play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &h);
        assert_same(&plain, &h);
        assert_memory_equal(h.digest, cut.digest, sizeof(h.digest));
        model_file_release(&f);
    }
    make_injector(&f, 2, 1, 64, 2);
    tell(&t);
    t.sampling.temperature = 0;
    tell_injector(&t, &f, &file, value);
    play_alone(&model, NULL, CONTEXT, 64, &t, MOST, &h);
    assert_memory_not_equal(h.id, plain.id, sizeof(h.id[0]) * MOST);
    play_alone(&model, NULL, CONTEXT, 5, &t, MOST, &cut);
    assert_same(&h, &cut);
    model_file_release(&f);
}

static void test_bad_injectors(void **state)
{
    float value[2] = {3, -2}, bad[2] = {1, NAN};
    ProtobufCBinaryData file;
    struct model_file f;
    struct play p;
    struct told t;

    (void)state;
    play_new(&p, &model, NULL, CONTEXT, 8, 1);
    for (uint32_t i = 0; i < 6; i++) {
        make_injector(&f, i == 0 ? INFINITY : 1, i == 1 ? NAN : 1,
                      i == 2 ? 32 : 64, i == 3 ? 3 : 2);
        if (i == 4) {
            f.n -= 40;
        }
        tell(&t);
        tell_injector(&t, &f, &file, i == 5 ? bad : value);
        assert_int_equal(play_open(&p, 0, &t, NULL), ERR_INPUT);
        model_file_release(&f);
    }
    tell(&t);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, 2, 0, 0); /* no such layer */
    assert_int_equal(play_open(&p, 0, &t, NULL), ERR_INPUT);
    play_free(&p);
}

/* Every byte of the header and of the history counts; what lies in the caches
 * may be anything without harm to more than this lane. */
static void test_damage(void **state)
{
    static struct heard h;
    uint32_t lane = 0;
    size_t history;
    uint8_t *stored;
    struct told t, u;
    struct play p;

    (void)state;
    tell(&t);
    told_trap(&t, PROCTOR__LAYER_ACT__LAYER_STOP, 1, 0, 6);
    play_new(&p, &model, NULL, CONTEXT, 8, 1);
    stored = calloc(1, p.lane_bytes);
    assert_non_null(stored);
    assert_int_equal(play_resume(&p, 0, &t, stored, NULL), ERR_INPUT);
    assert_int_equal(play_open(&p, 0, &t, NULL), 0);
    memset(&h, 0, sizeof(h));
    (void)play_quantum(&p, &lane, 1, 100, MOST, &h);
    assert_int_equal(h.state, PROCTOR__LANE_STATE__LANE_STOPPED);
    play_park(&p, 0, stored);
    history = (size_t)((uint8_t *)session_lane(p.s, 0)->history - p.area);
    for (size_t i = 0; i < STATE_HEADER_BYTES + 4 * (size_t)30; i += 3) {
        size_t at =
            i < STATE_HEADER_BYTES ? i : history + i - STATE_HEADER_BYTES;

        stored[at] ^= 4;
        assert_int_equal(play_resume(&p, 0, &t, stored, NULL), ERR_INPUT);
        stored[at] ^= 4;
    }
    u = t;
    u.open.spec = &u.spec;
    u.spec.prompt = pb_str("another text of this length ok");
    assert_int_equal(play_resume(&p, 0, &u, stored, NULL), ERR_INPUT);
    for (size_t at = STATE_HEADER_BYTES; at < p.lane_bytes; at += 977) {
        uint8_t was = stored[at];

        stored[at] = 0xff;
        if (play_resume(&p, 0, &t, stored, NULL) == 0) {
            memset(&h, 0, sizeof(h));
            h.n = session_lane(p.s, 0)->history_n -
                  (uint32_t)session_lane(p.s, 0)->spec.prompt.n;
            (void)play_quantum(&p, &lane, 1, 3, 1, &h);
        }
        stored[at] = was;
    }
    assert_int_equal(play_open(&p, 0, &t, NULL), 0); /* the slot is clean */
    memset(&h, 0, sizeof(h));
    (void)play_quantum(&p, &lane, 1, 2, 1, &h);
    free(stored);
    play_free(&p);
}

static int make_models(void **state)
{
    struct model_init spec = {.arch = "gpt-oss",
                              .layers = 2,
                              .width = 64,
                              .vocab = 280,
                              .context = 128,
                              .window = 16,
                              .seed = 11};
    struct diag d;

    (void)state;
    return model_file_make(&spec, &model, &d);
}

static int drop_models(void **state)
{
    (void)state;
    model_file_release(&model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stops),
                                       cmocka_unit_test(test_stop_and_keep),
                                       cmocka_unit_test(test_stop_beside),
                                       cmocka_unit_test(test_digests),
                                       cmocka_unit_test(test_entropy),
                                       cmocka_unit_test(test_experts),
                                       cmocka_unit_test(test_injector),
                                       cmocka_unit_test(test_inject),
                                       cmocka_unit_test(test_bad_injectors),
                                       cmocka_unit_test(test_damage)};

    return cmocka_run_group_tests(tests, make_models, drop_models);
}
