"""Computes every LOOK and HOLDOUT of a store again, from its objects alone and with code of its
own: exact fractions, no part of Proctor's. Also that splits keep inputs apart.
Usage: look_check.py STORE   (calls `proctor` for records and messages)
Prints what differs; status 1 if anything does."""
import json, struct, subprocess, sys
from collections import Counter
from fractions import Fraction
from math import isqrt
from pathlib import Path

store = Path(sys.argv[1])


def proctor(*words):
    return json.loads(subprocess.run(["proctor", *words, "--store", store, "--json"],
                                     check=True, capture_output=True).stdout)


def blob(cid):
    return (store / "objects" / cid[:2] / cid[2:]).read_bytes()


def values(cid):
    data = blob(cid)
    n, at = struct.unpack(">I", data[:4])[0], 4
    out = []
    for _ in range(n):
        size = struct.unpack(">I", data[at:at + 4])[0]
        out.append(data[at + 4:at + 4 + size])
        at += 4 + size
    assert at == len(data)
    return out


def number(v):
    if v[0] == 4:
        return Fraction(struct.unpack(">f" if v[1] == 4 else ">d", v[2:])[0])
    return Fraction(int.from_bytes(v[2:], "big", signed=not v[1] & 0x80))


def losses(metric, train, held, said):
    """Loss of each answer, None standing for the placebo."""
    if metric == 1:
        counts = Counter(train)
        common = min(v for v in counts if counts[v] == max(counts.values()))
        return [Fraction((common if a is None else a) != y) for y, a in zip(held, said)]
    known = [number(v) for v in train]
    mean = sum(known) / len(known)
    error = (lambda x: x * x) if metric == 3 else abs
    scale = 2 * sum(error(y - mean) for y in known) / len(known)
    return [min(Fraction(1), error((mean if a is None else number(a)) - number(y)) / scale)
            for y, a in zip(held, said)]


def decades(b, c, most):
    """Of E = 2^(m+1) B(b+1, c+1) (1 - I_1/2(b+1, c+1)), in whole numbers."""
    from math import comb
    m = b + c
    e = Fraction(sum(comb(m + 1, i) for i in range(b + 1)), (m + 1) * comb(m, b))
    return min(most, len(str(int(e))) - 1) if e >= 1 else 0


bad = 0


def differ(seq, what):
    global bad
    bad += 1
    print(f"record {seq}: {what}")


best, looks, holdouts = {}, Counter(), 0
records = [proctor("show", str(r["seq"])) for r in proctor("log")["records"]
           if r["kind"] in ("split", "look", "holdout")]
for r in records:
    rec, objects = r["record"], r["objects"]
    if rec["kind"] == "split":
        if "split" in objects:
            s = objects["split"]
            data = objects["data"]
            if data["dataset"]:
                continue  # split_check.py
            held = set(values(s["held_inputs"]))
            rest = [v for v in values(data["inputs"]) if v not in held]
            if len(rest) != s["train_rows"] or len(held) != s["held_distinct"]:
                differ(rec["seq"], "an input stands on both sides, or a count is wrong")
            if blob(s["train_csv"]).count(b"\n") < s["train_rows"] + 1:
                differ(rec["seq"], "the training file lacks rows")
        continue
    s, metric = objects["split"], rec["metric"]
    if rec["kind"] == "holdout":
        e = objects["evidence"]
        train, held, said = (values(c) for c in (s["train_outputs"], s["held_outputs"], e["answers"]))
        mine = losses(metric, train, held, said)
        for c in e["contestants"]:
            other = losses(metric, train, held, values(c["answers"]) if c["role"] > 1 else [None] * len(held))
            b = sum(x < y for x, y in zip(mine, other))
            want = decades(b, sum(x > y for x, y in zip(mine, other)), 15)
            if c["decades"] != want:
                differ(rec["seq"], f"{c['name']}: decades {c['decades']}, should be {want}")
        beaten = all(c["decades"] >= c["needed"] for c in e["contestants"])
        if rec["verdict"] != (1 if beaten else 2):
            differ(rec["seq"], f"verdict {rec['verdict']}")
        holdouts += 1
        continue
    train, held, said = (values(c) for c in (s["train_outputs"], s["held_outputs"], rec["answers"]))
    n, grid = len(held), isqrt(s["held_distinct"] - 1)
    placebo_rows = losses(metric, train, held, [None] * n)
    rows = losses(metric, train, held, said)
    turned = losses(metric, train, held[n // 2:] + held[:n // 2], said)
    placebo = int(sum(placebo_rows) * grid / n)
    before = min(placebo, best.get((rec["split"], metric), placebo))
    steps = sum(rows) * grid / n
    looks[rec["split"]] += 1
    want = {"grid": grid, "placebo": placebo, "best": before, "loss": before, "outcome": 2,
            "decades": 0, "look": looks[rec["split"]], "limit": s["held_distinct"]}
    if sum(turned) * grid / n < placebo - 3:
        want["outcome"] = 3
    elif steps < before - 1:
        want["outcome"] = 1
        want["loss"] = int(steps + Fraction(1, 2))
        b = sum(x < y for x, y in zip(rows, placebo_rows))
        want["decades"] = decades(b, sum(x > y for x, y in zip(rows, placebo_rows)), 4)
    best[rec["split"], metric] = want["loss"]
    for key, value in want.items():
        if rec[key] != value:
            differ(rec["seq"], f"{key} is {rec[key]}, should be {value}")
print(f"{sum(looks.values())} looks and {holdouts} holdouts computed again, {bad} differences")
sys.exit(bad > 0)
