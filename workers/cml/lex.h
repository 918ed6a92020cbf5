/* Words of CML's text form. Foreign bytes; never reads past the end. */
#ifndef WORKERS_CML_LEX_H
#define WORKERS_CML_LEX_H

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/diag.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,   /* [A-Za-z_][A-Za-z0-9_]* */
    TOKEN_NUMBER, /* digits with what follows them: 12, 0xffu8, 1.5e-3f32 */
    TOKEN_STRING, /* between quotes, escapes resolved, in text */
    TOKEN_BYTES,  /* x"00ff", decoded, in text */
    TOKEN_CID,    /* @ and 64 hex digits; the digits in text */
    TOKEN_SIGN,   /* an operator or punctuation */
    TOKEN_COMMENT /* # to the end of the line, without the # */
};

struct token {
    enum token_kind kind;
    struct loc at;
    struct ubytes text;
};

struct lexer {
    struct ubytes in_;
    size_t at_;
    struct loc loc_;
    struct arena *arena_; /* borrowed; strings */
    struct token now;
};

/* Moves to the first token. path is borrowed for places. */
int lex_init(struct lexer *x, struct ubytes in, const char *path,
             struct arena *a, struct diag *d) MUST_USE;
/* Next token into now. 0 or ERR_INPUT. */
int lex_next(struct lexer *x, struct diag *d) MUST_USE;
/* Is the token this sign, or this name? */
int lex_is(const struct lexer *x, const char *text);

#endif
