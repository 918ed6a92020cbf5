/* What stands under `with`, by op. base (may be NULL) is the `with` of the task
 * that a repair belongs to: what the repair leaves out is taken from it.
 * Results are memory of the reply. */
#ifndef WORKERS_CONFIG_SPECS_H
#define WORKERS_CONFIG_SPECS_H

#include "workers/config/types.h"

/* takes stays empty when the text leaves it out: an exam's domain then says it
 * (graph.c). */
int spec_program(struct config *c, const struct yaml_node *n,
                 const struct yaml_node *base,
                 Proctor__ProgramSpec **out) MUST_USE;
int spec_model(struct config *c, const struct yaml_node *n,
               const struct yaml_node *base, Proctor__ModelSpec **out) MUST_USE;
int spec_cml(struct config *c, const struct yaml_node *n,
             const struct yaml_node *base, Proctor__CmlSpec **out) MUST_USE;
/* Examples, or a table of them, for the enumerator (spec_enumerate.c). */
int spec_enumerate(struct config *c, const struct yaml_node *n,
                   const struct yaml_node *base,
                   Proctor__CmlSpec **out) MUST_USE;
/* *out_examples: the list of examples or NULL; they are read when the types of
 * the candidate are known (spec_examples). */
int spec_exam(struct config *c, const struct yaml_node *n,
              const struct yaml_node *base, Proctor__ExamSpec **out,
              const struct yaml_node **out_examples) MUST_USE;
int spec_examples(struct config *c, const struct yaml_node *examples,
                  const struct type *takes, const struct type *gives,
                  Proctor__ExamSpec *exam) MUST_USE;
int spec_ref_move(struct config *c, const struct yaml_node *n,
                  Proctor__RefMoveSpec **out) MUST_USE;

/* data.load (spec_load.c). */
int spec_load(struct config *c, const struct yaml_node *n,
              Proctor__DataSpec **out) MUST_USE;
/* data.permute (spec_permute.c). */
int spec_permute(struct config *c, const struct yaml_node *n,
                 Proctor__PermuteSpec **out) MUST_USE;
/* data.split, score and derive, and what a program reads of a split (spec_data.c). */
int spec_split(struct config *c, const struct yaml_node *n,
               Proctor__SplitSpec **out) MUST_USE;
int spec_score(struct config *c, const struct yaml_node *n,
               Proctor__ScoreSpec **out) MUST_USE;
int spec_derive(struct config *c, const struct yaml_node *n,
                Proctor__DeriveSpec **out) MUST_USE;
int spec_reads(struct config *c, const struct yaml_node *n,
               Proctor__ProgramSpec *p) MUST_USE;

/* model.generate, .score, .logits and .classify (spec_lane.c). *out_facts: the
 * facts' list or NULL; each input is read when the types of what answers it are
 * known (spec_fact_input). */
int spec_lane(struct config *c, const struct yaml_node *n, const char *op,
              Proctor__LaneSpec **out,
              const struct yaml_node **out_facts) MUST_USE;
int spec_fact_input(struct config *c, const struct yaml_node *facts, size_t i,
                    const struct type *takes, Proctor__LaneSpec *s) MUST_USE;

/* train, train.combine and exam.holdout (spec_train.c). What depends on the data's
 * kind is filled in later (train_kind.h). */
int spec_train(struct config *c, const struct yaml_node *n,
               Proctor__TrainSpec **out) MUST_USE;
int spec_combine(struct config *c, const struct yaml_node *n,
                 Proctor__CombineSpec **out) MUST_USE;
int spec_holdout(struct config *c, const struct yaml_node *n,
                 Proctor__HoldoutSpec **out) MUST_USE;

/* assert and reconcile (spec_state.c). */
int spec_assert(struct config *c, const struct yaml_node *n,
                Proctor__AssertSpec **out) MUST_USE;
int spec_reconcile(struct config *c, const struct yaml_node *n,
                   Proctor__ReconcileSpec **out) MUST_USE;

/* Parts of several specs. v: csv, inputs and output, all there. */
int spec_table(struct config *c, const struct yaml_node *const v[static 3],
               Proctor__TableSpec **out) MUST_USE;
int spec_takes(struct config *c, const struct yaml_node *n,
               ProtobufCBinaryData *out) MUST_USE;
int spec_gives(struct config *c, const struct yaml_node *n,
               ProtobufCBinaryData *out) MUST_USE;
int spec_path(struct config *c, const struct yaml_node *n, const char *key,
              char **out) MUST_USE;

/* "file.cml:name" (or .py, for key "function") under that key. */
int spec_named(struct config *c, const struct yaml_node *n, const char *key,
               const char *example, char **out_file,
               char **out_name) MUST_USE;
/* Letters, digits and _, no digit first. */
int spec_is_name(const char *s);
/* FILE.cml:NAME of a unit that has its types from the exam. */
int spec_unit(struct config *c, const struct yaml_node *n, const char *key,
              Proctor__CmlSpec **out) MUST_USE;
/* spec_relation.c */
int spec_relations(struct config *c, const struct yaml_node *n,
                   Proctor__ExamSpec *x) MUST_USE;

/* The word under `metric` as enum metric (record.h); without n *out stays. */
int spec_metric(struct config *c, const struct yaml_node *n,
                uint32_t *out) MUST_USE;
/* Copies bytes into the reply. */
int spec_bytes(struct config *c, struct ubytes in,
               ProtobufCBinaryData *out) MUST_USE;

#endif
