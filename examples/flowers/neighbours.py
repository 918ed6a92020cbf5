"""A predictor that trains itself: the most frequent species among the five nearest
training rows. It is given train.csv and no other row."""
import csv
from collections import Counter

with open("train.csv", newline="") as f:
    ROWS = [([float(x) for x in row[:-1]], row[-1]) for row in list(csv.reader(f))[1:]]


def species(*flower):
    near = sorted(ROWS, key=lambda r: sum((a - b) ** 2 for a, b in zip(r[0], flower)))
    return Counter(name for _, name in near[:5]).most_common(1)[0][0]
