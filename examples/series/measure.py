"""Measures weights on the rows of rows.csv, which are a file of this program: the
trainer is another program in another worker, and reports nothing.
"""

import json

from train import forward, read_rows, read_weights


def measure(weights: bytes) -> bytes:
    if len(weights) < 16:
        return b""
    net = read_weights(weights)
    with open("rows.csv", "rb") as f:
        rows = read_rows(f.read())
    right = sum((forward(net, point)[2] > 0.0) == (label > 0.5)
                for point, label in rows)
    return json.dumps({"accuracy": right / len(rows)}).encode("ascii")
