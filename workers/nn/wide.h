/* Plain loops over numbers, compiled for several instruction sets: the same
 * operations in the same order, so the same bits. Which runs is what nn_prove
 * chose (math_choose). The file is compiled with -O3. Workers only. */
#ifndef WORKERS_NN_WIDE_H
#define WORKERS_NN_WIDE_H

#include "workers/nn/panel.h"

enum panel_route math_level(void); /* PANEL_SCALAR, _AVX2, _AVX512 */

#define INLINE static inline __attribute__((always_inline))

/* NAME runs NAME_body, compiled for each instruction set: the same operations,
 * so the same bits. */
#if defined(__x86_64__)
#if defined(__clang__)
#define WIDE
#else
#define WIDE ",prefer-vector-width=512"
#endif
#define FOR_AVX2 __attribute__((target("avx2,fma")))
#define FOR_AVX512                                                             \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,"                \
                          "avx512vl" WIDE)))
#define VARIANTS_IN(scope, result, give, name, params, args)                   \
    static result name##_plain params                                          \
    {                                                                          \
        give name##_body args;                                                 \
    }                                                                          \
    FOR_AVX2 static result name##_avx2 params                                  \
    {                                                                          \
        give name##_body args;                                                 \
    }                                                                          \
    FOR_AVX512 static result name##_avx512 params                              \
    {                                                                          \
        give name##_body args;                                                 \
    }                                                                          \
    scope result name params                                                   \
    {                                                                          \
        const enum panel_route runs = math_level();                            \
                                                                               \
        give(runs == PANEL_AVX512 ? name##_avx512                              \
             : runs == PANEL_AVX2 ? name##_avx2                                \
                                  : name##_plain) args;                        \
    }
#else
#define VARIANTS_IN(scope, result, give, name, params, args)                   \
    scope result name params                                                   \
    {                                                                          \
        give name##_body args;                                                 \
    }
#endif
/* Of this file alone, and of all. give: `return`, or nothing. */
#define VARIANTS_STATIC(result, give, name, params, args)                      \
    VARIANTS_IN(static, result, give, name, params, args)
#define VARIANTS(result, give, name, params, args)                             \
    VARIANTS_IN(, result, give, name, params, args)

#endif
