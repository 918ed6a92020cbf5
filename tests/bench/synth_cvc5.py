#!/usr/bin/env python3
"""`proctor synth` beside cvc5 on the same .sl files, taking turns. Hidden functions are
drawn from a fixed seed; both tools see ten examples of each, and who is right is said by
the function itself on inputs that neither has seen. Prints "name value unit" lines.

usage: synth_cvc5.py PROCTOR [--alone BENCH_SYGUS] [--full] [--keep DIR] [--bv N] [--strings N]
"""
import argparse
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile

MASK = (1 << 64) - 1
LIMIT_S = 10


# --- terms of SMT-LIB, evaluated by hand: neither tool's evaluator decides ---

def parse(text):
    tokens = re.findall(r'\(|\)|"(?:[^"]|"")*"|\|[^|]*\||[^\s()"]+', text)
    stack = [[]]
    for t in tokens:
        if t == "(":
            stack.append([])
        elif t == ")":
            if len(stack) == 1:
                break  # of a list that began before the text
            top = stack.pop()
            stack[-1].append(top)
        else:
            stack[-1].append(t)
    return stack[0]


def unescape(s):
    s = s[1:-1].replace('""', '"')
    return re.sub(r"\\u\{([0-9a-fA-F]+)\}", lambda m: chr(int(m.group(1), 16)), s)


def indexof(s, t, i):
    return -1 if i < 0 or i > len(s) else s.find(t, i)


def substr(s, i, n):
    return "" if i < 0 or i >= len(s) or n <= 0 else s[i:i + n]


def signed(x):
    return x - (1 << 64) if x >> 63 else x


def quotient(a, b):
    return 0 if b == 0 else (a // b if b > 0 else -(a // -b))


OPS = {
    "bvnot": lambda a: ~a & MASK, "bvneg": lambda a: -a & MASK,
    "bvand": lambda a, b: a & b, "bvor": lambda a, b: a | b, "bvxor": lambda a, b: a ^ b,
    "bvadd": lambda a, b: (a + b) & MASK, "bvsub": lambda a, b: (a - b) & MASK,
    "bvmul": lambda a, b: a * b & MASK,
    "bvshl": lambda a, b: a << b & MASK if b < 64 else 0,
    "bvlshr": lambda a, b: a >> b if b < 64 else 0,
    "bvult": lambda a, b: a < b, "bvule": lambda a, b: a <= b,
    "bvugt": lambda a, b: a > b, "bvuge": lambda a, b: a >= b,
    "bvslt": lambda a, b: signed(a) < signed(b), "bvsle": lambda a, b: signed(a) <= signed(b),
    "+": lambda *a: sum(a), "-": lambda a, *b: a - sum(b) if b else -a,
    "*": lambda a, b: a * b, "div": quotient, "mod": lambda a, b: a if b == 0 else a - b * quotient(a, b),
    "=": lambda a, b: a == b, "not": lambda a: not a, "and": lambda *a: all(a), "or": lambda *a: any(a),
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "str.++": lambda *a: "".join(a), "str.len": len, "str.at": lambda s, i: substr(s, i, 1),
    "str.substr": substr, "str.indexof": indexof,
    "str.replace": lambda s, t, u: s.replace(t, u, 1),
    "str.replace_all": lambda s, t, u: s.replace(t, u) if t else s,
    "str.prefixof": lambda t, s: s.startswith(t), "str.suffixof": lambda t, s: s.endswith(t),
    "str.contains": lambda s, t: t in s,
    "str.to_int": lambda s: int(s) if re.fullmatch("[0-9]+", s) else -1,
    "str.from_int": lambda i: str(i) if i >= 0 else "",
}


def value(t, env, macros):
    if isinstance(t, str):
        if t in env:
            return env[t]
        if t[0] == '"':
            return unescape(t)
        if t.startswith("#x"):
            return int(t[2:], 16)
        if t.startswith("#b"):
            return int(t[2:], 2)
        if t in ("true", "false"):
            return t == "true"
        if t in macros:
            return value(macros[t][1], {}, macros)
        return int(t)
    if t[0] == "ite":
        return value(t[2] if value(t[1], env, macros) else t[3], env, macros)
    if t[0] == "_" and t[1].startswith("bv"):
        return int(t[1][2:])
    if t[0] == "let":
        return value(t[2], {**env, **{n: value(v, env, macros) for n, v in t[1]}}, macros)
    args = [value(a, env, macros) for a in t[1:]]
    if t[0] in macros:
        names, body = macros[t[0]]
        return value(body, dict(zip(names, args)), macros)
    return OPS[t[0]](*args)


# --- problems ---

MACROS = """
(define-fun shr1 ((x (_ BitVec 64))) (_ BitVec 64) (bvlshr x #x0000000000000001))
(define-fun shr4 ((x (_ BitVec 64))) (_ BitVec 64) (bvlshr x #x0000000000000004))
(define-fun shr16 ((x (_ BitVec 64))) (_ BitVec 64) (bvlshr x #x0000000000000010))
(define-fun shl1 ((x (_ BitVec 64))) (_ BitVec 64) (bvshl x #x0000000000000001))
(define-fun if0 ((x (_ BitVec 64)) (y (_ BitVec 64)) (z (_ BitVec 64))) (_ BitVec 64)
  (ite (= x #x0000000000000001) y z))
"""
DEFINED = {m[1]: ([p[0] for p in m[2]], m[4]) for m in parse(MACROS)}
BV = "(set-logic BV)" + MACROS + """(synth-fun f ((x (_ BitVec 64))) (_ BitVec 64)
  ((Start (_ BitVec 64)))
  ((Start (_ BitVec 64) (#x0000000000000000 #x0000000000000001 x (bvnot Start) (shl1 Start)
    (shr1 Start) (shr4 Start) (shr16 Start) (bvand Start Start) (bvor Start Start)
    (bvxor Start Start) (bvadd Start Start) (if0 Start Start Start)))))
"""
STRINGS = """(set-logic SLIA)
(synth-fun f ((x String)) String
  ((S String) (I Int))
  ((S String (x "" " " "." "-" "," "/" "(" ")" (str.++ S S) (str.at S I) (str.substr S I I)
    (str.replace S S S)))
   (I Int (0 1 2 3 (- 1) (+ I I) (- I I) (str.len S) (str.indexof S S I)))))
"""


def random_term(r, size):
    """A random function of x with that many operators and leaves."""
    if size <= 1:
        return r.choice(["x", "x", "x", "#x0000000000000000", "#x0000000000000001"])
    kinds = ["bvnot", "shl1", "shr1", "shr4", "shr16"]
    if size >= 3:
        kinds += ["bvand", "bvor", "bvxor", "bvadd"] * 2
    if size >= 4:
        kinds += ["if0"] * 2
    op = r.choice(kinds)
    if op == "if0" and size >= 7:  # by the lowest bit of something
        test = ["bvand", "#x0000000000000001", random_term(r, r.randint(1, 3))]
        a = r.randint(1, size - 6)
        return [op, test, random_term(r, a), random_term(r, size - 5 - a)]
    if op == "if0":
        a = r.randint(1, size - 3)
        b = r.randint(1, size - 2 - a)
        return [op, random_term(r, a), random_term(r, b), random_term(r, size - 1 - a - b)]
    if op in ("bvand", "bvor", "bvxor", "bvadd"):
        a = r.randint(1, size - 2)
        return [op, random_term(r, a), random_term(r, size - 1 - a)]
    return [op, random_term(r, size - 1)]


def random_word(r):
    """Uniform, few or many bits, small, or near a power of two."""
    k = r.randrange(5)
    if k == 0:
        return r.getrandbits(64)
    if k == 1:
        return r.getrandbits(r.randint(1, 64))
    if k == 2:
        return r.getrandbits(64) & r.getrandbits(64) & r.getrandbits(64)
    if k == 3:
        return r.randrange(16)
    return ((1 << r.randrange(64)) + r.randint(-1, 1)) & MASK


def bit_vectors(n):
    r = random.Random(20261121)
    while n > 0:
        term = random_term(r, r.randint(6, 16))
        hidden = lambda x, t=term: value(t, {"x": x}, DEFINED)
        inputs = [r.getrandbits(64) for _ in range(10)]
        if len({hidden(x) for x in inputs}) < 8:
            continue
        n -= 1
        text = BV + "".join(f"(constraint (= (f #x{x:016x}) #x{hidden(x):016x}))\n" for x in inputs)
        yield text + "(check-synth)\n", hidden, [random_word(r) for _ in range(1000)]


FIRST = "ada alan grace edsger barbara donald ken dennis margaret john leslie frances tony robin niklaus radia".split()
LAST = "lovelace turing hopper dijkstra liskov knuth thompson ritchie hamilton backus lamport allen hoare milner wirth perlman".split()


def full_name(r):
    return f"{r.choice(FIRST).title()} {r.choice(LAST).title()}"


def date(r):
    return f"{r.randint(1900, 2099)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def phone(r):
    return f"{r.randint(200, 999)}-{r.randint(200, 999)}-{r.randint(0, 9999):04d}"


def path(r):
    return "/".join(r.choice(LAST) for _ in range(r.randint(2, 3)))


TEMPLATES = [
    (full_name, lambda s: s.split()[0]),
    (full_name, lambda s: s.split()[1]),
    (full_name, lambda s: ".".join(w[0] for w in s.split()) + "."),
    (full_name, lambda s: s.split()[1] + ", " + s.split()[0]),
    (full_name, lambda s: s[0] + ". " + s.split()[1]),
    (full_name, lambda s: s.split()[0] + " " + s.split()[1][0] + "."),
    (full_name, lambda s: s.replace(" ", "-")),
    (date, lambda s: s[:4]),
    (date, lambda s: s[5:7]),
    (date, lambda s: s[8:]),
    (date, lambda s: s[8:] + "." + s[5:7] + "." + s[:4]),
    (date, lambda s: s[5:7] + "/" + s[8:]),
    (date, lambda s: s[:7]),
    (phone, lambda s: s[:3]),
    (phone, lambda s: s[-4:]),
    (phone, lambda s: s.replace("-", ".")),
    (phone, lambda s: "(" + s[:3] + ") " + s[4:]),
    (phone, lambda s: s[4:7]),
    (path, lambda s: s.split("/")[0]),
    (path, lambda s: s.split("/")[1]),
    (path, lambda s: s[:s.index("/") + 1]),
    (path, lambda s: s + "/"),
]


def strings(n):
    r = random.Random(1843)
    for i in range(n):
        make, hidden = TEMPLATES[i % len(TEMPLATES)]
        inputs = sorted({make(r) for _ in range(4 if i % 2 else 8)})
        text = STRINGS + "".join(f'(constraint (= (f "{x}") "{hidden(x)}"))\n' for x in inputs)
        yield text + "(check-synth)\n", hidden, [make(r) for _ in range(200)]


# --- the two tools ---

def limit():
    """Of processor time, so a busy host changes nothing. Not for proctor: its kernel
    measures the limits of its workers, and refuses those that are not its own."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 1))


def run(command, is_limited):
    """Its output, and the processor time that it and what it started took."""
    a = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                       preexec_fn=limit if is_limited else None)
    b = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime
    return (p.stdout if seconds <= LIMIT_S else ""), seconds


def alone(program, files):
    """Milliseconds of processor time of the search alone, reading and checking included."""
    out = subprocess.run([program] + files, stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [line.rsplit(" ", 2) for line in out.splitlines()]
    return [float(ms) for _, ms, status in rows if status == "1"]


def answer(text):
    """The function that a tool printed, or None."""
    if "define-fun" not in text:
        return None
    forms = parse(text[text.index("(define-fun"):])
    _, _, params, _, body = forms[0][:5]
    return lambda x: value(body, {params[0][0]: x}, DEFINED)


class Score:
    def __init__(self, name):
        self.name, self.times, self.n, self.solved, self.right, self.share = name, [], 0, 0, 0, 0.0

    def add(self, text, seconds, hidden, unseen):
        f = answer(text)
        self.n += 1
        if f is None:
            return
        good = sum(f(x) == hidden(x) for x in unseen) / len(unseen)
        self.solved += 1
        self.times.append(seconds)
        self.right += good == 1.0
        self.share += good

    def figures(self):
        ms = [1000 * t for t in self.times] or [0]
        return [(f"{self.name}_solved", f"{self.solved}", f"of {self.n} within {LIMIT_S} s"),
                (f"{self.name}_cpu_p50", f"{statistics.median(ms):.1f}", "ms"),
                (f"{self.name}_cpu_mean", f"{statistics.mean(ms):.1f}", "ms"),
                (f"{self.name}_right_unseen", f"{self.right}", f"of {self.solved} answers"),
                (f"{self.name}_right_share", f"{100 * self.share / max(1, self.solved):.0f}", "%")]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("proctor")
    p.add_argument("--full", action="store_true")
    p.add_argument("--bv", type=int)
    p.add_argument("--strings", type=int)
    p.add_argument("--alone", help="bench_sygus: the search in one process, too")
    p.add_argument("--keep", help="leave the problems there")
    a = p.parse_args()
    sets = [("bv", bit_vectors(a.bv if a.bv is not None else 150 if a.full else 12)),
            ("text", strings(a.strings if a.strings is not None else 66 if a.full else 11))]
    with tempfile.TemporaryDirectory() as work:
        folder = a.keep or work
        os.makedirs(folder, exist_ok=True)
        for name, problems in sets:
            ours, theirs = Score(f"sygus_{name}"), Score(f"sygus_{name}_cvc5")
            files = []
            for i, (text, hidden, unseen) in enumerate(problems):
                file = os.path.join(folder, f"{name}_{i}.sl")
                with open(file, "w") as f:
                    f.write(text)
                files.append(file)
                tools = [(ours, [a.proctor, "synth", "--any", "--sygus", file]),
                         (theirs, ["cvc5", "--lang=sygus2", file])]
                for score, command in tools if i % 2 == 0 else tools[::-1]:
                    score.add(*run(command, score is theirs), hidden, unseen)
            rows = ours.figures() + theirs.figures()
            if a.alone:
                ms = alone(a.alone, files) or [0]
                rows[1:1] = [(f"sygus_{name}_search_p50", f"{statistics.median(ms):.2f}", "ms, CPU, no kernel started"),
                             (f"sygus_{name}_search_mean", f"{statistics.mean(ms):.2f}", "ms")]
            for row in rows:
                print(*row, flush=True)
    return 0


sys.exit(main())
