/* Grows a ledger record by record and has somebody else judge it on the way.
 *
 *   grow DIR JUDGE FIRST LAST [FIRST LAST]...
 *
 * At every size in one of the ranges, ascending, the tiles are brought up to date
 * and `JUDGE DIR/store/ledger` must end well and print "OK SIZE ...". A size that
 * the ledger itself passed over (a snapshot's own record) is counted as the
 * next. TAP on stdout. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tiles.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"
#include "proto/err.h"

static const struct ledger_genesis genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

struct judge {
    const char *store;
    const char *program;
    unsigned long asked, refused;
};

static int add_to(struct ledger *l, uint64_t size)
{
    int code = 0;

    while (code == 0 && ledger_size(l) < size) {
        uint64_t left = size - ledger_size(l);
        struct record r;
        uint64_t seq;

        for (uint64_t i = 0; i < left && i < 1000 && code == 0; i++) {
            char name[32];

            record_init(&r, RECORD_REF);
            (void)snprintf(name, sizeof(name), "g/%" PRIu64, i % 300);
            record_set_str(&r, RF_REF_name, name);
            code = ledger_add(l, &r, &seq);
        }
        if (code == 0) {
            code = ledger_commit(l);
        }
    }
    return code;
}

static int ask(struct judge *j, uint64_t size)
{
    char command[1024], line[256] = "", wanted[48];
    struct diag d;
    FILE *f;
    int code = tiles_catch_up(j->store, &d);

    if (code != 0) {
        (void)printf("# size %" PRIu64 ": %s\n", size, d.what);
        return code;
    }
    (void)snprintf(command, sizeof(command), "%s '%s/ledger' 2>&1", j->program,
                   j->store);
    (void)snprintf(wanted, sizeof(wanted), "OK %" PRIu64 " ", size);
    f = popen(command, "r");
    if (f == NULL || fgets(line, sizeof(line), f) == NULL || pclose(f) != 0 ||
        strncmp(line, wanted, strlen(wanted)) != 0) {
        (void)printf("# size %" PRIu64 ": %s\n", size, line);
        j->refused++;
    }
    j->asked++;
    return 0;
}

static int grow(struct judge *j, struct ledger *l, uint64_t first,
                uint64_t last)
{
    int code = add_to(l, first);

    while (code == 0 && ledger_size(l) <= last) {
        code = ask(j, ledger_size(l));
        if (code == 0) {
            code = add_to(l, ledger_size(l) + 1);
        }
    }
    return code;
}

int main(int argc, char **argv)
{
    char dir[400];
    struct judge j = {.store = dir};
    struct store *s;
    struct ledger *l;
    struct diag d;
    int created, code;

    if (argc < 5 || argc % 2 == 0) {
        (void)fprintf(stderr, "usage: grow DIR JUDGE FIRST LAST ...\n");
        return 2;
    }
    (void)snprintf(dir, sizeof(dir), "%s/store", argv[1]);
    j.program = argv[2];
    code = store_open(dir, &s, &created, &d);
    if (code == 0) {
        code = ledger_open(s, &genesis, &l, &d);
    }
    if (code != 0) {
        (void)fprintf(stderr, "grow: %s\n", d.what);
        return 2;
    }
    for (int i = 3; i + 1 < argc && code == 0; i += 2) {
        code = grow(&j, l, strtoull(argv[i], NULL, 10),
                    strtoull(argv[i + 1], NULL, 10));
    }
    code = ledger_close(l) != 0 ? -1 : code;
    store_close(s);
    (void)printf("%s 1 - %lu sizes up to %s judged, %lu refused\n",
                 code == 0 && j.refused == 0 ? "ok" : "not ok", j.asked,
                 argv[argc - 1], j.refused);
    return code == 0 && j.refused == 0 ? 0 : 1;
}
