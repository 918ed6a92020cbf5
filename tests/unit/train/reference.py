#!/usr/bin/env python3
"""Losses, gradients, optimizers and schedules by numpy in double, as tables for
test_reference.c: written from the formulas of loss.h, optimizer.h and schedule.h,
with nothing of their code.

    reference.py reference.inc          write
    reference.py --check reference.inc  the same numbers again (to 1e-10)?"""
import re
import sys

import numpy as np

ROWS, WIDTH, HIDDEN, STEPS = 8, 4, 5, 20
rng = np.random.RandomState(12)


def f32(a):
    return np.asarray(a, np.float32).astype(np.float64)


X = f32(rng.uniform(-1, 1, (ROWS, WIDTH)))
TARGETS = rng.uniform(-2, 2, ROWS)
CLASSES = rng.randint(0, 3, ROWS)
TWO = CLASSES % 2

# labels, loss, output, outputs, delta, smoothing, activation
LOSSES = [
    ("number", "squared", "identity", 1, 0, 0, "tanh"),
    ("number", "absolute", "identity", 1, 0, 0, "sigmoid"),
    ("number", "huber", "identity", 1, 0.5, 0, "gelu"),
    ("class", "cross_entropy", "softmax", 3, 0, 0, "relu"),
    ("class", "cross_entropy", "softmax", 3, 0, 0.1, "tanh"),
    ("two", "cross_entropy", "sigmoid", 1, 0, 0, "sigmoid"),
    ("class", "cross_entropy", "sigmoid", 3, 0, 0.2, "tanh"),
    ("class", "squared", "softmax", 3, 0, 0, "gelu"),
]

# kind, rate, momentum, nesterov, beta1, beta2, epsilon, decay
OPTIMIZERS = [
    ("sgd", 0.05, 0, 0, 0, 0, 0, 0),
    ("sgd", 0.05, 0, 0, 0, 0, 0, 0.1),
    ("sgd", 0.02, 0.9, 0, 0, 0, 0, 0.01),
    ("sgd", 0.02, 0.8, 1, 0, 0, 0, 0.01),
    ("adam", 0.01, 0, 0, 0, 0, 0, 0),
    ("adam", 0.01, 0, 0, 0.8, 0.95, 1e-3, 0.1),
    ("adamw", 0.01, 0, 0, 0, 0, 1e-6, 0.1),
    ("rmsprop", 0.005, 0, 0, 0, 0, 1e-4, 0.01),
    ("rmsprop", 0.005, 0.7, 0, 0, 0.9, 1e-4, 0.01),
]

SCHEDULES = [
    [dict(kind="constant")],
    [dict(kind="constant", factor=0.25)],
    [dict(kind="step", size=7, factor=0.5)],
    [dict(kind="multi_step", at=[5, 20, 21], factor=0.1)],
    [dict(kind="exponential", factor=0.9)],
    [dict(kind="cosine", size=40, least=0.1)],
    [dict(kind="cosine", size=10, least=0.05, factor=1)],
    [dict(kind="cosine", size=8, factor=1.5)],
    [dict(kind="linear", size=10, start=0.1)],
    [dict(kind="linear", size=30, start=1, factor=0.2)],
    [dict(kind="one_cycle", size=45, least=0.01)],
    [dict(kind="one_cycle", size=30, start=0.2)],
    [dict(kind="polynomial", size=40)],
    [dict(kind="polynomial", size=40, power=2.5, least=0.1)],
    [dict(kind="linear", size=5, start=0.2),
     {"kind": "cosine", "size": 20, "least": 0.3, "from": 5},
     {"kind": "step", "size": 4, "factor": 0.5, "from": 30}],
    [dict(kind="plateau", factor=0.5, patience=2, cooldown=1, least=0.1)],
    [dict(kind="plateau", patience=0, threshold=0.01)],
]
LOWER = [0] * 15 + [0, 1]
MEASURED = np.round(0.6 + 0.3 * (1 - np.exp(-np.arange(50) / 4.0)) +
                    0.01 * np.sin(np.arange(50) * 1.7), 4)


def activate(name, z):
    """The output and its slope."""
    if name == "relu":
        return np.maximum(z, 0), (z > 0) * 1.0
    if name == "tanh":
        return np.tanh(z), 1 / np.cosh(z) ** 2
    if name == "sigmoid":
        s = 1 / (1 + np.exp(-z))
        return s, s * (1 - s)
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (z + 0.044715 * z ** 3))
    return (0.5 * z * (1 + t),
            0.5 * (1 + t) + 0.5 * z * (1 - t ** 2) * c * (1 + 0.134145 * z ** 2))


def labels_of(case):
    labels, outputs = case[0], case[3]
    if labels == "number":
        return TARGETS.reshape(-1, 1)
    if labels == "two":
        return TWO.reshape(-1, 1) * 1.0
    return np.eye(outputs)[CLASSES]


def loss(case, z):
    """Sum over rows, and its derivative by z."""
    _, kind, output, n, delta, smooth, _ = case
    t = labels_of(case)
    if output == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        a = e / e.sum(axis=1, keepdims=True)
    elif output == "sigmoid":
        a = 1 / (1 + np.exp(-z))
    else:
        a = z
    if kind == "cross_entropy" and output == "softmax":
        q = t * (1 - smooth) + smooth / n
        return -(q * np.log(a)).sum(), a - q
    if kind == "cross_entropy":
        q = t * (1 - smooth) + smooth / 2
        return -(q * np.log(a) + (1 - q) * np.log(1 - a)).sum(), a - q
    e = a - t
    if kind == "squared":
        value, da = e ** 2, 2 * e
    elif kind == "absolute":
        value, da = abs(e), np.sign(e)
    else:
        small = abs(e) <= delta
        value = np.where(small, e ** 2 / 2, delta * (abs(e) - delta / 2))
        da = np.where(small, e, delta * np.sign(e))
    da = da / n
    if output == "softmax":
        dz = a * (da - (a * da).sum(axis=1, keepdims=True))
    elif output == "sigmoid":
        dz = da * a * (1 - a)
    else:
        dz = da
    return value.sum() / n, dz


def parts(p, outputs):
    a = WIDTH * HIDDEN
    b = a + HIDDEN
    c = b + HIDDEN * outputs
    return (p[:a].reshape(WIDTH, HIDDEN), p[a:b],
            p[b:c].reshape(HIDDEN, outputs), p[c:])


def gradient(case, p):
    w1, b1, w2, b2 = parts(p, case[3])
    z1 = X @ w1 + b1
    a1, slope = activate(case[6], z1)
    value, dz2 = loss(case, a1 @ w2 + b2)
    dz1 = dz2 @ w2.T * slope
    return value, np.concatenate([(X.T @ dz1).ravel(), dz1.sum(axis=0),
                                  (a1.T @ dz2).ravel(), dz2.sum(axis=0)])


def is_weight(outputs):
    n = HIDDEN * outputs
    return np.concatenate([np.ones(WIDTH * HIDDEN), np.zeros(HIDDEN), np.ones(n),
                           np.zeros(outputs)])


def train(case, p, how):
    kind, rate, momentum, nesterov, b1, b2, eps, decay = how
    b1 = b1 or 0.9
    b2 = b2 or (0.99 if kind == "rmsprop" else 0.999)
    eps = eps or 1e-8
    mask = is_weight(case[3])
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t in range(1, STEPS + 1):
        g = gradient(case, p)[1] / ROWS
        if kind == "adamw":
            p = p * (1 - rate * decay * mask)
        else:
            g = g + decay * mask * p
        if kind == "sgd":
            m = momentum * m + g
            p = p - rate * (g + momentum * m if nesterov else m)
        elif kind == "rmsprop":
            v = b2 * v + (1 - b2) * g ** 2
            m = momentum * m + g / (np.sqrt(v) + eps)
            p = p - rate * m
        else:
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g ** 2
            p = p - (rate * (m / (1 - b1 ** t)) /
                     (np.sqrt(v / (1 - b2 ** t)) + eps))
    return p


def share(part, t):
    kind, size = part["kind"], part.get("size", 0)
    factor, least = part.get("factor", 0), part.get("least", 0)
    start = part.get("start", 0)
    if kind == "step":
        return factor ** (t // size)
    if kind == "multi_step":
        return factor ** sum(a <= t for a in part["at"])
    if kind == "exponential":
        return factor ** t
    if kind == "cosine":
        if factor == 0 and t >= size:
            return least
        while t >= size:
            t, size = t - size, int(np.ceil(size * factor))
        return least + (1 - least) * (1 + np.cos(np.pi * t / size)) / 2
    if kind == "linear":
        return np.interp(t, [0, size], [start, factor or 1])
    if kind == "polynomial":
        power = part.get("power", 1)
        return least + (1 - least) * max(0, 1 - t / size) ** power
    if kind == "one_cycle":
        top, start = 0.3 * size, start or 0.04
        if t < top:
            return start + (1 - start) * (1 - np.cos(np.pi * t / top)) / 2
        at = min(1, (t - top) / (size - top))
        return least + (1 - least) * (1 + np.cos(np.pi * at)) / 2
    return factor or 1


def plateau(part, lower):
    """The share in front of each measurement."""
    shares, now, best, bad, cool = [], 1.0, None, 0, 0
    margin, factor = part.get("threshold", 1e-4), part.get("factor", 0.1)
    for v in MEASURED:
        shares.append(now)
        sign = -1 if lower else 1
        if best is None or sign * v > sign * best + margin * abs(best):
            best, bad = v, 0
        else:
            bad += 1
        if cool > 0:
            cool, bad = cool - 1, 0
        if bad > part.get("patience", 0):
            now = max(now * factor, part.get("least", 0))
            bad, cool = 0, part.get("cooldown", 0)
    return shares


def table(parts_, lower):
    if parts_[0]["kind"] == "plateau":
        return plateau(parts_[0], lower)
    rates = []
    for t in range(50):
        part = [p for p in parts_ if p.get("from", 0) <= t][-1]
        rates.append(share(part, t - part.get("from", 0)))
    return rates


def least_squares(x, y, l2):
    """Weights and bias, the shortest in the scaled columns, by SVD."""
    xc, yc = x - x.mean(axis=0), y - y.mean()
    scale = np.sqrt((xc ** 2).sum(axis=0) + l2)
    moves = np.ptp(x, axis=0) > 0
    scale = np.where(moves, scale, 1)
    a = np.vstack([xc, np.sqrt(l2) * np.eye(x.shape[1])]) / scale
    b = np.concatenate([yc, np.zeros(x.shape[1])])
    w = np.where(moves, np.linalg.pinv(a, rcond=1e-7) @ b / scale, 0)
    return np.append(w, y.mean() - x.mean(axis=0) @ w)


def closed():
    """Columns: three free ones, a constant, and twice the first."""
    n = 60
    x = f32(rng.uniform(-1, 1, (n, 5)))
    x[:, 3] = 7.25
    x[:, 1] = x[:, 1] * 1000 + 5000
    x[:, 4] = 2 * x[:, 0]
    y = x[:, 0] - x[:, 1] / 500 + 0.25 * x[:, 2] + f32(rng.normal(0, 0.1, n))
    out = [array("double", "closed_x", x.ravel()), array("double", "closed_y", y)]
    for name, l2 in (("closed_plain", 0), ("closed_ridge", 2.5)):
        for columns in ([0, 1, 2], [0, 1, 2, 3, 4]):
            w = least_squares(x[:, columns], y, l2)
            out.append(array("double", "%s_%d" % (name, len(columns)), w))
    return "\n".join(out)


def numbers(values):
    lines, line = [], "   "
    for v in values:
        text = " %.12g," % v
        if len(line) + len(text) > 80:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join(lines + [line])


def array(kind, name, values, size=""):
    return "static const %s %s[%s] = {\n%s};\n" % (kind, name, size,
                                                   numbers(values))


def write():
    out = ["/* Written by reference.py. */\n"]
    out.append("enum {\n    REFERENCE_ROWS = %d,\n    REFERENCE_WIDTH = %d,\n"
               "    REFERENCE_HIDDEN = %d,\n    REFERENCE_STEPS = %d\n};\n" %
               (ROWS, WIDTH, HIDDEN, STEPS))
    out.append(array("double", "reference_x", X.ravel()))
    out.append(array("double", "reference_targets", TARGETS))
    out.append(array("uint32_t", "reference_classes", CLASSES))
    out.append(array("double", "reference_measured", MEASURED))
    rows = []
    for i, case in enumerate(LOSSES):
        n = len(is_weight(case[3]))
        p = f32(rng.uniform(-0.7, 0.7, n))
        value, g = gradient(case, p)
        out.append(array("double", "params_%d" % i, p))
        out.append(array("double", "gradient_%d" % i, g))
        trained = [train(case, p.copy(), how) for how in OPTIMIZERS]
        out.append(array("double", "trained_%d" % i, np.concatenate(trained)))
        rows.append('    {"%s", "%s", "%s", %d, %.17g, %.17g, "%s",\n     %d, '
                    "%.17g, params_%d, gradient_%d, trained_%d}," %
                    (case + (n, value, i, i, i)))
    out.append("static const struct reference_case {\n"
               "    const char *labels, *loss, *output;\n    uint32_t outputs;\n"
               "    double delta, smoothing;\n    const char *activation;\n"
               "    size_t n;\n    double value;\n"
               "    const double *params, *gradient, *trained;\n"
               "} reference_cases[] = {\n%s\n};\n" % "\n".join(rows))
    out.append("static const struct reference_optimizer {\n"
               "    const char *kind;\n    double rate, momentum;\n"
               "    int nesterov;\n    double beta1, beta2, epsilon, decay;\n"
               "} reference_optimizers[] = {\n%s\n};\n" % "\n".join(
                   '    {"%s", %.17g, %.17g, %d, %.17g, %.17g, %.17g, %.17g},' %
                   how for how in OPTIMIZERS))
    rows = []
    for i, parts_ in enumerate(SCHEDULES):
        out.append(array("double", "rates_%d" % i, table(parts_, LOWER[i])))
        texts = []
        for p in parts_:
            at = p.get("at", [])
            texts.append('{"%s", %d, %d, %.17g, {%s}, %d, %.17g, %.17g, %.17g, '
                         "%d, %d, %.17g}" %
                         (p["kind"], p.get("from", 0), p.get("size", 0),
                          p.get("factor", 0), ", ".join(map(str, at)) or "0",
                          len(at), p.get("least", 0), p.get("start", 0),
                          p.get("power", 0), p.get("patience", 0),
                          p.get("cooldown", 0), p.get("threshold", 0)))
        rows.append("    {{%s},\n     %d, %d, rates_%d}," %
                    (",\n      ".join(texts), len(parts_), LOWER[i], i))
    out.append("static const struct reference_schedule {\n    struct {\n"
               "        const char *kind;\n        uint64_t from, size;\n"
               "        double factor;\n        uint64_t at[3];\n"
               "        size_t at_n;\n        double least, start, power;\n"
               "        uint32_t patience, cooldown;\n        double threshold;\n"
               "    } parts[3];\n    size_t parts_n;\n    int lower;\n"
               "    const double *rates;\n} reference_schedules[] = {\n%s\n};\n" %
               "\n".join(rows))
    out.append(closed())
    return "\n".join(out)


def same(a, b):
    number = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?")
    if number.sub("#", a).split() != number.sub("#", b).split():
        return False
    x = np.array([float(v) for v in number.findall(a)])
    y = np.array([float(v) for v in number.findall(b)])
    return bool(np.all(abs(x - y) <= 1e-10 * (1 + abs(x))))


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="ascii") as f:
            if not same(f.read(), write()):
                sys.exit("%s is not what numpy gives: write it anew" %
                         sys.argv[2])
    elif len(sys.argv) == 2:
        with open(sys.argv[1], "w", encoding="ascii") as f:
            f.write(write())
    else:
        sys.exit(__doc__)


main()
