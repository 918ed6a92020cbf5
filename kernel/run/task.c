/* Tasks come to rest here: records first, then dependents. A failing task fails
 * what needs it, by name; nothing else. Kernel process. */
#include "kernel/run/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/say.h"
#include "proto/err.h"

void task_move(struct run *r, uint32_t i, enum task_event e)
{
    int next = transition_next(r->tasks[i].state, (unsigned)e);

    ASSERT(next != TRANSITION_REFUSED);
    r->tasks[i].state = (uint8_t)next;
}

int task_note(struct run *r, uint32_t i, uint64_t seq_ref)
{
    if (r->notes_n == r->notes_cap) {
        size_t cap = r->notes_cap == 0 ? 64 : r->notes_cap * 2;
        struct note_due *v = reallocarray(r->notes, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        r->notes = v;
        r->notes_cap = cap;
    }
    r->notes[r->notes_n++] =
        (struct note_due){seq_ref, i, r->tasks[i].state};
    return 0;
}

void task_say_notes(struct run *r)
{
    char text[96];

    for (size_t i = 0; i < r->notes_n; i++) {
        const struct note_due *n = &r->notes[i];
        const struct task *t = &r->tasks[n->task_i];
        const char *id = r->graph->tasks[n->task_i]->id;
        const char *what = t->reason == NULL ? "" : t->reason;

        if (n->state == STATE_PARKED && t->spec->train == NULL) {
            snprintf(text, sizeof(text), "waits for: proctor resume %.64s", id);
            what = text;
        }
        say_event(r->core, n->seq_ref, id, state_name(n->state), what);
    }
    r->notes_n = 0;
}

int task_park(struct run *r, uint32_t i, const char *why)
{
    struct record rec;
    uint64_t seq;

    task_move(r, i, EVENT_PARK);
    record_init(&rec, RECORD_PARK);
    record_set_u(&rec, RF_PARK_run, r->seq);
    record_set_str(&rec, RF_PARK_task, r->graph->tasks[i]->id);
    record_set_str(&rec, RF_PARK_why, why);
    TRY(run_record(r, &rec, &seq));
    r->tasks[i].seq_ref = seq + 1;
    return task_note(r, i, seq + 1);
}

int task_ready(struct run *r, uint32_t i)
{
    const struct task *t = &r->tasks[i];

    ASSERT(t->state == STATE_READY || t->state == STATE_REPAIRING);
    if ((t->spec->approval || t->trapped) && !t->released) {
        return task_park(r, i, t->trapped ? "a trap stopped it"
                                          : "a person's approval");
    }
    queue_push(t->spec->lane != NULL ? &r->ready_lanes : &r->ready, i,
               t->spec->priority);
    return 0;
}

static int set_reason(struct task *t, const char *reason)
{
    free(t->reason);
    t->reason = NULL;
    if (reason[0] == '\0') {
        return 0;
    }
    t->reason = strdup(reason);
    return t->reason == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

/* The TASK record of where it now stands. */
static int task_record(struct run *r, uint32_t i)
{
    struct task *t = &r->tasks[i];
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_TASK);
    record_set_u(&rec, RF_TASK_run, r->seq);
    record_set_str(&rec, RF_TASK_task, r->graph->tasks[i]->id);
    record_set_u(&rec, RF_TASK_state, t->state);
    record_set_u(&rec, RF_TASK_level, t->level);
    record_set_hash(&rec, RF_TASK_result, t->result.b);
    record_set_u(&rec, RF_TASK_evidence_ref, t->evidence_ref);
    record_set_str(&rec, RF_TASK_reason, t->reason == NULL ? "" : t->reason);
    TRY(run_record(r, &rec, &seq));
    t->seq_ref = seq + 1;
    return task_note(r, i, seq + 1);
}

static int wake_dependents(struct run *r, uint32_t i)
{
    for (uint32_t k = r->dependents_at[i]; k < r->dependents_at[i + 1]; k++) {
        uint32_t d = r->dependents[k];

        if (r->tasks[d].state != STATE_BLOCKED) {
            continue;
        }
        ASSERT(r->tasks[d].waits > 0);
        if (--r->tasks[d].waits == 0) {
            task_move(r, d, EVENT_READY);
            TRY(task_ready(r, d));
        }
    }
    return 0;
}

int task_pass(struct run *r, uint32_t i, const struct outcome *o)
{
    struct task *t = &r->tasks[i];

    if (t->state == STATE_REPAIRING) {
        task_move(r, i, EVENT_REPAIRED);
    } else {
        task_move(r, i, EVENT_PROPOSE);
        task_move(r, i, EVENT_PASS);
    }
    t->level = (uint8_t)o->level;
    t->result = o->result;
    t->evidence_ref = o->evidence_ref;
    TRY(set_reason(t, o->reason));
    if (r->graph->tasks[i]->root) {
        task_move(r, i, EVENT_COMMIT);
    }
    TRY(task_record(r, i));
    return wake_dependents(r, i);
}

static int fail_one(struct run *r, uint32_t i, const char *reason)
{
    struct task *t = &r->tasks[i];

    task_move(r, i, t->state == STATE_REPAIRING ? EVENT_UNREPAIRED : EVENT_FAIL);
    TRY(set_reason(t, reason));
    return task_record(r, i);
}

/* All that needs i, directly or not; stack holds tasks whose dependents are
 * still to be visited. */
static int fail_dependents(struct run *r, uint32_t i, uint32_t *stack)
{
    size_t n = 0;
    char reason[LIMIT_ID_BYTES + 32];

    stack[n++] = i;
    while (n > 0) {
        uint32_t from = stack[--n];

        snprintf(reason, sizeof(reason), "needs \"%s\", which did not pass",
                 r->graph->tasks[from]->id);
        for (uint32_t k = r->dependents_at[from];
             k < r->dependents_at[from + 1]; k++) {
            uint32_t d = r->dependents[k];

            if (r->tasks[d].state != STATE_BLOCKED) {
                continue;
            }
            r->tasks[d].skipped = 1;
            TRY(fail_one(r, d, reason));
            stack[n++] = d;
        }
    }
    return 0;
}

int task_fail(struct run *r, uint32_t i, const char *reason)
{
    CLEANUP(mem_freep) uint32_t *stack = NULL;

    TRY(fail_one(r, i, reason));
    if (r->dependents_at[i] == r->dependents_at[i + 1]) {
        return 0;
    }
    /* Each task enters at most once: it leaves BLOCKED on the way in. */
    stack = calloc(r->graph->n_tasks + 1, sizeof(*stack));
    if (stack == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return fail_dependents(r, i, stack);
}
