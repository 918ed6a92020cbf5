/* NPY files of numpy, versions 1.0 and 2.0: one of inputs, one of labels. The
 * header is a Python literal, of which just the three keys are read. Runs in the
 * train worker; files may be anything. Source: numpy.lib.format. */
#include <string.h>

#include "proto/err.h"
#include "workers/train/array.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6u
#define HEADER_BYTES_MAX 65536u

struct text { /* of the header */
    const char *p;
    size_t n, at;
};

static void skip(struct text *t)
{
    while (t->at < t->n && (t->p[t->at] == ' ' || t->p[t->at] == '\n')) {
        t->at++;
    }
}

static int take(struct text *t, char c)
{
    skip(t);
    if (t->at == t->n || t->p[t->at] != c) {
        return 0;
    }
    t->at++;
    return 1;
}

static int take_word(struct text *t, const char *word)
{
    size_t n = strlen(word);

    skip(t);
    if (t->n - t->at < n || memcmp(t->p + t->at, word, n) != 0) {
        return 0;
    }
    t->at += n;
    return 1;
}

/* 'text' or "text", without escapes. */
static int take_string(struct text *t, char out[static 24])
{
    char quote;
    size_t n = 0;

    skip(t);
    if (t->at == t->n || (t->p[t->at] != '\'' && t->p[t->at] != '"')) {
        return 0;
    }
    quote = t->p[t->at++];
    while (t->at < t->n && t->p[t->at] != quote && n < 23) {
        out[n++] = t->p[t->at++];
    }
    out[n] = '\0';
    return take(t, quote);
}

static int take_size(struct text *t, uint64_t *out)
{
    size_t start;

    skip(t);
    start = t->at;
    *out = 0;
    while (t->at < t->n && t->p[t->at] >= '0' && t->p[t->at] <= '9') {
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(t->p[t->at] - '0'), out)) {
            return 0;
        }
        t->at++;
    }
    return t->at > start;
}

/* (3, 4), (3,) or () */
static int take_shape(struct text *t, struct array *a)
{
    if (!take(t, '(')) {
        return 0;
    }
    a->dims = 0;
    while (!take(t, ')')) {
        if (a->dims == ARRAY_DIMS_MAX || !take_size(t, &a->shape[a->dims])) {
            return 0;
        }
        a->dims++;
        if (!take(t, ',')) {
            return take(t, ')');
        }
    }
    return 1;
}

/* '<f8', '|u1'. Numbers of one byte have no order, whatever is written. */
static int take_type(struct text *t, struct array *a)
{
    char s[24];

    if (!take_string(t, s) || strlen(s) != 3 || s[2] < '0' || s[2] > '9' ||
        strchr("<>|=", s[0]) == NULL) {
        return 0;
    }
    a->is_big = s[0] == '>';
    a->kind = s[1];
    a->size = (unsigned)(s[2] - '0');
    return 1;
}

static int fail(struct load *l, size_t file_i, const char *what,
                const char *hint)
{
    (void)load_fail(l, ERR_INPUT, file_i, 0, 0, "%s", what);
    load_hint(l, "%s", hint);
    return ERR_INPUT;
}

/* The three keys in any order; others, and a type of several fields, are none. */
static int read_header(struct load *l, struct text *t, struct array *out)
{
    static const char bad[] = "the header of this NPY file is none that is read";
    static const char hint[] = "write it by numpy.save, of plain numbers";
    int is_fortran = 0;
    unsigned seen = 0;
    char key[24];

    if (!take(t, '{')) {
        return fail(l, out->file_i, bad, hint);
    }
    while (!take(t, '}')) {
        int ok = take_string(t, key) && take(t, ':');

        if (ok && strcmp(key, "descr") == 0 && (seen & 1) == 0) {
            seen |= 1;
            ok = take_type(t, out);
        } else if (ok && strcmp(key, "fortran_order") == 0 && (seen & 2) == 0) {
            seen |= 2;
            is_fortran = take_word(t, "True");
            ok = is_fortran || take_word(t, "False");
        } else if (ok && strcmp(key, "shape") == 0 && (seen & 4) == 0) {
            seen |= 4;
            ok = take_shape(t, out);
        } else {
            ok = 0;
        }
        if (!ok) {
            return fail(l, out->file_i, bad, hint);
        }
        if (!take(t, ',') && (t->at == t->n || t->p[t->at] != '}')) {
            return fail(l, out->file_i, bad, hint);
        }
    }
    skip(t);
    if (seen != 7 || t->at != t->n) {
        return fail(l, out->file_i, bad, hint);
    }
    return is_fortran && out->dims > 1
               ? fail(l, out->file_i,
                      "its numbers lie column by column (fortran_order)",
                      "save numpy.ascontiguousarray of it")
               : 0;
}

int npy_open(struct load *l, size_t file_i, const uint8_t *p, size_t n,
             struct array *out)
{
    size_t head = MAGIC_BYTES + 4;
    size_t header_n;
    struct text t;

    *out = (struct array){.file_i = file_i};
    if (n < MAGIC_BYTES + 6 || memcmp(p, MAGIC, MAGIC_BYTES) != 0) {
        return fail(l, file_i, "is no NPY file", "write it by numpy.save");
    }
    header_n = p[8] | (size_t)p[9] << 8;
    if (p[6] == 2 && p[7] == 0) {
        header_n |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
        head += 2;
    } else if (p[6] != 1 || p[7] != 0) {
        return fail(l, file_i, "is an NPY file of a version that is not read",
                    "versions 1.0 and 2.0 are");
    }
    if (header_n > HEADER_BYTES_MAX || header_n > n - head) {
        return fail(l, file_i, "its header is cut off, or over 64 KiB",
                    "write it by numpy.save");
    }
    t = (struct text){(const char *)p + head, header_n, 0};
    TRY(read_header(l, &t, out));
    return array_fill(l, out, p + head + header_n, n - head - header_n);
}

int load_npy(struct load *l)
{
    struct array x;
    struct array y;

    TRY(npy_open(l, 0, l->files[0].p, l->files[0].n, &x));
    TRY(npy_open(l, 1, l->files[1].p, l->files[1].n, &y));
    return array_put(l, &x, &y);
}
