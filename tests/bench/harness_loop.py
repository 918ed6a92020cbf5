#!/usr/bin/env python3
"""Training as the numpy harness's rules have it (docs/experiments.md, compat: harness), in
plain numpy: the peer of scripts/bench.sh where no checkout of the harness is given, and
where tests/unit/train/test_harness.c's numbers marked `numpy` are from.

usage: harness_loop.py CONFIG.json [FOLDER]: a configuration file of the harness; metrics and
weights go into FOLDER. Prints the loss of the first and the last epoch and the seconds of
the work itself."""
import json
import os
import sys
import time

import numpy as np


def dataset(name, p, seed):
    n, d = p.get("n_samples", 1000), p.get("n_features", 10)
    k = p.get("n_informative", d)
    r = np.random.RandomState(seed)
    if name == "synthetic_regression":
        x = r.normal(size=(n, d))
        w = np.zeros(d)
        w[:k] = r.normal(size=k)
        y = x @ w
        noise = p.get("noise_std", 0.1)
        return x, y + r.normal(0, noise, size=n) if noise > 0 else y
    classes = p.get("n_classes", 2)
    centers = r.normal(size=(classes, k)) * p.get("class_sep", 1.0)
    rows = []
    for c in range(classes):
        part = r.normal(size=(n // classes + (c < n % classes), d))
        part[:, :k] += centers[c]
        rows.append(part)
    y = np.concatenate([np.full(len(part), c) for c, part in enumerate(rows)])
    order = np.arange(n)
    np.random.RandomState(seed).shuffle(order)
    return np.vstack(rows)[order], y[order]


class Linear:
    def __init__(self, p, d):
        self.w = np.random.RandomState(p.get("seed", 42)).normal(size=d) * 0.01
        self.b, self.l2 = 0.0, p.get("l2_regularization", 0.0)
        self.descends = p.get("use_gradient_descent", False)

    def forward(self, x):
        return x @ self.w + self.b

    def step(self, x, y, rate):
        n = len(y)
        if self.descends:
            e = self.forward(x) - y
            g = x.T @ e / n + (self.l2 / n * self.w if self.l2 else 0)
            self.w = self.w - rate * g
            self.b -= rate * e.mean()
        else:
            a = np.hstack([x, np.ones((n, 1))])
            m = a.T @ a
            m[np.diag_indices(len(self.w))] += self.l2
            np.linalg.cond(m)
            try:
                t = np.linalg.solve(m, a.T @ y)
            except np.linalg.LinAlgError:
                t = np.linalg.pinv(m) @ (a.T @ y)
            self.w, self.b = t[:-1], t[-1]
            e = self.forward(x) - y
        return (e ** 2).mean() + (self.l2 / (2 * n) * (self.w ** 2).sum() if self.l2 else 0)

    def classes(self, x):
        return self.forward(x) > 0.5

    def arrays(self):
        return {"weights": self.w, "bias": np.array([self.b])}


class Net:
    def __init__(self, p, _):
        r = np.random.RandomState(p.get("seed", 42))
        self.hidden, self.output = p.get("activation", "relu"), p.get("output_activation")
        sizes = p["layer_sizes"]
        gain = 2.0 if self.hidden == "relu" else 1.0
        self.w = [np.clip(r.normal(size=s) * np.sqrt(gain / s[0]), -10, 10) for s in zip(sizes, sizes[1:])]
        self.b = [np.zeros(s) for s in sizes[1:]]

    @staticmethod
    def act(kind, z):
        if kind == "relu":
            return np.maximum(0, z)
        if kind == "tanh":
            return np.tanh(np.clip(z, -10, 10))
        if kind == "sigmoid":
            return 1 / (1 + np.exp(-np.clip(z, -10, 10)))
        if kind == "softmax":
            e = np.exp(np.clip(z - z.max(axis=1, keepdims=True), -10, 10))
            return e / e.sum(axis=1, keepdims=True)
        return z

    def run(self, x):
        a = [x]
        for i, (w, b) in enumerate(zip(self.w, self.b)):
            a.append(self.act(self.hidden if i + 1 < len(self.w) else self.output, a[-1] @ w + b))
        return a

    def step(self, x, y, rate):
        n, a = len(y), self.run(x)
        p = a[-1]
        if self.output == "softmax":
            t = np.zeros_like(p)
            t[np.arange(n), y.astype(int)] = 1
        else:
            t = y.reshape(-1, 1)
        d = p - t
        loss = (d ** 2).mean()
        if self.output == "softmax":
            d = p * (d - (p * d).sum(axis=1, keepdims=True))
        elif self.output == "sigmoid":
            d = d * p * (1 - p)
        for i in reversed(range(len(self.w))):
            gw = np.clip(a[i].T @ d / n, -10, 10)
            gb = np.clip(d.mean(axis=0), -10, 10)
            below = d @ self.w[i].T
            if i:
                h = a[i]
                below *= (h > 0) if self.hidden == "relu" else 1 - h * h if self.hidden == "tanh" else h * (1 - h)
            self.w[i] = np.clip(self.w[i] - rate * gw, -10, 10)
            self.b[i] = self.b[i] - rate * gb
            d = below
        return loss

    def classes(self, x):
        return self.run(x)[-1].argmax(axis=1)

    def arrays(self):
        return {f"{k}_{i}": v for k, l in (("weights", self.w), ("biases", self.b)) for i, v in enumerate(l)}


def main():
    with open(sys.argv[1]) as f:
        config = json.load(f)
    start = time.perf_counter()
    data, training = config["dataset"], config.get("training", {})
    seed = training.get("seed", 42)
    x, y = dataset(data["name"], data.get("params", {}), seed)
    p = config["model"].get("params", {})
    model = (Linear if config["model"]["name"] == "linear_regression" else Net)(p, x.shape[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    batch, lines, losses = training.get("batch_size", 32), [], []
    every = config.get("output", {}).get("checkpoint_frequency", 1)
    for epoch in range(1, training.get("epochs", 10) + 1):
        order = np.arange(len(x))
        np.random.RandomState((seed + epoch) % 2 ** 31).shuffle(order)
        of = [model.step(x[order[i:i + batch]], y[order[i:i + batch]], 0.001)
              for i in range(0, len(x), batch)]
        line = {"epoch": epoch, "loss": float(np.mean(of))}
        if data["name"] == "synthetic_classification":
            line["accuracy"] = float((model.classes(x) == y).mean())
        lines.append(line)
        if folder and epoch % every == 0:
            os.makedirs(f"{folder}/epoch_{epoch}", exist_ok=True)
            for name, a in model.arrays().items():
                np.save(f"{folder}/epoch_{epoch}/{name}.npy", a)
    if folder:
        with open(f"{folder}/metrics.ndjson", "w") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)
    print(repr(lines[0]["loss"]), repr(lines[-1]["loss"]), f"{time.perf_counter() - start:.4f}", lines[-1].get("accuracy"))


main()
