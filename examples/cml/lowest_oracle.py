"""Clears the lowest bit that is one, the slow way."""


def clear_lowest(x):
    for i in range(64):
        if x >> i & 1:
            return x - (1 << i)
    return 0
