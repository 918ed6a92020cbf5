/* BLAKE3 on LANES chunks side by side, lane i of every vector being chunk i's.
 * Included by blake3_wide.c once per width, with LANES, TARGET (attributes of
 * each function), NAME(x) and TRANSPOSE(r) defined; undefines them. */

typedef uint32_t NAME(vector) __attribute__((vector_size(LANES * 4)));

TARGET static inline NAME(vector) NAME(all)(uint32_t x)
{
    return x - (NAME(vector)){0};
}

/* cv of each lane becomes that of its block of 64 bytes. */
TARGET static inline void NAME(compress)(NAME(vector) cv[8],
                                         const NAME(vector) m[16],
                                         NAME(vector) low, NAME(vector) high,
                                         uint32_t flags)
{
    static const uint32_t iv[8] = BLAKE3_IV;
    NAME(vector) v[16];

    UNROLL
    for (unsigned i = 0; i < 8; i++) {
        v[i] = cv[i];
        v[i + 8] = NAME(all)(iv[i]);
    }
    v[12] = low;
    v[13] = high;
    v[14] = NAME(all)(64);
    v[15] = NAME(all)(flags);
    ROUNDS(v, m);
    UNROLL
    for (unsigned i = 0; i < 8; i++) {
        cv[i] = v[i] ^ v[i + 8];
    }
}

TARGET static inline void NAME(start)(NAME(vector) cv[8])
{
    static const uint32_t iv[8] = BLAKE3_IV;

    for (unsigned i = 0; i < 8; i++) {
        cv[i] = NAME(all)(iv[i]);
    }
}

/* Words [0, 16) of LANES blocks that lie stride bytes apart, one vector a
 * word. */
TARGET static inline void NAME(words)(NAME(vector) m[16], const uint8_t *p,
                                      size_t stride)
{
    UNROLL
    for (unsigned part = 0; part < 16; part += LANES) {
        NAME(vector) *rows = m + part;

        UNROLL
        for (unsigned i = 0; i < LANES; i++) {
            memcpy(&rows[i], p + i * stride + (size_t)4 * part,
                   sizeof(rows[0]));
        }
        TRANSPOSE(rows);
    }
}

/* Eight vectors of words to LANES chaining values. */
TARGET static inline void NAME(put)(const NAME(vector) cv[8],
                                    uint32_t out[LANES][8])
{
    for (unsigned i = 0; i < LANES; i++) {
        for (unsigned j = 0; j < 8; j++) {
            out[i][j] = cv[j][i];
        }
    }
}

TARGET static void NAME(chunks)(const uint8_t *in, uint64_t first,
                                uint32_t out[LANES][8])
{
    NAME(vector) cv[8], m[16], low, high;

    NAME(start)(cv);
    for (unsigned i = 0; i < LANES; i++) {
        low[i] = (uint32_t)(first + i);
        high[i] = (uint32_t)((first + i) >> 32);
    }
    for (unsigned block = 0; block < 16; block++) {
        NAME(words)(m, in + (size_t)64 * block, BLAKE3_CHUNK_BYTES);
        NAME(compress)
        (cv, m, low, high,
         (block == 0 ? CHUNK_START : 0u) | (block == 15 ? CHUNK_END : 0u));
    }
    NAME(put)(cv, out);
}

/* Parents of LANES pairs; in and out may be the same memory. */
TARGET static void NAME(parents)(uint32_t in[2 * LANES][8],
                                 uint32_t out[LANES][8])
{
    NAME(vector) cv[8], m[16], zero = {0};

    NAME(start)(cv);
    NAME(words)(m, (const uint8_t *)in, 64);
    NAME(compress)(cv, m, zero, zero, PARENT);
    NAME(put)(cv, out);
}

/* Lanes past the last pair hash what happens to be there; nobody reads them. */
TARGET static void NAME(subtree)(const uint8_t *in, unsigned chunks,
                                 uint64_t first, uint32_t out[static 8])
{
    uint32_t cvs[BLAKE3_WIDE_CHUNKS + LANES][8] = {{0}};

    for (unsigned i = 0; i < chunks; i += LANES) {
        NAME(chunks)(in + (size_t)i * BLAKE3_CHUNK_BYTES, first + i, cvs + i);
    }
    for (; chunks > 1; chunks /= 2) {
        for (unsigned i = 0; i < chunks / 2; i += LANES) {
            NAME(parents)(cvs + (size_t)2 * i, cvs + i);
        }
    }
    memcpy(out, cvs[0], sizeof(cvs[0]));
}

#undef LANES
#undef TARGET
#undef NAME
#undef TRANSPOSE
