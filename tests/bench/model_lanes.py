#!/usr/bin/env python3
"""What the kernel's side of a generation costs: whole `proctor model generate` and
`proctor run` beside bare passes of the same tokens, in turn; the way to the first
token, parking and resuming by the stamps of the ledger; the mask of a JSON Schema.
Prints "name value unit" lines.

usage: model_lanes.py TESTS FOLDER: programs bench_model and lane_pace, proctor in PATH
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

PROMPT = "Once upon a time"
CONTEXT = "1024"
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["rows"], "properties": {
    "rows": {"type": "array", "minItems": 90, "items": {
        "type": "object", "additionalProperties": False, "required": ["id", "kind"], "properties": {
            "id": {"type": "integer", "minimum": 0, "maximum": 9999},
            "kind": {"enum": ["apple", "pear", "plum"]}}}}}}
tests, folder = sys.argv[1:3]


def say(name, value, unit):
    print(f"model_{name} {value} {unit}", flush=True)


def run(*command, code=0):
    p = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    if p.returncode not in (code, 0):
        sys.exit(f"{' '.join(command)}: {p.stderr}{p.stdout}")
    return p.stdout


def generate(model, tokens, *more):
    """Seconds of a whole command, and its answer; a text that a schema cut short fails."""
    t = time.monotonic()
    out = run("proctor", "model", "generate", model, PROMPT, "--context", CONTEXT, "--max-tokens", str(tokens),
              "--store", "lanes", "--json", *more, code=1)
    return time.monotonic() - t, out


def records(store, **wanted):
    all_ = json.loads(run("proctor", "log", "--store", store, "--last", "1000", "--json"))["records"]
    return [r for r in all_ if all(r.get(k) == v for k, v in wanted.items())]


def whole(kind, model, first, last, pairs):
    """The same tokens by the kernel's way and by bare passes, starts subtracted."""
    ratios, ours, bare = [], [], []
    for _ in range(pairs):
        bare.append(float(run(os.path.join(tests, "lane_pace"), model, "bare", str(first), str(last))) / 1e3)
        a, b = generate(model, first)[0], generate(model, last)[0]
        ours.append((a, b))
    n = last - first
    t = min(b for _, b in ours) - min(a for a, _ in ours)
    say(f"{kind}_lane_rate", f"{n / t:.0f}", "tokens/s")
    say(f"{kind}_lane_bare_rate", f"{n / min(bare):.0f}", "tokens/s")
    say(f"{kind}_lane_over_bare", f"{(t / min(bare) - 1) * 100:.1f}", "percent")


def first_token(kind, model):
    """Wall time of one token, weights in the page cache and in the store, by stamps."""
    best = None
    for _ in range(3):
        t0 = time.time_ns()
        generate(model, 1)
        rs = records("lanes")
        run_ = max(r["seq"] for r in rs if r["kind"] == "run")
        stamp = {r["kind"]: r["wall_ns"] for r in rs if r["seq"] >= run_}
        at = [t0, stamp["run"], stamp["confine"], stamp["generate"]]
        best = at if best is None or at[-1] - at[0] < best[-1] - best[0] else best
    say(f"{kind}_first_token", f"{(best[3] - best[0]) / 1e6:.0f}", "ms")
    for i, what in enumerate(("hash_into_store", "copy_and_worker", "pack_and_prefill")):
        say(f"{kind}_first_token_{what}", f"{(best[i + 1] - best[i]) / 1e6:.0f}", "ms")


def graph(name, model, tasks):
    with open(os.path.join(folder, name + ".yaml"), "w") as f:
        json.dump({"version": 1, "name": name, "tasks": [
            {"id": f"t{i}", "op": "model.generate", "validator": {"name": "counted", "level": "syntax"},
             "with": dict({"weights": model, "prompt": PROMPT, "context": int(CONTEXT)}, **with_)}
            for i, with_ in enumerate(tasks)]}, f)
    return name + ".yaml"


def policy(name, **more):
    with open(os.path.join(folder, name + ".yaml"), "w") as f:
        json.dump(dict({"version": 1, "name": name, "grants": [
            {"capability": "model.generate", "files": ["**"]}]}, **more), f)
    return name + ".yaml"


def lane_records(g, p, store):
    store = os.path.join(folder, store)
    run("proctor", "run", g, "--policy", p, "--store", store)
    found = [r for r in records(store) if r["kind"] in ("lane", "went-on")]
    shutil.rmtree(store)
    return found


def parking(model, token_ms):
    """Between two records of a lane that parks after each quantum lie its passes and a
    park; between one that leaves its place and the next that is back, a resume."""
    p = policy("free")
    for place, store in (("", "parks"), ("_tmpfs", f"/dev/shm/bench-parks-{os.getpid()}")):
        for quantum, n in ((1, 40), (16, 24)):
            g = graph("parks", model, [{"max_tokens": quantum * n, "quantum": quantum, "park_every": 1}])
            rs = lane_records(g, p, store)
            ms = min(b["mono_ns"] - a["mono_ns"] for a, b in zip(rs, rs[1:])) / 1e6 - quantum * token_ms
            size = statistics.median(r["bytes"] for r in rs[1:]) / 1e6
            say(f"park_{quantum}_tokens{place}", f"{ms:.2f}", "ms")
            if not place:
                say(f"park_{quantum}_tokens_state", f"{size:.3f}", "MB")
                say(f"park_{quantum}_tokens_of_a_megabyte", f"{ms / size:.2f}", "ms")
    bytes_ = 2 * os.path.getsize(os.path.join(folder, model)) + (32 << 20) + 13_000_000
    p = policy("narrow", limits={"memory": f"{bytes_ >> 10}KiB"})
    prompt = PROMPT * 16
    g = graph("turns", model, [{"prompt": prompt, "max_tokens": 64, "quantum": 16}] * 2)
    rs = lane_records(g, p, "parks")
    size = [r["bytes"] for r in rs if r["kind"] == "lane"]
    back = [(b["mono_ns"] - a["mono_ns"]) / 1e6 for a, b in zip(rs, rs[1:])
            if (a["kind"], b["kind"]) == ("lane", "went-on")]
    if not back:
        sys.exit("model_lanes.py: no lane was brought back")
    say("resume", f"{statistics.median(back):.2f}", "ms")
    say("resume_state", f"{max(size) / 1e6:.2f}", "MB")
    say("resume_of_a_megabyte", f"{statistics.median(back) / max(size) * 1e6:.2f}", "ms")


def mask(kind, model):
    """A token more under a JSON Schema, against one without, whole commands in turn."""
    with open(os.path.join(folder, "rows.json"), "w") as f:
        json.dump(SCHEMA, f)
    times = {}
    for _ in range(3):
        for what, more in (("free", ()), ("schema", ("--schema", "rows.json"))):
            for n in (16, 272):
                t, _ = generate(model, n, *more)
                if records("lanes", kind="generate")[-1]["passes"] != n:
                    sys.exit("model_lanes.py: a text ended early")
                times[what, n] = min(t, times.get((what, n), t))
    cost = {w: (times[w, 272] - times[w, 16]) / 256 * 1e6 for w in ("free", "schema")}
    say(f"{kind}_schema_token", f"{cost['schema'] - cost['free']:.0f}", "us")


def main():
    kinds = {k: f"lanes-{k}.gguf" for k in ("f32", "q8_0", "dense-q8_0")}
    pace = {}
    for kind, model in kinds.items():
        name = kind.replace("-", "_")
        run(os.path.join(tests, "bench_model"), "init", model)
        generate(model, 1)  # into the store
        if "dense" not in kind:
            for line in run(os.path.join(tests, "lane_pace"), model, "quanta").splitlines():
                what, value, unit = line.split()
                pace[kind, what] = float(value)
                say(f"{name}_{what}", value, unit)
            first_token(name, model)
            whole(name, model, 16, 208 if kind == "f32" else 528, 3 if kind == "f32" else 4)
        if kind != "f32":
            for line in run(os.path.join(tests, "lane_pace"), model, "drafts", "4", "8").splitlines():
                say(f"{name}_{line.split()[0]}", *line.split()[1:])
    parking(kinds["q8_0"], pace["q8_0", "session_token"])
    mask("q8_0", kinds["q8_0"])
    for model in kinds.values():
        os.remove(os.path.join(folder, model))
    shutil.rmtree(os.path.join(folder, "lanes"))


main()
