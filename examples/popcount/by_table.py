"""Second oracle: bits per byte from a table, one byte after the other."""

BITS = [0] * 256
for i in range(256):
    BITS[i] = BITS[i >> 1] + (i & 1)


def popcount(x):
    return sum(BITS[b] for b in x.to_bytes(4, "little"))
