/* Shared by the files of the MDX scanner. */
#ifndef WORKERS_CML_MDX_INT_H
#define WORKERS_CML_MDX_INT_H

#include "workers/cml/mdx_scan.h"

struct mdx_key {
    const char *name;
    struct ubytes value;
    struct mdx_key *next;
};

struct scan {
    struct mdx *m;
    struct arena *a;
    struct ubytes in;
    size_t at; /* the next byte */
    const char *path;
    struct diag *diag;
    struct mdx_key *keys; /* of the frontmatter */
};

/* What is wrong at byte `at`. ERR_INPUT. */
int mdx_fail(struct scan *s, size_t at, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Is this text at byte `at`? */
int mdx_is_at(const struct scan *s, size_t at, const char *text);
/* The first byte of the next line. */
size_t mdx_next_line(const struct scan *s, size_t at);
/* What stands at s->at, when it is there; moves on. */
int mdx_frontmatter(struct scan *s) MUST_USE;
int mdx_import(struct scan *s) MUST_USE;
/* {number} or {frontmatter.key} at s->at; moves on. */
int mdx_braces(struct scan *s, struct ubytes *out_value, int *out_is_meta)
    MUST_USE;
/* The block at s->at, into the XML; moves on. */
int mdx_block(struct scan *s) MUST_USE;
/* Bytes of the file as XML. */
int mdx_emit(struct scan *s, size_t from, size_t n) MUST_USE;

#endif
