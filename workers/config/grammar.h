/* Grammars of every form as rules of one kind of expression, and from them the
 * one form that the kernel steps: byte automata (proto/automaton.h). A rule that
 * does not contain itself becomes part of whoever names it, and what is left is
 * made deterministic, so that a regular grammar needs no stack. Runs in the
 * confined `config` worker on foreign texts; all memory is the arena
 * config.scratch. */
#ifndef WORKERS_CONFIG_GRAMMAR_H
#define WORKERS_CONFIG_GRAMMAR_H

#include "proto/automaton.h"
#include "proto/buf.h"
#include "workers/config/config.h"

#define GRAMMAR_FOREVER UINT32_MAX /* a repetition without an end */
#define GRAMMAR_DEPTH_MAX 64u      /* of nesting in one rule's text */
#define GRAMMAR_REPEAT_MAX 65536u  /* of one counted repetition */
#define GRAMMAR_RULES_MAX 4096u

enum gx_kind {
    GX_SEQ,    /* kids one behind the other; none: the empty text */
    GX_ALT,    /* one of kids; none: no text at all */
    GX_RANGE,  /* one byte in [lo, hi] */
    GX_REPEAT, /* kids[0], min to max times */
    GX_RULE,   /* a text of rule number `rule` */
    GX_LIST    /* see gx_list */
};

/* An expression; may be part of several others. */
struct gx {
    uint8_t kind;
    uint8_t lo, hi;
    uint32_t rule;
    uint32_t min, max;
    uint32_t n, cap;
    struct gx **kids;
    uint8_t *required; /* LIST: of each kid */
    struct gx *between, *rest;
};

struct grammar_rule {
    const char *name;
    uint32_t line, col;
    const struct gx *body; /* NULL: named, not yet written */
};

struct grammar {
    struct config *c;
    struct grammar_rule *rules; /* the first is the whole */
    uint32_t rules_n, rules_cap;
};

void grammar_init(struct grammar *g, struct config *c);
/* Number of the rule of that name, made if there is none. Copies the name. 0,
 * ERR_NOMEM, ERR_LIMIT with its problem. */
int grammar_rule(struct grammar *g, struct ubytes name, uint32_t line,
                 uint32_t col, uint32_t *out) MUST_USE;

/* NULL: no memory. */
struct gx *gx_new(struct grammar *g, enum gx_kind kind);
struct gx *gx_range(struct grammar *g, uint8_t lo, uint8_t hi);
struct gx *gx_bytes(struct grammar *g, const void *p, size_t n);
struct gx *gx_text(struct grammar *g, const char *text);
struct gx *gx_rule(struct grammar *g, uint32_t rule);
struct gx *gx_repeat(struct grammar *g, struct gx *of, uint32_t min,
                     uint32_t max);
struct gx *gx_pair(struct grammar *g, enum gx_kind kind, struct gx *x,
                   struct gx *y);
/* Some of its kids in their order, those that are required all, `between` between
 * any two of them, then any number of `rest` (NULL: none). */
struct gx *gx_list(struct grammar *g, struct gx *between, struct gx *rest);
/* Adds a kid to a SEQ, ALT or LIST. 0 or ERR_NOMEM, also if kid is NULL. */
int gx_add(struct grammar *g, struct gx *x, struct gx *kid) MUST_USE;
int gx_add_required(struct grammar *g, struct gx *x, struct gx *kid,
                    int required) MUST_USE;

/* Problems at a place of the text. */
int grammar_fail(struct grammar *g, uint32_t line, uint32_t col,
                 const char *fmt, ...) PRINTF_LIKE(4, 5);
int grammar_limit(struct grammar *g, uint32_t line, uint32_t col,
                  const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The automaton of rule 0. Every rule that is named has a body, else, and for left
 * recursion, rules without a text and all limits: a problem with its place. */
int grammar_compile(struct grammar *g, struct buf *out) MUST_USE;

/* Is there surely no text that two expressions share? Says no where it cannot
 * tell: behind a rule that contains itself. */
int grammar_is_apart(struct grammar *g, const struct gx *x, const struct gx *y,
                     int *out_is_apart) MUST_USE;

/* The kind CONFIG_AUTOMATON: reads task->text as task->grammar says. */
int grammar_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

#endif
