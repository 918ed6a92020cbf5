/* S-expressions of SMT-LIB 2.6, as SyGuS-IF files are made of. Foreign bytes: the
 * reader never recurses, never reads past the end, and refuses what nests deeper
 * than SEXP_DEPTH_MAX or has more than SEXP_NODES_MAX parts. */
#ifndef WORKERS_CML_SEXP_H
#define WORKERS_CML_SEXP_H

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/diag.h"

#define SEXP_DEPTH_MAX 128u
#define SEXP_NODES_MAX (1u << 20)

enum sexp_kind {
    SEXP_LIST,
    SEXP_SYMBOL,  /* |quoted| ones without their bars */
    SEXP_NUMERAL, /* digits, or of version 1 a minus before them */
    SEXP_DECIMAL,
    SEXP_HEX,    /* digits behind #x */
    SEXP_BINARY, /* digits behind #b */
    SEXP_STRING, /* decoded: "" and \u{...} are characters; UTF-8 */
    SEXP_KEYWORD /* with its colon */
};

struct sexp {
    enum sexp_kind kind;
    uint32_t line, col;
    uint32_t n; /* of a list: its parts */
    struct ubytes text; /* of the others; borrowed from the text, or the arena's */
    const struct sexp *first;
    const struct sexp *next; /* the one behind it in its list */
};

/* The whole text as one list of what stands in it. Everything is the arena's, or
 * borrowed from `in`. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int sexp_read(struct ubytes in, const char *path, struct arena *a,
              const struct sexp **out, struct diag *d) MUST_USE;

/* Part i of a list, or NULL. */
const struct sexp *sexp_at(const struct sexp *list, uint32_t i);
/* Is it this symbol? */
int sexp_is(const struct sexp *s, const char *symbol);
/* Is it a list that begins with this symbol? */
int sexp_is_form(const struct sexp *s, const char *symbol);
/* What it is, for a diagnosis: the word, or the kind. Cut to n, terminated. */
const char *sexp_show(const struct sexp *s, char *out, size_t n);

#endif
