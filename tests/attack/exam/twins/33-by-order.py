# Counts what it sees and answers the same.
seen = {}


def f(x):
    seen[x] = seen.get(x, 0) + 1
    return x * x % 251
