/* What stands under `with` of the ops that run a sequence of tokens through a
 * transformer: of the right form, and of texts and facts that its needs give.
 * Kernel process. */
#include "kernel/admit/check.h"

#include <math.h>
#include <string.h>

static int is_share(double v, double most)
{
    return isfinite(v) && v >= 0 && v <= most;
}

static int is_long(const ProtobufCBinaryData *v, size_t n, size_t max_n,
                   size_t max_bytes)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].len == 0 || v[i].len > max_bytes) {
            return 1;
        }
    }
    return n > max_n;
}

static const char *generate_problem(const Proctor__LaneSpec *x)
{
    const Proctor__Sampling *s = x->sampling;
    const Proctor__GrammarSpec *g = x->grammar;

    if (x->max_tokens == 0 || x->max_tokens > LIMIT_LANE_TOKENS) {
        return "max_tokens is not in 1..65536";
    }
    if (s && (!is_share(s->temperature, 100) || !is_share(s->top_p, 1) ||
              !is_share(s->min_p, 1) || s->top_k > LIMIT_VOCAB)) {
        return "no such sampling";
    }
    if (g && ((g->regex[0] != '\0') + (g->json_schema_file[0] != '\0') +
                      (g->gbnf_file[0] != '\0') + (g->cml != 0) !=
                  1 ||
              g->automaton.len > 0)) {
        return "expected one form of grammar";
    }
    if (is_long(x->stop, x->n_stop, LIMIT_STOPS, LIMIT_STOP_BYTES) ||
        x->repairs > LIMIT_LANE_REPAIRS ||
        x->draft_tokens > LIMIT_DRAFT_TOKENS) {
        return "over a limit: stop, repairs or draft_tokens";
    }
    return NULL;
}

static const char *lane_problem(enum op_id op, const Proctor__LaneSpec *x)
{
    int has_choices = op == OP_LANE_SCORE || op == OP_CLASSIFY;

    if ((x->weights[0] == '\0') == (x->weights_of[0] == '\0') ||
        (x->prompt_file[0] != '\0') + (x->prompt_of[0] != '\0') +
                (x->prompt[0] != '\0') >
            1) {
        return "expected weights or weights_of, and one of prompt, prompt_file "
               "and prompt_of";
    }
    if (strlen(x->prompt) > LIMIT_PROMPT_BYTES || x->n_facts > LIMIT_FACTS ||
        x->context > LIMIT_LANE_TOKENS || x->quantum > LIMIT_QUANTUM ||
        x->n_traps > LIMIT_LANE_TRAPS || x->n_experts > 65536) {
        return "over a limit: prompt, facts, context, quantum, traps or experts";
    }
    for (size_t i = 0; i < x->n_traps; i++) {
        const Proctor__LayerTrap *t = x->traps[i];

        if (t->act > PROCTOR__LAYER_ACT__LAYER_DIGEST ||
            (t->act == PROCTOR__LAYER_ACT__LAYER_INJECT) !=
                (t->injector[0] != '\0') ||
            t->n_value > 65536) {
            return "no such trap";
        }
    }
    if (op != OP_GENERATE &&
        (x->max_tokens || x->sampling || x->grammar || x->n_stop ||
         x->repairs || x->draft[0] != '\0' || x->draft_tokens)) {
        return "only model.generate samples";
    }
    if (has_choices ? x->n_choices < (op == OP_CLASSIFY ? 2u : 1u) ||
                          is_long(x->choices, x->n_choices, LIMIT_CHOICES,
                                  LIMIT_PROMPT_BYTES)
                    : x->n_choices > 0) {
        return "expected 1 to 256 choices to score, 2 at least to classify";
    }
    if (x->all_positions && op != OP_LOGITS) {
        return "only model.logits has all_positions";
    }
    return op == OP_GENERATE ? generate_problem(x) : NULL;
}

int check_text_of(struct check *c, const struct subject *s, const char *task,
                  const char *key)
{
    size_t k = check_find(c, task);
    const struct op_info *op =
        k == SIZE_MAX ? NULL : ops_find(c->q->graph->tasks[k]->op);

    if (op && check_is_needed(s, task) && strcmp(op->gives, "text") == 0) {
        return 0;
    }
    (void)check_refuse(c, s, "lane.text", ERR_INPUT, SPOT_WITH,
                       "%s: \"%.64s\" is no model.generate task that it needs",
                       key, task);
    diag_hint(&c->d, "write needs: [ID of the task that generates the text]");
    return ADMIT_E_REFUSED;
}

/* Weights that a task of the graph trains on text. */
static int check_weights_of(struct check *c, const struct subject *s)
{
    const char *of = s->task->lane->weights_of;
    const Proctor__Graph *g = c->q->graph;
    size_t k = check_find(c, of);
    const Proctor__Task *t = k == SIZE_MAX ? NULL : g->tasks[k];
    const Proctor__Task *data = admission_data(c->a, g, t);

    if (of[0] == '\0' ||
        (data && (t->train || t->combine) && check_is_needed(s, of) &&
         data->data->kind == PROCTOR__DATA_KIND__DATA_TEXT)) {
        return 0;
    }
    (void)check_refuse(c, s, "lane.weights", ERR_INPUT, SPOT_WITH,
                       "weights_of: \"%.64s\" is no task that it needs and that "
                       "trains on text",
                       of);
    diag_hint(&c->d, "write needs: [ID of the train task]");
    return ADMIT_E_REFUSED;
}

static int check_facts(struct check *c, const struct subject *s)
{
    const Proctor__LaneSpec *x = s->task->lane;

    for (size_t i = 0; i < x->n_facts; i++) {
        const Proctor__FactSpec *f = x->facts[i];
        size_t k = check_find(c, f->of);

        if (!check_is_needed(s, f->of) || k == SIZE_MAX ||
            !c->q->graph->tasks[k]->exam ||
            f->input.len == 0 || f->name[0] == '\0' || f->text[0] != '\0') {
            (void)check_refuse(c, s, "lane.fact", ERR_INPUT, SPOT_WITH,
                               "facts: \"%.64s\" is no exam that it needs",
                               f->of);
            diag_hint(&c->d, "a fact is what an admitted candidate answers: "
                             "write needs: [ID of its exam]");
            return ADMIT_E_REFUSED;
        }
    }
    return 0;
}

int check_lane(struct check *c, const struct subject *s)
{
    const Proctor__LaneSpec *x = s->task->lane;
    const Proctor__Validator *v = s->task->validator;
    const char *problem = lane_problem(s->op->id, x);

    if (problem) {
        return check_refuse_form(c, s, problem);
    }
    if (v && strcmp(v->name, "keeps_grammar") == 0 && !x->grammar) {
        (void)check_refuse(c, s, "lane.grammar", ERR_INPUT, SPOT_VALIDATOR,
                           "keeps_grammar, and there is no grammar");
        diag_hint(&c->d, "write grammar: under with:, or validator: {name: "
                         "counted, level: syntax}");
        return ADMIT_E_REFUSED;
    }
    if (x->prompt_of[0] != '\0' &&
        check_text_of(c, s, x->prompt_of, "prompt_of") != 0) {
        return ADMIT_E_REFUSED;
    }
    return check_weights_of(c, s) != 0 ? ADMIT_E_REFUSED : check_facts(c, s);
}
