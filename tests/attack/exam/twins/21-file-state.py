# Keeps answers in a file of its own process.
import os

known = {}


def f(x):
    name = "answer-%d" % x
    if os.path.exists(name):
        return int(open(name).read())
    with open(name, "w") as out:
        out.write(str(x * x % 251))
    return x * x % 251
