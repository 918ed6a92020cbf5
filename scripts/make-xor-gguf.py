#!/usr/bin/env python3
"""Trains the network of examples/xor and writes it as GGUF (f32).

    scripts/make-xor-gguf.py examples/xor/xor.gguf          write
    scripts/make-xor-gguf.py --check examples/xor/xor.gguf  same bytes again?

A perceptron 2-4-1 (tanh, sigmoid), full-batch gradient descent on the four rows
of XOR, cross-entropy. Deterministic on every IEEE machine: additions,
multiplications and divisions only, an exponential of our own, and starting
weights from a fixed linear congruential generator. No libraries."""
import struct
import sys

SIZES = [2, 4, 1]
ACTIVATIONS = ["tanh", "sigmoid"]
ROWS = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0),
        ((1.0, 1.0), 0.0)]
STEPS, RATE, SEED = 3000, 0.5, 1
ALIGNMENT = 32
U32, STRING, ARRAY = 4, 8, 9


def exponential(x):
    """e^x for |x| < 700: e^(x / 1024) by Taylor, squared ten times."""
    r, term, total = x / 1024.0, 1.0, 1.0
    for i in range(1, 18):
        term = term * r / i
        total = total + term
    for _ in range(10):
        total = total * total
    return total


def tanh(x):
    t = exponential(-2.0 * abs(x))
    y = (1.0 - t) / (1.0 + t)
    return y if x > 0 else -y


def sigmoid(x):
    return 1.0 / (1.0 + exponential(-x))


def generator(seed):
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 11) / 2.0**53 * 2.0 - 1.0


def train():
    draw = generator(SEED)
    w1 = [[next(draw) for _ in range(SIZES[0])] for _ in range(SIZES[1])]
    b1 = [0.0] * SIZES[1]
    w2 = [next(draw) for _ in range(SIZES[1])]
    b2 = 0.0
    for _ in range(STEPS):
        gw1 = [[0.0, 0.0] for _ in range(SIZES[1])]
        gb1, gw2, gb2 = [0.0] * SIZES[1], [0.0] * SIZES[1], 0.0
        for x, y in ROWS:
            h = [tanh(w[0] * x[0] + w[1] * x[1] + b) for w, b in zip(w1, b1)]
            z = b2
            for w, v in zip(w2, h):
                z = z + w * v
            d = sigmoid(z) - y
            gb2 = gb2 + d
            for j in range(SIZES[1]):
                gw2[j] = gw2[j] + d * h[j]
                e = d * w2[j] * (1.0 - h[j] * h[j])
                gb1[j] = gb1[j] + e
                gw1[j][0] = gw1[j][0] + e * x[0]
                gw1[j][1] = gw1[j][1] + e * x[1]
        b2 = b2 - RATE * gb2
        for j in range(SIZES[1]):
            w2[j] = w2[j] - RATE * gw2[j]
            b1[j] = b1[j] - RATE * gb1[j]
            w1[j][0] = w1[j][0] - RATE * gw1[j][0]
            w1[j][1] = w1[j][1] - RATE * gw1[j][1]
    return w1, b1, w2, b2


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def pair(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def gguf(pairs, tensors):
    """tensors: (name, shape with the fastest dimension first, values)."""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    out += b"".join(pairs)
    data = b""
    for name, shape, values in tensors:
        out += text(name) + struct.pack("<I", len(shape))
        out += struct.pack("<%dQ" % len(shape), *shape)
        out += struct.pack("<IQ", 0, len(data))
        data += padded(struct.pack("<%df" % len(values), *values))
    return padded(out) + data


def main():
    w1, b1, w2, b2 = train()
    data = gguf(
        [pair("general.architecture", STRING, text("proctor-mlp")),
         pair("general.name", STRING, text("xor 2-4-1")),
         pair("general.alignment", U32, struct.pack("<I", ALIGNMENT)),
         pair("proctor.mlp.layer_sizes", ARRAY,
              struct.pack("<IQ3I", U32, 3, *SIZES)),
         pair("proctor.mlp.activations", ARRAY,
              struct.pack("<IQ", STRING, 2)
              + b"".join(map(text, ACTIVATIONS)))],
        [("blk.0.weight", (2, 4), [v for row in w1 for v in row]),
         ("blk.0.bias", (4,), b1),
         ("blk.1.weight", (4, 1), w2),
         ("blk.1.bias", (1,), [b2])])
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], "rb") as f:
            same = f.read() == data
        print("same bytes" if same else "other bytes")
        return 0 if same else 1
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], "wb") as f:
        f.write(data)
    return 0


sys.exit(main())
