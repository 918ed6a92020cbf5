/* Loss, optimizer and schedule of a recipe. Runs in the confined `config`
 * worker. */
#include "workers/config/spec_recipe.h"

#include <stdio.h>
#include <string.h>

#define ALL_KINDS UINT32_MAX
#define KEYS_MAX 32u

static const struct member_range share = {0, 1, 0, 0};
static const struct member_range share_below_1 = {0, 1, 0, 1};
static const struct member_range positive = {0, RECIPE_RATE_MAX, 1, 0};
static const struct member_range not_negative = {0, RECIPE_RATE_MAX, 0, 0};

char *recipe_text(struct config *c, const char *s)
{
    return arena_text(&c->reply, s, strlen(s));
}

static const struct yaml_node *find_kind(const struct yaml_node *n)
{
    for (const struct yaml_node *e = n->first; e; e = e->next) {
        if (strcmp(e->key->text, "kind") == 0) {
            return e;
        }
    }
    return NULL;
}

int recipe_kind(struct config *c, const struct yaml_node *n,
                const char *const *words, size_t words_n, size_t *out_i)
{
    const struct yaml_node *kind;

    if (n->kind == YAML_SCALAR) {
        return schema_word(c, n, words, words_n, out_i);
    }
    if (n->kind != YAML_MAP) {
        return schema_expected(c, n, "a word or a map");
    }
    kind = find_kind(n);
    if (!kind) {
        config_fail(c, n, "key \"kind\" is missing");
        config_hint(c, "for example {kind: %s}", words[0]);
        return ERR_INPUT;
    }
    return member_word(c, kind, "kind", words, words_n, out_i);
}

int recipe_map(struct config *c, const struct yaml_node *n,
               const struct recipe_key *keys, size_t keys_n, size_t kind,
               const char *kind_word, const struct yaml_node **v)
{
    struct schema_key table[KEYS_MAX];
    char why[96];

    ASSERT(keys_n <= KEYS_MAX);
    memset(v, 0, keys_n * sizeof(const struct yaml_node *));
    if (!n || n->kind == YAML_SCALAR) {
        return 0;
    }
    (void)snprintf(why, sizeof(why), "%s has no such key", kind_word);
    for (size_t i = 0; i < keys_n; i++) {
        table[i] = (struct schema_key){
            keys[i].name, 0, keys[i].kinds & 1u << kind ? NULL : why};
    }
    return schema_map(c, n, table, keys_n, v);
}

enum loss_kind { LOSS_SQUARED, LOSS_ABSOLUTE, LOSS_HUBER, LOSS_CROSS_ENTROPY };

int recipe_loss(struct config *c, const struct yaml_node *n,
                Proctor__LossSpec **out)
{
    static const char *const kinds[] = {"squared", "absolute", "huber",
                                        "cross_entropy"};
    static const struct recipe_key keys[] = {
        {"kind", ALL_KINDS},
        {"delta", 1u << LOSS_HUBER},
        {"smoothing", 1u << LOSS_CROSS_ENTROPY}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__LossSpec *s;
    size_t kind = 0;

    if (!n) {
        return 0;
    }
    s = arena_get(&c->reply, sizeof(*s));
    if (!s) {
        return ERR_NOMEM;
    }
    proctor__loss_spec__init(s);
    config_enter(c, "loss");
    TRY(recipe_kind(c, n, kinds, ARRAY_N(kinds), &kind));
    TRY(recipe_map(c, n, keys, ARRAY_N(keys), kind, kinds[kind], v));
    s->delta = kind == LOSS_HUBER ? 1 : 0;
    TRY(member_number(c, v[1], "delta", positive, &s->delta));
    TRY(member_number(c, v[2], "smoothing", share_below_1, &s->smoothing));
    config_leave(c);
    s->kind = recipe_text(c, kinds[kind]);
    *out = s;
    return s->kind ? 0 : ERR_NOMEM;
}

enum optimizer_kind { OPT_SGD, OPT_ADAM, OPT_ADAMW, OPT_RMSPROP };

enum {
    O_KIND,
    O_RATE,
    O_MOMENTUM,
    O_NESTEROV,
    O_BETA1,
    O_BETA2,
    O_EPSILON,
    O_DECAY,
    O_N
};

/* What each kind has when nothing is said. */
static void optimizer_defaults(size_t kind, Proctor__OptimizerSpec *s)
{
    int is_adam = kind == OPT_ADAM || kind == OPT_ADAMW;

    s->rate = kind == OPT_SGD ? 0.01 : 0.001;
    s->beta1 = is_adam ? 0.9 : 0;
    s->beta2 = is_adam ? 0.999 : kind == OPT_RMSPROP ? 0.99 : 0;
    s->epsilon = kind == OPT_SGD ? 0 : 1e-8;
    s->decay = kind == OPT_ADAMW ? 0.01 : 0;
}

static int read_optimizer(struct config *c,
                          const struct yaml_node *const v[O_N],
                          Proctor__OptimizerSpec *s)
{
    TRY(member_number(c, v[O_RATE], "rate", positive, &s->rate));
    TRY(member_number(c, v[O_MOMENTUM], "momentum", share_below_1,
                      &s->momentum));
    TRY(member_flag(c, v[O_NESTEROV], "nesterov", &s->nesterov));
    TRY(member_number(c, v[O_BETA1], "beta1", share_below_1, &s->beta1));
    TRY(member_number(c, v[O_BETA2], "beta2", share_below_1, &s->beta2));
    TRY(member_number(c, v[O_EPSILON], "epsilon",
                      (struct member_range){0, 1, 1, 0}, &s->epsilon));
    TRY(member_number(c, v[O_DECAY], "decay", not_negative, &s->decay));
    if (s->nesterov && !(s->momentum > 0)) {
        config_fail(c, v[O_NESTEROV]->key, "nesterov without momentum");
        config_hint(c, "add momentum: 0.9, or leave nesterov out");
        return ERR_INPUT;
    }
    return 0;
}

int recipe_optimizer(struct config *c, const struct yaml_node *n,
                     Proctor__OptimizerSpec **out)
{
    static const char *const kinds[] = {"sgd", "adam", "adamw", "rmsprop"};
    static const uint32_t adam = 1u << OPT_ADAM | 1u << OPT_ADAMW;
    static const uint32_t momentum = 1u << OPT_SGD | 1u << OPT_RMSPROP;
    const struct recipe_key keys[O_N] = {
        {"kind", ALL_KINDS},
        {"rate", ALL_KINDS},
        {"momentum", momentum},
        {"nesterov", 1u << OPT_SGD},
        {"beta1", adam},
        {"beta2", adam | 1u << OPT_RMSPROP},
        {"epsilon", adam | 1u << OPT_RMSPROP},
        {"decay", ALL_KINDS}};
    const struct yaml_node *v[O_N];
    Proctor__OptimizerSpec *s = arena_get(&c->reply, sizeof(*s));
    size_t kind = OPT_ADAMW;

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__optimizer_spec__init(s);
    config_enter(c, "optimizer");
    if (n) {
        TRY(recipe_kind(c, n, kinds, ARRAY_N(kinds), &kind));
    }
    TRY(recipe_map(c, n, keys, O_N, kind, kinds[kind], v));
    optimizer_defaults(kind, s);
    TRY(read_optimizer(c, v, s));
    config_leave(c);
    s->kind = recipe_text(c, kinds[kind]);
    *out = s;
    return s->kind ? 0 : ERR_NOMEM;
}

enum part_kind {
    PART_CONSTANT,
    PART_STEP,
    PART_MULTI_STEP,
    PART_EXPONENTIAL,
    PART_COSINE,
    PART_LINEAR,
    PART_ONE_CYCLE,
    PART_PLATEAU,
    PART_POLYNOMIAL,
    PARTS_N
};

enum {
    P_KIND,
    P_FROM,
    P_PER,
    P_SIZE,
    P_FACTOR,
    P_AT,
    P_LEAST,
    P_START,
    P_POWER,
    P_PATIENCE,
    P_COOLDOWN,
    P_THRESHOLD,
    P_N
};

#define PART(k) (1u << PART_##k)

static const char *const part_kinds[PARTS_N] = {
    "constant", "step",      "multi_step", "exponential", "cosine",
    "linear",   "one_cycle", "plateau",    "polynomial"};

static const struct recipe_key part_keys[P_N] = {
    {"kind", ALL_KINDS},
    {"from", ALL_KINDS},
    {"per", ALL_KINDS},
    {"size", PART(STEP) | PART(EXPONENTIAL) | PART(COSINE) | PART(LINEAR) |
                 PART(ONE_CYCLE) | PART(POLYNOMIAL)},
    {"factor",
     PART(STEP) | PART(MULTI_STEP) | PART(EXPONENTIAL) | PART(PLATEAU)},
    {"at", PART(MULTI_STEP)},
    {"least", PART(STEP) | PART(MULTI_STEP) | PART(EXPONENTIAL) |
                  PART(COSINE) | PART(ONE_CYCLE) | PART(PLATEAU) |
                  PART(POLYNOMIAL)},
    {"start", PART(LINEAR) | PART(ONE_CYCLE)},
    {"power", PART(POLYNOMIAL)},
    {"patience", PART(PLATEAU)},
    {"cooldown", PART(PLATEAU)},
    {"threshold", PART(PLATEAU)}};

/* Those that need a length have no default for it. */
static int check_part(struct config *c, const struct yaml_node *n, size_t kind,
                      const struct yaml_node *const v[P_N],
                      const Proctor__SchedulePart *p)
{
    static const uint32_t sized = PART(STEP) | PART(COSINE) | PART(LINEAR) |
                                  PART(ONE_CYCLE) | PART(POLYNOMIAL);

    if (sized & 1u << kind && !v[P_SIZE]) {
        config_fail(c, n, "key \"size\" is missing");
        config_hint(c, "%s needs a length, in steps or, with per: epoch, in "
                       "epochs", part_kinds[kind]);
        return ERR_INPUT;
    }
    if (kind == PART_MULTI_STEP && p->n_at == 0) {
        config_fail(c, n, "key \"at\" is missing");
        config_hint(c, "at: [1000, 2000] lowers the rate there");
        return ERR_INPUT;
    }
    for (size_t i = 1; i < p->n_at; i++) {
        if (p->at[i] <= p->at[i - 1]) {
            config_enter(c, "at");
            return config_fail(c, v[P_AT], "expected ascending numbers");
        }
    }
    return 0;
}

static int read_numbers(struct config *c, const struct yaml_node *const v[P_N],
                        Proctor__SchedulePart *p)
{
    TRY(member_uint(c, v[P_SIZE], "size", 1, INT64_MAX, &p->size));
    TRY(member_number(c, v[P_FACTOR], "factor",
                      (struct member_range){0, 1, 1, 0}, &p->factor));
    TRY(member_u64s(c, v[P_AT], "at",
                    (struct member_whole){256, 1, INT64_MAX}, &p->at,
                    &p->n_at));
    TRY(member_number(c, v[P_LEAST], "least", share, &p->least));
    TRY(member_number(c, v[P_START], "start", share, &p->start));
    TRY(member_number(c, v[P_POWER], "power",
                      (struct member_range){0, 100, 1, 0}, &p->power));
    TRY(member_u32(c, v[P_PATIENCE], "patience", 0, 1000000, &p->patience));
    TRY(member_u32(c, v[P_COOLDOWN], "cooldown", 0, 1000000, &p->cooldown));
    TRY(member_number(c, v[P_THRESHOLD], "threshold", not_negative,
                      &p->threshold));
    return 0;
}

static int read_part(struct config *c, const struct yaml_node *n,
                     int *out_per_epoch, Proctor__SchedulePart **out)
{
    static const char *const pers[] = {"step", "epoch"};
    const struct yaml_node *v[P_N];
    Proctor__SchedulePart *p = arena_get(&c->reply, sizeof(*p));
    size_t kind = 0;
    size_t per;

    if (!p) {
        return ERR_NOMEM;
    }
    proctor__schedule_part__init(p);
    TRY(recipe_kind(c, n, part_kinds, PARTS_N, &kind));
    TRY(recipe_map(c, n, part_keys, P_N, kind, part_kinds[kind], v));
    p->factor = part_keys[P_FACTOR].kinds & 1u << kind ? 0.1 : 0;
    p->factor = kind == PART_EXPONENTIAL ? 0.95 : p->factor;
    p->size = kind == PART_EXPONENTIAL ? 1 : 0;
    p->start = kind == PART_ONE_CYCLE ? 0.04 : 0;
    p->power = kind == PART_POLYNOMIAL ? 1 : 0;
    p->patience = kind == PART_PLATEAU ? 10 : 0;
    p->threshold = kind == PART_PLATEAU ? 1e-4 : 0;
    per = kind == PART_PLATEAU;
    TRY(member_uint(c, v[P_FROM], "from", 0, INT64_MAX, &p->from));
    TRY(member_word(c, v[P_PER], "per", pers, ARRAY_N(pers), &per));
    TRY(read_numbers(c, v, p));
    TRY(check_part(c, n, kind, v, p));
    p->kind = recipe_text(c, part_kinds[kind]);
    *out_per_epoch = per == 1;
    *out = p;
    return p->kind ? 0 : ERR_NOMEM;
}

/* A list of parts: each from a later step on than the one before. */
static int read_parts(struct config *c, const struct yaml_node *n,
                      Proctor__ScheduleSpec *s)
{
    size_t i = 0;
    int per_epoch = 0;

    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(read_part(c, e, &per_epoch, &s->parts[i]));
        if (i == 0 ? s->parts[0]->from != 0
                   : s->parts[i]->from <= s->parts[i - 1]->from) {
            config_fail(c, e, i == 0 ? "the first part begins at 0"
                                     : "expected a later from than the part "
                                       "before has");
            config_hint(c, "for example [{kind: linear, size: 100}, {kind: "
                           "cosine, from: 100, size: 900}]");
            return ERR_INPUT;
        }
        if (i > 0 && per_epoch != s->per_epoch) {
            config_fail(c, e, "counts by another unit than the part before");
            config_hint(c, "say per: step or per: epoch in every part");
            return ERR_INPUT;
        }
        s->per_epoch = per_epoch;
        config_leave(c);
    }
    s->n_parts = i;
    return 0;
}

int recipe_schedule(struct config *c, const struct yaml_node *n,
                    Proctor__ScheduleSpec **out)
{
    Proctor__ScheduleSpec *s;
    int per_epoch = 0;

    if (!n) {
        return 0;
    }
    s = arena_get(&c->reply, sizeof(*s));
    if (!s) {
        return ERR_NOMEM;
    }
    proctor__schedule_spec__init(s);
    config_enter(c, "schedule");
    if (n->kind == YAML_LIST) {
        TRY(schema_list(c, n, RECIPE_PARTS_MAX));
        if (n->n == 0) {
            return config_fail(c, n, "expected at least one part");
        }
    }
    s->parts = arena_array(&c->reply, (size_t)n->n + 1,
                           sizeof(Proctor__SchedulePart *));
    if (!s->parts) {
        return ERR_NOMEM;
    }
    if (n->kind == YAML_LIST) {
        TRY(read_parts(c, n, s));
    } else {
        TRY(read_part(c, n, &per_epoch, &s->parts[0]));
        s->per_epoch = per_epoch;
        s->n_parts = 1;
    }
    config_leave(c);
    *out = s;
    return 0;
}
