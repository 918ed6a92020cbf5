/* Shared by the files of the text form's parser. */
#ifndef WORKERS_CML_PARSE_INT_H
#define WORKERS_CML_PARSE_INT_H

#include "workers/cml/document.h"
#include "workers/cml/lex.h"

#define PARSE_SCOPE_MAX 1024

/* A comment that nothing has claimed yet. */
struct comment {
    const char *text;
    struct loc at;
    struct comment *next;
};

struct parser {
    struct document *doc;
    struct arena *a; /* the document's */
    struct lexer x;
    struct diag *diag;
    const char *scope[PARSE_SCOPE_MAX]; /* names of binders; the last is nearest */
    uint32_t scope_n;
    unsigned depth;
    struct comment *comments; /* between the last token and the next */
    uint32_t last_line;       /* of the last token */
    struct term *loop; /* composite that the next block's (a, b) make, or NULL */
};

/* Growing list of terms. */
struct terms {
    struct term **p;
    uint32_t n;
    uint32_t cap;
};

int terms_add(struct parser *p, struct terms *l, struct term *t) MUST_USE;

int parse_fail(struct parser *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
int parse_advance(struct parser *p) MUST_USE;
/* If the token is this one, takes it: 1; else 0; negative on errors. */
int parse_accept(struct parser *p, const char *text) MUST_USE;
int parse_expect(struct parser *p, const char *text) MUST_USE;
int parse_name(struct parser *p, const char *what, const char **out) MUST_USE;
int parse_bind(struct parser *p, const char *name) MUST_USE;
/* Nesting; each parse_enter that returned 0 has its parse_leave. */
int parse_enter(struct parser *p) MUST_USE;
void parse_leave(struct parser *p);
struct term *parse_term(struct parser *p, enum cml_kind kind);

int parse_type(struct parser *p, struct term **out) MUST_USE;
int parse_is_type(const struct parser *p);
int parse_is_composite(const struct parser *p);
int parse_expression(struct parser *p, struct term **out) MUST_USE;
int parse_block(struct parser *p, struct term **out) MUST_USE;
int parse_is_literal(const struct parser *p);
int parse_literal(struct parser *p, int negative, struct term **out) MUST_USE;
/* The value of a block: in the body of a loop that carries several, also
 * (a, b, ...) for the composite of them; in the branches of a choice there too. */
int parse_loop_value(struct parser *p, struct term *loop,
                     struct term **out) MUST_USE;
/* if, match, loop. */
int parse_if(struct parser *p, struct term **out) MUST_USE;
int parse_match(struct parser *p, struct term **out) MUST_USE;
int parse_loop(struct parser *p, struct term **out) MUST_USE;
/* A block that holds just this expression. NULL: no memory. */
struct term *parse_block_of(struct parser *p, struct term *value);

#endif
