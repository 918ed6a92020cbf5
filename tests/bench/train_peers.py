#!/usr/bin/env python3
"""Training beside numpy, in turn: four configurations of the numpy harness. Whole processes:
`proctor experiment run --compat harness` (kernel, confinement, ledger and checkpoints in it) and
`experiment run` without it, against the harness itself when MODEL_HARNESS names its checkout
(copied first: it writes into itself), else against harness_loop.py. And the work alone: bench_harness
against harness_loop.py's own seconds. One thread each; ratios of the least of all turns.
Prints "name value unit" lines; a loss that is not the peer's to 1e-9 ends it.

usage: train_peers.py TESTS FOLDER: bench_harness in TESTS, proctor in PATH. PROCTOR_BENCH_TURNS: 5"""
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
NET = {"activation": "relu", "output_activation": "softmax"}


def config(data, params, model, model_params, epochs, batch, every):
    return {"dataset": {"name": f"synthetic_{data}", "params": params},
            "model": {"name": model, "params": model_params},
            "training": {"epochs": epochs, "batch_size": batch, "seed": 42},
            "output": {"directory": "runs", "checkpoint_frequency": every}}


LINE = {"n_samples": 100000, "n_features": 100}
CONFIGS = {
    "small": config("classification", {"n_samples": 1000, "n_features": 20, "class_sep": 2.0}, "mlp",
                    {"layer_sizes": [20, 10, 5, 2], **NET}, 100, 32, 20),
    "big": config("classification", {"n_samples": 20000, "n_features": 64, "n_classes": 10}, "mlp",
                  {"layer_sizes": [64, 256, 128, 10], **NET}, 10, 128, 5),
    "lingd": config("regression", LINE, "linear_regression", {"use_gradient_descent": True}, 10, 256, 5),
    "lincf": config("regression", LINE, "linear_regression", {}, 1, 100000, 1),
}
tests, folder = sys.argv[1:3]
turns = int(os.environ.get("PROCTOR_BENCH_TURNS", "5"))
os.environ["OPENBLAS_NUM_THREADS"] = "1"


def say(name, value, unit):
    print(f"harness_{name} {value} {unit}", flush=True)


def run(*command, cwd=folder):
    start = time.perf_counter()
    p = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode:
        sys.exit(f"{' '.join(command)}: {p.stderr}{p.stdout}")
    return time.perf_counter() - start, p.stdout


def harness():
    """A copy of the checkout, or None."""
    given = os.environ.get("MODEL_HARNESS")
    if not given:
        return None
    copy = os.path.join(folder, "checkout")
    shutil.copytree(given, copy, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
    return copy


def near(name, got, want):
    for g, w in zip(got, want):
        if abs(float(g) - float(w)) > 1e-9 * abs(float(w)):
            sys.exit(f"{name}: losses {got}, the peer's {want}")


def compare(name, c, copy):
    path = os.path.join(folder, f"{name}.json")
    with open(path, "w") as f:
        json.dump({"name": name, **c}, f)
    ours, mended, peer, work, loop = [], [], [], [], []
    for _ in range(turns):
        ours.append(run("proctor", "experiment", "run", "--config", path, "--compat", "harness")[0])
        if copy:
            peer.append(run(PYTHON, "-m", "mlx", "run-experiment", "--config", path, cwd=copy)[0])
            by_loop = run(PYTHON, f"{HERE}/harness_loop.py", path)[1].split()
        else:
            t, out = run(PYTHON, f"{HERE}/harness_loop.py", path, os.path.join(folder, "loop"))
            peer.append(t)
            by_loop = out.split()
        mended.append(run("proctor", "experiment", "run", "--config", path)[0])
        alone = run(os.path.join(tests, "bench_harness"), name)[1].split()
        near(name, alone[:2], by_loop[:2])
        work.append(float(alone[2]))
        loop.append(float(by_loop[2]))
    say(f"{name}_whole", f"{min(ours):.3f}", "s")
    say(f"{name}_whole_mended", f"{min(mended):.3f}", "s")
    say(f"{name}_whole_peer", f"{min(peer):.3f}", "s")
    say(f"{name}_peer_over_whole", f"{min(peer) / min(ours):.2f}", "x")
    say(f"{name}_peer_over_mended", f"{min(peer) / min(mended):.2f}", "x")
    say(f"{name}_work", f"{min(work):.4f}", "s")
    say(f"{name}_work_numpy", f"{min(loop):.4f}", "s")
    say(f"{name}_numpy_over_work", f"{min(loop) / min(work):.2f}", "x")


def main():
    copy = harness()
    for name, c in CONFIGS.items():
        compare(name, c, copy)


main()
