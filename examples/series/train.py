"""Trains a 2-2-1 network on rows "a,b,label" by gradient descent, row by row.

Uses only + - * / and comparisons of IEEE doubles, in a fixed order: the same rows
give the same bytes on every machine. Rows in another order are another run.
"""

SEED = 7
EPOCHS = 1000
RATE = 0.5
UNITS = 2


def draws(seed):
    """Numbers in (-1, 1): a linear congruential generator (Numerical Recipes)."""
    while True:
        seed = (seed * 1664525 + 1013904223) % 2**32
        yield seed / 2**31 - 1.0


def squash(x):
    return x / (1.0 + abs(x))


def slope(x):
    d = 1.0 + abs(x)
    return 1.0 / (d * d)


def read_rows(text):
    rows = []
    for line in text.decode("ascii").splitlines()[1:]:
        a, b, label = (float(word) for word in line.split(","))
        rows.append(((a, b), label))
    return rows


def forward(weights, point):
    """Sums and activations of the hidden units, and the output's sum."""
    hidden, out = weights
    sums = [w[0] * point[0] + w[1] * point[1] + w[2] for w in hidden]
    acts = [squash(s) for s in sums]
    total = out[UNITS]
    for w, a in zip(out, acts):
        total += w * a
    return sums, acts, total


def step(weights, point, label):
    hidden, out = weights
    sums, acts, total = forward(weights, point)
    # Targets -1 and 1: squash is odd.
    g = (squash(total) - (2.0 * label - 1.0)) * slope(total)
    for k in range(UNITS):
        gk = g * out[k] * slope(sums[k])
        out[k] -= RATE * g * acts[k]
        hidden[k][0] -= RATE * gk * point[0]
        hidden[k][1] -= RATE * gk * point[1]
        hidden[k][2] -= RATE * gk
    out[UNITS] -= RATE * g


def write_weights(weights):
    hidden, out = weights
    lines = [" ".join(x.hex() for x in row) for row in [*hidden, out]]
    return ("\n".join(lines) + "\n").encode("ascii")


def read_weights(text):
    rows = [[float.fromhex(word) for word in line.split()]
            for line in text.decode("ascii").splitlines()]
    return rows[:-1], rows[-1]


def train(text: bytes) -> bytes:
    rows = read_rows(text)
    source = draws(SEED)
    weights = ([[next(source) for _ in range(3)] for _ in range(UNITS)],
               [next(source) for _ in range(UNITS + 1)])
    for _ in range(EPOCHS if rows else 0):
        for point, label in rows:
            step(weights, point, label)
    return write_weights(weights)
