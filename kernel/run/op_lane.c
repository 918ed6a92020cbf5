/* Ops that run a sequence of tokens through a transformer: makes the Generation,
 * which says all that decides the bits, has facts answered and the grammar compiled,
 * takes the lane to a plane, records what became of it. Compares nothing with what
 * was expected. Kernel process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/eval.h"
#include "kernel/run/plane.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/store/fold.h"
#include "proto/err.h"
#include "proto/utf8.h"

struct op_lane {
    struct live *live;
    struct buf prompt; /* with a NUL behind it */
    struct config_job *job;
    struct buf grammar; /* text, then its automaton */
    struct runnable *runnable; /* of the fact under way */
    struct values input;
    struct eval *eval;
    size_t answered; /* facts */
    Proctor__FactSpec facts[LIMIT_FACTS], *fact_p[LIMIT_FACTS];
    struct buf texts[LIMIT_FACTS];
    Proctor__LayerTrap traps[LIMIT_LANE_TRAPS], *trap_p[LIMIT_LANE_TRAPS];
    ProtobufCBinaryData injectors[LIMIT_LANE_TRAPS];
    Proctor__GrammarSpec automaton;
    Proctor__LaneSpec spec;
    Proctor__Generation m;
    struct cid weights;
    struct lane *lane;
    size_t told; /* bytes of the text */
};

static void op_lane_free(void *state)
{
    struct op_lane *x = state;

    lane_free(x->lane);
    config_free(x->job);
    eval_free(x->eval);
    runnable_free(x->runnable);
    values_release(&x->input);
    buf_release(&x->prompt);
    buf_release(&x->grammar);
    for (size_t i = 0; i < LIMIT_FACTS; i++) {
        buf_release(&x->texts[i]);
    }
    free(x);
}

static const struct file *find_file(const struct op_lane *x, const char *name)
{
    const struct file *f = files_find(&x->live->run->files, name);

    ASSERT(f != NULL && f->there); /* data.c began no task before */
    return f;
}

/* Everything of the answer's record but what a text has. */
static int record(struct op_lane *x, const struct cid *result, uint64_t *out_seq)
{
    const struct lane *l = x->lane;
    struct run *r = x->live->run;
    struct cid tokens = {{0}}, entropies = {{0}};
    struct record rec;
    int code = 0;

    if (l->decision == LANE_EMIT && l->emit.n > 0) {
        code = core_put(r->core, emit_ids(&l->emit), &tokens);
    }
    if (code == 0 && buf_len(&l->entropies) > 0) {
        code = core_put(r->core, buf_bytes(&l->entropies), &entropies);
    }
    if (code != 0) {
        return code;
    }
    record_init(&rec, RECORD_GENERATE);
    record_set_u(&rec, RF_GENERATE_run, r->seq);
    record_set_str(&rec, RF_GENERATE_task, live_id(x->live));
    record_set_hash(&rec, RF_GENERATE_generation, l->ask.generation.b);
    record_set_hash(&rec, RF_GENERATE_result, result->b);
    record_set_hash(&rec, RF_GENERATE_tokens, tokens.b);
    record_set_u(&rec, RF_GENERATE_n, l->emit.n);
    record_set_u(&rec, RF_GENERATE_prompt_n, l->prompt_n);
    record_set_u(&rec, RF_GENERATE_charged, l->emit.charged);
    record_set_u(&rec, RF_GENERATE_passes, l->passes);
    record_set_u(&rec, RF_GENERATE_drafted, l->drafted);
    record_set_u(&rec, RF_GENERATE_accepted, l->accepted);
    record_set_u(&rec, RF_GENERATE_decision, l->decision);
    record_set_u(&rec, RF_GENERATE_tried, l->tried);
    record_set_u(&rec, RF_GENERATE_went_on, l->went_on);
    record_set_hash(&rec, RF_GENERATE_entropies, entropies.b);
    record_set_hash(&rec, RF_GENERATE_digest, l->digest);
    record_set_str(&rec, RF_GENERATE_reason, l->why);
    TRY(run_record(r, &rec, out_seq));
    return run_commit(r);
}

static void tell_text(struct op_lane *x, size_t n)
{
    struct ubytes t = buf_bytes(&x->lane->emit.text);

    if (x->live->run->req->live && n > x->told) {
        say_text(x->live->run->core, live_id(x->live),
                 (struct ubytes){t.p + x->told, n - x->told});
        x->told = n;
    }
}

static void on_text(void *ctx, struct lane *l)
{
    struct op_lane *x = ctx;

    tell_text(x, emit_safe_n(&l->emit));
    say_progress(l->core, live_id(x->live), "tokens", l->emit.n,
                 x->spec.max_tokens);
}

static int emitted(struct op_lane *x, struct outcome *o)
{
    struct lane *l = x->lane;
    uint64_t seq;
    int code;

    o->passed = l->decision == LANE_EMIT;
    o->level = l->emit.automaton != NULL ? LEVEL_SCHEMA : LEVEL_SYNTAX;
    if (o->passed) {
        code = core_put(l->core,
                        buf_bytes(buf_len(&l->answer) > 0 ? &l->answer
                                                          : &l->emit.text),
                        &o->result);
        if (code != 0) {
            return code;
        }
        tell_text(x, buf_len(&l->emit.text));
    }
    code = record(x, &o->result, &seq);
    if (code != 0) {
        return code;
    }
    o->evidence_ref = seq + 1;
    snprintf(o->reason, sizeof(o->reason), "%s%s%s",
             o->passed ? "" : lane_decision_name(l->decision),
             o->passed || l->why[0] == '\0' ? "" : ": ",
             o->passed ? "" : l->why);
    return 0;
}

static void on_decision(void *ctx, struct lane *l)
{
    struct op_lane *x = ctx;
    struct outcome o = {0};
    int code;

    if (l->decision == LANE_DECISION_NONE && l->code == 0 && l->stopped) {
        o.parked = 1;
        snprintf(o.reason, sizeof(o.reason), "%s", l->why);
        live_over(x->live, &o);
        return;
    }
    if (l->decision == LANE_DECISION_NONE) {
        live_fail(x->live, l->code, "%s", l->why);
        return;
    }
    code = emitted(x, &o);
    if (code != 0) {
        live_error(x->live, code, NULL);
    } else if (l->decision == LANE_REPAIR) {
        x->told = 0;
        say_event(l->core, o.evidence_ref, live_id(x->live), "", o.reason);
    } else {
        live_over(x->live, &o);
    }
}

/* Where an earlier run left it, if it is still this generation. */
static void find_parked(const struct op_lane *x, struct cid *out)
{
    const struct run *r = x->live->run;
    const Proctor__TaskState *t =
        r->resuming ? fold_task(ledger_fold(r->core->ledger), live_id(x->live))
                    : NULL;

    if (t != NULL && t->result.len == CID_BYTES) {
        memcpy(out->b, t->result.data, CID_BYTES);
    }
}

static int lane_begin(struct op_lane *x)
{
    struct run *r = x->live->run;
    const Proctor__LaneSpec *s = live_spec(x->live)->lane;
    struct lane_ask ask = {.m = &x->m,
                           .priority = live_spec(x->live)->priority,
                           .quantum = s->quantum,
                           .deadline = s->deadline,
                           .park_every = s->park_every,
                           .holds = 1,
                           .task = live_id(x->live),
                           .limits = r->policy->limits,
                           .workers = r->policy->workers,
                           .on_decision = on_decision,
                           .on_text = on_text,
                           .ctx = x};
    int code = core_put_message(r->core, &x->m.base, &ask.generation);

    if (code != 0) {
        return code;
    }
    find_parked(x, &ask.parked);
    code = lane_new(r->core, &ask, &x->lane);
    if (code == ERR_STORE_DAMAGED && !cid_is_zero(&ask.parked)) {
        say_event(r->core, 0, live_id(x->live), "",
                  "what was parked is not there, or of something else: it begins "
                  "again");
        err_trace_clear();
        memset(&ask.parked, 0, sizeof(ask.parked));
        code = lane_new(r->core, &ask, &x->lane);
    }
    TRY(code);
    if (x->lane->parked != NULL) {
        x->told = buf_len(&x->lane->emit.text);
    }
    return plane_join(r->core, x->lane);
}

static int facts_next(struct op_lane *x);

static void job_over(struct op_lane *x, int code, const struct diag *d)
{
    if (code != 0) {
        live_error(x->live, code, d);
    }
}

static void on_automaton(void *ctx, struct config_job *j, int code,
                         Proctor__ConfigReply *reply, const struct diag *d)
{
    struct op_lane *x = ctx;

    if (code < 0 && d != NULL) {
        say_diag(x->live->run->core, d, live_id(x->live));
        live_fail(x->live, code == ERR_INPUT || code == ERR_LIMIT ? 0 : code,
                  "the grammar: %.200s", d->what);
        return;
    }
    config_free(j);
    x->job = NULL;
    buf_reset(&x->grammar);
    code = reply->automaton.len == 0
               ? ERR_PROTOCOL
               : buf_put(&x->grammar, reply->automaton.data,
                         reply->automaton.len);
    x->automaton.automaton = bytes_field(buf_bytes(&x->grammar));
    job_over(x, code == 0 ? lane_begin(x) : code, NULL);
}

/* Has a worker compile the grammar; what it makes is the generation's. */
static int grammar_begin(struct op_lane *x)
{
    const Proctor__GrammarSpec *g = live_spec(x->live)->lane->grammar;
    struct run *r = x->live->run;
    struct config_ask ask = {.path = "", .label = live_id(x->live)};
    const struct file *f = NULL;

    if (g == NULL) {
        return lane_begin(x);
    }
    proctor__config_task__init(&ask.task);
    ask.task.kind = PROCTOR__CONFIG_KIND__CONFIG_AUTOMATON;
    if (g->cml) {
        ask.task.grammar = PROCTOR__GRAMMAR_FORM__GRAMMAR_CML;
    } else if (g->regex[0] != '\0') {
        ask.task.grammar = PROCTOR__GRAMMAR_FORM__GRAMMAR_REGEX;
        ask.task.text = (ProtobufCBinaryData){strlen(g->regex),
                                              (uint8_t *)g->regex};
        ask.path = "grammar.regex";
    } else {
        int is_json = g->json_schema_file[0] != '\0';

        ask.task.grammar = is_json
                               ? PROCTOR__GRAMMAR_FORM__GRAMMAR_JSON_SCHEMA
                               : PROCTOR__GRAMMAR_FORM__GRAMMAR_GBNF;
        f = find_file(x, is_json ? g->json_schema_file : g->gbnf_file);
        TRY(store_get(r->core->store, &f->cid, &x->grammar));
        ask.task.text = bytes_field(buf_bytes(&x->grammar));
        ask.path = f->name;
    }
    return config_start(r->core, &ask, on_automaton, x, &x->job);
}

static void on_fact(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct op_lane *x = ctx;
    struct buf *text = &x->texts[x->answered];
    int code = 0;

    x->eval = NULL;
    if (e->complete) {
        code = value_put_json(text, values_at(&e->answers, 0),
                              &x->runnable->gives);
        code = code == 0 ? buf_put_u8(text, 0) : code;
        x->answered++;
    } else {
        live_fail(x->live, e->outside ? eval_code(v) : 0,
                  "fact \"%.64s\": what answers it %s",
                  x->facts[x->answered].name, e->ending);
    }
    eval_free(v);
    if (!x->live->over) {
        job_over(x, code == 0 ? facts_next(x) : code, NULL);
    }
}

/* Asks the admitted candidate of the next fact's exam; after the last one, goes
 * on to the grammar. */
static int facts_next(struct op_lane *x)
{
    const Proctor__LaneSpec *s = live_spec(x->live)->lane;
    struct run *r = x->live->run;
    const Proctor__FactSpec *f;
    struct values_builder w;
    struct eval_ask ask = {.limits = r->policy->limits,
                           .task = live_id(x->live)};
    struct cid cid;
    struct diag d;
    int code;

    runnable_free(x->runnable);
    x->runnable = NULL;
    if (x->answered == s->n_facts) {
        for (size_t i = 0; i < s->n_facts; i++) {
            x->facts[i].text = (char *)(uintptr_t)buf_bytes(&x->texts[i]).p;
        }
        return grammar_begin(x);
    }
    f = s->facts[x->answered];
    diag_init(&d);
    code = op_ref_admitted(r->core, r->tasks[run_find(r, f->of)].evidence_ref - 1,
                           &cid);
    if (code == ERR_REFUSED) {
        live_fail(x->live, 0, "fact \"%.64s\": its verdict was revoked", f->name);
        return 0;
    }
    TRY(code);
    code = runnable_load(r->core, &cid, &x->runnable, &d);
    if (code < 0) {
        live_error(x->live, code, &d);
        return 0;
    }
    code = values_builder_init(&w, LIMIT_BATCH_BYTES);
    code = code ? code : values_builder_add(&w, field_bytes(&f->input));
    TRY(values_build(&x->input, &w, &x->runnable->takes, code));
    ask.runnable = x->runnable;
    ask.inputs = &x->input;
    return eval_start(r->core, &ask, on_fact, x, &x->eval);
}

static int load_prompt(struct op_lane *x, struct diag *d)
{
    const Proctor__LaneSpec *s = live_spec(x->live)->lane;
    struct run *r = x->live->run;
    struct ubytes text;

    if (s->prompt_of[0] != '\0') {
        TRY(store_get(r->core->store,
                      &r->tasks[run_find(r, s->prompt_of)].result, &x->prompt));
    } else if (s->prompt_file[0] != '\0') {
        TRY(store_get(r->core->store, &find_file(x, s->prompt_file)->cid,
                      &x->prompt));
    } else {
        TRY(buf_put(&x->prompt, s->prompt, strlen(s->prompt)));
    }
    text = buf_bytes(&x->prompt);
    if (!utf8_is_valid(text) ||
        (text.n > 0 && memchr(text.p, 0, text.n) != NULL)) {
        diag_set(d, ERR_INPUT, (struct loc){0},
                 "the prompt is no text: invalid UTF-8, or a NUL");
        return ERR_INPUT;
    }
    return buf_put_u8(&x->prompt, 0);
}

/* Of a file, or of what a task trained. */
static int find_weights(struct op_lane *x)
{
    const Proctor__LaneSpec *s = live_spec(x->live)->lane;
    struct run *r = x->live->run;

    if (s->weights_of[0] != '\0') {
        return runnable_weights(r->core,
                                &r->tasks[run_find(r, s->weights_of)].result,
                                &x->weights, NULL);
    }
    x->weights = find_file(x, s->weights)->cid;
    return 0;
}

static Proctor__LaneWhat what_of(const char *op)
{
    return strcmp(op, op_generate.name) == 0 ? PROCTOR__LANE_WHAT__LANE_GENERATE
           : strcmp(op, op_lane_score.name) == 0
               ? PROCTOR__LANE_WHAT__LANE_SCORE
           : strcmp(op, op_logits.name) == 0 ? PROCTOR__LANE_WHAT__LANE_LOGITS
                                             : PROCTOR__LANE_WHAT__LANE_CLASSIFY;
}

/* The generation but for facts' answers and the automaton. */
static void make_generation(struct op_lane *x)
{
    const Proctor__LaneSpec *s = live_spec(x->live)->lane;
    const Proctor__LaneSpec none = PROCTOR__LANE_SPEC__INIT;
    Proctor__LaneSpec *to = &x->spec;

    *to = *s;
    to->weights = to->weights_of = none.weights;
    to->prompt = (char *)(uintptr_t)buf_bytes(&x->prompt).p;
    to->prompt_file = none.prompt_file;
    to->prompt_of = none.prompt_of;
    to->draft = none.draft;
    to->quantum = to->park_every = 0;
    to->deadline = 0;
    for (size_t i = 0; i < s->n_facts; i++) {
        x->facts[i] = *s->facts[i];
        x->facts[i].of = none.weights;
        x->fact_p[i] = &x->facts[i];
    }
    to->facts = x->fact_p;
    for (size_t i = 0; i < s->n_traps; i++) {
        if (s->traps[i]->injector[0] != '\0') {
            x->injectors[x->m.n_injectors++] =
                cid_field(&find_file(x, s->traps[i]->injector)->cid);
        }
        x->traps[i] = *s->traps[i];
        x->traps[i].injector = none.weights;
        x->trap_p[i] = &x->traps[i];
    }
    to->traps = x->trap_p;
    proctor__grammar_spec__init(&x->automaton);
    to->grammar = s->grammar == NULL ? NULL : &x->automaton;
    x->m.version = 1;
    x->m.what = what_of(live_spec(x->live)->op);
    x->m.weights = cid_field(&x->weights);
    if (s->draft[0] != '\0') {
        x->m.draft = cid_field(&find_file(x, s->draft)->cid);
    }
    x->m.spec = to;
    x->m.injectors = x->injectors;
}

static int begin(struct live *l)
{
    struct op_lane *x = calloc(1, sizeof(*x));
    struct diag d;
    int code;

    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = x;
    x->live = l;
    values_init(&x->input);
    buf_init(&x->prompt, LIMIT_PROMPT_BYTES + 1);
    buf_init(&x->grammar, LIMIT_PROMPT_BYTES);
    for (size_t i = 0; i < LIMIT_FACTS; i++) {
        buf_init(&x->texts[i], LIMIT_VALUE_BYTES);
    }
    proctor__generation__init(&x->m);
    diag_init(&d);
    code = load_prompt(x, &d);
    if (code < 0) {
        live_error(l, code == ERR_INPUT ? 0 : code, &d);
        return 0;
    }
    TRY(find_weights(x));
    make_generation(x);
    return facts_next(x);
}

const struct op op_generate = {"model.generate", begin, op_lane_free};
const struct op op_lane_score = {"model.score", begin, op_lane_free};
const struct op op_logits = {"model.logits", begin, op_lane_free};
const struct op op_classify = {"model.classify", begin, op_lane_free};
