/* The forms in which grammars are written, each read into rules (grammar.h).
 * Foreign texts; problems have their places. */
#ifndef WORKERS_CONFIG_GRAMMAR_FORMS_H
#define WORKERS_CONFIG_GRAMMAR_FORMS_H

#include "workers/config/grammar.h"

/* How a character stands in the text: as its UTF-8 bytes, or as between the
 * quotes of a JSON string, escaped only where it has to be. */
enum spelling {
    SPELLING_UTF8,
    SPELLING_JSON
};

/* Code points; ranges that ascend and do not touch after chars_tidy. */
struct chars {
    struct chars_range {
        uint32_t lo, hi;
    } *v;
    uint32_t n, cap;
};

/* All return 0 or ERR_NOMEM. */
int chars_add(struct grammar *g, struct chars *s, uint32_t lo,
              uint32_t hi) MUST_USE;
void chars_tidy(struct chars *s);
/* Everything else, from U+0000 to U+10FFFF without surrogates. s is tidy. */
int chars_invert(struct grammar *g, struct chars *s) MUST_USE;
/* One of them. Tidies s; surrogates are left out. NULL: no memory. */
struct gx *chars_gx(struct grammar *g, struct chars *s, enum spelling how);

/* How an expression of regex_gx has to fit. */
enum regex_fit {
    REGEX_WHOLE, /* the whole text; ^ and $ at its ends change nothing */
    REGEX_SEARCH /* any part of it, unless ^ and $ say otherwise */
};

/* A regular expression in a text whose first byte stands at line and col (both
 * forms of error: ERR_INPUT, ERR_LIMIT with the problem set). */
int regex_gx(struct grammar *g, struct ubytes text, uint32_t line, uint32_t col,
             enum spelling how, enum regex_fit fit, struct gx **out) MUST_USE;
/* The whole text as rule 0. A newline at its end is not part of it. */
int regex_rule(struct grammar *g, struct ubytes text) MUST_USE;
/* Rules in the form of GBNF; rule 0 is `root`. */
int gbnf_rules(struct grammar *g, struct ubytes text) MUST_USE;
/* A JSON Schema; rule 0 is the document. */
int json_schema_rules(struct grammar *g, struct ubytes text) MUST_USE;
/* The text form of one CML unit; rule 0 is the text. */
int cml_rules(struct grammar *g) MUST_USE;

#endif
