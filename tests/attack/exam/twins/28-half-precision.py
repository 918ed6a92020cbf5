# Computes exactly and rounds once.
from fractions import Fraction


def f(x):
    return float(Fraction(x) / 3)
