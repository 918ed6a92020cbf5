# Keeps answers by value.
from functools import lru_cache


@lru_cache(None)
def order(xs):
    return sorted(xs)


def f(xs):
    return order(tuple(xs))
