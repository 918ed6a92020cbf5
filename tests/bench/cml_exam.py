#!/usr/bin/env python3
"""Exams of units of CML by a unit as oracle, in one store: each of another candidate (one
unit with other constants, its oracle written otherwise), over all of u64. Times are those
of the records: from START of the task to VERDICT. Prints "name value unit" lines.

usage: cml_exam.py PROCTOR [-n EXAMS] [--keep DIR]
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

GRAPH = """version: 1
name: exam-{i}
tasks:
  - id: candidate
    op: cml
    with: {{unit: c{i}.cml:f, takes: [u64], gives: u64}}
    validator: {{name: well_formed, level: schema}}
  - id: exam
    op: exam
    needs: [candidate]
    with:
      oracle: {{unit: o{i}.cml:f}}
      domain: [u64]
    validator: {{name: holdout, level: oracle}}
"""
CANDIDATE = """unit f(x: u64) -> u64 {{
  let a = (x ^ (x >> {s})) * {m};
  let b = (a ^ (a >> {t})) + {c};
  if b > x {{ b - x }} else {{ (x - b) ^ {d} }}
}}
"""
ORACLE = """unit f(x: u64) -> u64 {{
  let a = {m} * ((x >> {s}) ^ x);
  let b = {c} + ((a >> {t}) ^ a);
  if x < b {{ b - x }} else {{ {d} ^ (x - b) }}
}}
"""
POLICY = """version: 1
name: bench
grants:
  - capability: cml.run
    files: ["**"]
  - capability: exam.hold
"""


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="ascii") as f:
        f.write(text)


def exam(proctor, folder, i, rng):
    v = {"s": rng.randrange(7, 57), "t": rng.randrange(7, 57),
         "m": rng.randrange(1 << 63, 1 << 64) | 1, "c": rng.randrange(1 << 40),
         "d": rng.randrange(1 << 40)}
    write(folder, f"c{i}.cml", CANDIDATE.format(**v))
    write(folder, f"o{i}.cml", ORACLE.format(**v))
    write(folder, f"g{i}.yaml", GRAPH.format(i=i))
    p = subprocess.run([proctor, "run", f"g{i}.yaml", "--policy", "p.yaml", "--store", "s"],
                       cwd=folder, capture_output=True, text=True, check=False)
    if p.returncode != 0 or "ADMIT" not in p.stdout:
        sys.exit(f"cml_exam.py: exam {i}: {p.stdout}{p.stderr}")


def spans(records):
    """Of each exam: milliseconds from START to records that follow."""
    out, at = [], None
    for r in records:
        kind, t = r["kind"], r["mono_ns"]
        if kind == "start" and r.get("task") == "exam":
            at = {"start": t, "workers": 0}
        elif at is None:
            continue
        elif kind == "confine":
            at["workers"] += 1
        elif kind in ("commit", "verdict"):
            at[kind] = t
        if kind == "verdict":
            out.append({"whole": t - at["start"], "workers": at["workers"],
                        "screen": at["commit"] - at["start"],
                        "test": t - at["commit"]})
            at = None
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("proctor")
    a.add_argument("-n", type=int, default=50)
    a.add_argument("--keep")
    a = a.parse_args()
    proctor = os.path.abspath(a.proctor)
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = a.keep or folder
        os.makedirs(folder, exist_ok=True)
        write(folder, "p.yaml", POLICY)
        for i in range(a.n):
            exam(proctor, folder, i, rng)
        log = subprocess.run([proctor, "log", "--store", "s", "--json"], cwd=folder,
                             capture_output=True, text=True, check=True)
    found = spans(json.loads(log.stdout)["records"])
    if len(found) != a.n:
        sys.exit(f"cml_exam.py: {len(found)} exams, not {a.n}")
    for part in ("whole", "screen", "test"):
        v = sorted(s[part] / 1e6 for s in found)
        name = "exam_cml" + ("" if part == "whole" else "_" + part)
        print(f"{name}_p50 {v[len(v) // 2]:.1f} ms")
        print(f"{name}_p99 {v[min(len(v) - 1, len(v) * 99 // 100)]:.1f} ms")
        print(f"{name}_least {v[0]:.1f} ms")
    print(f"exam_cml_workers {max(s['workers'] for s in found)} workers")


main()
