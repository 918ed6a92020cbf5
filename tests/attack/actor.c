/* The acting image: a model worker whose weights are a line of text that says how
 * it behaves. Its "model" is a hash of what went before, over a vocabulary of all
 * bytes and one end token (256): so it answers at once, the same for the same lane
 * in any company, and can be stopped, parked and killed anywhere. Where its line
 * says so, it lies. Started, narrowed and measured exactly as real images are.
 *
 *   actor die=TOKENS:QUANTA lie=NAME:QUANTUM end=TOKENS about=PLACE
 *
 * die: in the middle of a quantum, as its QUANTA-th of this process, unless every
 * lane has TOKENS; end: the end token is proposed there where the grammar lets it;
 * about: the lies are about the lane in that place alone. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/automaton.h"
#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/frame.h"
#include "proto/limits.h"

#include "workers/lib/worker.h"

#include "worker.pb-c.h"

#define LANE_BYTES (512u << 10)
#define PAGE 4096u
#define ENDS 256u

/* What lies in the area; all zero: empty. */
struct scene {
    uint64_t prompt_n;
    uint64_t n;
    uint64_t passes;
    uint8_t seed[32];
    uint32_t ids[LIMIT_LANE_TOKENS];
};
_Static_assert(sizeof(struct scene) <= LANE_BYTES, "a lane has room");

struct place {
    int is_open;
    struct scene *s;
    uint64_t parked_n; /* tokens that the kernel has */
    Proctor__LaneSpec *spec;
    struct frame f; /* that it is in */
    struct automaton *automaton;
    uint32_t what;
};

static struct place places[LIMIT_LANES_TOGETHER];
static uint32_t places_n, context;
static char line[256];
static unsigned quanta;
static int channel;

/* The number behind "NAME=" of the line, and of "NAME=a:b" the second; -1. */
static long setting(const char *name, int second)
{
    const char *p = strstr(line, name);
    long v = 0;

    if (p == NULL) {
        return -1;
    }
    p += strlen(name);
    while (second && *p != '\0' && *p != ':' && *p != ' ') {
        p++;
    }
    p += second && *p == ':';
    while (*p >= '0' && *p <= '9') {
        v = 10 * v + (*p++ - '0');
    }
    return v;
}

static unsigned lies(const char *name)
{
    const char *p = strstr(line, "lie=");
    size_t n = strlen(name);

    return p != NULL && strncmp(p + 4, name, n) == 0 && p[4 + n] == ':' &&
           setting("lie=", 1) == (long)quanta;
}

static void say(enum msg msg, const ProtobufCMessage *m)
{
    if (frame_send(channel, msg, m, NULL, 0) < 0) {
        _exit(0);
    }
}

/* Where the text stands; the automaton's place after all tokens. */
static void stand(const struct place *p, struct automaton_at *at)
{
    automaton_start(p->automaton, at);
    for (uint64_t i = 0; i < p->s->n; i++) {
        if (p->s->ids[i] < ENDS &&
            automaton_step(p->automaton, at, (uint8_t)p->s->ids[i]) != 0) {
            _exit(2);
        }
    }
}

/* The next token, by all before it; UINT32_MAX: the grammar lets none. */
static uint32_t next(const struct place *p)
{
    static struct automaton_at at, to;
    long end = setting("end=", 0);
    uint8_t h[32];
    struct blake3 b;
    uint32_t first;

    blake3_init(&b);
    blake3_update(&b, p->s->seed, 32);
    blake3_update(&b, p->s->ids, 4 * (size_t)p->s->n);
    blake3_final(&b, h);
    first = h[0];
    if (p->automaton == NULL) {
        return end >= 0 && p->s->n >= (uint64_t)end ? ENDS : 'a' + first % 26;
    }
    stand(p, &at);
    if (automaton_accepts(p->automaton, &at) &&
        (end < 0 || p->s->n >= (uint64_t)end)) {
        return ENDS;
    }
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = (first + i) % 256;

        if (automaton_next(p->automaton, &at, (uint8_t)c, &to) == 0) {
            return c;
        }
    }
    return automaton_accepts(p->automaton, &at) ? ENDS : UINT32_MAX;
}

static void session(const Proctor__ModelTask *t, struct frame *f)
{
    Proctor__TaskReady m = PROCTOR__TASK_READY__INIT;
    Proctor__SessionReady s = PROCTOR__SESSION_READY__INIT;
    void *p = mmap(NULL, t->weights_bytes, PROT_READ, MAP_PRIVATE, f->fds[0], 0);

    if (p == MAP_FAILED || t->weights_bytes >= sizeof(line)) {
        _exit(3);
    }
    memcpy(line, p, t->weights_bytes);
    context = t->context == 0 ? 4096 : t->context;
    s.lane_bytes = lies("lane_bytes") ? 5000 : LANE_BYTES;
    s.context = lies("context") ? 1u << 30 : context;
    s.vocab = 257;
    s.batch = 64;
    s.route = (char *)(uintptr_t) "actor";
    m.session = lies("no_session") ? NULL : &s;
    if (lies("early")) {
        Proctor__QuantumDone q = PROCTOR__QUANTUM_DONE__INIT;

        say(MSG_QUANTUM_DONE, &q.base);
    }
    say(MSG_TASK_READY, &m.base);
}

static void open_area(const Proctor__LaneArea *m, struct frame *f)
{
    uint8_t *p = mmap(NULL, (size_t)m->lanes * LANE_BYTES,
                      PROT_READ | PROT_WRITE, MAP_SHARED, f->fds[0], 0);

    if (p == MAP_FAILED || m->lanes > LIMIT_LANES_TOGETHER) {
        _exit(4);
    }
    places_n = m->lanes;
    for (uint32_t i = 0; i < places_n; i++) {
        places[i].s = (struct scene *)(void *)(p + (size_t)i * LANE_BYTES);
    }
}

static void close_place(struct place *p)
{
    automaton_free(p->automaton);
    p->automaton = NULL;
    frame_release(&p->f);
    p->is_open = 0;
}

static void open_lane(struct frame *f)
{
    const Proctor__LaneOpen *m = (const Proctor__LaneOpen *)f->m;
    struct place *p = &places[m->lane];
    Proctor__LaneOpened reply = PROCTOR__LANE_OPENED__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;

    if (m->lane >= places_n || p->is_open || m->key.len != 32 ||
        (!m->resumes && p->s->n != 0)) {
        _exit(5); /* the kernel's mistake: the test fails */
    }
    p->spec = m->spec;
    p->what = m->what;
    p->is_open = 1;
    reply.lane = m->lane;
    if (m->spec->grammar != NULL &&
        automaton_read((struct ubytes){m->spec->grammar->automaton.data,
                                       m->spec->grammar->automaton.len},
                       &p->automaton) != 0) {
        problem.what = (char *)(uintptr_t) "no grammar";
        reply.problem = &problem;
    }
    if (!m->resumes) {
        p->s->prompt_n = strlen(m->spec->prompt);
        blake3(m->key.data, 32, p->s->seed);
    }
    if (p->s->prompt_n >= context) {
        problem.what = (char *)(uintptr_t) "the prompt is longer than the context";
        reply.problem = &problem;
    }
    p->parked_n = p->s->n;
    reply.prompt_tokens = (uint32_t)p->s->prompt_n;
    reply.tokens = (uint32_t)p->s->n + (lies("opened") != 0);
    p->f = *f;
    frame_init(f);
    if (reply.problem != NULL) {
        close_place(p);
    }
    say(MSG_LANE_OPENED, &reply.base);
}

/* Scores are the choices' lengths; logits are all zero. */
static void answer(struct place *p, Proctor__LaneDone *d, struct buf *out)
{
    Proctor__LaneAnswer a = PROCTOR__LANE_ANSWER__INIT;
    static Proctor__ChoiceScore scores[LIMIT_CHOICES];
    static Proctor__ChoiceScore *v[LIMIT_CHOICES];
    static uint8_t logits[257 * 4];
    static uint32_t ids[4096];

    for (size_t i = 0; i < p->spec->n_choices; i++) {
        proctor__choice_score__init(&scores[i]);
        scores[i].tokens = (uint32_t)p->spec->choices[i].len;
        scores[i].log_likelihood = -1.0 - (double)i;
        v[i] = &scores[i];
    }
    a.choices = v;
    a.n_choices = p->spec->n_choices;
    if (p->what == PROCTOR__LANE_WHAT__LANE_CLASSIFY) {
        for (uint32_t i = 1; i < a.n_choices; i++) {
            if (v[i]->log_likelihood / v[i]->tokens >
                v[a.best]->log_likelihood / v[a.best]->tokens) {
                a.best = i;
            }
        }
        a.best = lies("best") ? (a.best + 1) % (uint32_t)a.n_choices : a.best;
    }
    if (p->what == PROCTOR__LANE_WHAT__LANE_LOGITS) {
        a.logits = (ProtobufCBinaryData){sizeof(logits), logits};
        for (uint64_t i = 0; i < p->s->prompt_n; i++) {
            ids[i] = (uint8_t)p->spec->prompt[i];
        }
        a.tokens = ids;
        a.n_tokens = (size_t)p->s->prompt_n + lies("logits");
    }
    a.n_choices -= (size_t)(lies("choices") && a.n_choices > 0);
    if (pb_encode(&a.base, out) != 0) {
        _exit(6);
    }
    d->answer = (ProtobufCBinaryData){buf_len(out), out->data_};
    d->state = PROCTOR__LANE_STATE__LANE_ANSWERED;
}

struct said {
    Proctor__LaneDone d;
    Proctor__LaneToken tokens[LIMIT_QUANTUM + 1];
    Proctor__LaneToken *p[LIMIT_QUANTUM + 1];
    uint8_t bytes[LIMIT_QUANTUM + 1];
    struct buf answer;
};

static void put_token(struct said *x, struct place *p, uint32_t id)
{
    Proctor__LaneToken *t = &x->tokens[x->d.n_tokens];
    size_t i = x->d.n_tokens;

    proctor__lane_token__init(t);
    t->id = id;
    t->ends = id == ENDS;
    x->bytes[i] = (uint8_t)id;
    if (id != ENDS) {
        t->bytes = (ProtobufCBinaryData){1, &x->bytes[i]};
    }
    x->p[i] = t;
    x->d.n_tokens++;
    p->s->ids[p->s->n++] = id;
}

static void perform(struct place *p, const Proctor__QuantumLane *q,
                    uint32_t passes, struct said *x)
{
    struct scene *s = p->s;

    if (q->keep > s->n) {
        _exit(7);
    }
    s->n = q->keep;
    while (x->d.n_tokens < q->tokens && x->d.passes < passes &&
           x->d.state == PROCTOR__LANE_STATE__LANE_GOES_ON) {
        uint32_t id = next(p);

        x->d.passes++;
        s->passes++;
        if (id == UINT32_MAX) {
            x->d.state = PROCTOR__LANE_STATE__LANE_STUCK;
        } else {
            put_token(x, p, id);
            if (id == ENDS) {
                x->d.state = PROCTOR__LANE_STATE__LANE_END;
            } else if (s->prompt_n + s->n >= context) {
                x->d.state = PROCTOR__LANE_STATE__LANE_FULL;
            }
        }
        for (size_t i = 0; i < p->spec->n_traps; i++) {
            if (p->spec->traps[i]->act == PROCTOR__LAYER_ACT__LAYER_STOP &&
                p->spec->traps[i]->pass + 1 == s->passes &&
                x->d.state == PROCTOR__LANE_STATE__LANE_GOES_ON) {
                x->d.state = PROCTOR__LANE_STATE__LANE_STOPPED;
            }
        }
    }
}

static void distort(struct said *x, const struct place *p,
                    const Proctor__QuantumLane *q)
{
    Proctor__LaneDone *d = &x->d;
    long about = setting("about=", 0);

    if (about >= 0 && about != (long)q->lane) {
        return; /* the truth */
    }
    if (lies("idle")) {
        d->n_tokens = 0;
    } else if (lies("grammar") && d->n_tokens > 0) {
        x->bytes[0] = '#';
    } else if (lies("vocab") && d->n_tokens > 0) {
        x->tokens[0].id = 257;
    } else if (lies("end_early") && d->n_tokens > 0) {
        x->tokens[d->n_tokens - 1].ends = 1;
        x->tokens[d->n_tokens - 1].bytes.len = 0;
        d->state = PROCTOR__LANE_STATE__LANE_END;
    } else if (lies("end_middle") && d->n_tokens > 1) {
        x->tokens[0].ends = 1;
        x->tokens[0].bytes.len = 0;
    } else if (lies("end_state")) {
        d->state = PROCTOR__LANE_STATE__LANE_END;
    } else if (lies("stuck")) {
        d->state = PROCTOR__LANE_STATE__LANE_STUCK;
    } else if (lies("stopped")) {
        d->state = PROCTOR__LANE_STATE__LANE_STOPPED;
    } else if (lies("many") && d->n_tokens > 0) {
        while (d->n_tokens <= q->tokens) {
            put_token(x, (struct place *)(uintptr_t)p, 'x');
        }
    } else if (lies("lane")) {
        d->lane ^= 1;
    } else if (lies("passes")) {
        d->passes = 1u << 31;
    } else if (lies("accepted")) {
        d->accepted = 1;
    } else if (lies("drafted")) {
        d->drafted = 5;
    } else if (lies("position")) {
        d->position = context + 1;
    } else if (lies("answer")) {
        d->answer = (ProtobufCBinaryData){1, x->bytes};
    } else if (lies("entropy")) {
        d->entropies = (ProtobufCBinaryData){4, x->bytes};
    } else if (lies("entropies")) {
        d->n_tokens = 0;
        d->entropies = (ProtobufCBinaryData){64, x->bytes};
    } else if (lies("digest")) {
        d->digest = (ProtobufCBinaryData){31, x->bytes};
    } else if (lies("nonfinite")) {
        d->state = PROCTOR__LANE_STATE__LANE_NONFINITE;
    } else if (lies("other") && d->n_tokens > 0) { /* than before it was lost */
        x->tokens[0].id ^= 1;
    }
}

static int all_have(uint64_t tokens)
{
    for (uint32_t i = 0; i < places_n; i++) {
        if (places[i].is_open && places[i].s->n < tokens) {
            return 0;
        }
    }
    return 1;
}

static void quantum(const Proctor__Quantum *q)
{
    static struct said said[LIMIT_LANES_TOGETHER];
    Proctor__LaneDone *lanes[LIMIT_LANES_TOGETHER];
    Proctor__QuantumDone m = PROCTOR__QUANTUM_DONE__INIT;
    long die = setting("die=", 1);

    quanta++;
    for (size_t i = 0; i < q->n_lanes; i++) {
        struct said *x = &said[i];
        struct place *p = &places[q->lanes[i]->lane];

        if (q->lanes[i]->lane >= places_n || !p->is_open) {
            _exit(8);
        }
        proctor__lane_done__init(&x->d);
        x->d.lane = q->lanes[i]->lane;
        x->d.tokens = x->p;
        buf_release(&x->answer);
        buf_init(&x->answer, 1u << 20);
        if (p->what != PROCTOR__LANE_WHAT__LANE_GENERATE) {
            x->d.passes = 1;
            answer(p, &x->d, &x->answer);
        } else {
            perform(p, q->lanes[i], q->passes, x);
        }
        x->d.position = (uint32_t)(p->s->prompt_n + p->s->n);
        distort(x, p, q->lanes[i]);
        m.passes = x->d.passes > m.passes ? x->d.passes : m.passes;
        lanes[i] = &x->d;
    }
    if (die >= 0 && (long)quanta >= die &&
        !all_have((uint64_t)setting("die=", 0))) {
        __builtin_trap();
    }
    m.passes = q->passes < m.passes ? q->passes : m.passes;
    m.id = q->id + lies("id");
    m.lanes = lanes;
    m.n_lanes = q->n_lanes - (size_t)lies("few");
    if (lies("turn")) {
        Proctor__LaneOpened o = PROCTOR__LANE_OPENED__INIT;

        say(MSG_LANE_OPENED, &o.base);
    }
    say(MSG_QUANTUM_DONE, &m.base);
}

static void park(const Proctor__LanePark *q)
{
    struct place *p = &places[q->lane];
    Proctor__LaneParked m = PROCTOR__LANE_PARKED__INIT;
    Proctor__AreaExtent head = PROCTOR__AREA_EXTENT__INIT;
    Proctor__AreaExtent body = PROCTOR__AREA_EXTENT__INIT;
    Proctor__AreaExtent *v[2] = {&head, &body};
    size_t base = offsetof(struct scene, ids);

    head.bytes = base;
    body.offset = base + 4 * p->parked_n;
    body.bytes = 4 * (p->s->n - p->parked_n);
    m.lane = q->lane + lies("park_lane");
    m.tokens = (uint32_t)p->s->n + lies("park_tokens");
    m.extents = v;
    m.n_extents = body.bytes > 0 ? 2 : 1;
    if (lies("park_far")) {
        body.offset = LANE_BYTES;
    } else if (lies("park_huge")) {
        body.bytes = UINT64_MAX - 8;
    } else if (lies("park_order")) {
        v[0] = &body;
        v[1] = &head;
    } else if (lies("park_twice")) {
        body.offset = head.offset;
    } else if (lies("park_none")) {
        head.bytes = 0;
    }
    p->parked_n = p->s->n;
    say(MSG_LANE_PARKED, &m.base);
}

static int serve(int channel_fd, UNUSED uint8_t *share)
{
    struct frame f;

    channel = channel_fd;
    for (frame_init(&f);; frame_release(&f)) {
        if (frame_receive(channel_fd, MSG_FROM_KERNEL, &f) < 0) {
            return 0;
        }
        if (f.info->msg == MSG_MODEL_TASK) {
            session((const Proctor__ModelTask *)f.m, &f);
        } else if (f.info->msg == MSG_LANE_AREA) {
            open_area((const Proctor__LaneArea *)f.m, &f);
        } else if (f.info->msg == MSG_LANE_OPEN) {
            open_lane(&f);
        } else if (f.info->msg == MSG_QUANTUM) {
            quantum((const Proctor__Quantum *)f.m);
        } else if (f.info->msg == MSG_LANE_PARK) {
            park((const Proctor__LanePark *)f.m);
        } else if (f.info->msg == MSG_LANE_CLOSE) {
            close_place(&places[((const Proctor__LaneClose *)f.m)->lane]);
        }
    }
}

int main(void)
{
    static const struct worker_hooks hooks = {"model", NULL, serve};

    return worker_main(&hooks);
}
