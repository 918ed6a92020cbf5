#!/usr/bin/env python3
"""Tries orders of rows, level by level, as rule.py decides.

explore.py [--levels N] [--keep N] [--store DIR] [--policy FILE]

It decides nothing: it runs the graph for each order that the last decision asks for,
copies what the kernel measured (LOOK records) into the next decision's input, and
starts none whose rows were trained on before (the same objects x and y: seen)."""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.relpath(os.path.dirname(os.path.abspath(__file__)))
a = argparse.ArgumentParser()
a.add_argument("--levels", type=int, default=2)
a.add_argument("--keep", type=int, default=1)
a.add_argument("--store", default=".proctor")
a.add_argument("--policy", default="policy/default.yaml")
a = a.parse_args()


def proctor(*words, ok=(0,)):
    p = subprocess.run(["proctor", *words, "--store", a.store], text=True,
                       stdout=subprocess.PIPE)
    if p.returncode not in ok:
        sys.exit(f"explore.py: proctor {' '.join(words)}: exit {p.returncode}")
    return p.stdout


def records(kind):
    return json.loads(proctor("log", "--kind", kind, "--json"))["records"]


def thing(cid):
    return json.loads(proctor("show", cid, "--json"))["object"]


def run(graph, *words):
    """The number of its RUN record."""
    proctor("run", f"{HERE}/{graph}", *words, "--policy", a.policy, "--json",
            ok=(0, 1))  # 1: not better than the best, which is an answer, too
    return records("run")[-1]["seq"]


def loaded_by(number):
    return [r for r in records("loaded")
            if r["run"] == number and r["task"] == "order"][-1]["seq"]


def rows_in(root, level, order):
    """The rows and labels that this order makes of root, as docs/runs.md says."""
    parts = []
    for cid in root:
        raw = subprocess.run(["proctor", "show", cid, "--raw", "--store", a.store],
                             stdout=subprocess.PIPE, check=True).stdout
        each = len(raw) // n_rows
        parts.append(b"".join(raw[(n_rows * b >> level) * each:
                                  (n_rows * (b + 1) >> level) * each] for b in order))
    return tuple(parts)


def decide(state):
    with open(f"{HERE}/measured.json", "w") as f:
        json.dump(state, f, sort_keys=True)
    number = run("branch.yaml")
    out = [r for r in records("outputs") if r["run"] == number][-1]
    return json.loads(proctor("show", out["artifact"], "--raw"))


trained, root, n_rows, level, variants = {}, None, 0, 0, []
while True:
    decision = decide({"level": level, "levels": a.levels, "keep": a.keep,
                       "metric": "accuracy", "variants": variants})
    for v in decision["kept"]:
        print(f"level {level}: kept {v['order']}, record {v['record']}")
    if not decision["next"]:
        break
    level, variants = decision["level"], []
    for order in decision["next"]:
        key = root and rows_in(root, level, order)
        if key in trained:
            variants.append({"order": order, "seen": trained[key], "measured": None,
                             "void": False, "record": None})
            print(f"level {level}: {order} seen, record {trained[key]}")
            continue
        number = run("graph.yaml", f"order.with.level={level}",
                     f"order.with.order={json.dumps(order)}")
        if root is None:
            split = thing([r for r in records("split") if r["split"]][-1]["split"])
            root, n_rows = (split["train_x"], split["train_y"]), split["train_rows"]
            key = rows_in(root, level, order)
        trained[key] = loaded_by(number)
        look = [r for r in records("look") if r["run"] == number][-1]
        variants.append({"order": order, "seen": None, "record": look["seq"],
                         "void": look["outcome"] == 3,
                         "measured": 1 - look["loss"] / look["grid"]})
        print(f"level {level}: {order} measured {variants[-1]['measured']:.4f}, "
              f"record {look['seq']}")
