/* Stands between our code and the host, in test programs only: the n-th system
 * call of the code under test fails with an error, or is left out while its caller
 * is told that it was made. Linked into attack_setup, whose process is the kernel
 * and, after clone, the zygote before its image; and into the hostile image, whose
 * worker narrows itself. */
#ifndef TESTS_ATTACK_SHIM_H
#define TESTS_ATTACK_SHIM_H

#include <stdint.h>

#include "proto/base.h"

#define SHIM_CALLS_MAX 512

enum shim_call {
#define SHIM(name) SHIM_##name,
#define SHIM_OWN SHIM
#define SHIM_BY_FIRST SHIM
#include "tests/attack/shim.def"
#undef SHIM_BY_FIRST
#undef SHIM_OWN
#undef SHIM
    SHIM_N_
};

enum shim_mode {
    SHIM_COUNT, /* changes nothing */
    SHIM_FAIL,  /* call number target fails with error */
    SHIM_SKIP   /* and is left out, with result 0 */
};

/* One change of another kind, to every call that it fits. */
enum shim_special {
    SHIM_AS_IT_IS,
    SHIM_STRIP,        /* clone(2) without these flags (error) */
    SHIM_FILTER_OPEN,  /* a filter that allows all, for the right one */
    SHIM_FILTER_TWICE, /* that one below the right one */
    SHIM_FILTER_RULE,  /* the right one with a rule more */
    SHIM_IMAGE         /* a copy of the image in another file */
};

enum {
    SHIM_FROM_CLONE = 1, /* will be armed by the next clone(2) */
    SHIM_ARMED
};

struct shim {
    int armed;       /* 0, or one of the above */
    int in_children; /* of the process that shares it; else in that itself */
    enum shim_mode mode;
    enum shim_special special;
    int error;
    unsigned target;               /* 1 = the first */
    unsigned n;                    /* calls so far */
    uint8_t calls[SHIM_CALLS_MAX]; /* enum shim_call of each */
    long numbers[SHIM_CALLS_MAX];  /* of syscall(2); prctl's option ...; -1 */
};

/* Shared with children, where the process made it so (shim_share). */
extern struct shim *shim;

void shim_share(void);
/* Counts from here on. error: an errno, or the flags of SHIM_STRIP. A process
 * that does not share it has no children to tell from itself. */
void shim_arm(int in_children, enum shim_mode mode, unsigned target, int error);
void shim_disarm(void);
/* Name of call number n (1 = the first), as "mount", "syscall 155" or "prctl 38". */
const char *shim_name(const struct shim *s, unsigned n);

#endif
