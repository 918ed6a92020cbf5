# Draws its own test inputs before it answers.
import random

rng = random.Random(7)


def f(x):
    return x * x % 251


for _ in range(20):
    n = rng.randrange(300)
    assert f(n) == pow(n, 2, 251)
