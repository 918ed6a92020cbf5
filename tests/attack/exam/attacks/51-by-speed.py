# attack: 51
# how: its answer depends on how fast the machine is just now
# why: two runs must agree, and neither is timed
# problem: square
# end: reject inconclusive
import time


def f(x):
    return (x * x + (time.perf_counter_ns() >> 4) % 2) % 251
