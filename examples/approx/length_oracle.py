"""The length of a vector by exact rational arithmetic, rounded once."""
from fractions import Fraction
from math import isqrt


def length(x, y):
    square = Fraction(x) ** 2 + Fraction(y) ** 2
    scale = 1 << 120
    return float(Fraction(isqrt(int(square * scale * scale)), scale))
