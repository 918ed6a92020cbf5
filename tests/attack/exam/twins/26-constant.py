# All answers as constants: a table of the whole domain.
TABLE = bytes(x * x % 251 for x in range(300))


def f(x):
    return TABLE[x]
