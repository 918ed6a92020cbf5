/* Problems for the enumerator's tests and its bench: hidden random functions of 64-bit
 * words and ten examples of each. Fixed seeds; none is anybody's published problem. */
#ifndef TESTS_UNIT_CML_SYNTH_GEN_H
#define TESTS_UNIT_CML_SYNTH_GEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/value.h"
#include "workers/cml/synth.h"
#include "workers/lib/json.h"

#define HIDDEN_SIZE_MAX 20
#define HIDDEN_OPS_MAX 40

/* A function of one word: operators of grammar `bv`, in postfix. */
struct hidden {
    char ops[HIDDEN_OPS_MAX + 1]; /* x 0 1; ~ l r f s of one; & | ^ + - of two; ? */
    uint32_t n;
};

static inline uint64_t hidden_draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 0x2545f4914f6cdd1du;
}

/* NOLINTNEXTLINE(misc-no-recursion): size falls */
static inline void hidden_make(struct hidden *h, uint64_t *seed, uint32_t size)
{
    static const char one[] = "~lrfs";
    static const char two[] = "&|^+-";
    uint64_t k = hidden_draw(seed) % 10;

    if (size == 1) {
        h->ops[h->n++] = k < 8 ? 'x' : k == 8 ? '0' : '1';
    } else if (size == 2 || k < 3) {
        hidden_make(h, seed, size - 1);
        h->ops[h->n++] = one[hidden_draw(seed) % 5];
    } else if (size < 4 || k < 8) {
        uint32_t left = 1 + (uint32_t)(hidden_draw(seed) % (size - 2));

        hidden_make(h, seed, left);
        hidden_make(h, seed, size - 1 - left);
        h->ops[h->n++] = two[hidden_draw(seed) % 5];
    } else {
        uint32_t a = 1 + (uint32_t)(hidden_draw(seed) % (size - 3));
        uint32_t b = 1 + (uint32_t)(hidden_draw(seed) % (size - 2 - a));

        /* tests are of one bit: others hold for no input that is drawn */
        h->ops[h->n++] = '1';
        hidden_make(h, seed, a > 2 ? a - 2 : 1);
        h->ops[h->n++] = '&';
        hidden_make(h, seed, b);
        hidden_make(h, seed, size - 1 - a - b);
        h->ops[h->n++] = '?';
    }
}

static inline uint64_t hidden_value(const struct hidden *h, uint64_t x)
{
    uint64_t s[HIDDEN_OPS_MAX + 3] = {0};
    uint32_t n = 3;

    for (uint32_t i = 0; i < h->n; i++) {
        uint64_t a = s[n - 2];
        uint64_t b = s[n - 1];

        switch (h->ops[i]) {
        case 'x':
        case '0':
        case '1':
            s[n++] = h->ops[i] == 'x' ? x : h->ops[i] == '1';
            break;
        case '~':
            s[n - 1] = ~b;
            break;
        case 'l':
            s[n - 1] = b << 1;
            break;
        case 'r':
            s[n - 1] = b >> 1;
            break;
        case 'f':
            s[n - 1] = b >> 4;
            break;
        case 's':
            s[n - 1] = b >> 16;
            break;
        case '?':
            s[n - 3] = s[n - 3] == 1 ? a : b;
            n -= 2;
            break;
        default:
            s[n - 2] = h->ops[i] == '&'   ? (a & b)
                       : h->ops[i] == '|' ? (a | b)
                       : h->ops[i] == '^' ? (a ^ b)
                       : h->ops[i] == '+' ? a + b
                                          : a - b;
            n--;
            break;
        }
    }
    return s[n - 1];
}

/* Is it nearly x, or nearly constant? */
static inline int hidden_is_plain(const struct hidden *h)
{
    uint64_t seed = 99;
    uint64_t before = hidden_value(h, 3);
    int same = 0;

    for (int i = 0; i < 32; i++) {
        uint64_t x = hidden_draw(&seed);
        uint64_t y = hidden_value(h, x);

        same += y == x || y == ~x || y == before;
        before = y;
    }
    return same > 8;
}

/* A problem's message, and the memory that it borrows. */
struct made {
    Proctor__SynthTask task;
    struct type takes;
    struct type gives;
    struct values_builder in;
    struct values_builder out;
};

static inline void made_begin(struct made *m, const char *gives,
                              const char *const *takes, uint32_t n)
{
    struct type types[TYPE_TUPLE_MAX];
    int code = 0;

    for (uint32_t i = 0; i <= n; i++) {
        const char *name = i < n ? takes[i] : gives;
        struct type *t = i < n ? &types[i] : &m->gives;
        struct type element;

        if (strcmp(name, "[i64]") == 0) {
            code |= type_from_name("i64", &element);
            *t = type_list_of(&element);
        } else {
            code |= type_from_name(name, t);
        }
    }
    code |= type_tuple_of(types, n, &m->takes);
    code |= values_builder_init(&m->in, 1u << 24);
    code |= values_builder_init(&m->out, 1u << 24);
    if (code != 0) {
        abort();
    }
    proctor__synth_task__init(&m->task);
}

static inline void made_end(struct made *m)
{
    struct ubytes in = values_builder_bytes(&m->in);
    struct ubytes out = values_builder_bytes(&m->out);

    m->task.takes = (ProtobufCBinaryData){m->takes.n, m->takes.b};
    m->task.gives = (ProtobufCBinaryData){m->gives.n, m->gives.b};
    m->task.inputs.data = (uint8_t *)(uintptr_t)in.p;
    m->task.inputs.len = in.n;
    m->task.outputs.data = (uint8_t *)(uintptr_t)out.p;
    m->task.outputs.len = out.n;
}

static inline void made_release(struct made *m)
{
    values_builder_release(&m->in);
    values_builder_release(&m->out);
}

static inline void made_word(struct made *m, uint64_t x, uint64_t y)
{
    struct type u64 = {.n = 2, .b = {TYPE_INT, 0x88}};
    struct buf b;
    int code;

    buf_init(&b, 64);
    code = value_put_tuple(&b, 1);
    code |= value_put_int(&b, &u64, x);
    code |= values_builder_add(&m->in, buf_bytes(&b));
    buf_reset(&b);
    code |= value_put_int(&b, &u64, y);
    code |= values_builder_add(&m->out, buf_bytes(&b));
    buf_release(&b);
    if (code != 0) {
        abort();
    }
}

/* A row of JSON values: arguments, then the answer. */
static inline void made_json(struct made *m, const char *const *row)
{
    struct json_error err;
    struct buf one; /* json_read overwrites */
    struct buf b;
    size_t at = 2;
    int code;

    buf_init(&one, 1u << 16);
    buf_init(&b, 1u << 16);
    code = value_put_tuple(&b, m->takes.b[1]);
    for (uint32_t i = 0; code == 0 && i <= m->takes.b[1]; i++) {
        struct ubytes line = {(const uint8_t *)row[i], strlen(row[i])};
        struct type t = i < m->takes.b[1] ? type_sub(&m->takes, at) : m->gives;

        if (i == m->takes.b[1]) {
            code = values_builder_add(&m->in, buf_bytes(&b));
            buf_reset(&b);
        } else {
            at = type_skip(&m->takes, at);
        }
        code = code != 0 ? code
                         : json_read(line, &t, &one, &err) != JSON_OK;
        code = code != 0 ? code
                         : buf_put(&b, buf_bytes(&one).p, buf_len(&one));
    }
    code = code != 0 ? code : values_builder_add(&m->out, buf_bytes(&b));
    buf_release(&one);
    buf_release(&b);
    if (code != 0) {
        abort();
    }
}

/* Inputs of both kinds: any word, and words with few bits. */
static inline uint64_t hidden_input(uint64_t *seed)
{
    uint64_t x = hidden_draw(seed);

    switch (hidden_draw(seed) % 4) {
    case 0:
        return x & 0xff;
    case 1:
        return x & hidden_draw(seed) & hidden_draw(seed);
    default:
        return x;
    }
}

static inline void made_hidden(struct made *m, struct hidden *h, uint64_t seed,
                               uint32_t examples)
{
    static const char *const takes[] = {"u64"};

    seed = seed * 0x9e3779b97f4a7c15u + 1;
    do { /* not the parameter itself, nor a few values */
        h->n = 0;
        hidden_make(h, &seed, 5 + (uint32_t)(hidden_draw(&seed) % 16));
    } while (hidden_is_plain(h));
    h->ops[h->n] = '\0';
    made_begin(m, "u64", takes, 1);
    for (uint32_t i = 0; i < examples; i++) {
        uint64_t x = hidden_input(&seed);

        made_word(m, x, hidden_value(h, x));
    }
    m->task.grammar = (char *)(uintptr_t)"bv";
    made_end(m);
}

#endif
