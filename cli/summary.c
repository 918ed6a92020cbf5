/* One line per record. Knows every kind of record.def; a new kind is a compiler
 * warning here. */
#include "cli/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/look_text.h"

enum record_field summary_field(const struct record *r, const char *name)
{
    unsigned n = record_fields_n(r->kind);
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned i;

    for (i = first; i < first + n; i++) {
        if (strcmp(record_field_info((enum record_field)i)->name, name) == 0) {
            return (enum record_field)i;
        }
    }
    return RF_N_;
}

int summary_run(const struct record *r, uint64_t *out_run)
{
    enum record_field f = summary_field(r, "run");

    if (r->kind == RECORD_RUN) {
        *out_run = r->seq;
        return 1;
    }
    if (f == RF_N_) {
        return 0;
    }
    *out_run = record_u(r, f);
    return 1;
}

void summary_task(const struct record *r, char *out, size_t n)
{
    enum record_field f = summary_field(r, "task");

    out[0] = '\0';
    if (f != RF_N_) {
        record_str(r, f, out, n);
    }
}

/* A STR field, cut to a line's share. */
struct part {
    char s[120];
};

static struct part str(const struct record *r, enum record_field f)
{
    struct part p;

    record_str(r, f, p.s, sizeof(p.s));
    return p;
}

/* The first digits of a hash. */
static struct part digits(const struct record *r, enum record_field f)
{
    struct part p;

    hex_text(record_hash(r, f), 6, p.s);
    return p;
}

/* Writes the line; what does not fit is cut. */
PRINTF_LIKE(2, 3)
static void put(char *out, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(out, SUMMARY_BYTES, fmt, ap);
    va_end(ap);
}

static void say_verdict(const struct record *r, char *out)
{
    put(out, "%s %s: %s",
        verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)),
        level_name((unsigned)record_u(r, RF_VERDICT_level)),
        str(r, RF_VERDICT_reason).s);
}

static void say_task(const struct record *r, char *out)
{
    struct part reason = str(r, RF_TASK_reason);

    put(out, "%s %s%s%s", state_name((unsigned)record_u(r, RF_TASK_state)),
        level_name((unsigned)record_u(r, RF_TASK_level)),
        reason.s[0] != '\0' ? ": " : "", reason.s);
}

static void say_commit(const struct record *r, char *out)
{
    put(out,
        "candidate %s, number %" PRIu64 " of exam %s, must survive "
        "%" PRIu64 " draws",
        digits(r, RF_COMMIT_candidate).s, record_u(r, RF_COMMIT_j),
        digits(r, RF_COMMIT_exam).s, record_u(r, RF_COMMIT_draws));
}

static void say_split(const struct record *r, char *out)
{
    if (record_u(r, RF_SPLIT_fixed_ref) == 0) {
        put(out, "data %s fixed, to be drawn with seed %" PRIu64,
            digits(r, RF_SPLIT_data).s, record_u(r, RF_SPLIT_seed_i));
        return;
    }
    put(out, "data %s drawn as split %s", digits(r, RF_SPLIT_data).s,
        digits(r, RF_SPLIT_split).s);
}

static void say_look(const struct record *r, char *out)
{
    char loss[LOOK_SCORE_BYTES];
    uint64_t look = record_u(r, RF_LOOK_look);
    uint64_t limit = record_u(r, RF_LOOK_limit);

    look_score(r, RF_LOOK_loss, loss);
    put(out, "%" PRIu64 " of %" PRIu64 " on split %s%s: %s, %s", look, limit,
        digits(r, RF_LOOK_split).s, look >= limit ? ", WORN" : "",
        look_outcome_text(r), loss);
}

static void say_inputs(const struct record *r, char *out)
{
    uint64_t parent_ref = record_u(r, RF_INPUTS_parent_ref);

    put(out, "%s[%" PRIu64 "] starts from %s%s, program %s",
        str(r, RF_INPUTS_series).s, record_u(r, RF_INPUTS_index),
        digits(r, RF_INPUTS_artifact).s,
        parent_ref == 0 ? "" : ", an earlier output",
        digits(r, RF_INPUTS_program).s);
}

static void say_outputs(const struct record *r, char *out)
{
    if (record_u(r, RF_OUTPUTS_status) == SERIES_DONE) {
        put(out, "%s[%" PRIu64 "] done: %s, %" PRIu64 " bytes",
            str(r, RF_OUTPUTS_series).s, record_u(r, RF_OUTPUTS_index),
            digits(r, RF_OUTPUTS_artifact).s, record_u(r, RF_OUTPUTS_bytes));
        return;
    }
    put(out, "%s[%" PRIu64 "] aborted: %s", str(r, RF_OUTPUTS_series).s,
        record_u(r, RF_OUTPUTS_index), str(r, RF_OUTPUTS_why).s);
}

static void say_assert(const struct record *r, char *out)
{
    put(out, "%s %s, number %" PRIu64 "%s%s", str(r, RF_ASSERT_operation).s,
        str(r, RF_ASSERT_path).s, record_u(r, RF_ASSERT_n),
        strcmp(str(r, RF_ASSERT_operation).s, "DELETE") == 0 ? "" : ": ",
        strcmp(str(r, RF_ASSERT_operation).s, "DELETE") == 0
            ? ""
            : digits(r, RF_ASSERT_payload).s);
}

static void say_reconcile(const struct record *r, char *out)
{
    put(out, "%s against %s: %s, status %s%s",
        str(r, RF_RECONCILE_observed_path).s,
        str(r, RF_RECONCILE_desired_path).s,
        reconcile_state_name((unsigned)record_u(r, RF_RECONCILE_state)),
        digits(r, RF_RECONCILE_status).s,
        record_u(r, RF_RECONCILE_cached_ref) != 0 ? ", cached" : "");
}

static void say_generate(const struct record *r, char *out)
{
    put(out,
        "%s: %" PRIu64 " tokens in %" PRIu64 " passes, try %" PRIu64
        ", result %s%s%s",
        lane_decision_name((unsigned)record_u(r, RF_GENERATE_decision)),
        record_u(r, RF_GENERATE_n), record_u(r, RF_GENERATE_passes),
        record_u(r, RF_GENERATE_tried) + 1, digits(r, RF_GENERATE_result).s,
        str(r, RF_GENERATE_reason).s[0] == '\0' ? "" : ": ",
        str(r, RF_GENERATE_reason).s);
}

static void say_lane(const struct record *r, char *out)
{
    put(out,
        "%" PRIu64 " tokens, %" PRIu64 " positions, %" PRIu64
        " bytes that changed, in %s: %s",
        record_u(r, RF_LANE_tokens), record_u(r, RF_LANE_position),
        record_u(r, RF_LANE_bytes), digits(r, RF_LANE_parked).s,
        str(r, RF_LANE_why).s);
}

static void say_loaded(const struct record *r, char *out)
{
    put(out, "%" PRIu64 " rows, %" PRIu64 " bytes: data set %s",
        record_u(r, RF_LOADED_rows), record_u(r, RF_LOADED_bytes),
        digits(r, RF_LOADED_dataset).s);
}

static void say_train(const struct record *r, char *out)
{
    put(out, "%" PRIu64 " parameters, %" PRIu64 " workers: training %s%s",
        record_u(r, RF_TRAIN_parameters), record_u(r, RF_TRAIN_workers),
        digits(r, RF_TRAIN_training).s,
        record_u(r, RF_TRAIN_went_on_ref) == 0 ? "" : ", gone on with");
}

static void say_trained(const struct record *r, char *out)
{
    static const uint8_t none[32];
    int has = memcmp(record_hash(r, RF_TRAINED_weights), none, 32) != 0;
    char measured[64] = "";

    if (record_u(r, RF_TRAINED_metric) != 0) {
        (void)snprintf(measured, sizeof(measured), ", measured %g",
                       record_f64(r, RF_TRAINED_measured));
    }
    put(out, "%s: step %" PRIu64 ", epoch %" PRIu64 ", claims loss %g%s%s%s",
        str(r, RF_TRAINED_why).s, record_u(r, RF_TRAINED_step),
        record_u(r, RF_TRAINED_epoch), record_f64(r, RF_TRAINED_claimed),
        measured, has ? ", weights " : "",
        has ? digits(r, RF_TRAINED_weights).s : "");
}

static void say_end(const struct record *r, char *out)
{
    put(out,
        "%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " parked, %" PRIu64
        " skipped",
        record_u(r, RF_END_passed), record_u(r, RF_END_failed),
        record_u(r, RF_END_parked), record_u(r, RF_END_skipped));
}

/* One flat switch over the kinds, so it may be long (STYLE 3). */
/* NOLINTNEXTLINE(readability-function-size) */
void summary_of(const struct record *r, char out[static SUMMARY_BYTES])
{
    out[0] = '\0';
    switch (r->kind) {
    case RECORD_NONE:
        break;
    case RECORD_GENESIS:
        put(out, "log %s", str(r, RF_GENESIS_origin).s);
        break;
    case RECORD_RUN:
        put(out, "%s (graph %s)", str(r, RF_RUN_graph_path).s,
            digits(r, RF_RUN_graph).s);
        break;
    case RECORD_ADMIT:
        put(out, "%s, by %s", str(r, RF_ADMIT_op).s, str(r, RF_ADMIT_rule).s);
        break;
    case RECORD_REFUSE:
        put(out, "%s: %s", str(r, RF_REFUSE_rule).s, str(r, RF_REFUSE_what).s);
        break;
    case RECORD_START:
        put(out, "attempt %" PRIu64, record_u(r, RF_START_attempt));
        break;
    case RECORD_CONFINE:
        put(out, "worker %" PRIu64 " of class %s, report %s",
            record_u(r, RF_CONFINE_worker), str(r, RF_CONFINE_class).s,
            digits(r, RF_CONFINE_report).s);
        break;
    case RECORD_COMMIT:
        say_commit(r, out);
        break;
    case RECORD_DRAW:
        put(out, "seed %s for commit #%" PRIu64, digits(r, RF_DRAW_seed).s,
            record_u(r, RF_DRAW_commit));
        break;
    case RECORD_VERDICT:
        say_verdict(r, out);
        break;
    case RECORD_TASK:
        say_task(r, out);
        break;
    case RECORD_REF:
        put(out, "%s -> %s", str(r, RF_REF_name).s,
            digits(r, RF_REF_new_target).s);
        break;
    case RECORD_PARK:
        put(out, "%s", str(r, RF_PARK_why).s);
        break;
    case RECORD_RESUME:
        put(out, "%s", str(r, RF_RESUME_why).s);
        break;
    case RECORD_REPAIR:
        put(out, "tries %s: %s", str(r, RF_REPAIR_child).s,
            str(r, RF_REPAIR_reason).s);
        break;
    case RECORD_ABORT:
        put(out, "%s", str(r, RF_ABORT_why).s);
        break;
    case RECORD_CRASH:
        put(out, "%s", str(r, RF_CRASH_what).s);
        break;
    case RECORD_REVOKE:
        put(out, "candidate %s: %s", digits(r, RF_REVOKE_candidate).s,
            str(r, RF_REVOKE_why).s);
        break;
    case RECORD_END:
        say_end(r, out);
        break;
    case RECORD_SPLIT:
        say_split(r, out);
        break;
    case RECORD_LOOK:
        say_look(r, out);
        break;
    case RECORD_INPUTS:
        say_inputs(r, out);
        break;
    case RECORD_OUTPUTS:
        say_outputs(r, out);
        break;
    case RECORD_ASSERT:
        say_assert(r, out);
        break;
    case RECORD_RECONCILE:
        say_reconcile(r, out);
        break;
    case RECORD_LOADED:
        say_loaded(r, out);
        break;
    case RECORD_TRAIN:
        say_train(r, out);
        break;
    case RECORD_TRAINED:
        say_trained(r, out);
        break;
    case RECORD_HOLDOUT:
        put(out, "%s: candidate %s%s%s",
            verdict_name((unsigned)record_u(r, RF_HOLDOUT_verdict)),
            digits(r, RF_HOLDOUT_candidate).s,
            str(r, RF_HOLDOUT_reason).s[0] == '\0' ? "" : ": ",
            str(r, RF_HOLDOUT_reason).s);
        break;
    case RECORD_GENERATE:
        say_generate(r, out);
        break;
    case RECORD_LANE:
        say_lane(r, out);
        break;
    case RECORD_WENT_ON:
        put(out, "with %" PRIu64 " tokens: %s", record_u(r, RF_WENT_ON_tokens),
            str(r, RF_WENT_ON_why).s);
        break;
    case RECORD_KEY:
        put(out, "from %s to %s", digits(r, RF_KEY_old_key).s,
            digits(r, RF_KEY_new_key).s);
        break;
    case RECORD_CHECKPOINT:
        put(out, "%" PRIu64 " records folded into %s",
            record_u(r, RF_CHECKPOINT_records),
            digits(r, RF_CHECKPOINT_snapshot).s);
        break;
    }
}
