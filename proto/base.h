/* Words every file shares: attributes, cleanup, asserts.
 *
 * Nothing here allocates, reads or writes. ASSERT is for our own mistakes and
 * stays on in release builds; no input may ever reach one. */
#ifndef PROTO_BASE_H
#define PROTO_BASE_H

#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(fmt_i, arg_i) __attribute__((format(printf, fmt_i, arg_i)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define UNUSED __attribute__((unused))
/* Keeps a large frame out of the caller's, where both would stand at once. */
#define NOINLINE __attribute__((noinline))

#define ARRAY_N(a) (sizeof(a) / sizeof((a)[0]))

/* Read-only bytes that came from outside. Borrowed: the owner is named by the
 * function that hands one out. Only decoders in proto/ open `p` (STYLE 30). */
struct ubytes {
    const uint8_t *p;
    size_t n;
};

/* Prints "file:line: assertion failed: expr" to stderr and aborts. */
NORETURN void assert_fail(const char *expr, const char *file, int line);

#define ASSERT(e) ((e) ? (void)0 : assert_fail(#e, __FILE__, __LINE__))

/* CLEANUP helpers: close a descriptor >= 0; free a pointer. */
void fd_closep(int *fd);
void mem_freep(void *pp);

/* Moves a descriptor or a pointer out of a CLEANUP variable. */
static inline int fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

#endif
