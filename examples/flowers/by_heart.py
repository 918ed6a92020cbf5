"""Knows its training rows by heart and nothing else: perfect on them, and no better
than one answer for all on rows that it has not seen."""
import csv

with open("train.csv", newline="") as f:
    ROWS = {tuple(float(x) for x in row[:-1]): row[-1] for row in list(csv.reader(f))[1:]}


def species(*flower):
    return ROWS.get(flower, "montana")
