/* A core with a store in a fresh directory, without engine or ledger. */
#ifndef TESTS_UNIT_RUN_FIXTURE_H
#define TESTS_UNIT_RUN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "kernel/run/core.h"
#include "proto/err.h"

struct fixture {
    char dir[64];
    char store[80];
    struct core c;
    struct diag d;
};

static inline int fixture_open(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_true(sodium_init() >= 0);
    snprintf(f->dir, sizeof(f->dir), "/tmp/proctor-run-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->store, sizeof(f->store), "%s/store", f->dir);
    assert_int_equal(core_init(&f->c, f->store, TEST_BIN_DIR), 0);
    diag_init(&f->d);
    assert_int_equal(core_open_store(&f->c, &f->d), 0);
    diag_init(&f->d);
    *state = f;
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    char command[256];

    assert_int_equal(core_release(&f->c), 0);
    snprintf(command, sizeof(command), "chmod -R u+w %s && rm -rf %s", f->dir,
             f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static inline struct ubytes text(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

/* A file of the fixture's directory, open for reading. */
static inline int file_open(struct fixture *f, const char *name,
                            const char *content, unsigned mode)
{
    char path[160];
    FILE *file;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

#endif
