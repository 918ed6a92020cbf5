# Skips one way of computing, then takes the other.
import unittest


def f(x):
    try:
        raise unittest.SkipTest("slow way")
    except unittest.SkipTest:
        return x * x % 251
