/* The one list of fatal errors (STYLE 16).
 *
 * A function returns 0 when done, a negative ERR_* when it cannot go on (passed
 * up unchanged through ERR_TRACE), or a positive outcome of its own, an enum
 * beside its prototype, that its caller must handle. */
#ifndef PROTO_ERR_H
#define PROTO_ERR_H

#include "proto/base.h"

enum err_index_ {
    ERR_INDEX_NONE_,
#define ERR(name, exit_code, text) ERR_INDEX_##name##_,
#include "proto/err.def"
#undef ERR
    ERR_INDEX_N_
};

enum err {
#define ERR(name, exit_code, text) ERR_##name = -ERR_INDEX_##name##_,
#include "proto/err.def"
#undef ERR
    ERR_NONE = 0
};

/* Text of a code, e.g. "a limit was reached"; "unknown error" if none. */
const char *err_text(int code);

/* Its name without the prefix, e.g. "LIMIT"; "UNKNOWN" if none. */
const char *err_name(int code);

/* The exit code of `proctor` for it, 0..5. */
int err_exit_code(int code);

/* Maps errno to a code: ENOMEM NOMEM, ENOSPC/EDQUOT SPACE, EROFS STORE_RDONLY,
 * EACCES/EPERM ACCESS, ENOENT NOT_FOUND, EEXIST EXISTS, else IO. */
int err_from_errno(int errno_value);

/* Returns code unchanged; remembers file:line (per process, last 16 frames) so
 * that err_trace_print can show the path of a fatal error. */
int err_trace(int code, const char *file, int line);
void err_trace_clear(void);
void err_trace_print(int fd);

/* In the open, so that the compiler sees that a negative code stays negative. */
static inline int err_traced_(int code, const char *file, int line)
{
    (void)err_trace(code, file, line);
    return code;
}

#define ERR_TRACE(code) err_traced_((code), __FILE__, __LINE__)

/* Leaves the function with the code when it is negative. */
#define TRY(call)                                                              \
    do {                                                                       \
        int try_code_ = (call);                                                \
        if (try_code_ < 0) {                                                   \
            return ERR_TRACE(try_code_);                                       \
        }                                                                      \
    } while (0)

#endif
