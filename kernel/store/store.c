/* Opening, creating and locking a store; objects by CID. Kernel process.
 *
 * A store is created in an order that makes every half-made one either finished
 * by the next open or refused by name: lock, folders, `format` last. */
#include "kernel/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/disk.h"

#define STORE_MAGIC 0x53544f52u
#define FORMAT "proctor store 1\n"

struct store {
    uint32_t magic;
    char *dir;
    int dir_fd;
    int lock_fd;
    int tmp_fd;
    int is_open;
};

static const struct {
    const char *name;
    mode_t mode;
} folders[] = {{"tmp", 0700},
               {"keys", 0700},
               {"objects", 0755},
               {"ledger", 0755},
               {"ledger/wal", 0755}};

/* What a store, whole or half made, holds at its top. */
static const char *const top_names[] = {"lock",    "tmp",    "keys",
                                        "objects", "ledger", "format"};

static int refuse(struct diag *d, int code, const char *hint, const char *fmt,
                  ...) PRINTF_LIKE(4, 5);

static int refuse(struct diag *d, int code, const char *hint, const char *fmt,
                  ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)diag_set(d, code, (struct loc){.path = NULL}, "%s", text);
    diag_hint(d, "%s", hint);
    return ERR_TRACE(code);
}

/* A disk error while opening, in words. */
static int refuse_disk(struct diag *d, int code, const char *dir,
                       const char *what)
{
    const char *hint = "see the kernel's messages (dmesg) for the disk";

    if (code == ERR_STORE_RDONLY || code == ERR_ACCESS) {
        hint = "make the folder writable, or name another with --store";
    } else if (code == ERR_SPACE) {
        hint = "free some space; what was recorded is safe";
    } else if (code == ERR_NOT_FOUND) {
        hint = "its parent folder must exist";
    }
    return refuse(d, code, hint, "%s: %s: %s", dir, what, err_text(code));
}

static int is_top_name(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_N(top_names); i++) {
        if (strcmp(name, top_names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* 1 when the folder holds nothing but what a half-made store may hold, 0 when
 * it holds more, else ERR_*. */
static int only_our_names(int dir_fd)
{
    int fd CLEANUP(fd_closep) = -1;
    const struct dirent *e;
    int ours = 1;
    DIR *d;

    TRY(disk_open_dir(dir_fd, ".", &fd));
    d = fdopendir(fd);
    if (d == NULL) {
        return ERR_TRACE(err_from_errno(errno));
    }
    (void)fd_take(&fd); /* closedir closes it */
    errno = 0;
    while ((e = readdir(d)) != NULL) {
        ours = ours && (strcmp(e->d_name, ".") == 0 ||
                        strcmp(e->d_name, "..") == 0 || is_top_name(e->d_name));
    }
    if (errno != 0) {
        ours = ERR_TRACE(err_from_errno(errno));
    }
    (void)closedir(d);
    return ours;
}

/* Whole small text file, terminated. ERR_NOT_FOUND when there is none. */
static int read_text(int dir_fd, const char *name, char *out, size_t out_n)
{
    int fd CLEANUP(fd_closep) = -1;
    size_t n;

    TRY(disk_open(dir_fd, name, O_RDONLY, &fd));
    TRY(disk_read(fd, 0, (uint8_t *)out, out_n - 1, &n));
    out[n] = '\0';
    return 0;
}

static int open_dir(struct store *s, int *out_created, struct diag *d)
{
    struct stat st;
    int made = 0;
    int code;

    if (stat(s->dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
        return refuse(d, ERR_INPUT, "name a folder with --store",
                      "%s: is a file, expected the folder of a store", s->dir);
    }
    code =
        stat(s->dir, &st) == 0 ? 0 : disk_mkdir(AT_FDCWD, s->dir, 0755, &made);
    if (code == 0) {
        code = disk_open_dir(AT_FDCWD, s->dir, &s->dir_fd);
    }
    if (code == 0 && made) {
        int parent CLEANUP(fd_closep) = -1;

        code = disk_open_dir(s->dir_fd, "..", &parent);
        if (code == 0) {
            code = disk_sync_dir(parent);
        }
    }
    *out_created = made;
    return code == 0 ? 0 : refuse_disk(d, code, s->dir, "cannot open");
}

/* Is this a store of ours, one to be made, or something else? */
static int check_format(struct store *s, int *out_created, struct diag *d)
{
    char text[64];
    int code = read_text(s->dir_fd, "format", text, sizeof(text));

    if (code == ERR_NOT_FOUND) {
        *out_created = 1;
        code = only_our_names(s->dir_fd);
        if (code < 0) {
            return refuse_disk(d, code, s->dir, "cannot be listed");
        }
        if (code == 1) {
            return 0;
        }
        return refuse(d, ERR_STORE_FORMAT,
                      "name a new or empty folder with --store",
                      "%s: holds other files and is no store", s->dir);
    }
    if (code != 0) {
        return refuse_disk(d, code, s->dir, "cannot read its format");
    }
    if (strcmp(text, FORMAT) != 0) {
        text[strcspn(text, "\n")] = '\0';
        return refuse(d, ERR_STORE_FORMAT,
                      "use the Proctor that made it, or a new store",
                      "%s: has format \"%s\", expected \"%.*s\"", s->dir, text,
                      (int)sizeof(FORMAT) - 2, FORMAT);
    }
    *out_created = 0;
    return 0;
}

/* Takes the lock and leaves our pid in it. *out_unclean: the last owner did not
 * close the store. */
static int take_lock(struct store *s, int *out_unclean, struct diag *d)
{
    char text[32] = "";
    int code = disk_open(s->dir_fd, "lock", O_RDWR | O_CREAT, &s->lock_fd);

    if (code == 0) {
        code = disk_lock(s->lock_fd);
    }
    if (code == DISK_E_LOCKED) {
        if (read_text(s->dir_fd, "lock", text, sizeof(text)) != 0) {
            text[0] = '\0';
        }
        text[strcspn(text, "\n")] = '\0';
        return refuse(d, ERR_STORE_BUSY,
                      "wait for it to end, or name another store with --store",
                      "%s: is in use by %s (%s)", s->dir,
                      strstr(text, "gc") != NULL ? "proctor gc" : "another kernel",
                      text[0] == '\0' ? "pid unknown" : text);
    }
    if (code == 0) {
        uint64_t n = 0;

        code = disk_size(s->lock_fd, &n);
        *out_unclean = n > 0;
    }
    if (code == 0) {
        code = disk_truncate(s->lock_fd, 0);
    }
    if (code == 0) {
        int n = snprintf(text, sizeof(text), "pid %ld\n", (long)getpid());

        code = disk_write(s->lock_fd, 0, (const uint8_t *)text, (size_t)n);
    }
    return code == 0 ? 0 : refuse_disk(d, code, s->dir, "cannot lock");
}

static int make_folders(struct store *s)
{
    size_t i;

    for (i = 0; i < ARRAY_N(folders); i++) {
        TRY(disk_mkdir(s->dir_fd, folders[i].name, folders[i].mode, NULL));
    }
    return 0;
}

/* They were all there before `format` was. */
static int check_folders(struct store *s, struct diag *d)
{
    size_t i;

    for (i = 0; i < ARRAY_N(folders); i++) {
        int fd CLEANUP(fd_closep) = -1;
        int code = disk_open_dir(s->dir_fd, folders[i].name, &fd);

        if (code == ERR_NOT_FOUND) {
            return refuse(d, ERR_STORE_DAMAGED, "restore it from a copy",
                          "%s: the store's folder %s is missing", s->dir,
                          folders[i].name);
        }
        if (code != 0) {
            return refuse_disk(d, code, s->dir, "cannot open");
        }
    }
    return 0;
}

/* Opens the folders; finishes a store that is being made. */
static int open_inside(struct store *s, int create, int unclean)
{
    if (create) {
        TRY(make_folders(s));
    }
    TRY(disk_open_dir(s->dir_fd, "tmp", &s->tmp_fd));
    TRY(disk_empty_dir(s->tmp_fd));
    if (unclean || create) {
        /* Names that the last owner made may not be durable yet. */
        TRY(disk_sync_all(s->dir_fd));
    }
    if (create) {
        TRY(disk_put(
            &(struct disk_file){.tmp_fd = s->tmp_fd,
                                .dir_fd = s->dir_fd,
                                .name = "format",
                                .mode = 0444,
                                .durable = 1},
            (struct ubytes){(const uint8_t *)FORMAT, sizeof(FORMAT) - 1}));
    }
    return 0;
}

static int open_steps(struct store *s, int *out_created, struct diag *d)
{
    int made_dir = 0;
    int unclean = 0;
    int code;

    TRY(open_dir(s, &made_dir, d));
    TRY(check_format(s, out_created, d));
    TRY(take_lock(s, &unclean, d));
    /* Another kernel may have made the store while we waited. */
    TRY(check_format(s, out_created, d));
    if (!*out_created) {
        TRY(check_folders(s, d));
    }
    code = open_inside(s, *out_created, unclean);
    return code == 0 ? 0 : refuse_disk(d, code, s->dir, "cannot open");
}

int store_open(const char *dir, struct store **out, int *out_created,
               struct diag *d)
{
    struct store *s = calloc(1, sizeof(*s));
    int code;

    diag_init(d);
    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->magic = STORE_MAGIC;
    s->dir_fd = s->lock_fd = s->tmp_fd = -1;
    s->dir = strdup(dir);
    code =
        s->dir == NULL ? ERR_TRACE(ERR_NOMEM) : open_steps(s, out_created, d);
    if (code != 0) {
        store_close(s);
        return code;
    }
    s->is_open = 1;
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    ASSERT(s->magic == STORE_MAGIC);
    if (s->is_open && disk_sync_failed() == 0) {
        int closed = disk_truncate(s->lock_fd, 0);

        (void)closed; /* if not, the next owner syncs once more */
    }
    fd_closep(&s->tmp_fd);
    fd_closep(&s->dir_fd);
    fd_closep(&s->lock_fd);
    free(s->dir);
    s->magic = 0;
    free(s);
}

int store_dir_fd(const struct store *s)
{
    ASSERT(s->magic == STORE_MAGIC);
    return s->dir_fd;
}

int store_tmp_fd(const struct store *s)
{
    ASSERT(s->magic == STORE_MAGIC);
    return s->tmp_fd;
}

const char *store_dir(const struct store *s)
{
    ASSERT(s->magic == STORE_MAGIC);
    return s->dir;
}
