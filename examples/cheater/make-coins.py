#!/usr/bin/env python3
"""Writes coins.csv: numbers, and a label that is a coin flip. There is nothing to
learn in it but the rows themselves."""
import random

draw = random.Random(2026)
with open("coins.csv", "w") as f:
    f.write(",".join("x%d" % i for i in range(8)) + ",side\n")
    for _ in range(600):
        f.write(",".join("%.3f" % draw.gauss(0, 1) for _ in range(8)) +
                ",%s\n" % draw.choice(["heads", "tails"]))
