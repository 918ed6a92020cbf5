/* Proof files. Any process; no clock, no file, no secret.
 *
 * note_read alone decides whether a checkpoint holds; what stands here about
 * checkpoints only finds words for its refusals. Source: c2sp.org/tlog-proof
 * (2026-07-22). */
#include "proto/tlog_proof.h"

#include <string.h>

#include "proto/err.h"
#include "proto/note_text.h"

#define HEAD "c2sp.org/tlog-proof@v1"

void tlog_proof_init(struct tlog_proof *p)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->extra, TLOG_PROOF_EXTRA_MAX);
}

void tlog_proof_release(struct tlog_proof *p)
{
    buf_release(&p->extra);
}

int tlog_proof_write(struct buf *out, const struct tlog_proof *p,
                     struct ubytes checkpoint_note)
{
    struct ubytes extra = buf_bytes(&p->extra);
    size_t i;

    TRY(buf_putf(out, HEAD "\n"));
    if (extra.n > 0) {
        TRY(buf_putf(out, "extra "));
        TRY(note_put_base64(out, extra.p, extra.n));
        TRY(buf_put_u8(out, '\n'));
    }
    TRY(buf_putf(out, "index %llu\n", (unsigned long long)p->index));
    for (i = 0; i < p->path_n; i++) {
        TRY(note_put_base64(out, p->path[i].b, sizeof(p->path[i].b)));
        TRY(buf_put_u8(out, '\n'));
    }
    TRY(buf_put_u8(out, '\n'));
    return buf_put(out, checkpoint_note.p, checkpoint_note.n);
}

/* Lines with their number. */
struct lines {
    struct note_text rest;
    uint32_t line;
};

static int next_line(struct lines *l, struct note_text *out)
{
    l->line++;
    return note_take_line(&l->rest, out);
}

static int wrong(struct diag *d, int outcome, uint32_t line, const char *what)
{
    struct loc at = {NULL, line, line > 0};

    (void)diag_set(d, ERR_TASK_FAILED, at, "%s", what);
    return outcome;
}

static int read_extra(struct note_text text, struct buf *out)
{
    uint8_t *room;
    size_t n;

    /* An empty one has no line. */
    if (!note_base64_decode(text, NULL, 0, &n) || n == 0 ||
        n > TLOG_PROOF_EXTRA_MAX) {
        return TLOG_PROOF_E_FORM;
    }
    TRY(buf_extend(out, n, &room));
    (void)note_base64_decode(text, room, n, &n);
    return 0;
}

/* Head, extra, index, path and the empty line. */
static int read_head(struct lines *l, struct tlog_proof *out, struct diag *d)
{
    struct note_text line;
    int code = 0;

    if (!next_line(l, &line) || !note_text_is(line, HEAD)) {
        return wrong(d, TLOG_PROOF_E_FORM, 1,
                     "the first line is not \"" HEAD "\"");
    }
    if (next_line(l, &line) && note_take_prefix(&line, "extra ", 6)) {
        code = read_extra(line, &out->extra);
        if (code != 0) {
            return code < 0 ? code
                            : wrong(d, code, l->line,
                                    "the extra line is not canonical base64");
        }
        (void)next_line(l, &line);
    }
    if (!note_take_prefix(&line, "index ", 6) ||
        !note_parse_u64(line, &out->index)) {
        return wrong(d, TLOG_PROOF_E_FORM, l->line,
                     "expected \"index N\", N in decimal");
    }
    for (out->path_n = 0; next_line(l, &line); out->path_n++) {
        if (line.n == 0) {
            return 0;
        }
        if (out->path_n == MERKLE_PROOF_MAX ||
            !note_parse_hash(line, &out->path[out->path_n])) {
            return wrong(d, TLOG_PROOF_E_FORM, l->line,
                         "the path's hash is not base64 of 32 bytes, or is one "
                         "too many");
        }
    }
    return wrong(d, TLOG_PROOF_E_FORM, l->line,
                 "the file ends before the checkpoint");
}

struct signer {
    const char *origin;
    uint8_t id[NOTE_KEY_ID_BYTES];
};

/* What a signature line is to us: 1 the key's own, 0 somebody else's, -1 bad. */
static int signature_is_ours(struct note_text line, const struct signer *s)
{
    uint8_t blob[NOTE_KEY_ID_BYTES];
    size_t origin_n = strlen(s->origin);
    const char *space;
    struct note_text name;
    size_t n;

    if (!note_take_prefix(&line, "\xe2\x80\x94 ", 4) ||
        (space = memchr(line.p, ' ', line.n)) == NULL) {
        return -1;
    }
    name = (struct note_text){line.p, (size_t)(space - line.p)};
    line.p = space + 1;
    line.n -= name.n + 1;
    if (!note_base64_decode(line, blob, sizeof(blob), &n) ||
        n <= NOTE_KEY_ID_BYTES) {
        return -1;
    }
    return name.n == origin_n && memcmp(name.p, s->origin, origin_n) == 0 &&
           memcmp(blob, s->id, sizeof(blob)) == 0;
}

/* The signature lines of a checkpoint that was refused. */
static int name_signatures(struct lines *l, const struct signer *s,
                           struct diag *d)
{
    uint32_t ours = 0;
    struct note_text line;

    while (next_line(l, &line)) {
        int is_ours = signature_is_ours(line, s);

        if (is_ours < 0) {
            return wrong(d, TLOG_PROOF_E_FORM, l->line,
                         "malformed signature line");
        }
        ours = is_ours ? l->line : ours;
    }
    if (l->rest.n > 0) {
        return wrong(d, TLOG_PROOF_E_FORM, l->line,
                     "the last line does not end");
    }
    return ours > 0 ? wrong(d, TLOG_PROOF_E_SIGNATURE, ours,
                            "this signature is not one over this checkpoint: "
                            "its size, its root or the signature was changed")
                    : wrong(d, TLOG_PROOF_E_SIGNER, l->line - 1,
                            "signed by another key");
}

/* Words for a checkpoint that note_read refused. */
static int name_damage(struct lines *l, const struct signer *s, struct diag *d)
{
    struct merkle_hash root;
    struct note_text line;
    uint64_t size;

    if (!next_line(l, &line)) {
        return wrong(d, TLOG_PROOF_E_FORM, l->line, "no checkpoint");
    }
    if (!note_text_is(line, s->origin)) {
        struct loc at = {NULL, l->line, 1};

        (void)diag_set(d, ERR_TASK_FAILED, at,
                       "signed by another key: this is a checkpoint of "
                       "\"%.*s\", the key is of \"%s\"",
                       line.n > 80 ? 80 : (int)line.n, line.p, s->origin);
        return TLOG_PROOF_E_SIGNER;
    }
    if (!next_line(l, &line) || !note_parse_u64(line, &size)) {
        return wrong(d, TLOG_PROOF_E_FORM, l->line,
                     "the tree's size is not a decimal number");
    }
    if (!next_line(l, &line) || !note_parse_hash(line, &root)) {
        return wrong(d, TLOG_PROOF_E_FORM, l->line,
                     "the tree's root is not base64 of 32 bytes");
    }
    do {
        if (!next_line(l, &line)) {
            return wrong(d, TLOG_PROOF_E_FORM, l->line,
                         "the checkpoint has no signature");
        }
    } while (line.n > 0);
    if (l->rest.n == 0) {
        return wrong(d, TLOG_PROOF_E_FORM, l->line,
                     "the checkpoint has no signature");
    }
    return name_signatures(l, s, d);
}

int tlog_proof_read(struct ubytes in, const char *origin,
                    const uint8_t key[static 32], struct tlog_proof *out,
                    struct diag *d)
{
    struct lines l = {{(const char *)in.p, in.n}, 0};
    struct signer s = {.origin = origin};
    uint8_t sig[64];
    int code;

    if (in.n > TLOG_PROOF_BYTES_MAX) {
        return wrong(d, TLOG_PROOF_E_FORM, 0, "too long for a proof file");
    }
    code = read_head(&l, out, d);
    if (code != 0) {
        return code;
    }
    code = note_read((struct ubytes){(const uint8_t *)l.rest.p, l.rest.n},
                     origin, key, &out->checkpoint, sig);
    if (code == 0 || code == ERR_NOMEM) {
        return code;
    }
    note_key_id(origin, key, s.id);
    return name_damage(&l, &s, d);
}

/* Hashes on the way from a leaf to the root (RFC 9162 section 2.1.3.2). */
static size_t path_length(uint64_t index, uint64_t size)
{
    uint64_t fn = index;
    uint64_t sn = size - 1;
    size_t n;

    for (n = 0; sn != 0; n++) {
        if (fn == sn) {
            while ((fn & 1) == 0) {
                fn >>= 1;
                sn >>= 1;
            }
        }
        fn >>= 1;
        sn >>= 1;
    }
    return n;
}

struct ubytes tlog_proof_note(struct ubytes in)
{
    const uint8_t *at = in.n == 0 ? NULL : memmem(in.p, in.n, "\n\n", 2);

    return at == NULL ? (struct ubytes){NULL, 0}
                      : (struct ubytes){at + 2, in.n - (size_t)(at + 2 - in.p)};
}

int tlog_proof_check(const struct tlog_proof *p, const struct merkle_hash *leaf,
                     struct diag *d)
{
    uint32_t line = buf_len(&p->extra) > 0 ? 3 : 2; /* of the index */
    uint64_t size = p->checkpoint.size;
    struct loc at = {NULL, line, 1};

    if (p->index >= size) {
        (void)diag_set(d, ERR_TASK_FAILED, at,
                       "index %llu is beyond the tree of %llu entries",
                       (unsigned long long)p->index, (unsigned long long)size);
        return TLOG_PROOF_E_PATH;
    }
    if (p->path_n != path_length(p->index, size)) {
        at.line++;
        (void)diag_set(d, ERR_TASK_FAILED, at,
                       "the path has %zu hashes; from entry %llu of %llu it "
                       "takes %zu",
                       p->path_n, (unsigned long long)p->index,
                       (unsigned long long)size, path_length(p->index, size));
        return TLOG_PROOF_E_PATH;
    }
    if (!merkle_check_inclusion(p->index, size, leaf, p->path, p->path_n,
                                &p->checkpoint.root)) {
        return wrong(d, TLOG_PROOF_E_PATH, line,
                     "the path does not lead from this entry to the signed "
                     "root: entry, index or path was changed");
    }
    return 0;
}
