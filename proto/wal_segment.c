/* One write-ahead segment as a file: batches in order. Any process; reads
 * only.
 *
 * Must never call damage a torn tail: wrong bytes with a whole later batch
 * behind them were acknowledged once, so they are damage. */
#include "proto/wal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"

#define HEAD_BYTES_MAX (8 + 4 + 8 + 32 + 1 + 64 * 33 + 32)
#define PEEK_BYTES WAL_BATCH_HEAD_BYTES
/* Reads past the page cache: where, how much, into what memory. */
#define ALIGNMENT 4096u
#define WINDOW_BYTES (1u << 20)
#define SEGMENT_READ_MAX (LIMIT_SEGMENT_BYTES + 2u * LIMIT_WAL_BATCH_BYTES)

void wal_segment_name(uint64_t first, char out[static WAL_NAME_BYTES])
{
    (void)snprintf(out, WAL_NAME_BYTES, "%016" PRIx64 ".wal", first);
}

int wal_segment_name_parse(const char *name, uint64_t *out_first)
{
    char again[WAL_NAME_BYTES];

    if (strlen(name) != WAL_NAME_BYTES - 1) {
        return 0;
    }
    *out_first = strtoull(name, NULL, 16);
    wal_segment_name(*out_first, again);
    return strcmp(name, again) == 0;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static int append_first(uint64_t **list, size_t *n, size_t *cap, uint64_t v)
{
    if (*n == *cap) {
        size_t more = *cap == 0 ? 16 : *cap * 2;
        uint64_t *grown = realloc(*list, more * sizeof(*grown));

        if (grown == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        *list = grown;
        *cap = more;
    }
    (*list)[(*n)++] = v;
    return 0;
}

int wal_segments(int wal_fd, uint64_t **out, size_t *out_n)
{
    int fd = openat(wal_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    size_t cap = 0;
    uint64_t first;
    int code = 0;

    *out = NULL;
    *out_n = 0;
    if (d == NULL) {
        code = err_from_errno(errno);
        fd_closep(&fd);
        return ERR_TRACE(code);
    }
    errno = 0;
    while (code == 0 && (e = readdir(d)) != NULL) {
        if (wal_segment_name_parse(e->d_name, &first)) {
            code = append_first(out, out_n, &cap, first);
        }
    }
    if (code == 0 && errno != 0) {
        code = ERR_TRACE(ERR_IO);
    }
    (void)closedir(d);
    if (code != 0) {
        free(*out);
        *out = NULL;
        *out_n = 0;
    } else if (*out_n > 0) {
        qsort(*out, *out_n, sizeof(**out), compare_u64);
    }
    return code;
}

/* Reads until n bytes or the end of the file. */
static int read_fd(int fd, uint64_t off, uint8_t *p, size_t n, size_t *out_n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, p + done, n - done, (off_t)(off + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ERR_TRACE(ERR_IO);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *out_n = done;
    return 0;
}

/* No O_DIRECT here: the next best is to have clean pages forgotten. */
static int use_cache(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_DIRECT) != 0) {
        return ERR_TRACE(ERR_IO);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

/* Has off in the window, if the file goes so far. */
static int move_window(struct wal_segment *s, uint64_t off)
{
    uint64_t at = off - off % ALIGNMENT;
    ssize_t got =
        TEMP_FAILURE_RETRY(pread(s->fd, s->window_, WINDOW_BYTES, (off_t)at));

    if (got < 0 && errno == EINVAL) { /* it can be opened, not read */
        TRY(use_cache(s->fd));
        got = TEMP_FAILURE_RETRY(
            pread(s->fd, s->window_, WINDOW_BYTES, (off_t)at));
    }
    if (got < 0) {
        return ERR_TRACE(ERR_IO);
    }
    s->window_off_ = at;
    s->window_n_ = (size_t)got;
    return 0;
}

static int read_at(struct wal_segment *s, uint64_t off, uint8_t *p, size_t n,
                   size_t *out_n)
{
    size_t done = 0;

    if (s->window_ == NULL) {
        return read_fd(s->fd, off, p, n, out_n);
    }
    while (done < n) {
        uint64_t want = off + done;
        size_t have, part;

        if (want < s->window_off_ || want >= s->window_off_ + s->window_n_) {
            TRY(move_window(s, want));
        }
        have = want - s->window_off_ < s->window_n_
                   ? s->window_n_ - (size_t)(want - s->window_off_)
                   : 0;
        if (have == 0) {
            break;
        }
        part = have < n - done ? have : n - done;
        memcpy(p + done, s->window_ + (want - s->window_off_), part);
        done += part;
    }
    *out_n = done;
    return 0;
}

static int file_bytes(const struct wal_segment *s, uint64_t *out)
{
    struct stat st;

    if (fstat(s->fd, &st) != 0) {
        return ERR_TRACE(ERR_IO);
    }
    *out = (uint64_t)st.st_size;
    return 0;
}

/* Fills bytes_ from off on: at most n bytes, fewer at the end of the file. */
static int fill(struct wal_segment *s, uint64_t off, uint64_t n)
{
    uint64_t bytes;
    uint8_t *p;
    size_t got;

    TRY(file_bytes(s, &bytes));
    if (off > bytes) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (n > bytes - off) {
        n = bytes - off;
    }
    buf_reset(&s->bytes_);
    TRY(buf_extend(&s->bytes_, (size_t)n, &p));
    TRY(read_at(s, off, p, (size_t)n, &got));
    buf_truncate(&s->bytes_, got); /* its owner may have cut a torn tail */
    return 0;
}

static int open_file(int wal_fd, uint64_t first, int flags)
{
    char name[WAL_NAME_BYTES];

    wal_segment_name(first, name);
    return (int)TEMP_FAILURE_RETRY(
        openat(wal_fd, name,
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags));
}

static void segment_init(struct wal_segment *s)
{
    memset(s, 0, sizeof(*s));
    s->fd = -1;
    buf_init(&s->bytes_, SEGMENT_READ_MAX);
}

/* Its file is open, or errno says why not. */
static int read_head(struct wal_segment *out, uint64_t first)
{
    struct stat st;
    size_t used;

    if (out->fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    if (fstat(out->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ERR_TRACE(ERR_STORE_DAMAGED); /* a pipe would never answer */
    }
    TRY(fill(out, 0, HEAD_BYTES_MAX));
    if (wal_head_decode(buf_bytes(&out->bytes_), &out->head, &used) != 0 ||
        out->head.first != first) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    out->off = used;
    out->next = first;
    return 0;
}

int wal_segment_open(int wal_fd, uint64_t first, struct wal_segment *out)
{
    segment_init(out);
    out->fd = open_file(wal_fd, first, 0);
    return read_head(out, first);
}

int wal_segment_open_direct(int wal_fd, uint64_t first,
                            struct wal_segment *out)
{
    segment_init(out);
    out->window_ = aligned_alloc(ALIGNMENT, WINDOW_BYTES);
    if (out->window_ == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    out->fd = open_file(wal_fd, first, O_DIRECT);
    if (out->fd < 0 && errno == EINVAL) {
        out->fd = open_file(wal_fd, first, 0);
        if (out->fd >= 0) {
            TRY(use_cache(out->fd));
        }
    }
    return read_head(out, first);
}

void wal_segment_close(struct wal_segment *s)
{
    fd_closep(&s->fd);
    s->fd = -1;
    free(s->window_);
    s->window_ = NULL;
    buf_release(&s->bytes_);
}

/* What stands at off is no whole batch. Torn, unless a whole batch of later
 * records follows: then what stands here was whole once. */
static int torn_or_damaged(struct wal_segment *s, uint64_t bytes)
{
    struct ubytes all;
    size_t i;

    if (bytes - s->off > SEGMENT_READ_MAX) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(fill(s, s->off, bytes - s->off));
    all = buf_bytes(&s->bytes_);
    for (i = 1; i + PEEK_BYTES <= all.n; i++) {
        const uint8_t *p = memmem(all.p + i, all.n - i, "PBAT", 4);
        struct wal_batch b;
        size_t used;

        if (p == NULL) {
            break;
        }
        i = (size_t)(p - all.p);
        if (wal_batch_decode((struct ubytes){p, all.n - i}, &b, &used) !=
                WAL_E_TORN &&
            b.first > s->next) {
            return ERR_TRACE(ERR_STORE_DAMAGED);
        }
    }
    return WAL_E_TORN;
}

/* Length, first and n as the batch's header states them; nothing is trusted but
 * for how much to read. */
struct peek {
    uint64_t bytes; /* of the whole batch */
    uint64_t first;
    uint32_t n;
};

static int peek_batch(struct wal_segment *s, struct peek *out)
{
    uint8_t head[PEEK_BYTES];
    struct rd r;
    uint8_t magic[4];
    size_t got;
    uint32_t n;

    TRY(read_at(s, s->off, head, sizeof(head), &got));
    if (got == 0) {
        return WAL_E_END;
    }
    rd_init(&r, (struct ubytes){head, got});
    rd_copy(&r, magic, sizeof(magic));
    n = rd_u32(&r);
    out->first = rd_u64(&r);
    out->n = rd_u32(&r);
    if (rd_is_bad(&r) || memcmp(magic, "PBAT", 4) != 0 ||
        n > LIMIT_WAL_BATCH_BYTES + 1024) {
        return WAL_E_TORN;
    }
    out->bytes = (uint64_t)n + 8 + 32;
    return 0;
}

int wal_segment_next(struct wal_segment *s, struct wal_batch *out)
{
    struct peek peek = {.bytes = 0};
    uint64_t bytes;
    size_t used;
    int code = peek_batch(s, &peek);

    if (code < 0 || code == WAL_E_END) {
        return code;
    }
    TRY(file_bytes(s, &bytes));
    if (code == WAL_E_TORN || peek.bytes > bytes - s->off) {
        return torn_or_damaged(s, bytes);
    }
    TRY(fill(s, s->off, peek.bytes));
    code = wal_batch_decode(buf_bytes(&s->bytes_), out, &used);
    if (code == WAL_E_TORN) {
        return torn_or_damaged(s, bytes);
    }
    if (code != 0 || out->first != s->next) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    s->off += used;
    s->next += out->n;
    return 0;
}

int wal_segment_seek(struct wal_segment *s, uint64_t seq)
{
    ASSERT(seq >= s->next);
    for (;;) {
        struct peek peek;
        uint64_t bytes;
        int code = peek_batch(s, &peek);

        if (code < 0 || code == WAL_E_END) {
            return code;
        }
        TRY(file_bytes(s, &bytes));
        if (code == WAL_E_TORN || peek.bytes > bytes - s->off) {
            return torn_or_damaged(s, bytes);
        }
        if (peek.first != s->next || peek.n == 0 ||
            peek.n > LIMIT_BATCH_RECORDS) {
            return torn_or_damaged(s, bytes);
        }
        if (seq - s->next < peek.n) {
            return 0;
        }
        s->off += peek.bytes;
        s->next += peek.n;
    }
}
