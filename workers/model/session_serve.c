/* A session's conversation with the kernel: one request at a time, each
 * answered before the next is read. Runs in the model worker. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/lib/batches.h"
#include "workers/model/session.h"
#include "workers/model/weights.h"

struct area {
    void *p;
    size_t n;
};

static void area_release(struct area *a)
{
    if (a->p != NULL) {
        (void)munmap(a->p, a->n);
    }
}

static void session_freep(struct session **s)
{
    session_free(*s);
}

static int load(const struct frame *f, const Proctor__ModelTask *task,
                struct session **out, struct diag *d)
{
    struct session_config c = {task->context, task->batch, task->lanes};
    struct weights model CLEANUP(weights_release) = {0};
    struct weights draft CLEANUP(weights_release) = {0};
    unsigned has_draft = task->draft_bytes != 0;

    if (f->fds_n != 1 + has_draft) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(session_blame(
        weights_open(&model, f->fds[0], task->weights_bytes, d), "model", d));
    if (has_draft) {
        TRY(session_blame(
            weights_open(&draft, f->fds[1], task->draft_bytes, d), "draft", d));
    }
    return session_new(&model.gguf, has_draft ? &draft.gguf : NULL, &c, out, d);
}

static int take_area(struct session *s, const struct frame *f,
                     uint64_t lane_bytes, uint32_t lanes, struct area *out)
{
    const Proctor__LaneArea *m = (const Proctor__LaneArea *)f->m;
    struct stat st;

    if (out->p != NULL || f->fds_n != 1 || m->lanes != lanes ||
        fstat(f->fds[0], &st) != 0 || st.st_size < 0 ||
        (uint64_t)st.st_size / lane_bytes < lanes) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    out->n = (size_t)(lane_bytes * lanes);
    out->p =
        mmap(NULL, out->n, PROT_READ | PROT_WRITE, MAP_SHARED, f->fds[0], 0);
    if (out->p == MAP_FAILED) {
        out->p = NULL;
        return ERR_TRACE(ERR_NOMEM);
    }
    session_area(s, out->p);
    return 0;
}

static int answer_open(int channel_fd, struct session *s,
                       const Proctor__LaneOpen *m)
{
    Proctor__LaneOpened opened = PROCTOR__LANE_OPENED__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;
    struct diag d;

    diag_init(&d);
    TRY(session_open(s, m, &opened, &d));
    if (d.code != 0) {
        problem.what = d.what;
        problem.hint = d.hint;
        problem.kind = d.code == ERR_LIMIT;
        opened.problem = &problem;
    }
    return frame_send(channel_fd, MSG_LANE_OPENED, &opened.base, NULL, 0);
}

static int answer_quantum(int channel_fd, struct session *s,
                          const Proctor__Quantum *m)
{
    const Proctor__QuantumDone *done;

    TRY(session_quantum(s, m, &done));
    return frame_send(channel_fd, MSG_QUANTUM_DONE, &done->base, NULL, 0);
}

static int answer_park(int channel_fd, struct session *s,
                       const Proctor__LanePark *m)
{
    const Proctor__LaneParked *parked;

    TRY(session_park(s, m->lane, &parked));
    return frame_send(channel_fd, MSG_LANE_PARKED, &parked->base, NULL, 0);
}

static int answer(int channel_fd, struct session *s, const struct frame *f)
{
    unsigned msg = f->info->msg;

    if (msg == MSG_LANE_OPEN) {
        return answer_open(channel_fd, s, (const Proctor__LaneOpen *)f->m);
    }
    if (msg == MSG_QUANTUM) {
        return answer_quantum(channel_fd, s, (const Proctor__Quantum *)f->m);
    }
    if (msg == MSG_LANE_PARK) {
        return answer_park(channel_fd, s, (const Proctor__LanePark *)f->m);
    }
    if (msg == MSG_LANE_CLOSE) {
        return session_close(s, ((const Proctor__LaneClose *)f->m)->lane);
    }
    return ERR_TRACE(ERR_PROTOCOL);
}

static int converse(int channel_fd, struct session *s, uint64_t lane_bytes,
                    uint32_t lanes)
{
    struct area area CLEANUP(area_release) = {NULL, 0};

    for (;;) {
        struct frame f CLEANUP(frame_release);
        int code;

        frame_init(&f);
        code = frame_receive(channel_fd, MSG_FROM_KERNEL, &f);
        if (code == ERR_CLOSED) {
            return 0;
        }
        TRY(code);
        if (f.info->msg == MSG_LANE_AREA) {
            TRY(take_area(s, &f, lane_bytes, lanes, &area));
        } else {
            TRY(answer(channel_fd, s, &f));
        }
    }
}

int session_serve(int channel_fd, const Proctor__ModelTask *task,
                  const struct frame *f)
{
    struct session *s CLEANUP(session_freep) = NULL;
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
    Proctor__SessionReady session = PROCTOR__SESSION_READY__INIT;
    struct diag d;
    int code;

    diag_init(&d);
    code = load(f, task, &s, &d);
    if (code != 0 && d.code == 0) {
        return ERR_TRACE(code);
    }
    if (code == 0) {
        session_ready(s, &session);
        ready.session = &session;
    }
    TRY(task_ready(channel_fd, &ready, &d));
    return code != 0 ? 0
                     : converse(channel_fd, s, session.lane_bytes, task->lanes);
}
