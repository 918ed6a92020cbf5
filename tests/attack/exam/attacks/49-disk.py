# attack: 49
# how: fills its folder and makes files without end
# why: the file system in memory has a limit
# problem: square
# end: reject failed
import os

n = 0
try:
    while n < 20000:
        with open("/tmp/%d" % n, "wb") as out:
            out.write(b"\0" * (1 << 20))
        n += 1
except OSError:
    pass


def f(x):
    return 7
