# The same, written apart: through exact fractions.
from fractions import Fraction
from math import ceil


def mean(x, y):
    return ceil(Fraction(x + y, 2))
