#!/usr/bin/env python3
"""Cases for tests/unit/model/test_sample.c, by a model of the rule in
workers/model/sample.h that shares no code with it: BLAKE3 of one block, the
exponential function of Python's libm in double precision, plain lists.

    python3 tests/unit/model/sample_vectors.py > tests/unit/model/sample_vectors.h

Where a decision hangs on less than the error of f32 weights, the case is left
out: what is printed must hold for any correct exponential function."""
import math
import struct

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
M32 = 0xFFFFFFFF


def blake3_block(data):
    """BLAKE3-256 of at most 64 bytes."""
    def ror(x, n):
        return ((x >> n) | (x << (32 - n))) & M32

    def g(v, a, b, c, d, x, y):
        v[a] = (v[a] + v[b] + x) & M32
        v[d] = ror(v[d] ^ v[a], 16)
        v[c] = (v[c] + v[d]) & M32
        v[b] = ror(v[b] ^ v[c], 12)
        v[a] = (v[a] + v[b] + y) & M32
        v[d] = ror(v[d] ^ v[a], 8)
        v[c] = (v[c] + v[d]) & M32
        v[b] = ror(v[b] ^ v[c], 7)

    m = list(struct.unpack("<16I", data.ljust(64, b"\0")))
    v = IV + IV[:4] + [0, 0, len(data), 1 | 2 | 8]  # start, end, root
    for _ in range(7):
        for i, (a, b, c, d) in enumerate([(0, 4, 8, 12), (1, 5, 9, 13),
                                          (2, 6, 10, 14), (3, 7, 11, 15),
                                          (0, 5, 10, 15), (1, 6, 11, 12),
                                          (2, 7, 8, 13), (3, 4, 9, 14)]):
            g(v, a, b, c, d, m[2 * i], m[2 * i + 1])
        m = [m[j] for j in ORDER]
    return struct.pack("<8I", *[v[i] ^ v[i + 8] for i in range(8)])


def uniform(key, index):
    h = blake3_block(b"proctor sample 1" + key + struct.pack(">Q", index))
    return (int.from_bytes(h[:8], "big") >> 11) * 2.0 ** -53


class Numbers:
    """The generator that the test has too."""

    def __init__(self, seed):
        self.s = seed

    def next(self, n):
        self.s = (self.s * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.s >> 33) % n


def near(a, b):
    return abs(a - b) <= 1e-5 * max(abs(a), abs(b), 1e-30)


def choose(logits, allowed, t, k, p, mp, u):
    """The token, or None when it is too close to call."""
    ids = [i for i in range(len(logits)) if allowed[i]]
    best = max(logits[i] for i in ids)
    if t == 0:
        return min(i for i in ids if logits[i] == best)
    w = {i: math.exp((logits[i] - best) / t) for i in ids}
    kept = sorted(ids, key=lambda i: (-logits[i], i))
    if k:
        kept = kept[:k]
    if 0 < p < 1:
        wanted, reached, prefix = p * sum(w[i] for i in kept), 0.0, []
        for i in kept:
            prefix.append(i)
            reached += w[i]
            if near(reached, wanted):
                return None
            if reached >= wanted:
                break
        kept = prefix
    if any(mp > 0 and near(w[i], mp) and w[i] != 1 for i in kept):
        return None
    kept = sorted(i for i in kept if w[i] >= mp)
    wanted, total = u * sum(w[i] for i in kept), 0.0
    for i in kept:
        total += w[i]
        if near(total, wanted):
            return None
        if total > wanted:
            return i
    return None


def main():
    print("/* Made by sample_vectors.py: seed, vocabulary, levels, temperature,")
    print(" * top_k, top_p, min_p, first byte of the key, index, masked, token. */")
    done = 0
    case = 0
    while done < 400:
        case += 1
        r = Numbers(case)
        vocab = 1 + r.next(300)
        levels = [2, 17, 1024][r.next(3)]
        t = [0.0, 0.25, 0.5, 1.0, 2.0][r.next(5)]
        k = [0, 0, 1, 2, 7, 40][r.next(6)]
        p = [0.0, 0.0, 0.5, 0.9, 0.95, 1.0][r.next(6)]
        mp = [0.0, 0.0, 0.05, 0.3, 1.0][r.next(5)]
        key = r.next(256)
        index = r.next(100000)
        masked = r.next(3)
        logits = [(r.next(levels) - levels // 2) / 64.0 for _ in range(vocab)]
        allowed = [masked == 0 or r.next(3) == 0 for _ in range(vocab)]
        if not any(allowed):
            continue
        u = uniform(bytes([key]) + bytes(31), index)
        token = choose(logits, allowed, t, k, p, mp, u)
        if token is not None:
            print(f"{{{case}, {vocab}, {levels}, {t}, {k}, {p}, {mp}, {key}, "
                  f"{index}, {masked}, {token}}},")
            done += 1


main()
