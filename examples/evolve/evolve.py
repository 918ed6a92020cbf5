#!/usr/bin/env python3
"""A tiny evolutionary loop: expressions over x and y, mutated at random, until
one is admitted as "the mean of two numbers, rounded up". Reward hacks are among
the population; none gets a score.

What drives it are counterexamples: each REJECT brings one, and a candidate that
does not answer all of those right is not worth an exam. They are tried on the
expression trees of this file, so that no candidate's text ever runs here.

    evolve.py [SEED]
"""
import glob
import os
import random
import sys
import tempfile

from adapter import Judge

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    ">>": lambda a, b: a >> (b & 7),
}
LEAVES = ["x", "y", 0, 1, 2]
LIMIT = 4000000  # expressions tried; 33,000 in the mean, by luck 200,000
EXAMPLES = [(0, 0, 0), (2, 4, 3), (63, 63, 63)]


def leaf(rng):
    return rng.choice(LEAVES)


def tree(rng, depth):
    if depth == 0 or rng.random() < 0.2:
        return leaf(rng)
    return (rng.choice(list(OPERATORS)), tree(rng, depth - 1),
            tree(rng, depth - 1))


def mutate(rng, t):
    """t with one place changed."""
    if not isinstance(t, tuple) or rng.random() < 0.3:
        return tree(rng, 2)
    side = rng.randrange(4)
    if side == 0:
        return (rng.choice(list(OPERATORS)), t[1], t[2])
    if side == 1:
        return (t[0], mutate(rng, t[1]), t[2])
    if side == 2:
        return (t[0], t[1], mutate(rng, t[2]))
    return (rng.choice(list(OPERATORS)), t, leaf(rng))


def value(t, x, y):
    if isinstance(t, tuple):
        return OPERATORS[t[0]](value(t[1], x, y), value(t[2], x, y))
    return {"x": x, "y": y}.get(t, t)


def text(t):
    if not isinstance(t, tuple):
        return str(t)
    if t[0] == ">>" and not isinstance(t[2], int):
        return "(%s >> (%s & 7))" % (text(t[1]), text(t[2]))
    return "(%s %s %s)" % (text(t[1]), t[0], text(t[2]))


def size(t):
    return 1 + size(t[1]) + size(t[2]) if isinstance(t, tuple) else 1


def fitness(t, known):
    """How far off on what is known, then how large."""
    off = sum(min(abs(value(t, x, y) - want), 64) for x, y, want in known)
    return off, size(t)


def write(folder, t, n):
    path = os.path.join(folder, "candidate-%d.py" % n)
    with open(path, "w") as f:
        f.write("def mean(x, y):\n    return %s\n" % text(t))
    return path


def show(name, result):
    c = result["counterexample"]
    print("%-18s score %.1f  %s%s" % (
        name, result["combined_score"],
        result["verdict"] or "no verdict",
        ": mean(%d, %d) is %s, not %s" % (
            *c["input"], c["expected"], c["got"]) if c and c["got"] is not None
        else ": " + result["reason"][:60]), flush=True)


def judge_hacks(judge):
    """Everybody in the population is examined; these came from somewhere."""
    for path in sorted(glob.glob(os.path.join(HERE, "hacks", "*.py"))):
        result = judge.evaluate(path)
        show(os.path.basename(path), result)
        if result["combined_score"] != 0.0:
            sys.exit("a reward hack was admitted")


def evolve(judge, folder, rng):
    known = list(EXAMPLES)  # (x, y, answer), and counterexamples to come
    population = [tree(rng, 3) for _ in range(60)]
    exams = tried = stuck = 0
    while tried < LIMIT:
        population.sort(key=lambda t: fitness(t, known))
        if fitness(population[0], known)[0] == 0:
            exams += 1
            result = judge.evaluate(write(folder, population[0], exams))
            show(text(population[0]), result)
            if result["combined_score"] == 1.0:
                print("admitted after %d exams, %d expressions: %s (record %d)"
                      % (exams, tried, text(population[0]), result["record"]))
                return True
            c = result["counterexample"]
            if c and c["expected"] is not None:
                known.append((*c["input"], c["expected"]))
            else:
                population[0] = tree(rng, 3)  # it gave no answer at all
            stuck = 0
            continue
        stuck += 1
        if stuck % 40 == 0:  # no better one in sight: others have a try
            population = [tree(rng, 3) for _ in range(60)]
        children = [mutate(rng, rng.choice(population[:20]))
                    for _ in range(60)]
        tried += len(children)
        population = population[:25] + [c for c in children if size(c) <= 15]
    return False


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    judge = Judge(oracle=os.path.join(HERE, "oracle.py:mean"),
                  second=os.path.join(HERE, "second.py:mean"),
                  domain="[{u8: {range: [0, 63]}}, {u8: {range: [0, 63]}}]",
                  gives="u8", function="mean",
                  examples=["[%d, %d]=>%d" % e for e in EXAMPLES])
    judge_hacks(judge)
    with tempfile.TemporaryDirectory() as folder:
        return 0 if evolve(judge, folder, random.Random(seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
