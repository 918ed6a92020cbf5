/* See add_checkpoint.h. Source: c2sp.org/tlog-witness. */
#include "proto/add_checkpoint.h"

#include "proto/err.h"
#include "proto/note_text.h"

int add_checkpoint_write(struct buf *out, const struct add_checkpoint *in)
{
    size_t i;

    ASSERT(in->proof_n <= ADD_CHECKPOINT_PROOF_MAX);
    TRY(buf_putf(out, "old %llu\n", (unsigned long long)in->old_size));
    for (i = 0; i < in->proof_n; i++) {
        TRY(note_put_base64(out, in->proof[i].b, sizeof(in->proof[i].b)));
        TRY(buf_put_u8(out, '\n'));
    }
    TRY(buf_put_u8(out, '\n'));
    return buf_put(out, in->note.p, in->note.n);
}

int add_checkpoint_read(struct ubytes in, struct add_checkpoint *out)
{
    struct note_text rest = {(const char *)in.p, in.n};
    struct note_text line;
    size_t body_n;

    if (!note_take_line(&rest, &line) || !note_take_prefix(&line, "old ", 4) ||
        !note_parse_u64(line, &out->old_size)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (out->proof_n = 0;; out->proof_n++) {
        if (!note_take_line(&rest, &line)) {
            return ERR_TRACE(ERR_ENCODING);
        }
        if (line.n == 0) {
            break;
        }
        if (out->proof_n == ADD_CHECKPOINT_PROOF_MAX ||
            !note_parse_hash(line, &out->proof[out->proof_n])) {
            return ERR_TRACE(ERR_ENCODING);
        }
    }
    out->note = (struct ubytes){(const uint8_t *)rest.p, rest.n};
    TRY(note_peek(out->note, &out->at, &body_n));
    out->body = (struct ubytes){out->note.p, body_n};
    return 0;
}
