#!/usr/bin/env python3
"""Steps of llm.c's train_gpt2 (dense GPT-2, CPU) on a small model of the given
shape, random weights, random tokens: median tokens per second, one line. Its
program reads fixed names in its working directory; its batch (4 x 64) is its own.

    train_llmc.py PROGRAM FOLDER [WIDTH LAYERS HEADS VOCAB]
"""
import array
import os
import random
import re
import statistics
import struct
import subprocess
import sys

STEP = re.compile(r"step \d+: .*took ([0-9.]+) ms")
BATCH_TOKENS = 4 * 64


def parameters(t, v, layers, c):
    """How many numbers, in its order of tensors."""
    per_layer = (2 * c + 3 * c * c + 3 * c + c * c + c + 2 * c +
                 4 * c * c + 4 * c + 4 * c * c + c)
    return v * c + t * c + layers * per_layer + 2 * c


def write_model(path, t, v, layers, heads, c):
    head = [20240326, 3, t, v, layers, heads, c, v] + [0] * 248
    draw = random.Random(1)
    n = parameters(t, v, layers, c)
    values = array.array("f", (draw.gauss(0, 0.02) for _ in range(n)))
    with open(path, "wb") as f:
        f.write(struct.pack("<256i", *head))
        values.tofile(f)


def write_tokens(path, n, v):
    draw = random.Random(2)
    head = [20240520, 1, n] + [0] * 253
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(struct.pack("<256i", *head))
        array.array("H", (draw.randrange(v) for _ in range(n))).tofile(f)


def main():
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    c, layers, heads, v = map(int, sys.argv[3:7] or (128, 4, 4, 512))
    os.makedirs(folder, exist_ok=True)
    write_model(os.path.join(folder, "gpt2_124M.bin"), 64, v, layers, heads, c)
    for part in "train", "val":
        write_tokens(os.path.join(
            folder, "dev/data/tinyshakespeare/tiny_shakespeare_%s.bin" % part),
            40000, v)
    done = subprocess.run([program], cwd=folder, capture_output=True, text=True,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    took = [float(x) for x in STEP.findall(done.stdout)]
    if len(took) < 10:
        sys.exit("llm.c made %d steps: %s" % (len(took), done.stderr[-300:]))
    print("train_llmc_tokens %.0f tokens/s" %
          (BATCH_TOKENS / (statistics.median(took[1:]) / 1000)))


if __name__ == "__main__":
    main()
