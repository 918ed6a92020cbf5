/* Text before libfyaml sees it: bytes that are refused, and lines that would
 * make it look ahead without bound. */
#ifndef WORKERS_CONFIG_YAML_TEXT_H
#define WORKERS_CONFIG_YAML_TEXT_H

#include "proto/buf.h"
#include "workers/config/config.h"

/* What was found, for the caller to put into the problem. */
struct yaml_text_problem {
    size_t pos;
    char what[DIAG_TEXT_BYTES];
    char hint[DIAG_TEXT_BYTES];
};

/* Valid UTF-8; of control characters only tab, LF and CR; lines of at most
 * YAML_LINE_MAX bytes and YAML_LINE_OPEN_MAX open brackets. broken: the text
 * has been through yaml_text_break, its lines are short. */
#define YAML_LINE_MAX ((size_t)1 << 20)
#define YAML_LINE_OPEN_MAX 4096

int yaml_text_check(struct ubytes text, struct yaml_text_problem *out) MUST_USE;

/* libfyaml keeps every token of a line that may still turn out to be a key: a
 * JSON file in one line of 20 MB costs it 1.2 GB. If text is JSON, writes it to
 * out with a CR after each '{', '[' and ',' outside strings; in YAML's flow
 * style that is blank space. Columns do not count such a CR (yaml.c).
 * Stops behind the bracket that is nested too deep, which the reader of the
 * result refuses. *out_done: 0 when the text is not JSON; then out is not to be
 * used. */
int yaml_text_break(struct ubytes text, struct buf *out,
                    int *out_done) MUST_USE;

/* A CR that stands alone: only yaml_text_break writes it. */
static inline int yaml_text_is_break(struct ubytes text, size_t i)
{
    return text.p[i] == '\r' && (i + 1 == text.n || text.p[i + 1] != '\n');
}

#endif
