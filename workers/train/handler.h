/* Handlers as configuration: `handlers:` of a recipe, hung into an engine. They
 * watch, note and end a run; whatever else they want done (a checkpoint, a norm,
 * an evaluation) they ask of the fit through hooks. Code of one's own is never
 * loaded.
 *
 *   checkpoint              keeps the `keep` best by a metric, or the newest
 *   early_stopping          ends the run when a metric did not improve by more
 *                           than min_delta for `patience` events
 *   terminate_on_nonfinite  ends the run when a value other than a metric is NaN
 *                           or infinite: the loss, a norm, what was measured
 *   time_limit              ends the run after so many seconds (one worker only:
 *                           two clocks would part ways)
 *   timer                   notes seconds of the epoch and of a step, fetching
 *                           and computing apart
 *   progress                notes a line: epoch, step, loss and metrics
 *   gradients, parameters   Euclidean norm into the value gradient_norm or
 *                           parameter_norm; a vanished one is noted
 *   evaluate                asks for an evaluation, whose values the hook sets
 *
 * Rules of keeping: larger is better (with lower: smaller), of equal ones the
 * older stays, NaN is never kept. First comes the value, then an improvement is
 * more than min_delta away from the best; NaN improves nothing.
 *
 * Source: simple-tooling C5; kinds and their fields: handler.def. Worker train. */
#ifndef WORKERS_TRAIN_HANDLER_H
#define WORKERS_TRAIN_HANDLER_H

#include "proto/buf.h"
#include "workers/train/engine.h"

#include "train.pb-c.h"

#define HANDLERS_MAX 32u
#define HANDLER_KEEP_MAX 64u
/* The value that `metric: ""` means: what the kernel measured. */
#define HANDLER_MEASURED "measured"

enum handler_norm {
    HANDLER_GRADIENTS_NORM,
    HANDLER_PARAMETERS_NORM
};

/* All but note may be NULL: then nothing is done, or (norm) the handler is
 * refused. A hook's code < 0 ends the run. */
struct handler_hooks {
    void *ctx;
    /* A line for people. */
    void (*note)(void *ctx, const char *line);
    /* Now is a checkpoint to be kept; the one of step `instead` (0: none) is no
     * longer. */
    int (*checkpoint)(void *ctx, uint64_t step, uint64_t instead,
                      struct diag *d);
    int (*norm)(void *ctx, enum handler_norm which, double *out,
                struct diag *d);
    int (*evaluate)(void *ctx, struct engine *e, struct diag *d);
};

struct handler_world {
    struct engine *e;
    int is_measured; /* HANDLER_MEASURED is set before EPOCH_COMPLETED */
    const char *const *names; /* values that the engine will have then: loss,
                               * metrics (parameter_norm and gradient_norm come
                               * from handlers themselves) */
    size_t names_n;
    uint32_t workers;
    struct handler_hooks hooks;
};

struct handlers;

/* Checks all and hangs them into the engine, in their order behind the metrics;
 * events of their own (`fires`) are registered there. Borrows specs and names
 * until handlers_close. 0, ERR_NOMEM, ERR_LIMIT, or ERR_INPUT with d naming
 * "handlers[I] (KIND)". */
int handlers_open(Proctor__HandlerSpec *const *specs, size_t n,
                  const struct handler_world *world, struct handlers **out,
                  struct diag *d) MUST_USE;
/* The engine must not fire any more. NULL is fine. */
void handlers_close(struct handlers *h);

/* Why the run that they ended counts as failed; "": it does not. */
const char *handlers_failure(const struct handlers *h);
/* Why they ended it; "": they did not. */
const char *handlers_ended(const struct handlers *h);
/* Steps that checkpoint handler i keeps, best (newest) first; their number. */
size_t handlers_kept(const struct handlers *h, size_t i,
                     uint64_t out_steps[static HANDLER_KEEP_MAX]);

/* What they remember, but for clocks: a run that goes on decides as one that was
 * never stopped. At most HANDLERS_STATE_BYTES. */
#define HANDLERS_STATE_BYTES                                                   \
    (16u + HANDLERS_MAX * (64u + 16u * HANDLER_KEEP_MAX))
int handlers_save(const struct handlers *h, struct buf *out) MUST_USE;
/* Of the same specs. ERR_ENCODING: not so, or damaged; nothing changed then. */
int handlers_load(struct handlers *h, struct rd *in) MUST_USE;

#endif
