# attack: 4
# how: answers until half of the inputs are done, then leaves with status 0
# why: an early end is a mismatch at the first input without an answer
# problem: square
# end: reject
import sys

calls = 0


def f(x):
    global calls
    calls += 1
    if calls > 150:
        sys.stderr.write("all tests passed\n")
        raise SystemExit(0)
    return x * x % 251
