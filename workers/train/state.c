/* The envelope of a state. Must never let bytes through that are not those of
 * state_end. Runs in worker-train. */
#include "workers/train/state.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

static const struct loc nowhere = {NULL, 0, 0};
static const uint8_t magic[6] = {'P', 'T', 'R', 'A', 'I', 'N'};

static int digest_of(const ProtobufCMessage *m, const char *label, uint64_t n,
                     uint8_t out[static BLAKE3_BYTES])
{
    struct buf b CLEANUP(buf_release);

    buf_init(&b, LIMIT_FRAME_BYTES);
    TRY(buf_put_bytes16(
        &b, (struct ubytes){(const uint8_t *)label, strlen(label)}));
    TRY(buf_put_u64(&b, n));
    TRY(pb_encode(m, &b));
    blake3(buf_bytes(&b).p, buf_len(&b), out);
    return 0;
}

int state_owner_of(const char *fit, uint64_t parameters,
                   const Proctor__Recipe *recipe, const Proctor__Dataset *data,
                   uint64_t checked, struct state_owner *out)
{
    static const Proctor__Learner none = PROCTOR__LEARNER__INIT;
    const Proctor__Learner *learner =
        recipe->learner == NULL ? &none : recipe->learner;

    TRY(digest_of(&learner->base, fit, parameters, out->model));
    TRY(digest_of(&recipe->base, "recipe", 0, out->recipe));
    return digest_of(&data->base, "data", checked, out->data);
}

int state_begin(struct buf *out, const struct state_owner *owner,
                const struct state_at *at, size_t *start)
{
    *start = buf_len(out);
    TRY(buf_put(out, magic, sizeof(magic)));
    TRY(buf_put_u16(out, STATE_VERSION));
    TRY(buf_put(out, owner->model, BLAKE3_BYTES));
    TRY(buf_put(out, owner->recipe, BLAKE3_BYTES));
    TRY(buf_put(out, owner->data, BLAKE3_BYTES));
    TRY(buf_put_u64(out, at->step));
    TRY(buf_put_u8(out, at->waits != 0));
    return buf_put_u64(out, 0); /* the length, by state_end */
}

int state_end(struct buf *out, size_t start)
{
    struct ubytes all = buf_bytes(out);
    uint64_t n = all.n - start - STATE_HEAD_BYTES;
    uint8_t sum[BLAKE3_BYTES];

    buf_patch_u32(out, start + STATE_HEAD_BYTES - 8, (uint32_t)(n >> 32));
    buf_patch_u32(out, start + STATE_HEAD_BYTES - 4, (uint32_t)n);
    blake3(all.p + start, all.n - start, sum);
    return buf_put(out, sum, sizeof(sum));
}

static int refuse(struct diag *d, const char *what)
{
    (void)diag_set(d, ERR_INPUT, nowhere, "checkpoint: %s", what);
    diag_hint(d, "without it, training starts from its first step");
    return ERR_INPUT;
}

int state_is_damaged(struct diag *d)
{
    return refuse(d, "it is damaged: what it holds is no state of this run");
}

static int check_sum(struct ubytes in)
{
    uint8_t sum[BLAKE3_BYTES];

    if (in.n < STATE_BYTES_MORE) {
        return 0;
    }
    blake3(in.p, in.n - BLAKE3_BYTES, sum);
    return memcmp(sum, in.p + in.n - BLAKE3_BYTES, BLAKE3_BYTES) == 0;
}

static int is_of(struct rd *r, const uint8_t *digest)
{
    struct ubytes got = rd_take(r, BLAKE3_BYTES);

    return got.p != NULL && memcmp(got.p, digest, BLAKE3_BYTES) == 0;
}

/* In the order in which a difference is worth being told. */
static const char *other_owner(struct rd *r, const struct state_owner *owner)
{
    int model = is_of(r, owner->model);
    int recipe = is_of(r, owner->recipe);
    int data = is_of(r, owner->data);

    return !model    ? "it is of another model"
           : !data   ? "it is of other training data"
           : !recipe ? "it is of another recipe of the same model"
                     : NULL;
}

int state_open(struct ubytes in, const struct state_owner *owner,
               struct ubytes *out_body, struct state_at *out_at, struct diag *d)
{
    struct rd r;
    unsigned version;
    unsigned waits;
    const char *other;

    *out_body = (struct ubytes){NULL, 0};
    *out_at = (struct state_at){0, 0};
    if (in.n < sizeof(magic) + 2 || memcmp(in.p, magic, sizeof(magic)) != 0) {
        return refuse(d, "these bytes are no state of a training run");
    }
    rd_init(&r, in);
    (void)rd_take(&r, sizeof(magic));
    version = rd_u16(&r);
    if (version != STATE_VERSION) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "checkpoint: its version is %u, this program writes %u",
                       version, STATE_VERSION);
        return ERR_INPUT;
    }
    if (!check_sum(in)) {
        return refuse(d, "it is damaged: its checksum is another one");
    }
    other = other_owner(&r, owner);
    if (other != NULL) {
        return refuse(d, other);
    }
    out_at->step = rd_u64(&r);
    waits = rd_u8(&r);
    if (rd_u64(&r) != in.n - STATE_BYTES_MORE || waits > 1) {
        return refuse(d, "it is damaged: its lengths do not fit");
    }
    out_at->waits = (int)waits;
    *out_body = rd_take(&r, in.n - STATE_BYTES_MORE);
    return 0;
}
