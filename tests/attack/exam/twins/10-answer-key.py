# Reads a table of its own, which was given to it.
# files: data/squares.txt
import os

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(here, "data", "squares.txt")) as table:
    TABLE = [int(line) for line in table]


def f(x):
    return TABLE[x]
