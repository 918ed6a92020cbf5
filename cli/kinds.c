/* Tables of what names what. Reads nothing, decides nothing. */
#include "cli/kinds.h"

#include <string.h>

#include "evidence.pb-c.h"
#include "graph.pb-c.h"

#define TYPE(name) &proctor__##name##__descriptor

static const struct {
    enum record_field field;
    struct kinds_info info;
} FIELDS[] = {
    {RF_GENESIS_policy, {NULL, 1}},
    {RF_RUN_graph, {TYPE(graph), 1}},
    {RF_RUN_policy, {TYPE(policy), 1}},
    {RF_RUN_inputs, {TYPE(inputs), 1}},
    {RF_RUN_graph_text, {NULL, 1}},
    {RF_RUN_policy_text, {NULL, 1}},
    {RF_ADMIT_digest, {TYPE(task), 0}},
    {RF_CONFINE_report, {TYPE(confinement), 1}},
    {RF_COMMIT_exam, {TYPE(exam), 1}},
    {RF_COMMIT_candidate, {TYPE(runnable), 1}},
    {RF_COMMIT_literals, {NULL, 1}},
    {RF_COMMIT_directed, {NULL, 1}},
    {RF_VERDICT_exam, {TYPE(exam), 1}},
    {RF_VERDICT_candidate, {TYPE(runnable), 1}},
    {RF_VERDICT_evidence, {TYPE(evidence), 1}},
    {RF_VERDICT_burnt, {TYPE(counterexample), 1}},
    {RF_TASK_result, {TYPE(runnable), KINDS_ANY}},
    {RF_REF_old_target, {TYPE(runnable), 1}},
    {RF_REF_new_target, {TYPE(runnable), 1}},
    {RF_REVOKE_candidate, {TYPE(runnable), 1}},
    {RF_REVOKE_exam, {TYPE(exam), 1}},
    {RF_SPLIT_file, {NULL, 1}},
    {RF_SPLIT_data, {TYPE(data), 1}},
    {RF_SPLIT_split, {TYPE(split), 1}},
    {RF_LOOK_split, {TYPE(split), 1}},
    {RF_LOOK_candidate, {TYPE(runnable), 1}},
    {RF_LOOK_answers, {NULL, 1}},
    {RF_INPUTS_artifact, {NULL, 1}},
    {RF_INPUTS_program, {TYPE(runnable), 1}},
    {RF_OUTPUTS_artifact, {NULL, 1}},
    {RF_OUTPUTS_program, {TYPE(runnable), 1}},
    {RF_ASSERT_bundle, {NULL, 1}},
    {RF_RECONCILE_snapshot, {TYPE(cml_snapshot), 1}},
    {RF_RECONCILE_bundle, {NULL, 1}},
    {RF_CHECKPOINT_snapshot, {TYPE(snapshot), 1}},
    {RF_GENERATE_generation, {TYPE(generation), 1}},
    {RF_GENERATE_result, {NULL, 1}},
    {RF_GENERATE_tokens, {NULL, 1}},
    {RF_GENERATE_entropies, {NULL, 1}},
    {RF_LANE_generation, {TYPE(generation), 1}},
    {RF_LANE_parked, {TYPE(parked_lane), 1}},
    {RF_WENT_ON_generation, {TYPE(generation), 1}},
    {RF_WENT_ON_parked, {TYPE(parked_lane), 1}},
    {RF_LOADED_spec, {TYPE(data_spec), 1}},
    {RF_LOADED_dataset, {TYPE(dataset), 1}},
    {RF_TRAIN_training, {TYPE(training), 1}},
    {RF_TRAINED_training, {TYPE(training), 1}},
    {RF_TRAINED_log, {TYPE(train_log), 1}},
    {RF_TRAINED_state, {NULL, 1}},
    {RF_TRAINED_weights, {NULL, 1}},
    {RF_HOLDOUT_split, {TYPE(split), 1}},
    {RF_HOLDOUT_candidate, {TYPE(runnable), 1}},
    {RF_HOLDOUT_evidence, {TYPE(holdout_evidence), 1}},
};

static const struct {
    const ProtobufCMessageDescriptor *of;
    const char *field;
    struct kinds_info info;
} MEMBERS[] = {
    {TYPE(artifact), "cid", {NULL, 1}},
    {TYPE(runnable), "program", {NULL, 1}},
    {TYPE(runnable), "weights", {NULL, 1}},
    {TYPE(runnable), "table_inputs", {NULL, 1}},
    {TYPE(runnable), "table_outputs", {NULL, 1}},
    {TYPE(runnable), "bundle", {NULL, 1}},
    {TYPE(runnable), "original", {TYPE(runnable), 1}},
    {TYPE(runnable), "snapshot", {TYPE(cml_snapshot), 1}},
    {TYPE(cml_snapshot_ref), "bundle", {NULL, 1}},
    {TYPE(exam), "oracle", {TYPE(runnable), 1}},
    {TYPE(exam), "second_oracle", {TYPE(runnable), 1}},
    {TYPE(exam), "corpora", {NULL, 1}},
    {TYPE(relation), "input", {TYPE(runnable), 1}},
    {TYPE(relation), "output", {TYPE(runnable), 1}},
    {TYPE(data), "file", {NULL, 1}},
    {TYPE(data), "inputs", {NULL, 1}},
    {TYPE(data), "outputs", {NULL, 1}},
    {TYPE(data), "dataset", {TYPE(dataset), 1}},
    {TYPE(split), "data", {TYPE(data), 1}},
    {TYPE(split), "file", {NULL, 1}},
    {TYPE(split), "train_csv", {NULL, 1}},
    {TYPE(split), "train_outputs", {NULL, 1}},
    {TYPE(split), "held_inputs", {NULL, 1}},
    {TYPE(split), "held_outputs", {NULL, 1}},
    {TYPE(split), "train_x", {NULL, 1}},
    {TYPE(split), "train_y", {NULL, 1}},
    {TYPE(split), "held_x", {NULL, 1}},
    {TYPE(split), "dataset", {TYPE(dataset), 1}},
    {TYPE(dataset), "x", {NULL, 1}},
    {TYPE(dataset), "y", {NULL, 1}},
    {TYPE(dataset), "tokenizer", {NULL, 1}},
    {TYPE(dataset), "spec", {TYPE(data_spec), 1}},
    {TYPE(permute_spec), "parent", {TYPE(dataset), 1}},
    {TYPE(permute_spec), "split", {TYPE(split), 1}},
    {TYPE(training), "checked_x", {NULL, 1}},
    {TYPE(training), "checked_y", {NULL, 1}},
    {TYPE(training), "start", {NULL, 1}},
    {TYPE(training), "split", {TYPE(split), 1}},
    {TYPE(train_log), "area", {NULL, 1}},
    {TYPE(holdout_evidence), "split", {TYPE(split), 1}},
    {TYPE(holdout_evidence), "candidate", {TYPE(runnable), 1}},
    {TYPE(holdout_evidence), "answers", {NULL, 1}},
    {TYPE(contestant), "runnable", {TYPE(runnable), 1}},
    {TYPE(contestant), "answers", {NULL, 1}},
    {TYPE(train_log), "predictions", {NULL, 1}},
    {TYPE(train_log), "kept", {NULL, 1}},
    {TYPE(generation), "weights", {NULL, 1}},
    {TYPE(generation), "draft", {NULL, 1}},
    {TYPE(generation), "injectors", {NULL, 1}},
    {TYPE(parked_lane), "generation", {TYPE(generation), 1}},
    {TYPE(park_extent), "object", {NULL, 1}},
    {TYPE(ref_state), "target", {TYPE(runnable), KINDS_ANY}},
    {TYPE(candidate_state), "cid", {TYPE(runnable), 0}},
    {TYPE(exam_state), "burnt", {TYPE(counterexample), 1}},
    {TYPE(run_state), "graph", {TYPE(graph), 1}},
    {TYPE(run_state), "policy", {TYPE(policy), 1}},
    {TYPE(run_state), "inputs", {TYPE(inputs), 1}},
};

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *type;
} TYPES[] = {
    {"evidence", TYPE(evidence)},
    {"exam", TYPE(exam)},
    {"runnable", TYPE(runnable)},
    {"confinement", TYPE(confinement)},
    {"counterexample", TYPE(counterexample)},
    {"data", TYPE(data)},
    {"data_spec", TYPE(data_spec)},
    {"dataset", TYPE(dataset)},
    {"training", TYPE(training)},
    {"train_log", TYPE(train_log)},
    {"holdout_evidence", TYPE(holdout_evidence)},
    {"split", TYPE(split)},
    {"inputs", TYPE(inputs)},
    {"graph", TYPE(graph)},
    {"policy", TYPE(policy)},
    {"task", TYPE(task)},
    {"snapshot", TYPE(snapshot)},
    {"cml_snapshot", TYPE(cml_snapshot)},
    {"generation", TYPE(generation)},
    {"parked_lane", TYPE(parked_lane)},
};

const struct kinds_info *kinds_of_field(enum record_field f)
{
    size_t i;

    for (i = 0; i < ARRAY_N(FIELDS); i++) {
        if (FIELDS[i].field == f) {
            return &FIELDS[i].info;
        }
    }
    return NULL;
}

const struct kinds_info *kinds_of_mention(const char *kind, const char *field)
{
    enum record_kind k = record_kind_from_name(kind);
    unsigned first;
    unsigned i;

    if (k == RECORD_NONE) {
        return NULL;
    }
    first = (unsigned)record_first_field(k);
    for (i = first; i < first + record_fields_n(k); i++) {
        enum record_field f = (enum record_field)i;

        if (strcmp(record_field_info(f)->name, field) == 0) {
            return kinds_of_field(f);
        }
    }
    return NULL;
}

const struct kinds_info *kinds_of_member(const ProtobufCMessageDescriptor *of,
                                         const char *field)
{
    size_t i;

    for (i = 0; i < ARRAY_N(MEMBERS); i++) {
        if (MEMBERS[i].of == of && strcmp(MEMBERS[i].field, field) == 0) {
            return &MEMBERS[i].info;
        }
    }
    return NULL;
}

const ProtobufCMessageDescriptor *kinds_type(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_N(TYPES); i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            return TYPES[i].type;
        }
    }
    return NULL;
}

const char *kinds_type_name(size_t i)
{
    return i < ARRAY_N(TYPES) ? TYPES[i].name : NULL;
}
