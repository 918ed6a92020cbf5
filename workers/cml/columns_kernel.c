/* See columns_kernel.h. Vectors are the compiler's own (gcc and clang). */
#include "workers/cml/columns_kernel.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

/* NOLINTBEGIN(bugprone-macro-parentheses): macros of names and expressions */
#define UNROLL _Pragma("GCC unroll 4")

#define NAME(x) x##_plain
#define TARGET
#define BYTES 16
#include "workers/cml/columns_kernel.def"

#if defined(__x86_64__)

#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,popcnt")))
#define BYTES 32
#include "workers/cml/columns_kernel.def"

#define NAME(x) x##_avx512
#define TARGET                                                                 \
    __attribute__((target("avx2,popcnt,avx512f,avx512dq,avx512vl,avx512bw,"    \
                          "avx512cd")))
#define BYTES 64
#include "workers/cml/columns_kernel.def"
/* NOLINTEND(bugprone-macro-parentheses) */

enum column_level column_level_best(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd")) {
        return COLUMN_AVX512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")
               ? COLUMN_AVX2
               : COLUMN_PLAIN;
}

const struct column_kernels *column_kernels(enum column_level most)
{
    static const struct column_kernels *const levels[COLUMN_LEVELS] = {
        &kernels_plain, &kernels_avx2, &kernels_avx512};
    enum column_level best = column_level_best();

    return levels[most < best ? most : best];
}

#else

enum column_level column_level_best(void)
{
    return COLUMN_PLAIN;
}

const struct column_kernels *column_kernels(enum column_level most)
{
    (void)most;
    return &kernels_plain;
}

#endif

const char *column_level_name(enum column_level level)
{
    static const char *const names[] = {"plain", "AVX2", "AVX-512"};

    return names[level];
}
