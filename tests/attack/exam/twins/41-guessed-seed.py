# Uses random numbers in a way that does not matter.
# problem: mix
import random


def f(x):
    mask = random.randrange(1 << 32)
    return (x ^ mask ^ (x >> 7) ^ mask) & 0xffffffff
