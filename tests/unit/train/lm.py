#!/usr/bin/python3
"""Gradients of transformers against an independent computation.

    /usr/bin/python3 tests/unit/train/lm.py build/release/tests/unit_train_test_transformer

The test program writes its small models, texts, losses and gradients (variable
PROCTOR_LM_DUMP). Here the same loss is computed from the formulas of the
architectures by numpy in double, with a tape of its own for the derivatives, and
every gradient of every number is compared. Nothing of the trained code is used."""
import os
import subprocess
import sys
import tempfile

import numpy as np


class Var:
    """A value, and how its gradient goes on to what it was made of."""

    def __init__(self, v, parents=()):
        self.v, self.parents, self.g = np.asarray(v, float), parents, None

    def back(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            x, done = stack.pop()
            if done:
                order.append(x)
            elif id(x) not in seen:
                seen.add(id(x))
                stack.append((x, True))
                stack.extend((p, False) for p, _ in x.parents)
        self.g = np.ones_like(self.v)
        for x in reversed(order):
            for p, f in x.parents:
                g = f(x.g)
                while g.ndim > p.v.ndim:
                    g = g.sum(0)
                for axis, n in enumerate(p.v.shape):
                    if n == 1 and g.shape[axis] != 1:
                        g = g.sum(axis, keepdims=True)
                p.g = g if p.g is None else p.g + g


def mul(a, b):
    return Var(a.v * b.v, ((a, lambda g: g * b.v), (b, lambda g: g * a.v)))


def add(a, b):
    return Var(a.v + b.v, ((a, lambda g: g), (b, lambda g: g)))


def product(x, w):
    """x (..., k) times the transpose of w (n, k)."""
    return Var(x.v @ w.v.T, (
        (x, lambda g: g @ w.v),
        (w, lambda g: g.reshape(-1, g.shape[-1]).T @ x.v.reshape(-1, x.v.shape[-1]))))


def pick(x, index):
    def back(g):
        out = np.zeros_like(x.v)
        np.add.at(out, index, g)
        return out
    return Var(x.v[index], ((x, back),))


def unary(x, v, slope):
    return Var(v, ((x, lambda g: g * slope),))


def norm(x, w):
    n = x.v.shape[-1]
    s = 1 / np.sqrt((x.v ** 2).mean(-1, keepdims=True) + 1e-5)
    s = s.astype(float)
    y = Var(x.v * s, ((x, lambda g: g * s - x.v * s ** 3 / n *
                       (g * x.v).sum(-1, keepdims=True)),))
    return mul(y, w)


def softmax(x):
    e = np.exp(x.v - x.v.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return Var(p, ((x, lambda g: p * (g - (g * p).sum(-1, keepdims=True))),))


def shape(x, *dims):
    old = x.v.shape
    return Var(x.v.reshape(dims), ((x, lambda g: g.reshape(old)),))


def total(x):
    return Var(x.v.sum(), ((x, lambda g: np.broadcast_to(g, x.v.shape)),))


def turn(x, pairs_are_neighbours):
    """Rotary positions of x (T, heads, size)."""
    t, _, size = x.v.shape
    half = size // 2
    angle = np.arange(t)[:, None] * 10000.0 ** (-2 * np.arange(half) / size)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a = np.arange(half) * 2 if pairs_are_neighbours else np.arange(half)
    b = a + 1 if pairs_are_neighbours else a + half

    def rotate(v, s):
        out = np.empty_like(v)
        out[..., a] = v[..., a] * c - v[..., b] * s
        out[..., b] = v[..., a] * s + v[..., b] * c
        return out
    return Var(rotate(x.v, s), ((x, lambda g: rotate(g, -s)),))


def attention(q, k, v, group):
    """q (T, heads, size), k and v (T, kv heads, size); each kv head has a group."""
    t, heads, size = q.v.shape
    out, parents = np.zeros_like(q.v), []
    seen = np.tril(np.ones((t, t), bool))
    weights = []
    for h in range(heads):
        s = q.v[:, h] @ k.v[:, h // group].T / np.sqrt(size)
        e = np.where(seen, np.exp(s - np.where(seen, s, -np.inf).max(1, keepdims=True)), 0)
        p = e / e.sum(1, keepdims=True)
        weights.append(p)
        out[:, h] = p @ v.v[:, h // group]

    def back(g, which):
        d = np.zeros_like({"q": q, "k": k, "v": v}[which].v)
        for h in range(heads):
            p, kv = weights[h], h // group
            dp = g[:, h] @ v.v[:, kv].T
            ds = p * (dp - (dp * p).sum(1, keepdims=True)) / np.sqrt(size)
            if which == "q":
                d[:, h] += ds @ k.v[:, kv]
            elif which == "k":
                d[:, kv] += ds.T @ q.v[:, h]
            else:
                d[:, kv] += p.T @ g[:, h]
        return d
    return Var(out, ((q, lambda g: back(g, "q")), (k, lambda g: back(g, "k")),
                     (v, lambda g: back(g, "v"))))


def gated(x, gate, up, down):
    g, u = product(x, gate), product(x, up)
    s = 1 / (1 + np.exp(-g.v))
    a = unary(g, g.v * s, s * (1 + g.v * (1 - s)))
    return product(mul(a, u), down)


def experts(x, w, prefix, f, losses):
    p = softmax(product(x, w[prefix + "ffn_gate_inp.weight"]))
    n, used = f["experts"], f["used"]
    chosen = np.argsort(-p.v, axis=1, kind="stable")[:, :used]
    t = x.v.shape[0]
    rows = np.arange(t)[:, None]
    weights = pick(p, (rows, chosen))
    if f["arch"] != "olmoe":
        s = weights.v.sum(1, keepdims=True)
        weights = Var(weights.v / s, ((weights, (lambda v: lambda g: g / s - (
            g * v).sum(1, keepdims=True) / s ** 2)(weights.v)),))
    shares = np.bincount(chosen.ravel(), minlength=n) / (t * used)
    losses.append(total(mul(p, Var(f["balance"] * n * shares[None, :]))))
    out = Var(np.zeros_like(x.v))
    for e in range(n):
        at = np.nonzero(chosen == e)
        if len(at[0]) == 0:
            continue
        stacks = [w[prefix + "ffn_%s_exps.weight" % k] for k in ("gate", "up", "down")]
        y = gated(pick(x, (at[0],)), *[pick(k, (e,)) for k in stacks])
        y = mul(y, shape(pick(weights, at), len(at[0]), 1))

        def spread(v, at=at):
            z = np.zeros_like(x.v)
            np.add.at(z, at[0], v)
            return z
        out = add(out, Var(spread(y.v), ((y, lambda g, at=at: g[at[0]]),)))
    return out


def row_loss(tokens, w, f):
    d, heads, kv = f["width"], f["heads"], f["kv_heads"]
    size, t = d // heads, len(tokens) - 1
    losses = []
    x = pick(w["token_embd.weight"], (tokens[:-1],))
    for i in range(f["blocks"]):
        b = "blk.%d." % i
        h = norm(x, w[b + "attn_norm.weight"])
        q, k = (product(h, w[b + "attn_%s.weight" % n]) for n in "qk")
        v = shape(product(h, w[b + "attn_v.weight"]), t, kv, size)
        if f["arch"] == "olmoe":
            q, k = norm(q, w[b + "attn_q_norm.weight"]), norm(k, w[b + "attn_k_norm.weight"])
        q, k = shape(q, t, heads, size), shape(k, t, kv, size)
        if f["arch"] == "qwen3moe":
            q, k = norm(q, w[b + "attn_q_norm.weight"]), norm(k, w[b + "attn_k_norm.weight"])
        q, k = (turn(y, f["arch"] == "llama") for y in (q, k))
        o = shape(attention(q, k, v, heads // kv), t, d)
        x = add(x, product(o, w[b + "attn_output.weight"]))
        h = norm(x, w[b + "ffn_norm.weight"])
        if f["experts"]:
            y = experts(h, w, b, f, losses)
        else:
            y = gated(h, *[w[b + "ffn_%s.weight" % n] for n in ("gate", "up", "down")])
        x = add(x, y)
    h = norm(x, w["output_norm.weight"])
    z = product(h, w["token_embd.weight" if f["tied"] else "output.weight"])
    p = softmax(z)
    label = tokens[1:]
    wanted = np.full_like(p.v, f["smoothing"] / f["vocab"])
    wanted[np.arange(t), label] += 1 - f["smoothing"]
    log_p = z.v - z.v.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    entropy = Var(-(wanted * log_p).sum(), ((z, lambda g: g * (p.v - wanted)),))
    whole = entropy
    for more in losses:
        whole = add(whole, more)
    return entropy.v, whole


def read(path):
    with open(path) as file:
        line = file.readline()
        while line:
            k = line.split()
            names = ("blocks", "width", "heads", "kv_heads", "ffn", "experts", "used",
                     "vocab", "context", "rows")
            f = dict(zip(names, map(int, k[2:12])), arch=k[1], balance=float(k[12]),
                     smoothing=float(k[13]), tied=int(k[14]))
            loss = float(file.readline().split()[1])
            tokens = np.array(file.readline().split(), int).reshape(f["rows"], -1)
            w, grad = {}, {}
            line = file.readline()
            while line.startswith("tensor"):
                _, name, experts_n, out, size = line.split()
                v = np.array([float.fromhex(x) for x in file.readline().split()])
                dims = [int(n) for n in (experts_n, out, size) if int(n) > 0]
                dims = dims[-1:] if int(out) == 1 and int(experts_n) == 0 else dims
                w[name], grad[name] = v[::2].reshape(dims), v[1::2].reshape(dims)
                line = file.readline()
            yield f, loss, tokens, w, grad
            line = file.readline()


def check(f, loss, tokens, w, grad):
    var = {name: Var(v) for name, v in w.items()}
    loss_sum = 0.0
    for row in tokens:
        entropy, whole = row_loss(row, var, f)
        loss_sum += entropy
        whole.back()
    assert abs(loss_sum - loss) <= 1e-5 * abs(loss_sum), (f, loss_sum, loss)
    worst = 0.0
    for name, v in var.items():
        g = np.zeros_like(v.v) if v.g is None else v.g
        far = np.abs(g - grad[name]).max() / (np.abs(g).max() + 1e-3)
        worst = max(worst, far)
        assert far <= 2e-4, (f["arch"], name, far)
    return worst


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "dump")
        subprocess.run([sys.argv[1]], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL,
                       env=dict(os.environ, PROCTOR_LM_DUMP=path))
        n = 0
        for case in read(path):
            worst = check(*case)
            n += 1
            print("ok %d - %s: every gradient within %.1e of the largest of its tensor"
                  % (n, case[0]["arch"], worst))
    print("1..%d" % n)
    assert n == 7


if __name__ == "__main__":
    main()
