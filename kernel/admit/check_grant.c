/* Gate two: granted. One grant must cover a program and all its files; what an
 * exam runs is covered by program.run as if it ran by itself. Kernel
 * process. */
#include "kernel/admit/check.h"

#include <stdio.h>
#include <string.h>

#include "kernel/admit/glob.h"

#define FOLDER_TEXT_MAX 60

static int lists(char *const *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], word) == 0) {
            return 1;
        }
    }
    return 0;
}

static int matches(char *const *globs, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (glob_match(globs[i], text)) {
            return 1;
        }
    }
    return 0;
}

/* "the policy \"x\"", for messages. */
static const char *policy_name(const struct check *c)
{
    return c->q->policy->name[0] != '\0' ? c->q->policy->name : "(no name)";
}

/* Where files of the graph lie, as a glob for hints. */
static void folder_glob(const struct check *c, char out[static 80])
{
    const char *dir = c->q->graph_dir ? c->q->graph_dir : "";

    if (dir[0] == '\0' || strlen(dir) > FOLDER_TEXT_MAX) {
        (void)snprintf(out, 80, "**");
    } else {
        (void)snprintf(out, 80, "%s/**", dir);
    }
}

/* Of a task whose name refs: grants; else NULL. */
static const char *ref_of(const struct subject *s)
{
    return s->task->ref_move    ? s->task->ref_move->ref
           : s->task->assertion ? s->task->assertion->ref
                                : NULL;
}

static int refuse_capability(struct check *c, const struct subject *s,
                             const char *capability, const char *why)
{
    char folder[80];

    folder_glob(c, folder);
    (void)check_refuse(c, s, "gate.granted", ERR_REFUSED, SPOT_OP,
                       "policy \"%.40s\" does not grant %s%s", policy_name(c),
                       capability, why);
    if (ref_of(s)) {
        diag_hint(&c->d, "to grant it: {capability: %s, refs: [\"%.80s\"]}",
                  capability, ref_of(s));
    } else if (s->task->derive) {
        diag_hint(&c->d,
                  "to grant it: {capability: derive, series: [\"%.80s\"]}",
                  s->task->derive->series);
    } else if ((strstr(capability, ".run") != NULL && capability[0] != 't') ||
               s->task->data ||
               strncmp(capability, "model.", 6) == 0) {
        diag_hint(&c->d, "to grant it: {capability: %s, %sfiles: [\"%s\"]}",
                  capability,
                  capability[0] == 'p' ? "programs: [python3], " : "", folder);
    } else {
        diag_hint(&c->d, "to grant it, add to grants: {capability: %s}",
                  capability);
    }
    return ADMIT_E_REFUSED;
}

static int refuse_program(struct check *c, const struct subject *s,
                          const char *program)
{
    (void)check_refuse(c, s, "gate.program", ERR_REFUSED, SPOT_WITH,
                       "policy \"%.40s\" does not let program.run start "
                       "\"%.64s\"",
                       policy_name(c), program);
    diag_hint(&c->d,
              "to grant it: {capability: program.run, programs: "
              "[%.64s], files: [...]}",
              program);
    return ADMIT_E_REFUSED;
}

static int refuse_file(struct check *c, const struct subject *s,
                       const char *capability, const char *path)
{
    char folder[80];

    folder_glob(c, folder);
    (void)check_refuse(c, s, "gate.file", ERR_REFUSED, SPOT_WITH,
                       "policy \"%.40s\" does not let %s read \"%.120s\"",
                       policy_name(c), capability, path);
    diag_hint(&c->d, "to grant it, add \"%.80s\" or \"%s\" to the files of %s",
              path, folder, capability);
    return ADMIT_E_REFUSED;
}

/* The file's name as policies see it. */
static int join(struct check *c, const struct subject *s, const char *file,
                char out[static LIMIT_PATH_BYTES + 1])
{
    if (check_join(c->q->graph_dir, file, out) == 0) {
        return 0;
    }
    (void)check_refuse(c, s, "file.path", ERR_INPUT, SPOT_WITH,
                       "\"%.120s\" is no path beneath the graph's folder",
                       file);
    diag_hint(&c->d, "write a relative path without .. and without empty "
                     "parts; move the file beneath the graph");
    return ADMIT_E_REFUSED;
}

/* Paths are sound whatever the policy says. */
static int check_program_paths(struct check *c, const struct subject *s,
                               const Proctor__ProgramSpec *p)
{
    char path[LIMIT_PATH_BYTES + 1];
    const char *file;

    for (size_t i = 0; (file = admission_file(p, i)) != NULL; i++) {
        if (join(c, s, file, path) != 0) {
            return ADMIT_E_REFUSED;
        }
    }
    return 0;
}

/* Does grant g cover every file? *out_bad: the first that it does not. */
static int covers_files(const struct check *c, const Proctor__Grant *g,
                        const Proctor__ProgramSpec *p, const char **out_bad)
{
    char path[LIMIT_PATH_BYTES + 1];
    const char *file;

    for (size_t i = 0; (file = admission_file(p, i)) != NULL; i++) {
        if (check_join(c->q->graph_dir, file, path) != 0 ||
            !matches(g->files, g->n_files, path)) {
            *out_bad = file;
            return 0;
        }
    }
    return 1;
}

static int check_program(struct check *c, const struct subject *s,
                         const Proctor__ProgramSpec *p, uint32_t *out_grant)
{
    const Proctor__Policy *policy = c->q->policy;
    const char *program = check_program_name(p);
    const char *bad_file = NULL;
    char path[LIMIT_PATH_BYTES + 1];
    int has_capability = 0;

    for (size_t i = 0; i < policy->n_grants; i++) {
        const Proctor__Grant *g = policy->grants[i];
        const char *bad = NULL;

        if (strcmp(g->capability, "program.run") != 0) {
            continue;
        }
        has_capability = 1;
        if (program && !lists(g->programs, g->n_programs, program)) {
            continue;
        }
        if (covers_files(c, g, p, &bad)) {
            *out_grant = (uint32_t)i;
            return 0;
        }
        bad_file = bad_file ? bad_file : bad;
    }
    if (!has_capability) {
        return refuse_capability(c, s, "program.run",
                                 s->op->id == OP_EXAM ? " for its oracles"
                                                      : "");
    }
    if (!bad_file) {
        return refuse_program(c, s, program ? program : "");
    }
    if (join(c, s, bad_file, path) != 0) {
        return ADMIT_E_REFUSED;
    }
    return refuse_file(c, s, "program.run", path);
}

/* A file that is read: a grant of that capability must name it; NULL: a grant
 * of any but ref.move. */
static int check_file(struct check *c, const struct subject *s,
                      const char *file, const char *capability,
                      uint32_t *out_grant)
{
    const Proctor__Policy *policy = c->q->policy;
    char path[LIMIT_PATH_BYTES + 1];
    int has_capability = capability == NULL;

    if (join(c, s, file, path) != 0) {
        return ADMIT_E_REFUSED;
    }
    for (size_t i = 0; policy && i < policy->n_grants; i++) {
        const Proctor__Grant *g = policy->grants[i];

        if (capability ? strcmp(g->capability, capability) != 0
                       : strcmp(g->capability, "ref.move") == 0) {
            continue;
        }
        has_capability = 1;
        if (matches(g->files, g->n_files, path)) {
            *out_grant = capability ? (uint32_t)i : *out_grant;
            return 0;
        }
    }
    if (!policy) {
        return 0;
    }
    return has_capability ? refuse_file(c, s, capability ? capability
                                                         : s->op->capability,
                                        path)
                          : refuse_capability(c, s, capability, "");
}

static int check_data_file(struct check *c, const struct subject *s,
                           const char *file)
{
    uint32_t unused = 0;

    return check_file(c, s, file, NULL, &unused);
}

static int check_oracle(struct check *c, const struct subject *s,
                        const Proctor__OracleSpec *o)
{
    uint32_t unused = 0;

    if (!o) {
        return 0;
    }
    if (o->table) {
        return check_data_file(c, s, o->table->csv);
    }
    if (o->cml) {
        return check_file(c, s, o->cml->file, "cml.run", &unused);
    }
    if (check_program_paths(c, s, o->program) != 0) {
        return ADMIT_E_REFUSED;
    }
    return c->q->policy ? check_program(c, s, o->program, &unused) : 0;
}

static int check_capability(struct check *c, const struct subject *s,
                            uint32_t *out_grant)
{
    const Proctor__Policy *policy = c->q->policy;

    for (size_t i = 0; policy && i < policy->n_grants; i++) {
        if (strcmp(policy->grants[i]->capability, s->op->capability) == 0) {
            *out_grant = (uint32_t)i;
            return 0;
        }
    }
    return policy ? refuse_capability(c, s, s->op->capability, "") : 0;
}

static int check_exam_grants(struct check *c, const struct subject *s,
                             uint32_t *out_grant)
{
    const Proctor__ExamSpec *x = s->task->exam;

    if (check_capability(c, s, out_grant) != 0 ||
        check_oracle(c, s, x->oracle) != 0 ||
        check_oracle(c, s, x->second_oracle) != 0) {
        return ADMIT_E_REFUSED;
    }
    for (size_t i = 0; i < 2 * x->n_relations; i++) {
        const Proctor__RelationSpec *r = x->relations[i / 2];
        const Proctor__CmlSpec *u = i % 2 == 0 ? r->input : r->output;
        uint32_t unused = 0;

        if (u && check_file(c, s, u->file, "cml.run", &unused) != 0) {
            return ADMIT_E_REFUSED;
        }
    }
    for (size_t i = 0; i < x->n_corpora; i++) {
        if (check_data_file(c, s, x->corpora[i]) != 0) {
            return ADMIT_E_REFUSED;
        }
    }
    return 0;
}

/* The name of a ref or series is granted by globs beside its capability. */
static int check_name_grant(struct check *c, const struct subject *s,
                            uint32_t *out_grant)
{
    const Proctor__Policy *policy = c->q->policy;
    const char *name = s->task->derive ? s->task->derive->series : ref_of(s);
    const char *key = s->task->derive ? "series" : "refs";

    if (check_capability(c, s, out_grant) != 0) {
        return ADMIT_E_REFUSED;
    }
    for (size_t i = 0; policy && i < policy->n_grants; i++) {
        const Proctor__Grant *g = policy->grants[i];

        if (strcmp(g->capability, s->op->capability) == 0 &&
            (s->task->derive ? matches(g->series, g->n_series, name)
                             : matches(g->refs, g->n_refs, name))) {
            *out_grant = (uint32_t)i;
            return 0;
        }
    }
    if (!policy) {
        return 0;
    }
    (void)check_refuse(c, s, "gate.ref", ERR_REFUSED, SPOT_WITH,
                       "policy \"%.40s\" does not let %s %s \"%.120s\"",
                       policy_name(c), s->op->capability,
                       s->task->derive ? "add to" : "move", name);
    diag_hint(&c->d, "to grant it, add \"%.120s\" to the %s of %s", name, key,
              s->op->capability);
    return ADMIT_E_REFUSED;
}

/* What a model computes with is for its capability to name. */
static int check_lane_grants(struct check *c, const struct subject *s,
                             uint32_t *out_grant)
{
    const Proctor__LaneSpec *x = s->task->lane;
    const Proctor__GrammarSpec *g = x->grammar;
    const char *capability = s->op->capability;
    const char *const read[] = {x->prompt_file, g ? g->json_schema_file : "",
                                g ? g->gbnf_file : ""};

    if ((x->weights[0] == '\0'
             ? check_capability(c, s, out_grant)
             : check_file(c, s, x->weights, capability, out_grant)) != 0 ||
        (x->draft[0] != '\0' &&
         check_file(c, s, x->draft, capability, out_grant) != 0)) {
        return ADMIT_E_REFUSED;
    }
    for (size_t i = 0; i < x->n_traps; i++) {
        if (x->traps[i]->injector[0] != '\0' &&
            check_file(c, s, x->traps[i]->injector, capability, out_grant) !=
                0) {
            return ADMIT_E_REFUSED;
        }
    }
    for (size_t i = 0; i < ARRAY_N(read); i++) {
        if (read[i][0] != '\0' && check_data_file(c, s, read[i]) != 0) {
            return ADMIT_E_REFUSED;
        }
    }
    return 0;
}

int check_granted(struct check *c, const struct subject *s)
{
    const char *file = ""; /* that is read, if any */
    uint32_t grant = 0;
    int code = 0;

    switch (s->op->id) {
    case OP_PROGRAM:
        code = check_program_paths(c, s, s->task->program);
        if (code == 0 && c->q->policy) {
            code = check_program(c, s, s->task->program, &grant);
        }
        break;
    case OP_MODEL:
        code = check_file(c, s, s->task->model->weights, "model.run", &grant);
        break;
    case OP_CML:
        code = s->task->cml->file_of[0] != '\0'
                   ? check_capability(c, s, &grant)
                   : check_file(c, s, s->task->cml->file, "cml.run", &grant);
        break;
    case OP_ENUMERATE:
        code = check_capability(c, s, &grant);
        if (code == 0 && s->task->cml->enumerate->table) {
            code = check_data_file(c, s, s->task->cml->enumerate->table->csv);
        }
        break;
    case OP_EXAM:
        code = check_exam_grants(c, s, &grant);
        break;
    case OP_REF_MOVE:
        code = check_name_grant(c, s, &grant);
        break;
    case OP_DERIVE:
        code = check_name_grant(c, s, &grant);
        file = s->task->derive->inputs;
        break;
    case OP_ASSERT:
        code = check_name_grant(c, s, &grant);
        file = s->task->assertion->file;
        break;
    case OP_RECONCILE:
        code = check_capability(c, s, &grant);
        file = s->task->reconcile->file;
        break;
    case OP_LOAD:
        code = check_capability(c, s, &grant);
        for (size_t i = 0; code == 0 && i < s->task->data->n_files; i++) {
            code = check_file(c, s, s->task->data->files[i], "data.load",
                              &grant);
        }
        break;
    case OP_SPLIT:
        code = check_capability(c, s, &grant);
        file = s->task->split->table ? s->task->split->table->csv : "";
        break;
    case OP_PERMUTE: /* rows that data.load was let read */
    case OP_SCORE:
    case OP_TRAIN:
    case OP_COMBINE:
    case OP_HOLDOUT:
        code = check_capability(c, s, &grant);
        break;
    case OP_GENERATE:
    case OP_LANE_SCORE:
    case OP_LOGITS:
    case OP_CLASSIFY:
        code = check_lane_grants(c, s, &grant);
        break;
    case OP_N_:
        ASSERT(s->op->id != OP_N_);
        break;
    }
    if (code == 0 && file[0] != '\0') {
        code = check_data_file(c, s, file);
    }
    if (code == 0 && s->decision && !s->is_repair) {
        s->decision->grant_i = grant;
    }
    return code;
}
