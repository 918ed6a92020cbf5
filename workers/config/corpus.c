/* Corpora: one JSON value per line. Runs in the confined `config` worker. */
#include <string.h>

#include "proto/limits.h"
#include "workers/config/rows.h"
#include "workers/config/specs.h"
#include "workers/config/types.h"

#define VALUES_BYTES_MAX (LIMIT_FRAME_BYTES / 2)

static int read_line(struct config *c, struct ubytes line, uint32_t line0,
                     const struct type *t, struct buf *out)
{
    struct yaml_node *n = NULL;

    if (line.n == 0) {
        config_fail_at(c, line0 + 1, 1, "an empty line");
        config_hint(c, "every line holds one JSON value");
        return ERR_INPUT;
    }
    TRY(yaml_parse(c, line, YAML_SYNTAX_JSON, line0, 0, &n));
    return types_value(c, n, t, out);
}

static int read_lines(struct config *c, struct ubytes text,
                      const struct type *t, struct values_builder *w)
{
    CLEANUP(buf_release) struct buf value;
    uint32_t line0 = 0;
    size_t at = 0;

    buf_init(&value, LIMIT_VALUE_BYTES);
    while (at < text.n) {
        struct arena_mark mark = arena_mark(&c->scratch);
        const uint8_t *p = text.p + at;
        const uint8_t *newline = memchr(p, '\n', text.n - at);
        size_t n = newline ? (size_t)(newline - p) : text.n - at;
        size_t next = at + n + (newline ? 1 : 0);

        if (line0 == LIMIT_TABLE_ROWS) {
            return config_limit(c, NULL, "at most %u values", LIMIT_TABLE_ROWS);
        }
        n -= n > 0 && p[n - 1] == '\r';
        buf_reset(&value);
        TRY(read_line(c, (struct ubytes){p, n}, line0, t, &value));
        TRY(values_builder_add(w, buf_bytes(&value)));
        arena_rewind(&c->scratch, mark);
        line0++;
        at = next;
    }
    return 0;
}

int corpus_read(struct config *c, Proctor__ConfigReply *out)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    struct ubytes text = {c->task->text.data, c->task->text.len};
    struct type t;

    TRY(values_builder_init(&w, VALUES_BYTES_MAX));
    if (text.n > LIMIT_DATA_FILE_BYTES) {
        return config_limit(c, NULL, "a corpus has at most %u bytes, got %zu",
                            LIMIT_DATA_FILE_BYTES, text.n);
    }
    if (type_decode((struct ubytes){c->task->gives.data, c->task->gives.len},
                    &t) != 0) {
        return ERR_PROTOCOL;
    }
    TRY(rows_check_text(c, text));
    if (text.n == 0) {
        return config_fail_at(c, 1, 1, "the text is empty");
    }
    TRY(read_lines(c, text, &t, &w));
    return spec_bytes(c, values_builder_bytes(&w), &out->inputs);
}
