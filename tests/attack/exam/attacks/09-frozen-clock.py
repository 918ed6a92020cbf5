# attack: 9
# how: freezes every clock it can reach, then never stops working
# why: processor time is taken by the parent; a time limit is a failure
# problem: square
# end: failed
import time

time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0


def f(x):
    while time.process_time() < 1.0:
        pass
    return x * x % 251
