/* The round function of BLAKE3 (paper, section 2.2) over any type of 32-bit
 * lanes: plain words (blake3.c) and vectors of them (blake3_wide.c). */
#ifndef PROTO_BLAKE3_ROUNDS_H
#define PROTO_BLAKE3_ROUNDS_H

enum blake3_flag { /* table 3 */
    CHUNK_START = 1,
    CHUNK_END = 2,
    PARENT = 4,
    ROOT = 8
};

#define BLAKE3_IV                                                              \
    {                                                                          \
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,            \
            0x9b05688c, 0x1f83d9ab, 0x5be0cd19                                 \
    }

/* Arguments are names and numbers.
 * NOLINTBEGIN(bugprone-macro-parentheses) */
#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))

/* The quarter round. */
#define MIX(v, a, b, c, d, x, y)                                               \
    do {                                                                       \
        v[a] = v[a] + v[b] + (x);                                              \
        v[d] = ROTR(v[d] ^ v[a], 16);                                          \
        v[c] = v[c] + v[d];                                                    \
        v[b] = ROTR(v[b] ^ v[c], 12);                                          \
        v[a] = v[a] + v[b] + (y);                                              \
        v[d] = ROTR(v[d] ^ v[a], 8);                                           \
        v[c] = v[c] + v[d];                                                    \
        v[b] = ROTR(v[b] ^ v[c], 7);                                           \
    } while (0)

/* One round; the sixteen numbers say in which order it takes the words of m. */
#define ROUND(v, m, a, b, c, d, e, f, g, h, i, j, k, l, n, o, p, q)            \
    do {                                                                       \
        MIX(v, 0, 4, 8, 12, m[a], m[b]);                                       \
        MIX(v, 1, 5, 9, 13, m[c], m[d]);                                       \
        MIX(v, 2, 6, 10, 14, m[e], m[f]);                                      \
        MIX(v, 3, 7, 11, 15, m[g], m[h]);                                      \
        MIX(v, 0, 5, 10, 15, m[i], m[j]);                                      \
        MIX(v, 1, 6, 11, 12, m[k], m[l]);                                      \
        MIX(v, 2, 7, 8, 13, m[n], m[o]);                                       \
        MIX(v, 3, 4, 9, 14, m[p], m[q]);                                       \
    } while (0)

/* All seven: table 2 applied to the order of the round before. Written out, so
 * that the order folds into the code and v stays in registers. */
#define ROUNDS(v, m)                                                           \
    do {                                                                       \
        ROUND(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);     \
        ROUND(v, m, 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);     \
        ROUND(v, m, 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);     \
        ROUND(v, m, 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);     \
        ROUND(v, m, 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);     \
        ROUND(v, m, 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);     \
        ROUND(v, m, 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);     \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
