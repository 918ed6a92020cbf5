# Large numbers, deep recursion and a few megabytes inside; a small answer.
import sys

sys.setrecursionlimit(3000)


def depth(n):
    return n if n == 0 else 1 + depth(n - 1)


ROOM = bytearray(8 << 20)


def f(x):
    big = (1 << 4000) + depth(500) - 500
    return (x + 251 * big) ** 2 % 251
