"""The length of a vector, as everybody writes it."""
import math


def length(x, y):
    return math.sqrt(x * x + y * y)
