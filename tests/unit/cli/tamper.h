/* What the tamper tests share: a small store with tiles, one check of it, and a
 * fingerprint of all its files. */
#ifndef TESTS_UNIT_CLI_TAMPER_H
#define TESTS_UNIT_CLI_TAMPER_H

#include "fixture.h"

#include "cli/audit.h"
#include "cli/tiles.h"

#define WAL "ledger/wal/0000000000000000.wal"

/* The last check; static, because its texts are long. */
static struct {
    struct audit_result r;
    char text[16384]; /* findings, a line each */
    size_t n;
} seen;

static void tamper_hear(void *ctx, const struct audit_finding *f)
{
    int n;

    (void)ctx;
    n = snprintf(seen.text + seen.n, sizeof(seen.text) - seen.n, "%d %s: %s\n",
                 (int)f->grade, f->where, f->what);
    if (n > 0 && (size_t)n < sizeof(seen.text) - seen.n) {
        seen.n += (size_t)n;
    }
}

/* True when the check found damage. */
UNUSED static int tamper_is_found(const struct fixture *f, int full)
{
    struct audit_ears ears = {tamper_hear, NULL, NULL};
    struct diag d;

    diag_init(&d);
    seen.n = 0;
    seen.text[0] = '\0';
    assert_int_equal(audit_run(f->dir, full, &ears, &seen.r, &d), 0);
    assert_true(seen.r.line[0] != '\0' && strchr(seen.r.line, '\n') == NULL);
    return seen.r.count[AUDIT_DAMAGE] > 0;
}

/* Damage, and the one line (or a finding) says so. */
UNUSED static void tamper_expect(const struct fixture *f, int full,
                                 const char *name, const char *says)
{
    int found = tamper_is_found(f, full);

    if (!found || (strstr(seen.r.line, says) == NULL &&
                   strstr(seen.text, says) == NULL)) {
        print_error("%s: wanted \"%s\", got \"%s\"\n%s", name, says,
                    seen.r.line, seen.text);
    }
    assert_true(found);
    assert_true(strstr(seen.r.line, says) != NULL ||
                strstr(seen.text, says) != NULL);
}

/* The usual store as a command leaves it: with tmp/ and tiles. */
UNUSED static void tamper_usual(struct fixture *f)
{
    char path[PATH_MAX];
    struct diag d;

    fixture_usual(f);
    (void)snprintf(path, sizeof(path), "%s/tmp", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(tiles_catch_up(f->dir, &d), 0);
    assert_false(tamper_is_found(f, 1));
}

static struct {
    uint8_t sum[32];
    unsigned files;
} tree;

/* Names, kinds, rights, times and bytes of all files. */
static int tamper_add(const char *path, const struct stat *st, int flag,
                      struct FTW *at)
{
    static uint8_t bytes[1 << 20];
    char head[PATH_MAX + 128];
    int n = snprintf(head, sizeof(head), "%s %o %u %lld %lld.%ld", path,
                     (unsigned)st->st_mode, (unsigned)st->st_uid,
                     (long long)st->st_size, (long long)st->st_mtim.tv_sec,
                     st->st_mtim.tv_nsec);
    size_t got = 0;

    (void)at;
    if (flag == FTW_F && S_ISREG(st->st_mode)) {
        FILE *in = fopen(path, "rb");

        assert_non_null(in);
        got = fread(bytes, 1, sizeof(bytes), in);
        (void)fclose(in);
    }
    {
        crypto_generichash_state h;

        (void)crypto_generichash_init(&h, NULL, 0, 32);
        (void)crypto_generichash_update(&h, tree.sum, 32);
        (void)crypto_generichash_update(&h, (const uint8_t *)head,
                                        (unsigned)n);
        (void)crypto_generichash_update(&h, bytes, got);
        (void)crypto_generichash_final(&h, tree.sum, 32);
    }
    tree.files++;
    return 0;
}

static int tamper_names(const struct fixture *f, char sums[static 65])
{
    memset(&tree, 0, sizeof(tree));
    (void)nftw(f->dir, tamper_add, 16, FTW_PHYS);
    (void)sodium_bin2hex(sums, 65, tree.sum, 32);
    return (int)tree.files;
}

/* A check of the store as it is changes no byte, name, right or time of it. */
UNUSED static void tamper_leaves_all(const struct fixture *f)
{
    char before[65];
    char after[65];
    int files = tamper_names(f, before);

    (void)tamper_is_found(f, 0);
    (void)tamper_is_found(f, 1);
    assert_int_equal(tamper_names(f, after), files);
    assert_string_equal(before, after);
}

#endif
