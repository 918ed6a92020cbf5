"""Draws every split of a data set again, from the store's objects alone and with code of
its own, no part of Proctor's: which rows are held out, in which order, as which bytes.
Usage: split_check.py STORE   (calls `proctor` for records and messages)
Prints what differs and how many splits there were; status 1 if anything does."""
import json, struct, subprocess, sys
from collections import Counter
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path

store = Path(sys.argv[1])
TYPES = {1: (8, "d"), 2: (4, "f"), 3: (1, "B"), 4: (4, "I")}


def proctor(*words):
    return json.loads(subprocess.run(["proctor", *words, "--store", store, "--json"],
                                     check=True, capture_output=True).stdout)


def blob(cid):
    return (store / "objects" / cid[:2] / cid[2:]).read_bytes() if cid else b""


def rows(data, n):
    size = len(data) // n
    return [data[i * size:(i + 1) * size] for i in range(n)]


def order(x, labels, seed, stratified, share):
    """Rows of equal bytes together; their places by a keyed hash, or by class. And
    the held-out ones among them by the hash."""
    groups = {}
    for i, row in enumerate(x):
        groups.setdefault(blake2b(row, digest_size=16, key=seed).digest(), []).append(i)
    inputs = [groups[k] for k in sorted(groups)]
    cut = int(share * len(inputs) + 0.5)
    if stratified:
        by_hash = {g[0]: i for i, g in enumerate(inputs)}
        size = Counter(labels[g[0]] for g in inputs)
        seen, place = Counter(), {}
        for g in inputs:
            c = labels[g[0]]
            place[g[0]] = (Fraction(2 * seen[c] + 1, 2 * size[c]), c)
            seen[c] += 1
        inputs.sort(key=lambda g: place[g[0]])
        inputs[:cut] = sorted(inputs[:cut], key=lambda g: by_hash[g[0]])
    return inputs, cut


def values(kind, numbers):
    body = {"x": lambda r: b"\x09\0\0\0\1\x08" + struct.pack(">I", len(r)) +
            b"".join(b"\x04\x04" + struct.pack(">f", v) for v in r),
            1: lambda v: b"\x04\x04" + struct.pack(">f", v),
            2: lambda v: b"\x03\x84" + struct.pack(">I", v)}[kind]
    out = [body(v) for v in numbers]
    return struct.pack(">I", len(out)) + b"".join(struct.pack(">I", len(v)) + v for v in out)


sets = {}
bad = n = 0
for r in proctor("log")["records"]:
    if r["kind"] == "loaded":
        sets[r["dataset"]] = proctor("show", str(r["seq"]))["objects"]["dataset"]
for r in proctor("log")["records"]:
    if r["kind"] != "split" or not r["fixed_ref"]:
        continue
    objects = proctor("show", str(r["seq"]))["objects"]
    data, split = objects["data"], objects["split"]
    if not data["dataset"]:
        continue
    n += 1
    d = sets[data["dataset"]]
    x = rows(blob(d["x"]), d["rows"])
    labels, y = [None] * len(x), []
    if d["y"]:
        y = rows(blob(d["y"]), d["rows"])
        labels = [struct.unpack("<I" if d["kind"] == 2 else "<d", v)[0] for v in y]
    inputs, cut = order(x, labels, bytes.fromhex(r["seed"]), data["stratified"],
                        data["holdout"])
    held = [i for g in inputs[:cut] for i in g]
    train = [i for g in inputs[cut:] for i in g]
    size, code = TYPES[d["x_type"]]
    want = {"train_x": b"".join(x[i] for i in train), "held_x": b"".join(x[i] for i in held)}
    if y:
        want["train_y"] = b"".join(y[i] for i in train)
        want["train_outputs"] = values(d["kind"], [labels[i] for i in train])
        want["held_outputs"] = values(d["kind"], [labels[i] for i in held])
        want["held_inputs"] = values(
            "x", [struct.unpack("<%d%s" % (d["width"], code), x[i]) for i in held])
    for key in ("train_x", "train_y", "train_outputs", "held_x", "held_inputs", "held_outputs",
                "train_csv"):
        if blob(split[key]) != want.get(key, b""):
            bad += 1
            print(f"record {r['seq']}: {key} is not what was drawn")
    if (split["train_rows"], split["held_rows"], split["held_distinct"]) != (
            len(train), len(held), cut):
        bad += 1
        print(f"record {r['seq']}: counts {split}")
print(f"{n} splits of data sets")
sys.exit(1 if bad else 0)
