/* `with` of the ops that run a sequence of tokens through a transformer. Runs in
 * the confined `config` worker. Form only: what may be read, and whether the model
 * can do it, is for others to say. */
#include "workers/config/specs.h"

#include <string.h>

#include "proto/limits.h"
#include "workers/config/member.h"

enum {
    L_WEIGHTS,
    L_WEIGHTS_OF,
    L_PROMPT,
    L_PROMPT_FILE,
    L_PROMPT_OF,
    L_FACTS,
    L_CONTEXT,
    L_QUANTUM,
    L_DEADLINE,
    L_PARK_EVERY,
    L_TRAPS,
    L_EXPERTS,
    L_ENTROPY,
    L_MAX_TOKENS, /* from here on: of some ops only */
    L_TEMPERATURE,
    L_TOP_K,
    L_TOP_P,
    L_MIN_P,
    L_SEED,
    L_GRAMMAR,
    L_STOP,
    L_REPAIRS,
    L_DRAFT,
    L_DRAFT_TOKENS,
    L_CHOICES,
    L_ALL_POSITIONS,
    L_N
};

#define DRAFT_TOKENS 4 /* of a draft model, unless said */
#define GENERATE_ONLY "only model.generate takes it"
#define CHOICES_ONLY "only model.score and model.classify take it"
#define LOGITS_ONLY "only model.logits takes it"

static const char *const names[L_N] = {
    "weights", "weights_of",
    "prompt",  "prompt_file", "prompt_of", "facts",
    "context", "quantum",  "deadline",    "park_every",  "traps",
    "experts", "entropy",  "max_tokens",  "temperature", "top_k",
    "top_p",   "min_p",    "seed",        "grammar",     "stop",
    "repairs", "draft",    "draft_tokens", "choices",    "all_positions"};

static int read_share(struct config *c, const struct yaml_node *n,
                      const char *key, double most, double *out)
{
    if (n) {
        config_enter(c, key);
        TRY(schema_double(c, n, out));
        if (!(*out >= 0) || !(*out <= most)) {
            return schema_expected(c, n, most > 1 ? "a number of 0 to 100"
                                                  : "a number of 0 to 1");
        }
        config_leave(c);
    }
    return 0;
}

/* Any text, line breaks included, that is UTF-8. */
static int read_long_text(struct config *c, const struct yaml_node *n,
                          size_t max_bytes, ProtobufCBinaryData *out)
{
    if (!schema_is_text(n) && !(n->kind == YAML_SCALAR && n->n > 0)) {
        return schema_expected(c, n, "text");
    }
    if (n->n > max_bytes) {
        return config_limit(c, n, "at most %zu bytes, got %u", max_bytes, n->n);
    }
    return spec_bytes(c, (struct ubytes){(const uint8_t *)n->text, n->n}, out);
}

struct texts {
    size_t max_n, max_bytes;
};

static int take_text(struct config *c, const struct yaml_node *n,
                     const void *how, void *out)
{
    const struct texts *texts = how;
    ProtobufCBinaryData *text = out;

    TRY(read_long_text(c, n, texts->max_bytes, text));
    return text->len > 0
               ? 0
               : config_fail(c, n, "expected text, got an empty string");
}

static int read_texts(struct config *c, const struct yaml_node *n,
                      const char *key, struct texts how,
                      ProtobufCBinaryData **out, size_t *out_n)
{
    const struct member_list list = {how.max_n, sizeof(**out), take_text, &how};
    void *all = *out;

    TRY(member_list(c, n, key, &list, &all, out_n));
    *out = all;
    return 0;
}

/* A file, or the id of the task that trains them. */
static int read_weights(struct config *c, const struct yaml_node *n,
                        const struct yaml_node *const v[L_N],
                        Proctor__LaneSpec *s)
{
    if ((v[L_WEIGHTS] != NULL) + (v[L_WEIGHTS_OF] != NULL) != 1) {
        config_fail(c, n, "expected either weights or weights_of");
        config_hint(c, "write weights: FILE, or weights_of: TASK that trains "
                       "them");
        return ERR_INPUT;
    }
    return v[L_WEIGHTS]
               ? spec_path(c, v[L_WEIGHTS], names[L_WEIGHTS], &s->weights)
               : spec_path(c, v[L_WEIGHTS_OF], names[L_WEIGHTS_OF],
                           &s->weights_of);
}

static int read_prompt(struct config *c, const struct yaml_node *n,
                       const struct yaml_node *const v[L_N],
                       Proctor__LaneSpec *s)
{
    int given = (v[L_PROMPT] != NULL) + (v[L_PROMPT_FILE] != NULL) +
                (v[L_PROMPT_OF] != NULL);
    ProtobufCBinaryData text;

    if (given != 1) {
        config_fail(c, n, "expected one of prompt, prompt_file and prompt_of, "
                          "got %d", given);
        config_hint(c, "write prompt: \"TEXT\", prompt_file: FILE, or prompt_of: "
                       "TASK that generates it");
        return ERR_INPUT;
    }
    if (v[L_PROMPT]) {
        config_enter(c, names[L_PROMPT]);
        TRY(read_long_text(c, v[L_PROMPT], LIMIT_PROMPT_BYTES, &text));
        if (memchr(text.data, 0, text.len) != NULL) {
            return config_fail(c, v[L_PROMPT], "holds the control character "
                                               "U+0000");
        }
        config_leave(c);
        s->prompt = (char *)text.data;
        s->prompt[text.len] = '\0';
    }
    if (v[L_PROMPT_FILE]) {
        TRY(spec_path(c, v[L_PROMPT_FILE], names[L_PROMPT_FILE],
                      &s->prompt_file));
    }
    return v[L_PROMPT_OF] ? spec_path(c, v[L_PROMPT_OF], names[L_PROMPT_OF],
                                      &s->prompt_of)
                          : 0;
}

static int read_grammar(struct config *c, const struct yaml_node *n,
                        Proctor__LaneSpec *s)
{
    static const struct schema_key keys[] = {
        {"regex", 0, NULL}, {"json_schema", 0, NULL}, {"gbnf", 0, NULL},
        {"cml", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__GrammarSpec *g;
    ProtobufCBinaryData text;

    if (!n) {
        return 0;
    }
    g = arena_get(&c->reply, sizeof(*g));
    if (!g) {
        return ERR_NOMEM;
    }
    proctor__grammar_spec__init(g);
    config_enter(c, names[L_GRAMMAR]);
    if (n->kind == YAML_SCALAR && strcmp(n->text, "cml") == 0) {
        g->cml = 1;
        s->grammar = g;
        config_leave(c);
        return 0;
    }
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    if (n->n != 1) {
        config_fail(c, n, "expected one form of grammar, got %u", n->n);
        config_hint(c, "write {regex: ...}, {json_schema: FILE}, {gbnf: FILE} or "
                       "cml");
        return ERR_INPUT;
    }
    if (v[0]) {
        config_enter(c, "regex");
        TRY(read_long_text(c, v[0], LIMIT_PROMPT_BYTES, &text));
        if (text.len == 0 || memchr(text.data, 0, text.len) != NULL) {
            return schema_expected(c, v[0], "a regular expression");
        }
        config_leave(c);
        g->regex = (char *)text.data;
        g->regex[text.len] = '\0';
    }
    if (v[1]) {
        TRY(spec_path(c, v[1], "json_schema", &g->json_schema_file));
    }
    if (v[2]) {
        TRY(spec_path(c, v[2], "gbnf", &g->gbnf_file));
    }
    if (v[3]) {
        TRY(member_flag(c, v[3], "cml", &g->cml));
        if (!g->cml) {
            return schema_expected(c, v[3], "true");
        }
    }
    s->grammar = g;
    config_leave(c);
    return 0;
}

static int read_sampling(struct config *c,
                         const struct yaml_node *const v[L_N],
                         Proctor__LaneSpec *s)
{
    Proctor__Sampling *x;
    int given = 0;

    for (size_t i = L_TEMPERATURE; i <= L_SEED; i++) {
        given |= v[i] != NULL;
    }
    if (!given) {
        return 0;
    }
    x = arena_get(&c->reply, sizeof(*x));
    if (!x) {
        return ERR_NOMEM;
    }
    proctor__sampling__init(x);
    TRY(read_share(c, v[L_TEMPERATURE], names[L_TEMPERATURE], 100,
                   &x->temperature));
    TRY(member_u32(c, v[L_TOP_K], names[L_TOP_K], 0, LIMIT_VOCAB, &x->top_k));
    TRY(read_share(c, v[L_TOP_P], names[L_TOP_P], 1, &x->top_p));
    TRY(read_share(c, v[L_MIN_P], names[L_MIN_P], 1, &x->min_p));
    TRY(member_uint(c, v[L_SEED], names[L_SEED], 0, UINT64_MAX, &x->seed));
    s->sampling = x;
    return 0;
}

static int read_trap(struct config *c, const struct yaml_node *n,
                     Proctor__LayerTrap **out)
{
    static const struct schema_key keys[] = {
        {"layer", 1, NULL}, {"when", 0, NULL},     {"act", 1, NULL},
        {"pass", 0, NULL},  {"injector", 0, NULL}, {"value", 0, NULL}};
    static const char *const acts[] = {"none", "stop", "inject", "digest"};
    static const char *const whens[] = {"before", "after"};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__LayerTrap *t = arena_get(&c->reply, sizeof(*t));
    size_t act = 0, when = 0, i = 0;

    if (!t) {
        return ERR_NOMEM;
    }
    proctor__layer_trap__init(t);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(member_u32(c, v[0], "layer", 0, 65535, &t->layer));
    if (v[1]) {
        config_enter(c, "when");
        TRY(schema_word(c, v[1], whens, ARRAY_N(whens), &when));
        config_leave(c);
    }
    config_enter(c, "act");
    TRY(schema_word(c, v[2], acts, ARRAY_N(acts), &act));
    config_leave(c);
    t->after = when == 1;
    t->act = (Proctor__LayerAct)act;
    if ((v[3] && t->act != PROCTOR__LAYER_ACT__LAYER_STOP) ||
        (v[4] != NULL) != (t->act == PROCTOR__LAYER_ACT__LAYER_INJECT) ||
        (v[5] && !v[4])) {
        config_fail(c, n, "pass goes with stop; injector and value with inject");
        config_hint(c, "for example {layer: 3, when: after, act: stop, pass: 9}");
        return ERR_INPUT;
    }
    TRY(member_uint(c, v[3], "pass", 0, UINT32_MAX, &t->pass));
    if (v[4]) {
        TRY(spec_path(c, v[4], "injector", &t->injector));
    }
    if (v[5]) {
        config_enter(c, "value");
        TRY(schema_list(c, v[5], 65536));
        t->value = arena_array(&c->reply, v[5]->n + 1, sizeof(*t->value));
        if (!t->value) {
            return ERR_NOMEM;
        }
        for (const struct yaml_node *e = v[5]->first; e; e = e->next, i++) {
            TRY(schema_float(c, e, &t->value[i]));
        }
        t->n_value = i;
        config_leave(c);
    }
    *out = t;
    return 0;
}

static int read_traps(struct config *c, const struct yaml_node *const v[L_N],
                      Proctor__LaneSpec *s)
{
    size_t i = 0;

    if (v[L_TRAPS]) {
        config_enter(c, names[L_TRAPS]);
        TRY(schema_list(c, v[L_TRAPS], LIMIT_LANE_TRAPS));
        s->traps = arena_array(&c->reply, v[L_TRAPS]->n + 1,
                               sizeof(Proctor__LayerTrap *));
        if (!s->traps) {
            return ERR_NOMEM;
        }
        for (const struct yaml_node *e = v[L_TRAPS]->first; e; e = e->next) {
            config_enter_at(c, i);
            TRY(read_trap(c, e, &s->traps[i++]));
            config_leave(c);
        }
        s->n_traps = i;
        config_leave(c);
    }
    if (v[L_EXPERTS]) {
        uint64_t before = 0;

        i = 0;
        config_enter(c, names[L_EXPERTS]);
        TRY(schema_list(c, v[L_EXPERTS], 65536));
        s->experts = arena_array(&c->reply, v[L_EXPERTS]->n + 1,
                                 sizeof(*s->experts));
        if (!s->experts) {
            return ERR_NOMEM;
        }
        for (const struct yaml_node *e = v[L_EXPERTS]->first; e; e = e->next) {
            uint64_t x = 0;

            TRY(schema_uint(c, e, before, 65535, &x)); /* ascending */
            s->experts[i++] = (uint32_t)x;
            before = x + 1;
        }
        s->n_experts = i;
        config_leave(c);
    }
    return 0;
}

/* Their inputs are read when the types of the candidates are known (graph.c). */
static int read_facts(struct config *c, const struct yaml_node *n,
                      Proctor__LaneSpec *s)
{
    static const struct schema_key keys[] = {
        {"name", 1, NULL}, {"of", 1, NULL}, {"input", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    size_t i = 0;

    if (!n) {
        return 0;
    }
    config_enter(c, names[L_FACTS]);
    TRY(schema_list(c, n, LIMIT_FACTS));
    s->facts = arena_array(&c->reply, n->n + 1, sizeof(Proctor__FactSpec *));
    if (!s->facts) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        Proctor__FactSpec *f = arena_get(&c->reply, sizeof(*f));

        if (!f) {
            return ERR_NOMEM;
        }
        proctor__fact_spec__init(f);
        config_enter_at(c, i);
        TRY(schema_map(c, e, keys, ARRAY_N(keys), v));
        TRY(spec_path(c, v[0], "name", &f->name));
        TRY(spec_path(c, v[1], "of", &f->of));
        s->facts[i] = f;
        config_leave(c);
    }
    s->n_facts = i;
    config_leave(c);
    return 0;
}

int spec_fact_input(struct config *c, const struct yaml_node *facts, size_t i,
                    const struct type *takes, Proctor__LaneSpec *s)
{
    const struct yaml_node *e = facts->first;
    const struct yaml_node *input = NULL;
    CLEANUP(buf_release) struct buf b;

    for (size_t k = 0; k < i; k++) {
        e = e->next;
    }
    for (const struct yaml_node *m = e->first; m; m = m->next) {
        input = strcmp(m->key->text, "input") == 0 ? m : input;
    }
    buf_init(&b, LIMIT_VALUE_BYTES);
    config_enter(c, names[L_FACTS]);
    config_enter_at(c, i);
    config_enter(c, "input");
    TRY(types_value(c, input, takes, &b));
    config_leave(c);
    config_leave(c);
    config_leave(c);
    return spec_bytes(c, buf_bytes(&b), &s->facts[i]->input);
}

static void make_keys(const char *op, struct schema_key keys[L_N])
{
    int is_generate = strcmp(op, "model.generate") == 0;
    int is_logits = strcmp(op, "model.logits") == 0;

    for (size_t i = 0; i < L_N; i++) {
        keys[i] = (struct schema_key){names[i], 0, NULL};
        if (i >= L_MAX_TOKENS && i < L_CHOICES) {
            keys[i].refused = is_generate ? NULL : GENERATE_ONLY;
        } else if (i == L_CHOICES) {
            keys[i].refused = is_generate || is_logits ? CHOICES_ONLY : NULL;
        } else if (i == L_ALL_POSITIONS) {
            keys[i].refused = is_logits ? NULL : LOGITS_ONLY;
        }
    }
    keys[L_MAX_TOKENS].required = is_generate;
    keys[L_CHOICES].required = !is_generate && !is_logits;
}

/* How far it goes, and in what steps. */
static int read_course(struct config *c, const struct yaml_node *const v[L_N],
                       Proctor__LaneSpec *s)
{
    TRY(member_u32(c, v[L_CONTEXT], names[L_CONTEXT], 1, LIMIT_LANE_TOKENS,
                 &s->context));
    TRY(member_u32(c, v[L_QUANTUM], names[L_QUANTUM], 1, LIMIT_QUANTUM,
                 &s->quantum));
    TRY(member_uint(c, v[L_DEADLINE], names[L_DEADLINE], 1, INT64_MAX,
                  &s->deadline));
    TRY(member_u32(c, v[L_PARK_EVERY], names[L_PARK_EVERY], 1, UINT32_MAX,
                 &s->park_every));
    TRY(read_traps(c, v, s));
    TRY(member_flag(c, v[L_ENTROPY], names[L_ENTROPY], &s->entropy));
    return 0;
}

/* What model.generate gives. */
static int read_tokens(struct config *c, const struct yaml_node *const v[L_N],
                       Proctor__LaneSpec *s)
{
    TRY(member_u32(c, v[L_MAX_TOKENS], names[L_MAX_TOKENS], 1, LIMIT_LANE_TOKENS,
                 &s->max_tokens));
    TRY(read_sampling(c, v, s));
    TRY(read_grammar(c, v[L_GRAMMAR], s));
    TRY(read_texts(c, v[L_STOP], names[L_STOP],
                   (struct texts){LIMIT_STOPS, LIMIT_STOP_BYTES}, &s->stop,
                   &s->n_stop));
    TRY(member_u32(c, v[L_REPAIRS], names[L_REPAIRS], 0, LIMIT_LANE_REPAIRS,
                 &s->repairs));
    if (v[L_DRAFT]) {
        TRY(spec_path(c, v[L_DRAFT], names[L_DRAFT], &s->draft));
    }
    TRY(member_u32(c, v[L_DRAFT_TOKENS], names[L_DRAFT_TOKENS], 0,
                 LIMIT_DRAFT_TOKENS, &s->draft_tokens));
    if (v[L_DRAFT] && !v[L_DRAFT_TOKENS]) {
        s->draft_tokens = DRAFT_TOKENS;
    }
    return 0;
}

int spec_lane(struct config *c, const struct yaml_node *n, const char *op,
              Proctor__LaneSpec **out, const struct yaml_node **out_facts)
{
    struct schema_key keys[L_N];
    const struct yaml_node *v[L_N];
    Proctor__LaneSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__lane_spec__init(s);
    make_keys(op, keys);
    TRY(schema_map(c, n, keys, L_N, v));
    TRY(read_weights(c, n, v, s));
    TRY(read_prompt(c, n, v, s));
    TRY(read_facts(c, v[L_FACTS], s));
    TRY(read_course(c, v, s));
    TRY(read_tokens(c, v, s));
    TRY(read_texts(c, v[L_CHOICES], names[L_CHOICES],
                   (struct texts){LIMIT_CHOICES, LIMIT_PROMPT_BYTES},
                   &s->choices, &s->n_choices));
    TRY(member_flag(c, v[L_ALL_POSITIONS], names[L_ALL_POSITIONS],
                  &s->all_positions));
    *out = s;
    *out_facts = v[L_FACTS];
    return 0;
}
