/* The escape cases: what a hostile worker tries and how that must end. Shared by
 * the hostile image, which performs them, and the driver, which judges.
 * Rows: A foreign system call doors, B processes, C deep kernel doors, D files,
 * E network and signals, F descriptors, G memory, H futex, I terminals, L life and
 * protocol. (J setup faults, K measurement: weaken.def, shim.h.) */
#ifndef TESTS_ATTACK_CASES_H
#define TESTS_ATTACK_CASES_H

#include <stddef.h>

enum attack_end {
    END_SIGSYS, /* killed by the filter */
    END_SIGNAL, /* killed by signal `value`; 0 = by any */
    END_CUT,    /* killed by the kernel at once: before its CPU limit */
    END_ANSWER, /* went on, and answered `value` (negative: an errno) */
    END_ALIVE,  /* went on, and answered anything */
    END_HOST,   /* END_SIGSYS, or the host's own refusal: it shows calls of its
                    uprobes to no filter (value: a signal, or negative errno) */
    END_EXIT,   /* ended by itself with status `value` */
    END_TIMEOUT /* by the dead-man switch */
};

/* Stand-ins for pointers in `args`. */
#define ARG_ZERO 0x70000001l /* a page of zeroes */
#define ARG_FILE 0x70000002l /* "/usr/bin/env", or any path */
#define ARG_DIR 0x70000003l  /* "/" */

#define NR_SPECIAL (-2l) /* a function of the image, found by name */

/* A task named CALL_PREFIX "NUMBER A0 A1 A2 A3 A4 A5" (hexadecimal) makes that call
 * (numbers.c). */
#define CALL_PREFIX "call "
/* The answer of an image that does not know the case. */
#define UNKNOWN 123456789l

struct attack {
    char row;
    const char *name;
    const char *class_name;
    enum attack_end end;
    long value;
    long nr; /* of a system call, or NR_SPECIAL */
    long args[6];
    const char *task; /* NULL: the name is */
};

extern const struct attack attacks[];
extern const size_t attacks_n;

#endif
