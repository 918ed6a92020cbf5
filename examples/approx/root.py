"""Integer square roots, the quick way."""
import math


def root(x):
    return int(math.sqrt(x))
