/* Values for probes. What is made is held to node_has before anybody gets it.
 * Recursion is as deep as a domain. */
#include "workers/cml/probe_value.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define LENGTH_MORE 8  /* of a random text or list, over its least */
#define SYMBOLS_MORE 64   /* at most added at once */
#define SYMBOLS_TRIED 16 /* of a text, as places */

struct change {
    struct probe_values *p;
    uint32_t at;    /* next place's number */
    uint32_t place; /* the one to change; UINT32_MAX: only count */
    enum probe_change how;
    int64_t by;
    int64_t round; /* of make: as in probe_make */
    uint64_t take; /* next constant */
    struct buf *out;
};

uint64_t probe_random(struct probe_values *p)
{
    uint64_t z = (p->state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t probe_below(struct probe_values *p, uint32_t n)
{
    return n > 0 ? (uint32_t)(probe_random(p) % n) : 0;
}

static struct node_source source_of(const struct probe_values *p)
{
    return (struct node_source){.domain = p->domain};
}

/* --- numbers --- */

static unsigned width_of(const struct node *n)
{
    return n->code & ~(unsigned)TYPE_UNSIGNED;
}

static int put_number(const struct node *n, uint64_t bits, struct buf *out)
{
    TRY(buf_put_u8(out, (uint8_t)n->tag));
    TRY(buf_put_u8(out, n->code));
    for (unsigned i = width_of(n); i > 0; i--) {
        TRY(buf_put_u8(out, (uint8_t)(bits >> (i - 1) * 8)));
    }
    return 0;
}

static uint64_t read_number(const struct node *n, struct rd *r)
{
    unsigned width = width_of(n);
    uint64_t bits = 0;

    (void)rd_u8(r);
    (void)rd_u8(r);
    for (unsigned i = 0; i < width; i++) {
        bits = bits << 8 | rd_u8(r);
    }
    if (n->tag == DOMAIN_INT && (n->code & TYPE_UNSIGNED) == 0 && width < 8 &&
        bits >> (8 * width - 1) != 0) {
        bits |= UINT64_MAX << (8 * width);
    }
    return bits;
}

static int is_inside(const struct node *n, uint64_t key)
{
    return key >= node_key(n, n->lo) && key <= node_key(n, n->hi);
}

/* The constant's key, if it is inside. */
static int constant_key(const struct probe_values *p, const struct node *n,
                        uint64_t i, uint64_t *out)
{
    const struct literals *l = p->literals;
    int is_float = n->tag == DOMAIN_FLOAT;
    uint32_t all = is_float ? l->floats_n : l->integers_n;
    uint64_t bits;
    double d;
    float f;

    if (all == 0) {
        return 0;
    }
    bits = (is_float ? l->floats : l->integers)[i % all];
    if (is_float && n->code == 4) {
        uint32_t narrow;

        memcpy(&d, &bits, sizeof(d));
        f = (float)d;
        memcpy(&narrow, &f, sizeof(narrow));
        bits = narrow;
    } else if (!is_float && width_of(n) < 8) {
        unsigned shift = 64 - 8 * width_of(n);

        bits = (n->code & TYPE_UNSIGNED) != 0
                   ? bits << shift >> shift
                   : (uint64_t)((int64_t)(bits << shift) >> shift);
    }
    *out = node_key(n, bits);
    return is_inside(n, *out);
}

static uint64_t random_key(struct probe_values *p, const struct node *n)
{
    uint64_t lo = node_key(n, n->lo);
    uint64_t hi = node_key(n, n->hi);
    uint64_t zero = node_key(n, 0);
    uint64_t room = hi - lo;
    uint64_t at = 0;

    switch (probe_below(p, 5)) {
    case 0:
        return probe_below(p, 2) ? lo : hi;
    case 1: /* near 0 */
        at = zero + probe_below(p, 17) - 8;
        break;
    case 2: /* near a constant */
        if (constant_key(p, n, probe_random(p), &at)) {
            at += probe_below(p, 3) - UINT64_C(1);
        }
        break;
    case 3: /* of any size */
        at = zero + (probe_random(p) >> probe_below(p, 64));
        break;
    default:
        at = lo + (room == UINT64_MAX ? probe_random(p)
                                      : probe_random(p) % (room + 1));
    }
    return is_inside(n, at) ? at
           : room == UINT64_MAX ? probe_random(p)
                                : lo + probe_random(p) % (room + 1);
}

static int make_number(struct change *c, const struct node *n)
{
    uint64_t key;

    if (c->round < 0 || !constant_key(c->p, n, c->take++, &key)) {
        key = random_key(c->p, n);
    }
    return put_number(n, node_unkey(n, key), c->out);
}

static int change_number(struct change *c, const struct node *n, uint64_t bits)
{
    uint64_t key = node_key(n, bits);
    uint64_t to = key;

    switch (c->how) {
    case PROBE_MOVE:
        to = key + (uint64_t)c->by;
        if ((c->by > 0) != (to > key)) {
            return ERR_NOT_FOUND;
        }
        break;
    case PROBE_FLIP:
        to = key ^ UINT64_C(1) << (c->by & 63);
        break;
    case PROBE_LITERAL:
        if (!constant_key(c->p, n, (uint64_t)c->by, &to)) {
            return ERR_NOT_FOUND;
        }
        break;
    case PROBE_RANDOM:
    case PROBE_CHANGES:
        to = random_key(c->p, n);
        break;
    }
    return to != key && is_inside(n, to)
               ? put_number(n, node_unkey(n, to), c->out)
               : ERR_NOT_FOUND;
}

/* --- texts --- */

static uint32_t symbols_n(const struct node *n)
{
    return n->tag == DOMAIN_BYTES ? 256 : node_symbols_n(n);
}

static int put_symbol(const struct probe_values *p, const struct node *n,
                      uint32_t i, struct buf *out)
{
    uint8_t b[4];

    if (n->tag == DOMAIN_BYTES) {
        return buf_put_u8(out, (uint8_t)i);
    }
    return buf_put(out, b, utf8_put(node_symbol(p->domain, n, i), b));
}

/* Printable ones are the likely ones. */
static uint32_t random_symbol(struct probe_values *p, const struct node *n)
{
    uint32_t all = symbols_n(n);

    if (probe_below(p, 4) > 0 && all > 128 &&
        (n->tag == DOMAIN_BYTES || n->n == 0)) {
        return 0x1f + probe_below(p, 95);
    }
    return probe_below(p, all);
}

static int put_text(const struct node *n, struct ubytes t, struct buf *out)
{
    TRY(buf_put_u8(out, (uint8_t)n->tag));
    return buf_put_bytes32(out, t);
}

static int make_text(struct change *c, const struct node *n)
{
    CLEANUP(buf_release) struct buf b;
    const struct literals *l = c->p->literals;
    uint64_t room = n->hi - n->lo;
    uint64_t more = room < LENGTH_MORE ? room : LENGTH_MORE;
    uint64_t len = n->lo + probe_below(c->p, (uint32_t)more + 1);
    struct node_source src = source_of(c->p);

    buf_init(&b, LIMIT_VALUE_BYTES);
    if (l->texts_n > 0 && (c->round >= 0 || probe_below(c->p, 3) == 0)) {
        uint64_t at = c->round >= 0 ? c->take++ : probe_random(c->p);

        TRY(put_text(n, l->texts[at % l->texts_n], &b));
        if ((n->tag == DOMAIN_BYTES ||
             utf8_is_valid(l->texts[at % l->texts_n])) &&
            node_leaf_has(&src, n, buf_bytes(&b))) {
            return buf_put(c->out, buf_bytes(&b).p, buf_len(&b));
        }
        buf_reset(&b);
    }
    if (symbols_n(n) == 0 && len > 0) {
        return ERR_NOT_FOUND;
    }
    for (uint64_t i = 0; i < len; i++) {
        TRY(put_symbol(c->p, n, random_symbol(c->p, n), &b));
    }
    return put_text(n, buf_bytes(&b), c->out);
}

/* Length in symbols of a checked text. */
static uint32_t length_of(const struct node *n, struct ubytes t)
{
    uint32_t len = 0;

    if (n->tag == DOMAIN_BYTES) {
        return (uint32_t)t.n;
    }
    while (t.n > 0) {
        uint32_t cp;
        size_t used = utf8_next(t, &cp);

        t.p += used;
        t.n -= used;
        len++;
    }
    return len;
}

/* Offset of symbol i. */
static size_t offset_of(const struct node *n, struct ubytes t, uint32_t i)
{
    size_t at = 0;

    if (n->tag == DOMAIN_BYTES) {
        return i;
    }
    for (uint32_t cp; i > 0; i--) {
        at += utf8_next((struct ubytes){t.p + at, t.n - at}, &cp);
    }
    return at;
}

/* Another text: a constant, or anything. */
static int other_text(struct change *c, const struct node *n)
{
    struct change made = {.p = c->p,
                          .round = c->how == PROBE_LITERAL ? 0 : -1,
                          .take = (uint64_t)c->by,
                          .out = c->out};

    if (c->how == PROBE_LITERAL ? c->p->literals->texts_n == 0
                                : c->how != PROBE_RANDOM) {
        return ERR_NOT_FOUND;
    }
    return make_text(&made, n);
}

/* Symbols less or more at its end. */
static int resize_text(struct change *c, const struct node *n, struct ubytes t)
{
    CLEANUP(buf_release) struct buf b;
    uint32_t len = length_of(n, t);

    buf_init(&b, LIMIT_VALUE_BYTES);
    if (c->how != PROBE_MOVE || c->by < -(int64_t)len ||
        c->by > SYMBOLS_MORE) {
        return other_text(c, n);
    }
    TRY(buf_put(&b, t.p,
                c->by < 0 ? offset_of(n, t, len - (uint32_t)-c->by) : t.n));
    for (int64_t i = 0; i < c->by; i++) {
        TRY(put_symbol(c->p, n, random_symbol(c->p, n), &b));
    }
    return put_text(n, buf_bytes(&b), c->out);
}

/* The symbol cp, changed. */
static int put_changed(struct change *c, const struct node *n, uint32_t cp,
                       struct buf *b)
{
    int is_text = n->tag == DOMAIN_STRING;
    uint32_t bit = UINT32_C(1) << (c->by & 7);
    int64_t to = c->how == PROBE_FLIP ? (int64_t)(cp ^ bit)
                 : c->how == PROBE_MOVE &&
                         c->by > -0x200000 && c->by < 0x200000
                     ? (int64_t)cp + c->by
                     : -1;
    uint8_t bytes[4];

    if (c->how == PROBE_RANDOM) {
        return put_symbol(c->p, n, random_symbol(c->p, n), b);
    }
    if (to < is_text || to > (is_text ? 0x10ffff : 0xff) ||
        (is_text && to >= 0xd800 && to < 0xe000)) {
        return ERR_NOT_FOUND;
    }
    return is_text ? buf_put(b, bytes, utf8_put((uint32_t)to, bytes))
                   : buf_put_u8(b, (uint8_t)to);
}

/* Place 0 of a text is its length, place 1 + i symbol i. */
static int change_text(struct change *c, const struct node *n, struct ubytes t,
                       uint32_t place)
{
    CLEANUP(buf_release) struct buf b;
    size_t at;
    size_t used = 1;
    uint32_t cp;

    buf_init(&b, LIMIT_VALUE_BYTES);
    if (place == 0) {
        return resize_text(c, n, t);
    }
    at = offset_of(n, t, place - 1);
    cp = t.p[at];
    if (n->tag == DOMAIN_STRING) {
        used = utf8_next((struct ubytes){t.p + at, t.n - at}, &cp);
    }
    TRY(buf_put(&b, t.p, at));
    TRY(put_changed(c, n, cp, &b));
    TRY(buf_put(&b, t.p + at + used, t.n - at - used));
    return put_text(n, buf_bytes(&b), c->out);
}

/* --- any node --- */

static int make(struct change *c, size_t off);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a domain */
static int make_items(struct change *c, const struct node *n)
{
    size_t at = n->body;
    uint64_t room = n->hi - n->lo;
    uint64_t more = room < LENGTH_MORE ? room : LENGTH_MORE;
    uint32_t len = n->tag == DOMAIN_TUPLE
                       ? n->n
                       : (uint32_t)n->lo +
                             probe_below(c->p, (uint32_t)more + 1);

    TRY(buf_put_u8(c->out, (uint8_t)n->tag));
    TRY(buf_put_u32(c->out, len));
    for (uint32_t i = 0; i < len; i++) {
        TRY(make(c, at));
        if (n->tag == DOMAIN_TUPLE) {
            at = node_skip(c->p->domain, at);
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a domain */
static int make(struct change *c, size_t off)
{
    struct node n = node_at(c->p->domain, off);
    struct node_source src = source_of(c->p);
    struct ubytes v;

    switch (n.tag) {
    case DOMAIN_BOOL:
        return buf_put_u8(c->out, probe_below(c->p, 2) ? VALUE_TRUE
                                                       : VALUE_FALSE);
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return make_number(c, &n);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return make_text(c, &n);
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        return make_items(c, &n);
    case DOMAIN_CHOICE:
        v = node_value(&src, &n, probe_below(c->p, n.n));
        return buf_put(c->out, v.p, v.n);
    case DOMAIN_CORPUS:
        break;
    }
    return ERR_NOT_FOUND; /* the corpus is not here */
}

int probe_make(struct probe_values *p, int64_t round, struct buf *out)
{
    struct change c = {.p = p,
                       .round = round,
                       .take = round > 0 ? (uint64_t)round : 0,
                       .out = out};
    struct node_source src = source_of(p);

    buf_reset(out);
    TRY(make(&c, 0));
    return value_check_exact(buf_bytes(out), &p->type) == 0 &&
                   node_has(&src, buf_bytes(out))
               ? 0
               : ERR_NOT_FOUND;
}

static int walk(struct change *c, size_t off, struct rd *r);

/* Of a list that may be the place; a tuple is none. */
static int new_length(struct change *c, const struct node *n, uint32_t len,
                      uint32_t *out)
{
    *out = len;
    if (n->tag != DOMAIN_LIST || c->at++ != c->place) {
        return 0;
    }
    if (c->how == PROBE_MOVE && c->by >= -(int64_t)len &&
        c->by <= SYMBOLS_MORE) {
        *out = (uint32_t)((int64_t)len + c->by);
    } else if (c->how == PROBE_RANDOM) {
        *out = (uint32_t)n->lo + probe_below(c->p, LENGTH_MORE);
    } else {
        return ERR_NOT_FOUND;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a domain */
static int walk_items(struct change *c, const struct node *n, struct rd *r)
{
    CLEANUP(buf_release) struct buf dropped;
    struct buf *out = c->out;
    uint32_t len;
    uint32_t to;
    size_t at = n->body;
    int code = 0;

    buf_init(&dropped, LIMIT_VALUE_BYTES);
    (void)rd_u8(r);
    len = rd_u32(r);
    TRY(new_length(c, n, len, &to));
    TRY(buf_put_u8(out, (uint8_t)n->tag));
    TRY(buf_put_u32(out, to));
    for (uint32_t i = 0; code == 0 && i < (len > to ? len : to); i++) {
        c->out = i < to ? out : &dropped;
        c->round = -1;
        code = i < len ? walk(c, at, r) : make(c, at);
        if (n->tag == DOMAIN_TUPLE) {
            at = node_skip(c->p->domain, at);
        }
    }
    c->out = out;
    return code;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a domain */
static int walk_text(struct change *c, const struct node *n, struct rd *r)
{
    struct ubytes t;
    uint32_t places;
    uint32_t first = c->at;

    (void)rd_u8(r);
    t = rd_bytes32(r);
    places = length_of(n, t);
    places = 1 + (places < SYMBOLS_TRIED ? places : SYMBOLS_TRIED);
    c->at += places;
    return c->place >= first && c->place - first < places
               ? change_text(c, n, t, c->place - first)
               : put_text(n, t, c->out);
}

static int walk_choice(struct change *c, const struct node *n, struct rd *r)
{
    struct node_source src = source_of(c->p);

    for (uint32_t i = 0; i < n->n; i++) {
        struct ubytes v = node_value(&src, n, i);
        struct rd ahead = *r;
        struct ubytes got = rd_take(&ahead, v.n);

        if (!rd_is_bad(&ahead) && values_compare(v, got) == 0) {
            *r = ahead;
            if (c->at++ == c->place) {
                v = node_value(&src, n, probe_below(c->p, n->n));
            }
            return buf_put(c->out, v.p, v.n);
        }
    }
    return ERR_NOT_FOUND;
}

/* Copies the value of the node at off, changed where it is the place.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a domain */
static int walk(struct change *c, size_t off, struct rd *r)
{
    struct node n = node_at(c->p->domain, off);
    int mine;
    uint64_t bits;
    uint8_t tag;

    switch (n.tag) {
    case DOMAIN_BOOL:
        tag = rd_u8(r);
        mine = c->at++ == c->place;
        return buf_put_u8(c->out, mine ? (uint8_t)(VALUE_FALSE + VALUE_TRUE - tag)
                                       : tag);
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        bits = read_number(&n, r);
        return c->at++ == c->place ? change_number(c, &n, bits)
                                   : put_number(&n, bits, c->out);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return walk_text(c, &n, r);
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        return walk_items(c, &n, r);
    case DOMAIN_CHOICE:
        return walk_choice(c, &n, r);
    case DOMAIN_CORPUS:
        break;
    }
    return ERR_NOT_FOUND;
}

uint32_t probe_places(const struct probe_values *p, struct ubytes value)
{
    CLEANUP(buf_release) struct buf b;
    struct probe_values copy = *p;
    struct change c = {.p = &copy, .place = UINT32_MAX, .out = &b};
    struct rd r;

    buf_init(&b, LIMIT_VALUE_BYTES);
    rd_init(&r, value);
    return walk(&c, 0, &r) == 0 ? c.at : 0;
}

int probe_change(struct probe_values *p, struct ubytes value, uint32_t place,
                 enum probe_change how, int64_t by, struct buf *out)
{
    struct change c = {
        .p = p, .place = place, .how = how, .by = by, .round = -1, .out = out};
    struct node_source src = source_of(p);
    struct rd r;

    buf_reset(out);
    rd_init(&r, value);
    TRY(walk(&c, 0, &r));
    return value_check_exact(buf_bytes(out), &p->type) == 0 &&
                   node_has(&src, buf_bytes(out)) &&
                   values_compare(value, buf_bytes(out)) != 0
               ? 0
               : ERR_NOT_FOUND;
}
