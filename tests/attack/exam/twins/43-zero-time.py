# Reports its time on standard error, as it is.
import sys
import time

start = time.perf_counter()


def f(x):
    if x == 299:
        sys.stderr.write("%.6f s\n" % (time.perf_counter() - start))
    return x * x % 251
