#!/usr/bin/env python3
"""Proctor's forward pass beside other programs on the same GGUF files, one thread,
taking turns: ours, theirs, ours, theirs. Prints "name value unit" lines: tokens/s, and
the ratio ours / theirs as the median of the pairs, with the least and the greatest.

usage: model_peers.py BENCH_MODEL FOLDER [--pairs N]
Peers by environment: LLAMA_BENCH, IK_LLAMA_BENCH (their llama-bench programs).
"""
import argparse
import csv
import io
import os
import statistics
import subprocess
import sys

TYPES = ("f32", "bf16", "q8_0")
PREFILL, DECODE = 512, 128


def ours(bench, path):
    out = subprocess.run([bench, "rate", path], check=True, text=True, stdout=subprocess.PIPE).stdout
    return [float(x) for x in out.split()]


def theirs(bench, path, options):
    out = subprocess.run(
        [bench, "-m", path, "-p", str(PREFILL), "-n", str(DECODE), "-t", "1", "-r", "1", "-o", "csv", *options],
        check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    lines = out.splitlines()  # another line may stand before the table
    start = next(i for i, line in enumerate(lines) if "n_prompt" in line and "avg_ts" in line)
    rates = [0.0, 0.0]
    for row in csv.DictReader(io.StringIO("\n".join(lines[start:]))):
        if int(row["n_gen"]) == 0:
            rates[0] = float(row["avg_ts"])
        elif int(row["n_prompt"]) == 0:
            rates[1] = float(row["avg_ts"])
    if not all(rates):
        sys.exit(f"{bench}: no rate in its answer")
    return rates


def main():
    args = argparse.ArgumentParser()
    args.add_argument("bench")
    args.add_argument("folder")
    args.add_argument("--pairs", type=int, default=5)
    a = args.parse_args()
    peers = [(name, os.environ[key], options, types)
             for name, key, options, types in (
                 ("llama", "LLAMA_BENCH", [], TYPES),
                 ("ik_llama", "IK_LLAMA_BENCH", [], TYPES),
                 ("ik_llama_repacked", "IK_LLAMA_BENCH", ["-rtr", "1", "-fmoe", "1"], ("q8_0",)))
             if os.environ.get(key)]
    for kind in TYPES:
        path = os.path.join(a.folder, f"pairs-{kind}.gguf")
        subprocess.run([a.bench, "init", path], check=True)
        for name, bench, options, types in peers:
            if kind not in types:
                continue
            rows = []
            for _ in range(a.pairs):
                rows.append((ours(a.bench, path), theirs(bench, path, options)))
            for k, what in enumerate(("prefill", "decode")):
                ratios = sorted(o[k] / t[k] for o, t in rows)
                figure = f"model_{kind}_{what}"
                print(f"{figure}_{name} {statistics.median(t[k] for _, t in rows):.0f} tokens/s")
                print(f"{figure}_over_{name} {statistics.median(ratios):.2f}"
                      f" ({ratios[0]:.2f}-{ratios[-1]:.2f})")
            sys.stdout.flush()
        os.remove(path)


if __name__ == "__main__":
    main()
