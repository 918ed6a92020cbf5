/* The account of a battery. Runs in tests only. */
#include "tests/battery/battery.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct kept *next;
    void (*end)(void *p);
    void *p;
};

static struct kept *all_kept;

static NORETURN PRINTF_LIKE(2, 0) void differ(struct account *a,
                                              const char *what, va_list args,
                                              const char *detail)
{
    int n = vsnprintf(a->first, sizeof(a->first), what, args);

    if (n > 0 && (size_t)n < sizeof(a->first)) {
        (void)snprintf(a->first + n, sizeof(a->first) - (size_t)n, "%s",
                       detail);
    }
    a->differences++;
    longjmp(a->stop, 1);
}

void same(struct account *a, const void *truth, const void *other, size_t n,
          const char *what, ...)
{
    const uint8_t *p = truth, *q = other;
    char detail[60];
    va_list args;
    size_t i = 0;

    a->bits += 8 * (uint64_t)n;
    if (n == 0 || memcmp(truth, other, n) == 0) {
        return;
    }
    while (p[i] == q[i]) {
        i++;
    }
    (void)snprintf(detail, sizeof(detail), ": byte %zu of %zu", i, n);
    va_start(args, what);
    differ(a, what, args, detail);
}

void hold(struct account *a, int holds, const char *what, ...)
{
    va_list args;

    if (holds) {
        return;
    }
    va_start(args, what);
    differ(a, what, args, "");
}

void must(int code, const char *call)
{
    if (code != 0) {
        fprintf(stderr, "battery: %s gave %d\n", call, code);
        abort();
    }
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t draw(struct account *a)
{
    uint64_t z = a->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t below(struct account *a, uint32_t n)
{
    return (uint32_t)(((draw(a) >> 32) * n) >> 32);
}

void *keep(size_t n)
{
    struct kept *k;

    /* Caches want lines of 64 bytes. */
    k = aligned_alloc(64, 64 + ((n + 63) & ~(size_t)63));
    must(k == NULL, "aligned_alloc");
    memset(k, 0, 64 + ((n + 63) & ~(size_t)63));
    k->next = all_kept;
    all_kept = k;
    return (uint8_t *)k + 64;
}

const void *keep_mark(void)
{
    return all_kept;
}

void keep_back(const void *mark)
{
    while (all_kept != mark) {
        struct kept *k = all_kept;

        all_kept = k->next;
        if (k->end != NULL) {
            k->end(k->p);
        }
        free(k);
    }
}

void keep_until(void *p, void (*end)(void *p))
{
    (void)keep(0);
    all_kept->end = end;
    all_kept->p = p;
}

void keep_release(void)
{
    keep_back(NULL);
}
