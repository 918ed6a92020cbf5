/* Sessions: any LANE_OPEN, and any bytes of a lane that was parked. What is
 * accepted runs some passes, is parked, and can be resumed. First byte: even, the
 * rest is a LaneOpen message; odd, it changes a lane at rest: first the header's
 * fields (so that the checksum is right), then bytes anywhere. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "tests/unit/nn/model_file.h"
#include "workers/model/lane.h"
#include "workers/model/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONTEXT 48u

static struct session *session;
static uint8_t *area, *parked;
static size_t lane_bytes;
static struct state_layout layout;

static void check(int is_good)
{
    if (!is_good) {
        abort();
    }
}

static int open_lane(Proctor__LaneOpen *m)
{
    Proctor__LaneOpened out = PROCTOR__LANE_OPENED__INIT;
    struct diag d;
    int code;

    diag_init(&d);
    code = session_open(session, m, &out, &d);
    return code == 0 && d.code == 0;
}

static void advance(uint32_t passes)
{
    Proctor__Quantum q = PROCTOR__QUANTUM__INIT;
    Proctor__QuantumLane one = PROCTOR__QUANTUM_LANE__INIT, *one_p = &one;
    const struct lane *l = session_lane(session, 0);
    const Proctor__QuantumDone *done;
    const Proctor__LaneParked *out;

    one.keep = l->history_n - (uint32_t)l->spec.prompt.n;
    one.tokens = 3;
    q.lanes = &one_p;
    q.n_lanes = 1;
    q.passes = passes;
    check(session_quantum(session, &q, &done) == 0);
    check(session_park(session, 0, &out) == 0);
}

static void plain_open(Proctor__LaneOpen *m, Proctor__LaneSpec *spec)
{
    static uint8_t key[32];

    proctor__lane_open__init(m);
    proctor__lane_spec__init(spec);
    spec->prompt = pb_str("abcabcab");
    spec->draft_tokens = 3;
    m->spec = spec;
    m->key = (ProtobufCBinaryData){sizeof(key), key};
}

static void make(void)
{
    struct model_init spec = {.arch = "gpt-oss",
                              .layers = 1,
                              .width = 32,
                              .heads = 2,
                              .kv_heads = 1,
                              .head = 16,
                              .ffn = 32,
                              .experts = 2,
                              .experts_used = 1,
                              .vocab = 264,
                              .context = CONTEXT,
                              .window = 16,
                              .seed = 1};
    struct session_config c = {CONTEXT, 4, 1};
    Proctor__SessionReady ready = PROCTOR__SESSION_READY__INIT;
    Proctor__LaneOpen m;
    Proctor__LaneSpec lane;
    struct model_file f;
    struct model *plain;
    struct diag d;

    check(model_file_make(&spec, &f, &d) == 0);
    check(session_new(&f.g, NULL, &c, &session, &d) == 0);
    check(model_new(&f.g, &plain, &d) == 0);
    check(state_layout(plain, NULL, CONTEXT, 4, &layout) == 0);
    model_free(plain);
    session_ready(session, &ready);
    lane_bytes = ready.lane_bytes;
    check(lane_bytes == layout.bytes);
    area = aligned_alloc(4096, lane_bytes);
    parked = malloc(lane_bytes);
    check(area != NULL && parked != NULL);
    memset(area, 0, lane_bytes);
    session_area(session, area);
    plain_open(&m, &lane);
    check(open_lane(&m));
    advance(4);
    memcpy(parked, area, lane_bytes);
    model_file_release(&f);
}

/* Bytes of the message, or where they end zeros. */
static void take(const uint8_t **p, size_t *n, void *out, size_t bytes)
{
    size_t k = *n < bytes ? *n : bytes;

    memset(out, 0, bytes);
    memcpy(out, *p, k);
    *p += k;
    *n -= k;
}

static void change_fields(const uint8_t **p, size_t *n)
{
    const char *why;
    struct state st;
    uint32_t *const fields[] = {&st.prompt_n, &st.history_n, &st.drafts_n,
                                &st.cache_n,  &st.draft_n,   &st.draft_len,
                                &st.choice};
    uint8_t which = 0;

    check(state_read(parked, &layout, &st, &why) == 0);
    take(p, n, &which, 1);
    for (size_t i = 0; i < ARRAY_N(fields); i++) {
        if ((which >> i & 1) != 0) {
            take(p, n, fields[i], sizeof(*fields[i]));
        }
    }
    if ((which & 0x80) != 0) {
        take(p, n, &st.stop_n, sizeof(st.stop_n));
        take(p, n, &st.scores[0], sizeof(st.scores[0]));
    }
    if (st.history_n <= CONTEXT && st.drafts_n <= LANE_DRAFTS_MAX) {
        state_write(&st, &layout, area);
    }
}

static void resume(const uint8_t *p, size_t n)
{
    Proctor__LaneOpen m;
    Proctor__LaneSpec lane;

    memcpy(area, parked, lane_bytes);
    change_fields(&p, &n);
    while (n > 0) {
        uint32_t at;
        uint8_t v;

        take(&p, &n, &at, sizeof(at));
        take(&p, &n, &v, 1);
        area[at % lane_bytes] = v;
    }
    plain_open(&m, &lane);
    m.resumes = 1;
    if (open_lane(&m)) {
        advance(3);
        check(open_lane(&m)); /* it was parked by us: it goes on */
        advance(2);
    }
}

static void open_any(struct ubytes bytes)
{
    ProtobufCMessage *m = NULL;
    Proctor__LaneOpen *open;

    if (pb_decode(&proctor__lane_open__descriptor, bytes, 1u << 20, &m) != 0) {
        return;
    }
    open = (Proctor__LaneOpen *)m;
    if (open->lane == 0) {
        memset(area, 0, lane_bytes);
        open->resumes = 0;
        if (open_lane(open)) {
            advance(6);
            open->resumes = 1;
            check(open_lane(open));
            advance(2);
        }
    }
    pb_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (session == NULL) {
        make();
    }
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        open_any((struct ubytes){data + 1, size - 1});
    } else {
        resume(data + 1, size - 1);
    }
    return 0;
}
