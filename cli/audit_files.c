/* Every name in the store, by a table of what a store holds: place, kind, owner,
 * mode. Must never open what it finds: links are not followed, pipes and devices
 * not touched; a folder is listed one at a time. */
#include "cli/audit_int.h"

#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/err.h"

/* What stands at a name. '*' matches within one part; a folder's rule stands
 * before its files'. */
enum file_rule {
    FILE_PLAIN,  /* a regular file that its owner may write */
    FILE_FIXED,  /* one that nobody writes again */
    FILE_SECRET, /* one that nobody else reads */
    FILE_INDEX,  /* the command line's own: whoever runs it may own it */
    FOLDER_PLAIN,
    FOLDER_SECRET,
    FOLDER_TILES, /* audit_tiles.c says what is out of place below */
    FILE_TORN,
    FILE_HALF
};
static const struct {
    const char *name; /* below the store */
    enum file_rule rule;
} RULES[] = {
    {"format", FILE_FIXED},
    {"lock", FILE_PLAIN},
    {"keys", FOLDER_SECRET},
    {"keys/key", FILE_SECRET},
    {"keys/key.new", FILE_SECRET},
    {"objects", FOLDER_PLAIN},
    {"objects/*", FOLDER_PLAIN},
    {"objects/*/*", FILE_FIXED},
    {"tmp", FOLDER_PLAIN},
    {"tmp/*", FILE_HALF},
    {"ledger", FOLDER_PLAIN},
    {"ledger/checkpoint", FILE_PLAIN},
    {"ledger/vkey", FILE_PLAIN},
    {"ledger/tile", FOLDER_TILES},
    {"ledger/wal", FOLDER_PLAIN},
    {"ledger/wal/torn-*", FILE_TORN},
    {"ledger/wal/*.wal", FILE_PLAIN},
    {"witnesses", FILE_PLAIN},
    {"index.db*", FILE_INDEX},
};

struct sweep {
    struct audit *a;
    uid_t owner; /* of the store's folder */
};

/* Glob in which '*' does not match '/'. */
static int matches(const char *pattern, const char *s)
{
    const char *star = NULL;
    const char *from = NULL;

    while (*s != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            from = s;
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (star != NULL && *from != '/') {
            pattern = star;
            s = ++from;
        } else {
            return 0;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

/* Index into RULES, -1 when nothing of that name belongs to a store. */
static int rule_of(const char *name)
{
    uint64_t first;
    size_t i;

    for (i = 0; i < ARRAY_N(RULES); i++) {
        if (!matches(RULES[i].name, name)) {
            continue;
        }
        return strcmp(RULES[i].name, "ledger/wal/*.wal") == 0 &&
                       !wal_segment_name_parse(name + strlen("ledger/wal/"),
                                               &first)
                   ? -1
                   : (int)i;
    }
    return -1;
}

static int is_folder(enum file_rule rule)
{
    return rule == FOLDER_PLAIN || rule == FOLDER_SECRET ||
           rule == FOLDER_TILES;
}

static const char *kind_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a file";
    case S_IFDIR:
        return "a folder";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "of no known kind";
    }
}

PRINTF_LIKE(4, 5)
static void find(const struct sweep *s, enum audit_grade grade,
                 const char *name, const char *fmt, ...)
{
    char what[200];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    audit_find(s->a, grade, AUDIT_FILE, AUDIT_NO_SEQ, name, "%s", what);
}

/* Who else can change or read it. */
static void check_rights(const struct sweep *s, const char *name,
                         enum file_rule rule, const struct stat *st)
{
    unsigned mode = (unsigned)st->st_mode & 07777;

    if (st->st_uid != s->owner && rule != FILE_INDEX && rule != FILE_HALF) {
        find(s, st->st_uid == 0 ? AUDIT_WARNING : AUDIT_DAMAGE, name,
             "belongs to uid %u, the store to uid %u%s", (unsigned)st->st_uid,
             (unsigned)s->owner,
             st->st_uid == 0 ? "" : ": somebody else can change it");
    }
    if ((rule == FILE_SECRET || rule == FOLDER_SECRET) && (mode & 077) != 0) {
        find(s, AUDIT_DAMAGE, name,
             "is open to others (mode %04o): who reads the key can sign "
             "another history",
             mode);
    } else if ((mode & 022) != 0) {
        find(s, AUDIT_WARNING, name, "can be written by others (mode %04o)",
             mode);
    } else if (rule == FILE_FIXED && (mode & 0222) != 0) {
        find(s, AUDIT_WARNING, name,
             "can be written (mode %04o), though nothing ever does", mode);
    }
    if ((mode & 07000) != 0) {
        find(s, AUDIT_WARNING, name, "has odd rights (mode %04o)", mode);
    }
}

/* Rights below tile/ only: audit_tiles.c knows the names. */
static int is_tile(const char *name)
{
    return strncmp(name, "ledger/tile/", 12) == 0;
}

static void check_name(const struct sweep *s, const char *name,
                       const struct stat *st)
{
    int i = rule_of(name);
    enum file_rule rule = i < 0 ? FILE_PLAIN : RULES[i].rule;

    if (is_tile(name)) {
        if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) {
            check_rights(s, name, FILE_PLAIN, st);
        }
        return;
    }
    if (i < 0) {
        find(s, S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ? AUDIT_WARNING
                                                            : AUDIT_DAMAGE,
             name, "is no part of a store (%s): nothing reaches it",
             kind_name(st->st_mode));
        return;
    }
    if (rule == FILE_HALF) {
        find(s, AUDIT_NOTE, name,
             "is half-written (%s): nothing reaches it, the next kernel "
             "removes it",
             kind_name(st->st_mode));
        return;
    }
    if (rule == FOLDER_PLAIN && S_ISREG(st->st_mode) &&
        strncmp(name, "objects/", 8) == 0 && strlen(name) != 8 + 2) {
        return; /* a stray file: audit_objects.c told of it */
    }
    if (is_folder(rule) ? !S_ISDIR(st->st_mode) : !S_ISREG(st->st_mode)) {
        find(s, AUDIT_DAMAGE, name, "is %s, expected %s; it was not opened",
             kind_name(st->st_mode), is_folder(rule) ? "a folder" : "a file");
        return;
    }
    if (rule == FILE_TORN) {
        find(s, AUDIT_NOTE, name, "is an unfinished batch that a kernel set "
                                  "aside: nothing reaches it");
    }
    check_rights(s, name, rule, st);
}

/* What a kernel cannot go on without. A copy without keys is what an auditor may
 * be given; segments and objects are missed by those who need them. */
static void check_missing(const struct sweep *s)
{
    static const char *const NEEDED[] = {"objects", "keys/key", "tmp"};
    size_t i;

    for (i = 0; i < ARRAY_N(NEEDED); i++) {
        char path[PATH_MAX];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", s->a->store, NEEDED[i]);
        if (lstat(path, &st) != 0) {
            find(s, AUDIT_WARNING, NEEDED[i],
                 "is missing: nothing more can be recorded here");
        }
    }
}

/* One entry of the walk; 0, or FTS_SKIP for a folder that is none of ours. */
static int visit(const struct sweep *s, const FTSENT *e, size_t root_n)
{
    const char *name = e->fts_path + root_n;

    name += *name == '/';
    if (e->fts_level == 0 || e->fts_info == FTS_DP) {
        return 0;
    }
    s->a->out->files++;
    if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR ||
        e->fts_info == FTS_NS) {
        find(s, AUDIT_DAMAGE, name, "cannot be read: %s",
             strerror(e->fts_errno));
        return 0;
    }
    check_name(s, name, e->fts_statp);
    return e->fts_info == FTS_D && rule_of(name) < 0 && !is_tile(name)
               ? FTS_SKIP
               : 0;
}

int audit_files(struct audit *a)
{
    char root[PATH_MAX];
    char *const roots[] = {root, NULL};
    struct sweep s = {.a = a};
    struct stat st;
    FTSENT *e;
    FTS *fts;

    (void)snprintf(root, sizeof(root), "%s", a->store);
    if (stat(root, &st) != 0) {
        return 0; /* it was there a moment ago: nothing to say of its files */
    }
    s.owner = st.st_uid;
    check_missing(&s);
    fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    if (fts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    while ((e = fts_read(fts)) != NULL) {
        if (visit(&s, e, strlen(root)) == FTS_SKIP) {
            (void)fts_set(fts, e, FTS_SKIP);
        }
    }
    (void)fts_close(fts);
    return 0;
}
