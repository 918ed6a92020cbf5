/* docs/attack-cases.md: every escape case and how it must end, from the tables
 * that the suite runs. Test code. */
#include "tests/attack/driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base.h"

#define PAGE TEST_SOURCE_DIR "/docs/attack-cases.md"

static const char head[] =
    "# Escape cases\n\n"
    "Made by `PROCTOR_WRITE_CASES=1 build/release/tests/attack_engine`; do not "
    "edit. The\nattack suite (`ctest --test-dir build/release -L attack`) runs "
    "every case under the\nreal profile, through the real engine, and fails "
    "when one ends otherwise; it also\nfails when this page is not what it "
    "runs.\n\n"
    "Besides these: every system call number from 0 to 479 in each class, as\n"
    "`policy/profiles/` has it (`numbers.c`, row A); the setup calls of "
    "zygote, worker and\nkernel left out or failed one by one (`shim.def`, "
    "rows J and K); hosts that lack a\nlayer (`setup.c`, row N).\n\n"
    "Rows: A other doors to system calls, B processes, C deep doors, D files, "
    "E network\nand signals, F descriptors, G memory and sizes, H futex, I "
    "terminals, L life and\nprotocol.\n\n"
    "| row | case | class | must end in |\n|---|---|---|---|\n";

static const char weaker[] =
    "\n## Workers that are refused\n\n"
    "Each is weaker than its profile in one point (`tests/attack/weaken.def`); "
    "the kernel\nmust refuse it by this name, before a byte of its task was "
    "sent.\n\n"
    "| worker | class | refused for |\n|---|---|---|\n";

static void answer_say(long value, char *out, size_t n)
{
    if (value >= 1000 && value < 1065) {
        snprintf(out, n, "its child killed by SIG%s",
                 sigabbrev_np((int)(value - 1000)));
    } else if (value < 0) {
        snprintf(out, n, "error %s", strerrorname_np((int)-value));
    } else {
        snprintf(out, n, "answer %ld", value);
    }
}

static void end_say(const struct attack *a, char *out, size_t n)
{
    switch (a->end) {
    case END_SIGSYS:
        snprintf(out, n, "SIGSYS");
        return;
    case END_SIGNAL:
        snprintf(out, n, a->value == 0 ? "a deadly signal" : "SIG%s",
                 sigabbrev_np((int)a->value));
        return;
    case END_CUT:
        snprintf(out, n, "cut off by the kernel at once");
        return;
    case END_ANSWER:
        answer_say(a->value, out, n);
        return;
    case END_EXIT:
        snprintf(out, n, "exit %ld, and nothing left of it", a->value);
        return;
    case END_TIMEOUT:
        snprintf(out, n, "killed at its time limit");
        return;
    case END_ALIVE:
    case END_HOST:
        snprintf(out, n, "see numbers.c");
        return;
    }
}

static size_t page_write(char *out, size_t n)
{
    static const struct {
        const char *name, *class_name, *expected;
    } ways[] = {
#define WEAKEN(number, name, class_name, at, expected)                         \
    {#name, class_name, expected},
#include "tests/attack/weaken.def"
#undef WEAKEN
    };
    size_t at = (size_t)snprintf(out, n, "%s", head);

    for (size_t i = 0; i < attacks_n && at < n; i++) {
        char end[64];

        end_say(&attacks[i], end, sizeof(end));
        at += (size_t)snprintf(out + at, n - at, "| %c | %s | %s | %s |\n",
                               attacks[i].row, attacks[i].name,
                               attacks[i].class_name, end);
    }
    at += at < n ? (size_t)snprintf(out + at, n - at, "%s", weaker) : 0;
    for (size_t i = 0; i < ARRAY_N(ways) && at < n; i++) {
        at += (size_t)snprintf(out + at, n - at, "| %s | %s | %s |\n",
                               ways[i].name, ways[i].class_name,
                               ways[i].expected);
    }
    return at;
}

void cases_table_check(void)
{
    static char made[1 << 16], found[1 << 16];
    size_t n = page_write(made, sizeof(made));
    int writes = getenv("PROCTOR_WRITE_CASES") != NULL;
    FILE *f = fopen(PAGE, writes ? "we" : "re");
    int ok = f != NULL && n < sizeof(made);

    if (ok && writes) {
        ok = fwrite(made, 1, n, f) == n;
    } else if (ok) {
        ok = fread(found, 1, sizeof(found), f) == n &&
             memcmp(made, found, n) == 0;
    }
    if (f != NULL) {
        ok &= fclose(f) == 0;
    }
    tap(ok, 'A', "docs_attack_cases_is_current", "all",
        ok ? "the table of these cases" : "run with PROCTOR_WRITE_CASES=1");
}
