# Talks through a pipe, to itself.
import os

out, into = os.pipe()


def f(x):
    os.write(into, b"%d\n" % (x * x % 251))
    return int(os.read(out, 16))
