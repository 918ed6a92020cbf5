#!/usr/bin/python3
"""An independent reference of transformers from GGUF files, in double precision.

    reference.py MODEL DUMP [MODEL DUMP ...]     one JSON line per pair; exit 1 when
                                                 one of them is out of its bounds

MODEL is a GGUF file: llama (dense or experts), qwen3moe, olmoe, gpt-oss; tensors in
f32, f16, bf16, q8_0. DUMP is what `battery dump` wrote of a forward pass of the
worker's library over the same file: tokens, the logits at every position and the
residual stream before and after every layer (tests/battery/dump.c).

It shares nothing with the C sources: it reads the file itself, widens the weights
and computes each layer in plain matrix form, from the public descriptions of the
architectures. Two comparisons:

  layers  each layer from the residual that the C code had before it, so that an
          error of one layer cannot hide behind, or be blamed on, those before it
  chain   the whole model from the tokens to the logits

A difference is the largest of |c - reference| of a row over the root mean square of
the reference's row. Where a router's last chosen and first refused expert are so
close that rounding decides (MARGIN), either choice is taken for right and counted.

q8_0 weights multiply activations that the C code quantises too. `layers` and `chain`
then quantise as docs/model/numerics.md says; `plain` is the same layer without that,
and has the wide bound that eight bits deserve."""
import json
import struct
import sys

import numpy as np

# Largest difference allowed, by the type of the weights: layers, chain, plain.
BOUNDS = {"f32": (2e-5, 2e-4, None), "f16": (2e-5, 2e-4, None),
          "bf16": (2e-5, 2e-4, None), "q8_0": (2e-2, 1e-1, 1.5e-1)}
# Routers' values (of the softmax's input) closer than this are a tie; and the share
# of routed tokens that may be one.
MARGIN = {"f32": 1e-4, "f16": 1e-4, "bf16": 1e-4, "q8_0": 2e-2, "plain": 2e-1}
TIES_MAX = {"f32": 0.02, "f16": 0.02, "bf16": 0.02, "q8_0": 0.1}
TYPES = {0: "f32", 1: "f16", 8: "q8_0", 30: "bf16"}
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?",
           10: "Q", 11: "q", 12: "d"}


class Gguf:
    """Pairs and tensors of a file; tensors widened to float64, slowest dimension
    first, so that a weight is (outputs, inputs)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.bytes = f.read()
        self.at = 0
        magic, version, tensors, pairs = self.take("<4sIQQ")
        assert magic == b"GGUF" and version in (2, 3), (magic, version)
        self.pairs = {}
        for _ in range(pairs):
            key = self.string()
            self.pairs[key] = self.value(self.take("<I")[0])
        infos = []
        for _ in range(tensors):
            name = self.string()
            n = self.take("<I")[0]
            shape = self.take("<%dQ" % n)
            kind, offset = self.take("<IQ")
            infos.append((name, shape, kind, offset))
        alignment = self.pairs.get("general.alignment", 32)
        start = (self.at + alignment - 1) // alignment * alignment
        self.tensors, self.kinds = {}, {}
        for name, shape, kind, offset in infos:
            self.kinds[name] = TYPES[kind]
            self.tensors[name] = self.widen(kind, start + offset, shape)

    def take(self, form):
        got = struct.unpack_from(form, self.bytes, self.at)
        self.at += struct.calcsize(form)
        return got

    def string(self):
        n = self.take("<Q")[0]
        self.at += n
        return self.bytes[self.at - n:self.at].decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            element, n = self.take("<IQ")
            return [self.value(element) for _ in range(n)]
        return self.take("<" + SCALARS[kind])[0]

    def widen(self, kind, at, shape):
        n = int(np.prod(shape))
        if kind == 0:
            x = np.frombuffer(self.bytes, "<f4", n, at)
        elif kind == 1:
            x = np.frombuffer(self.bytes, "<f2", n, at)
        elif kind == 30:
            half = np.frombuffer(self.bytes, "<u2", n, at).astype(np.uint32)
            x = (half << 16).view(np.float32)
        else:
            block = np.dtype([("d", "<f2"), ("q", "i1", 32)])
            b = np.frombuffer(self.bytes, block, n // 32, at)
            x = b["d"].astype(np.float64)[:, None] * b["q"]
        return x.astype(np.float64).reshape(shape[::-1])


class Dump:
    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        magic, n, layers, width, vocab, experts = struct.unpack_from("<8s5I", data)
        assert magic == b"PROCDUMP", magic
        at = 28
        self.tokens = np.frombuffer(data, "<u4", n, at)
        at += 4 * n
        self.allowed = np.frombuffer(data, "u1", experts, at).astype(bool)
        at += experts
        floats = np.frombuffer(data, "<f4", offset=at).astype(np.float64)
        self.logits = floats[:n * vocab].reshape(n, vocab)
        self.residual = floats[n * vocab:].reshape(2 * layers, n, width)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def silu(x):
    return x / (1.0 + np.exp(-x))


def quantise(x):
    """Rows as blocks of 32 along K (docs/model/numerics.md): eight bits a number,
    one scale a block."""
    b = x.reshape(x.shape[0], -1, 32).astype(np.float32)
    most = np.abs(b).max(axis=-1, keepdims=True)
    zero = most < 2.0 ** -100
    most = np.where(zero, np.float32(1), most)
    q = np.clip(np.rint(b * (np.float32(127) / most)), -127, 127)
    d = np.where(zero, np.float32(0), most / np.float32(127))
    return (q.astype(np.float64) * d.astype(np.float64)).reshape(x.shape)


class Reference:
    def __init__(self, g):
        self.g, self.arch = g, g.pairs["general.architecture"]
        assert self.arch in ("llama", "qwen3moe", "olmoe", "gpt-oss"), self.arch
        k = self.key
        self.layers, self.width = k("block_count"), k("embedding_length")
        self.heads = k("attention.head_count")
        self.kv = k("attention.head_count_kv", self.heads)
        self.head_k = k("attention.key_length", self.width // self.heads)
        self.head_v = k("attention.value_length", self.width // self.heads)
        self.eps = k("attention.layer_norm_rms_epsilon")
        self.experts = k("expert_count", 0)
        self.used = k("expert_used_count", 0)
        self.window = k("attention.sliding_window", 0)
        self.quantised = True
        self.allowed = None
        self.kind = g.kinds["blk.0.attn_q.weight"]

    def key(self, name, default=None):
        value = self.g.pairs.get(self.arch + "." + name, default)
        assert value is not None, name
        return value

    def windowed(self, layer):
        """Layers that see only the last `window` positions: the first of every
        `pattern`, or what the file says for each layer."""
        if not self.window:
            return False
        pattern = self.key("attention.sliding_window_pattern",
                           2 if self.arch == "gpt-oss" else 1)
        if isinstance(pattern, list):
            return bool(pattern[layer])
        return pattern == 1 or layer % pattern < pattern - 1

    def multiply(self, x, name):
        w = self.g.tensors[name]
        if self.quantised and self.g.kinds[name] == "q8_0":
            x = quantise(x)
        return x @ w.T

    def linear(self, x, name):
        y = self.multiply(x, name + ".weight")
        bias = self.g.tensors.get(name + ".bias")
        return y if bias is None else y + bias

    def norm(self, x, name):
        mean = (x * x).mean(axis=-1, keepdims=True)
        return x / np.sqrt(mean + self.eps) * self.g.tensors[name + ".weight"]

    def angles(self, n, dims):
        """(n, dims / 2) angles of the rotation, and what its length is."""
        base = self.key("rope.freq_base", 10000.0)
        i = np.arange(dims // 2)
        frequency = base ** (-2.0 * i / dims)
        length = 1.0
        factors = self.g.tensors.get("rope_freqs.weight")
        if factors is not None:
            frequency = frequency / factors[:dims // 2]
        scaling = self.key("rope.scaling.type", "none")
        if scaling in ("linear", "yarn"):
            s = self.key("rope.scaling.factor", 1.0) or 1.0
            slow = frequency / s
            if scaling == "linear":
                frequency = slow
            else:
                frequency = self.yarn(frequency, slow, dims, base)
                length = self.key("rope.scaling.attn_factor", 1.0) * \
                    (1.0 + 0.1 * np.log(s))
        return np.outer(np.arange(n), frequency), length

    def yarn(self, fast, slow, dims, base):
        """Peng et al. 2023: quick pairs turn as they were trained, slow ones are
        stretched, between two corners a ramp."""
        original = self.key("rope.scaling.original_context_length",
                            self.key("context_length"))

        def corner(turns):
            return dims * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(base))

        low = max(0.0, np.floor(corner(self.key("rope.scaling.yarn_beta_fast", 32.0))))
        high = min(dims - 1.0,
                   np.ceil(corner(self.key("rope.scaling.yarn_beta_slow", 1.0))))
        ramp = np.clip((np.arange(dims // 2) - low) / max(0.001, high - low), 0, 1)
        return slow * ramp + fast * (1 - ramp)

    def rotate(self, x):
        """x (n, heads, head)."""
        n, _, head = x.shape
        dims = self.key("rope.dimension_count", head)
        angle, length = self.angles(n, dims)
        c, s = np.cos(angle)[:, None] * length, np.sin(angle)[:, None] * length
        out = x.copy()
        if self.arch == "llama":  # neighbours turn together
            a, b = x[..., 0:dims:2], x[..., 1:dims:2]
            out[..., 0:dims:2], out[..., 1:dims:2] = a * c - b * s, a * s + b * c
        else:                     # halves turn together
            h = dims // 2
            a, b = x[..., :h], x[..., h:dims]
            out[..., :h], out[..., h:dims] = a * c - b * s, a * s + b * c
        return out

    def attention(self, x, layer):
        p, n = "blk.%d." % layer, x.shape[0]
        q, k, v = (self.linear(x, p + "attn_" + c) for c in "qkv")
        if self.arch == "olmoe":  # over the whole width, before heads are cut
            q, k = self.norm(q, p + "attn_q_norm"), self.norm(k, p + "attn_k_norm")
        q = q.reshape(n, self.heads, self.head_k)
        k = k.reshape(n, self.kv, self.head_k)
        v = v.reshape(n, self.kv, self.head_v)
        if self.arch == "qwen3moe":
            q, k = self.norm(q, p + "attn_q_norm"), self.norm(k, p + "attn_k_norm")
        q, k = self.rotate(q), self.rotate(k)
        scores = np.empty((self.heads, n, n))
        group = self.heads // self.kv
        for h in range(self.heads):
            scores[h] = q[:, h] @ k[:, h // group].T / np.sqrt(self.head_k)
        i, j = np.indices((n, n))
        hidden = j > i
        if self.windowed(layer):
            hidden |= i - j >= self.window
        scores[:, hidden] = -np.inf
        if self.arch == "gpt-oss":
            sinks = self.g.tensors.get(p + "attn_sinks.weight",
                                       self.g.tensors.get(p + "attn_sinks"))
            sink = np.broadcast_to(sinks[:, None, None], (self.heads, n, 1))
            weights = softmax(np.concatenate([scores, sink], axis=-1))[..., :-1]
        else:
            weights = softmax(scores)
        out = np.empty((n, self.heads, self.head_v))
        for h in range(self.heads):
            out[:, h] = weights[h] @ v[:, h // group]
        return self.linear(out.reshape(n, -1), p + "attn_output")

    def expert(self, x, p, e):
        """x (1, width) through expert e."""
        def part(x, name):
            w = self.g.tensors[p + name + ".weight"][e]
            if self.quantised and self.g.kinds[p + name + ".weight"] == "q8_0":
                x = quantise(x)
            bias = self.g.tensors.get(p + name + ".bias")
            return x @ w.T + (0 if bias is None else bias[e])

        gate, up = part(x, "ffn_gate_exps"), part(x, "ffn_up_exps")
        if self.arch == "gpt-oss":
            gate, up = np.minimum(gate, 7.0), np.clip(up, -7.0, 7.0)
            hidden = gate / (1.0 + np.exp(-1.702 * gate)) * (up + 1.0)
        else:
            hidden = silu(gate) * up
        return part(hidden, "ffn_down_exps")

    def mix(self, x, p, logits, chosen):
        """One token through its experts, weighted as the architecture says."""
        if self.arch == "gpt-oss":
            weights = softmax(logits[chosen])
        else:
            weights = softmax(logits)[chosen]
            if self.arch != "olmoe":
                weights = weights / max(weights.sum(), 2.0 ** -14)
        scale = self.key("expert_weights_scale", 1.0) or 1.0
        return scale * sum(w * self.expert(x, p, e)[0]
                           for w, e in zip(weights, chosen))

    def route(self, logits):
        """Choices that are right: the best, and the next one in place of the last
        where rounding may decide."""
        order = np.argsort(-logits, kind="stable")
        order = [e for e in order if np.isfinite(logits[e])]
        used = min(self.used, len(order))
        choices = [order[:used]]
        margin = MARGIN[self.kind if self.quantised else "plain"]
        if len(order) > used and \
                logits[order[used - 1]] - logits[order[used]] < margin:
            choices.append(order[:used - 1] + [order[used]])
        return choices

    def feed_forward(self, x, layer, near):
        """near: what the C code has, minus all else of the residual; chooses among
        choices of experts that are right, and nothing more."""
        p, ties = "blk.%d." % layer, 0
        if p + "ffn_gate_inp.weight" not in self.g.tensors:
            hidden = silu(self.linear(x, p + "ffn_gate")) * self.linear(x, p + "ffn_up")
            return self.linear(hidden, p + "ffn_down"), 0
        logits = self.linear(x, p + "ffn_gate_inp")
        if self.allowed is not None and len(self.allowed) == self.experts:
            logits = np.where(self.allowed, logits, -np.inf)
        out = np.empty_like(x)
        for t in range(x.shape[0]):
            choices = self.route(logits[t])
            ways = [self.mix(x[t:t + 1], p, logits[t], c) for c in choices]
            ties += len(ways) > 1
            out[t] = min(ways, key=lambda y: np.abs(y - near[t]).max())
        return out, ties

    def layer(self, x, layer, after):
        p = "blk.%d." % layer
        x = x + self.attention(self.norm(x, p + "attn_norm"), layer)
        name = p + "ffn_norm"
        if self.arch == "gpt-oss" and name + ".weight" not in self.g.tensors:
            name = p + "post_attention_norm"
        y, ties = self.feed_forward(self.norm(x, name), layer, after - x)
        return x + y, ties

    def head(self, x):
        tied = "output.weight" not in self.g.tensors
        return self.multiply(self.norm(x, "output_norm"),
                             "token_embd.weight" if tied else "output.weight")


def difference(c, reference):
    rms = np.sqrt((reference * reference).mean(axis=-1))
    worst = (np.abs(c - reference).max(axis=-1) / np.maximum(rms, 1e-30)).max()
    return float(worst) if np.isfinite(worst) else float("inf")


def check_layers(r, dump):
    worst, ties = 0.0, 0
    for i in range(r.layers):
        before, after = dump.residual[2 * i], dump.residual[2 * i + 1]
        out, n = r.layer(before, i, after)
        worst, ties = max(worst, difference(after, out)), ties + n
    return max(worst, difference(dump.logits, r.head(dump.residual[-1]))), ties


def check_chain(r, dump):
    x = r.g.tensors["token_embd.weight"][dump.tokens]
    exact = bool((x == dump.residual[0]).all())
    ties = 0
    for i in range(r.layers):
        x, n = r.layer(x, i, dump.residual[2 * i + 1])
        ties += n
    return difference(dump.logits, r.head(x)), ties, exact


def check(model, path):
    r, dump = Reference(Gguf(model)), Dump(path)
    n = len(dump.tokens)
    if len(dump.allowed):
        r.allowed = dump.allowed
    layers, ties = check_layers(r, dump)
    chain, more, exact = check_chain(r, dump)
    plain = None
    if r.kind == "q8_0":
        r.quantised = False
        plain, _ = check_layers(r, dump)
    bounds = BOUNDS[r.kind]
    routed = max(1, r.layers * n)
    joined = all((dump.residual[2 * i + 1] == dump.residual[2 * i + 2]).all()
                 for i in range(r.layers - 1))
    ok = layers <= bounds[0] and chain <= bounds[1] and exact and joined and \
        (plain is None or plain <= bounds[2]) and \
        max(ties, more) <= TIES_MAX[r.kind] * routed
    return {"arch": r.arch + ("" if r.experts or r.arch != "llama" else " dense"),
            "type": r.kind, "positions": n, "layers": layers, "chain": chain,
            "plain": plain, "ties": ties, "embedding_exact": exact,
            "residual_joined": joined, "bounds": bounds, "ok": ok}


def main():
    good = len(sys.argv) > 2 and len(sys.argv) % 2 == 1
    if not good:
        sys.exit(__doc__)
    for model, dump in zip(sys.argv[1::2], sys.argv[2::2]):
        line = check(model, dump)
        good = good and line["ok"]
        print(json.dumps(line), flush=True)
    sys.exit(0 if good else 1)


main()
