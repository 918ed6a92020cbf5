/* What every battery shares: its row in the table, the account that it keeps of
 * what it compared, random numbers for its schedules, and little models.
 *
 * A battery drives the worker's libraries in process, without kernel and
 * sandbox, and compares bits with memcmp: no tolerance anywhere. It draws from
 * one stream of random numbers, seeded with its name, so that a run compares
 * the same things on every machine and its account can be committed
 * (logs/battery). A battery stops at its first difference. */
#ifndef TESTS_BATTERY_BATTERY_H
#define TESTS_BATTERY_BATTERY_H

#include <setjmp.h>

#include "proto/base.h"
#include "proto/blake3.h"

#define BATTERY_SABOTEURS_MAX 3

struct account {
    const char *battery;
    int full;           /* PROCTOR_FULL: longer, and past 4,096 positions */
    uint64_t models;    /* each a file of its own */
    uint64_t schedules; /* runs that were compared with the plain one */
    uint64_t positions; /* at which something was compared */
    uint64_t bits;      /* compared */
    uint64_t differences;
    char first[200];     /* where the first difference was */
    char report[400];    /* JSON: what was measured, and decides nothing */
    struct blake3 truth; /* of the plain runs' bits */
    uint64_t random;     /* state of the generator */
    jmp_buf stop;        /* a difference was found */
};

struct battery {
    const char *name;      /* of its file under logs/battery */
    const char *mechanism; /* what it is about */
    const char *compares;  /* which bits with which */
    const char *over;      /* what it sweeps */
    const char *saboteurs[BATTERY_SABOTEURS_MAX]; /* names of sabotage.h */
    void (*run)(struct account *a);
    int by_host; /* how much it compares depends on the machine */
};

extern const struct battery *const batteries[]; /* ends in NULL */

/* Compares n bytes and counts them; at a difference says where and leaves the
 * battery. The text names what was compared and in which schedule. */
void same(struct account *a, const void *truth, const void *other, size_t n,
          const char *what, ...) PRINTF_LIKE(5, 6);
/* A difference of another kind: a count, an outcome. */
void hold(struct account *a, int holds, const char *what, ...)
    PRINTF_LIKE(3, 4);
/* A call of the library that must succeed: aborts the program, as a broken
 * battery is no evidence of anything. */
void must(int code, const char *call);
#define MUST(call) must((call), #call)

uint64_t draw(struct account *a);              /* 64 random bits */
uint32_t below(struct account *a, uint32_t n); /* in [0, n), n >= 1 */

/* Memory that lives until the battery ends. */
void *keep(size_t n);
void keep_release(void);
/* Memory that was kept after a mark ends with keep_back. */
const void *keep_mark(void);
void keep_back(const void *mark);
/* Calls end(p) where memory kept now would end. */
void keep_until(void *p, void (*end)(void *p));

#endif
