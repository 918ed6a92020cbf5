/* The way from rules to an automaton, shared by its steps:
 *   grammar.c        expressions and rules, and the lists they are kept in
 *   grammar_rules.c  which rules are sound, and which are called rather than
 *                    written out where they are named
 *   grammar_nfa.c    expressions to states with empty edges
 *   grammar_dfa.c    those to deterministic states
 *   grammar_net.c    those to the one encoding */
#ifndef WORKERS_CONFIG_GRAMMAR_INT_H
#define WORKERS_CONFIG_GRAMMAR_INT_H

#include "workers/config/grammar.h"

#define NFA_STATES_MAX (1u << 19)
#define DFA_MEMBERS_MAX (1u << 23) /* of all sets of states */
#define DFA_WORK_MAX (1ull << 31)  /* edges looked at: some seconds */

/* Room for one more in a list of n elements of size bytes in the arena; *cap:
 * for how many there is room, 0 of the NULL list. 0 or ERR_NOMEM. */
int grammar_grow(struct grammar *g, void **list, uint32_t n, uint32_t *cap,
                 size_t size) MUST_USE;

/* What is known of a rule. */
struct rule_facts {
    uint8_t has_text;
    uint8_t is_empty;     /* the empty text is one of its texts */
    uint8_t is_recursive; /* a walk from rule 0 came back to it */
    uint8_t is_called;
    uint32_t uses;        /* named so often, by rules that are reached */
    uint32_t size;        /* of its body, written out; saturating */
    uint8_t is_reached;
};

/* Fills facts (zeroed, one a rule) but for is_called. Refuses rules without a
 * body or a text that rule 0 needs, and left recursion. */
int rules_check(struct grammar *g, struct rule_facts *f) MUST_USE;
/* Decides is_called: what is recursive, and what is named more than once and is
 * larger than `threshold` written out; 0: every rule. True if that is another
 * choice than before. */
int rules_choose(const struct grammar *g, struct rule_facts *f,
                  uint32_t threshold);

enum nfa_kind {
    NFA_EMPTY,
    NFA_RANGE,
    NFA_CALL
};

struct nfa_edge {
    uint8_t kind, lo, hi;
    uint32_t rule; /* CALL */
    uint32_t to;
    uint32_t next; /* edge of the same state, + 1; 0: the last */
};

struct nfa {
    uint32_t *first; /* of each state: edge + 1 */
    uint32_t n, cap;
    struct nfa_edge *edges;
    uint32_t edges_n, edges_cap;
};

/* From state 0 to state 1: the texts of x. 0, ERR_NOMEM, or ERR_LIMIT without a
 * problem: too many states, or nested too deep. */
int nfa_build(struct grammar *g, const struct rule_facts *f, const struct gx *x,
              struct nfa *out) MUST_USE;

struct dfa_range {
    uint8_t lo, hi;
    uint32_t to;
};

struct dfa_call {
    uint32_t rule;
    uint32_t back;
};

struct dfa_state {
    uint8_t final;
    uint8_t is_live; /* a final state can be reached */
    uint32_t rule_start; /* rule + 1 if one begins here */
    uint32_t ranges_n, calls_n;
    struct dfa_range *ranges;
    struct dfa_call *calls; /* by rule */
};

struct dfa {
    struct dfa_state *v;
    uint32_t n, cap;
    uint32_t *start; /* of each rule */
    uint32_t *table; /* state + 1, by hash of what it stands for */
    uint32_t members;
    uint64_t work;
};

/* Adds the states of one rule, dead ends left out, the first its start. 0,
 * ERR_NOMEM, or ERR_LIMIT without a problem. */
int dfa_add(struct grammar *g, const struct nfa *nfa, uint32_t rule,
            struct dfa *d) MUST_USE;
/* States that go on alike become one, if that is seen without a fixpoint. */
int dfa_merge(struct grammar *g, struct dfa *d) MUST_USE;
/* The encoding, from rule 0's start on. 0, ERR_NOMEM or ERR_LIMIT. */
int net_put(struct grammar *g, const struct dfa *d, struct buf *out) MUST_USE;

#endif
