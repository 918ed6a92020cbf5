/* The replayer's end of the kernel. Blocking, with an ear on the client. Never
 * sends an expected answer: it has none to send. Replayer. */
#include "replay/asker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/launch.h"
#include "proto/record.h"

#include "kernel.pb-c.h"

struct asker {
    const char *store;
    int client_fd;
    int sock; /* -1 before the first question */
    pid_t kernel;
    uint32_t id; /* of the last batch that was sent, from 1 */
};

struct batch {
    struct question *q;
    uint32_t first;
    uint32_t n;
    uint32_t id;                 /* 0 = not sent */
    Proctor__EvaluateDone *done; /* inside f */
    struct frame f;              /* owned */
    struct values answers;       /* owned */
};

struct round {
    struct asker *a;
    const struct cid *policy;
    struct batch *batches; /* owned */
    size_t n;
    size_t sent;
    size_t under_way;
};

int asker_open(const char *store, int client_fd, struct asker **out)
{
    struct asker *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    a->store = store;
    a->client_fd = client_fd;
    a->sock = -1;
    *out = a;
    return 0;
}

void asker_close(struct asker *a)
{
    if (a != NULL && a->sock >= 0) {
        fd_closep(&a->sock);
        while (waitpid(a->kernel, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    free(a);
}

int asker_is_stopped(const struct asker *a)
{
    struct pollfd p = {.fd = a->client_fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* How inputs are cut depends on the inputs alone. NULL: only counts. */
static size_t cut(struct question *q, struct batch *out)
{
    uint32_t first = 0;
    size_t n = 0;

    for (; first < values_n(q->inputs); n++) {
        uint32_t size = values_batch(q->inputs, first);

        if (out != NULL) {
            out[n] = (struct batch){.q = q, .first = first, .n = size};
            frame_init(&out[n].f);
            values_init(&out[n].answers);
        }
        first += size;
    }
    return n;
}

static int is_bad(const struct batch *b)
{
    return b->done != NULL && (b->done->code != 0 || !b->done->complete);
}

/* True when an earlier batch of the same question went bad. */
static int is_moot(const struct round *r, size_t i)
{
    for (size_t k = i; k > 0 && r->batches[k - 1].q == r->batches[i].q; k--) {
        if (is_bad(&r->batches[k - 1])) {
            return 1;
        }
    }
    return 0;
}

static int send_batch(struct round *r, struct batch *b)
{
    Proctor__EvaluateRequest m = PROCTOR__EVALUATE_REQUEST__INIT;
    struct values_builder w;
    int code = values_builder_init(&w, LIMIT_FRAME_BYTES);

    ASSERT(b->q != NULL);
    if (code == 0) {
        code = values_builder_add_all(&w, b->q->inputs, b->first, b->n);
    }
    if (code == 0) {
        struct ubytes inputs = values_builder_bytes(&w);

        b->id = ++r->a->id;
        m.id = b->id;
        m.runnable = (ProtobufCBinaryData){CID_BYTES, b->q->runnable.b};
        m.policy = (ProtobufCBinaryData){CID_BYTES,
                                         (uint8_t *)(uintptr_t)r->policy->b};
        m.inputs =
            (ProtobufCBinaryData){inputs.n, (uint8_t *)(uintptr_t)inputs.p};
        m.engine = b->q->engine;
        m.variants = b->q->variants;
        m.variants_first = b->q->variants_first;
        m.variants_seed = (ProtobufCBinaryData){
            b->q->seed == NULL ? 0 : 32, (uint8_t *)(uintptr_t)b->q->seed};
        code = frame_send(r->a->sock, MSG_EVALUATE_REQUEST, &m.base, NULL, 0);
        r->under_way++;
    }
    values_builder_release(&w);
    return code;
}

/* Takes in one answer; its values are checked against their type. */
static int take(struct round *r, struct frame *f, struct diag *d)
{
    Proctor__EvaluateDone *m = (Proctor__EvaluateDone *)f->m;
    struct ubytes outputs = {m->outputs.data, m->outputs.len};
    struct batch *b = r->batches;
    struct batch *end = r->batches + r->n;

    while (b < end && b->id != m->id) {
        b++;
    }
    if (b == end || b->done != NULL ||
        (m->code == 0 &&
         (values_decode(&b->answers, outputs, b->q->gives, b->n) < 0 ||
          m->complete != (values_n(&b->answers) == b->n)))) {
        return diag_set(d, ERR_PROTOCOL, (struct loc){0},
                        "the kernel's answer does not fit its question");
    }
    b->done = m;
    b->f = *f;
    frame_init(f);
    r->under_way--;
    return 0;
}

/* One frame of the kernel, unless the client wants to stop. */
static int hear_frame(struct asker *a, struct frame *f, struct diag *d)
{
    struct pollfd p[2] = {{.fd = a->sock, .events = POLLIN},
                          {.fd = a->client_fd, .events = POLLIN}};
    int code;

    while (poll(p, 2, -1) < 0) {
        if (errno != EINTR) {
            return err_from_errno(errno);
        }
    }
    if (p[1].revents != 0) {
        return diag_set(d, ERR_CANCELLED, (struct loc){0}, "stopped");
    }
    code = frame_receive(a->sock, MSG_FROM_KERNEL, f);
    if (code < 0) {
        return d->code < 0 ? d->code /* it said why */
                           : diag_set(d, code, (struct loc){0},
                                      "the kernel: %s", err_text(code));
    }
    if (f->info->msg == MSG_DIAGNOSIS) { /* why it will leave */
        const Proctor__Diagnosis *m = (const Proctor__Diagnosis *)f->m;

        (void)diag_set(d, m->code, (struct loc){0}, "%s", m->what);
    }
    return 0;
}

static int hear(struct round *r, struct diag *d)
{
    struct frame f;
    int code;

    frame_init(&f);
    code = hear_frame(r->a, &f, d);
    if (code == 0 && f.info->msg == MSG_EVALUATE_DONE) {
        code = take(r, &f, d);
    }
    frame_release(&f);
    return code;
}

static int run_round(struct round *r, struct diag *d)
{
    while (r->sent < r->n || r->under_way > 0) {
        if (r->sent == r->n || r->under_way == LIMIT_EVALUATIONS) {
            TRY(hear(r, d));
        } else if (is_moot(r, r->sent)) {
            r->sent++;
        } else {
            int code = send_batch(r, &r->batches[r->sent++]);

            if (code < 0) {
                return diag_set(d, code, (struct loc){0}, "the kernel: %s",
                                err_text(code));
            }
        }
    }
    return 0;
}

/* Printable ASCII, as evidence holds it. */
static void plain(char *out, size_t n, const char *s)
{
    (void)snprintf(out, n, "%s", s);
    for (; *out != '\0'; out++) {
        *out = (char)(*out >= 0x20 && *out < 0x7f ? *out : '?');
    }
}

/* The answers of q's batches up to the first bad one, in order. */
static int join(struct round *r, struct question *q, struct diag *d)
{
    struct values_builder w;
    int code = values_builder_init(&w, (size_t)1 << 30);

    q->out->is_complete = 1;
    q->out->is_limit = 0;
    q->out->ending[0] = '\0';
    for (size_t i = 0; i < r->n && code == 0 && q->out->is_complete; i++) {
        struct batch *b = &r->batches[i];

        if (b->q != q) {
            continue;
        }
        if (b->done->code != 0) {
            code = diag_set(d, b->done->code, (struct loc){0}, "%s",
                            b->done->what);
        }
        if (code == 0) {
            code = values_builder_add_all(&w, &b->answers, 0,
                                          values_n(&b->answers));
        }
        q->out->is_complete = b->done->complete;
        q->out->is_limit = b->done->limit;
        plain(q->out->ending, sizeof(q->out->ending), b->done->ending);
    }
    return values_build(&q->out->answers, &w, q->gives, code);
}

static int start_kernel(struct asker *a, struct diag *d)
{
    sigset_t none;
    struct launch l = {
        .name = "proctor-kernel", .store = a->store, .mask = &none};

    (void)sigemptyset(&none);
    return a->sock >= 0 ? 0 : launch(&l, &a->kernel, &a->sock, d);
}

static int ask_once(struct asker *a, const struct cid *policy,
                    struct question *q, size_t n, struct diag *d)
{
    struct round r = {.a = a, .policy = policy};
    int code = 0;

    for (size_t i = 0; i < n; i++) {
        r.n += cut(&q[i], NULL);
    }
    r.batches = calloc(r.n + 1, sizeof(*r.batches));
    if (r.batches == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0, at = 0; i < n; i++) {
        at += cut(&q[i], r.batches + at);
    }
    code = run_round(&r, d);
    for (size_t i = 0; i < n && code == 0; i++) {
        code = join(&r, &q[i], d);
    }
    for (size_t i = 0; i < r.n; i++) {
        frame_release(&r.batches[i].f);
        values_release(&r.batches[i].answers);
    }
    free(r.batches);
    return code;
}

int asker_ask(struct asker *a, const struct cid *policy, struct question *q,
              size_t n, struct diag *d)
{
    TRY(start_kernel(a, d));
    TRY(ask_once(a, policy, q, n, d));
    for (size_t i = 0; i < n; i++) { /* a slow host must not decide */
        if (!q[i].out->is_complete && q[i].out->is_limit) {
            TRY(ask_once(a, policy, &q[i], 1, d));
        }
    }
    return 0;
}

/* What came out; the kernel's answer to the last question. */
static int take_generated(const struct asker *a, const Proctor__EvaluateDone *m,
                          struct cid *out_result, struct cid *out_tokens,
                          struct diag *d)
{
    if (m->id != a->id || (m->code == 0 && (m->result.len != CID_BYTES ||
                                            m->tokens.len != CID_BYTES))) {
        return diag_set(d, ERR_PROTOCOL, (struct loc){0},
                        "the kernel's answer does not fit its question");
    }
    if (m->code != 0 || m->decision != LANE_EMIT) {
        return diag_set(d, m->code != 0 ? m->code : ERR_NOT_FOUND,
                        (struct loc){0}, "%.160s",
                        m->code != 0 ? m->what : m->ending);
    }
    memcpy(out_result->b, m->result.data, CID_BYTES);
    memcpy(out_tokens->b, m->tokens.data, CID_BYTES);
    return 0;
}

int asker_generate(struct asker *a, const struct cid *policy,
                   const struct cid *generation, struct cid *out_result,
                   struct cid *out_tokens, struct diag *d)
{
    Proctor__EvaluateRequest m = PROCTOR__EVALUATE_REQUEST__INIT;
    struct frame f;
    int code, is_answered = 0;

    TRY(start_kernel(a, d));
    m.id = ++a->id;
    m.policy = (ProtobufCBinaryData){CID_BYTES, (uint8_t *)(uintptr_t)policy->b};
    m.generation =
        (ProtobufCBinaryData){CID_BYTES, (uint8_t *)(uintptr_t)generation->b};
    TRY(frame_send(a->sock, MSG_EVALUATE_REQUEST, &m.base, NULL, 0));
    do {
        frame_init(&f);
        code = hear_frame(a, &f, d);
        is_answered = code == 0 && f.info->msg == MSG_EVALUATE_DONE;
        if (is_answered) {
            code = take_generated(a, (const Proctor__EvaluateDone *)f.m,
                                  out_result, out_tokens, d);
        }
        frame_release(&f);
    } while (code == 0 && !is_answered);
    return code;
}
