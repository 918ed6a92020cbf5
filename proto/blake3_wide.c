/* See blake3_wide.h. Vectors are the compiler's own (gcc and clang); whether the
 * processor has them is asked once. Where it has none, this file is never
 * entered. Little-endian, as x86-64 is. */
#include "proto/blake3_wide.h"

#include <string.h>

#include "proto/blake3_rounds.h"

#if defined(__x86_64__)

/* Loops over vectors stay in registers only when written out. */
#define UNROLL _Pragma("GCC unroll 16")

/* NOLINTBEGIN(bugprone-macro-parentheses, readability-function-size): macros of
 * names and numbers, and functions that are long once they are written out. */
/* Transposes a square of n words and vectors in log2(n) steps: step s exchanges
 * words at distance s of rows at distance s. LOn_s and HIn_s pick them. */
#define STEP(r, n, s)                                                          \
    UNROLL                                                                     \
    for (unsigned i = 0; i < (n); i++) {                                       \
        if ((i & (s)) == 0) {                                                  \
            __typeof__((r)[0]) a = (r)[i], b = (r)[i + (s)];                   \
                                                                               \
            (r)[i] = __builtin_shufflevector(a, b, LO##n##_##s);               \
            (r)[i + (s)] = __builtin_shufflevector(a, b, HI##n##_##s);         \
        }                                                                      \
    }

#define LO8_1 0, 8, 2, 10, 4, 12, 6, 14
#define HI8_1 1, 9, 3, 11, 5, 13, 7, 15
#define LO8_2 0, 1, 8, 9, 4, 5, 12, 13
#define HI8_2 2, 3, 10, 11, 6, 7, 14, 15
#define LO8_4 0, 1, 2, 3, 8, 9, 10, 11
#define HI8_4 4, 5, 6, 7, 12, 13, 14, 15
#define TRANSPOSE_8(r)                                                         \
    do {                                                                       \
        STEP(r, 8, 1)                                                          \
        STEP(r, 8, 2)                                                          \
        STEP(r, 8, 4)                                                          \
    } while (0)

#define LO16_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HI16_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define LO16_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HI16_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LO16_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HI16_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LO16_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HI16_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define TRANSPOSE_16(r)                                                        \
    do {                                                                       \
        STEP(r, 16, 1)                                                         \
        STEP(r, 16, 2)                                                         \
        STEP(r, 16, 4)                                                         \
        STEP(r, 16, 8)                                                         \
    } while (0)

#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define NAME(x) x##_8
#define TRANSPOSE(r) TRANSPOSE_8(r)
#include "proto/blake3_lanes.def"

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512vl")))
#define NAME(x) x##_16
#define TRANSPOSE(r) TRANSPOSE_16(r)
#include "proto/blake3_lanes.def"
/* NOLINTEND(bugprone-macro-parentheses, readability-function-size) */

unsigned blake3_wide_lanes(void)
{
    static unsigned lanes =
        1; /* not asked yet; the answer is always the same */

    if (lanes == 1) {
        __builtin_cpu_init();
        lanes = __builtin_cpu_supports("avx512vl") ? 16
                : __builtin_cpu_supports("avx2")   ? 8
                                                   : 0;
    }
    return lanes;
}

void blake3_wide_subtree(unsigned lanes, const uint8_t *in, unsigned chunks,
                         uint64_t first, uint32_t out[static 8])
{
    if (lanes == 16) {
        subtree_16(in, chunks, first, out);
    } else {
        subtree_8(in, chunks, first, out);
    }
}

#else

unsigned blake3_wide_lanes(void)
{
    return 0;
}

void blake3_wide_subtree(unsigned lanes, const uint8_t *in, unsigned chunks,
                         uint64_t first, uint32_t out[static 8])
{
    (void)lanes, (void)in, (void)chunks, (void)first, (void)out;
    ASSERT(0 && "no lanes here");
}

#endif
