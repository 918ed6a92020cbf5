/* Layout and header of a lane at rest. */
#include "workers/model/state.h"

#include <math.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/buf.h"
#include "proto/err.h"

#define MAGIC "PROCLANE"
#define VERSION 1u
#define CHECKSUM (STATE_HEADER_BYTES - BLAKE3_BYTES)
/* What a stopped pass needs beside its rows: numbers and a digest. */
#define STOP_FIXED_BYTES 4096u
#define STOP_ROW_BYTES 64u

static int place(size_t *end, size_t bytes, size_t *out)
{
    *out = *end;
    if (__builtin_add_overflow(*end, bytes, end) ||
        __builtin_add_overflow(*end, STATE_ALIGN - 1, end)) {
        return ERR_TRACE(ERR_LIMIT);
    }
    *end -= *end % STATE_ALIGN;
    return 0;
}

int state_layout(const struct model *m, const struct model *draft,
                 uint32_t context, uint32_t batch, struct state_layout *out)
{
    const struct model_shape *shape = model_shape(m);
    size_t rows = (size_t)batch + LANE_ROWS;
    size_t end = STATE_HEADER_BYTES;

    memset(out, 0, sizeof(*out));
    out->context = context;
    out->batch = batch;
    out->slack = batch + LANE_SLACK_MORE;
    out->entropy_bytes = sizeof(float) * LANE_ROWS * shape->layers;
    out->stop_bytes = STOP_FIXED_BYTES +
                      rows * (STOP_ROW_BYTES + sizeof(float) * shape->width);
    out->cache_bytes = cache_bytes(m, context, out->slack);
    out->draft_bytes =
        draft == NULL ? 0 : cache_bytes(draft, context, out->slack);
    if (out->cache_bytes == 0 || (draft != NULL && out->draft_bytes == 0)) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(place(&end, sizeof(uint32_t) * ((size_t)context + LANE_ROWS),
              &out->history));
    TRY(place(&end, (size_t)BLAKE3_BYTES * context, &out->residuals));
    TRY(place(&end, out->entropy_bytes, &out->entropies));
    TRY(place(&end, out->stop_bytes, &out->stop));
    TRY(place(&end, out->cache_bytes, &out->cache));
    TRY(place(&end, out->draft_bytes, &out->draft));
    out->bytes = end;
    return 0;
}

struct writer {
    uint8_t *p;
    size_t n;
};

static void put(struct writer *w, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        w->p[w->n++] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    }
}

static void checksum(const uint8_t *area, const struct state *s,
                     const struct state_layout *l, uint8_t out[BLAKE3_BYTES])
{
    size_t tokens = (size_t)s->history_n + s->drafts_n;
    struct blake3 h;

    blake3_init(&h);
    blake3_update(&h, area, CHECKSUM);
    blake3_update(&h, area + l->history, tokens * sizeof(uint32_t));
    blake3_final(&h, out);
}

void state_write(const struct state *s, const struct state_layout *l,
                 uint8_t *area)
{
    struct writer w = {area, 0};

    memset(area, 0, STATE_HEADER_BYTES);
    memcpy(area, MAGIC, sizeof(MAGIC) - 1);
    w.n = sizeof(MAGIC) - 1;
    put(&w, VERSION, 4);
    put(&w, l->context, 4);
    put(&w, l->batch, 4);
    put(&w, l->bytes, 8);
    memcpy(area + w.n, s->spec, sizeof(s->spec));
    w.n += sizeof(s->spec);
    put(&w, s->prompt_n, 4);
    put(&w, s->history_n, 4);
    put(&w, s->drafts_n, 4);
    put(&w, s->cache_n, 4);
    put(&w, s->draft_n, 4);
    put(&w, s->draft_len, 4);
    put(&w, s->passes, 8);
    put(&w, s->stop_n, 8);
    put(&w, s->choice, 4);
    for (size_t i = 0; i < LANE_CHOICES_MAX; i++) {
        uint64_t bits;

        memcpy(&bits, &s->scores[i], sizeof(bits));
        put(&w, bits, 8);
    }
    ASSERT(w.n <= CHECKSUM);
    checksum(area, s, l, area + CHECKSUM);
}

static void read_fields(struct rd *r, struct state *s)
{
    rd_copy(r, s->spec, sizeof(s->spec));
    s->prompt_n = rd_u32(r);
    s->history_n = rd_u32(r);
    s->drafts_n = rd_u32(r);
    s->cache_n = rd_u32(r);
    s->draft_n = rd_u32(r);
    s->draft_len = rd_u32(r);
    s->passes = rd_u64(r);
    s->stop_n = rd_u64(r);
    s->choice = rd_u32(r);
    for (size_t i = 0; i < LANE_CHOICES_MAX; i++) {
        uint64_t bits = rd_u64(r);

        memcpy(&s->scores[i], &bits, sizeof(bits));
    }
}

static int are_counts(const struct state *s, const struct state_layout *l)
{
    return s->prompt_n >= 1 && s->prompt_n <= s->history_n &&
           s->history_n <= l->context && s->drafts_n <= LANE_DRAFTS_MAX &&
           s->cache_n <= s->history_n && s->draft_n <= s->history_n &&
           s->draft_len <= LANE_DRAFTS_MAX && s->stop_n <= l->stop_bytes &&
           (s->stop_n != 0 || s->drafts_n == 0) &&
           (l->draft_bytes != 0 || s->draft_n == 0) &&
           s->choice <= LANE_CHOICES_MAX + 1;
}

static int are_scores(const struct state *s)
{
    int good = 1;

    for (size_t i = 0; i < LANE_CHOICES_MAX; i++) {
        good &= isfinite(s->scores[i]) != 0;
    }
    return good;
}

static int is_zero(struct rd *r, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++) {
        any |= rd_u8(r);
    }
    return any == 0;
}

int state_read(const uint8_t *area, const struct state_layout *l,
               struct state *out, const char **out_why)
{
    uint8_t sum[BLAKE3_BYTES];
    struct ubytes magic;
    struct rd r;

    memset(out, 0, sizeof(*out));
    rd_init(&r, (struct ubytes){area, CHECKSUM});
    magic = rd_take(&r, sizeof(MAGIC) - 1);
    *out_why = "it does not begin as a lane does";
    if (memcmp(magic.p, MAGIC, magic.n) != 0 || rd_u32(&r) != VERSION) {
        return ERR_INPUT;
    }
    *out_why = "it was parked by a session of another context, batch or model";
    if (rd_u32(&r) != l->context || rd_u32(&r) != l->batch ||
        rd_u64(&r) != l->bytes) {
        return ERR_INPUT;
    }
    read_fields(&r, out);
    *out_why = "its header holds numbers that cannot be";
    if (!is_zero(&r, rd_left(&r)) || rd_end(&r) != 0 || !are_counts(out, l) ||
        !are_scores(out)) {
        return ERR_INPUT;
    }
    *out_why = "its checksum is another";
    checksum(area, out, l, sum);
    return memcmp(sum, area + CHECKSUM, sizeof(sum)) == 0 ? 0 : ERR_INPUT;
}
