/* Short forms for rule tables. */
#ifndef KERNEL_CONFINE_RULES_H
#define KERNEL_CONFINE_RULES_H

#include "kernel/confine/profile.h"

/* Arguments that the host reads as 32 bits are compared as such, so that junk
 * above neither hides a forbidden value nor forbids a benign one. */
#define M32 0xffffffffull
#define M64 0xffffffffffffffffull

#define CALLS(...) .calls = (const char *const[]){__VA_ARGS__, NULL}

#define ALLOW(...) {CALLS(__VA_ARGS__), .action = RULE_ALLOW}
#define ALLOW1(name, i, m, v)                                                  \
    {CALLS(name), .action = RULE_ALLOW, .args_n = 1, .args = {{(i), (m), (v)}}}
#define ALLOW2(name, i, m, v, i2, m2, v2)                                      \
    {CALLS(name), .action = RULE_ALLOW, .args_n = 2,                           \
     .args = {{(i), (m), (v)}, {(i2), (m2), (v2)}}}
#define REFUSE(e, ...) {CALLS(__VA_ARGS__), .action = RULE_ERRNO, .error = (e)}
#define REFUSE1(name, e, i, m, v)                                              \
    {CALLS(name), .action = RULE_ERRNO, .error = (e), .args_n = 1,             \
     .args = {{(i), (m), (v)}}}
#define LIST(a)                                                                \
    {                                                                          \
        (a), ARRAY_N(a)                                                        \
    }

#endif
