# attack: 43
# how: reports zero seconds and a perfect score of its own, which would carry a product
# why: nothing that it reports is a factor of anything
# problem: square
# end: reject
import os
import sys
import time

time.perf_counter = time.time = lambda: 0.0
os.times = lambda: os.times_result((0.0,) * 5)
sys.stderr.write('{"time": 0.0, "speedup": 1e300, "score": 1.0}\n')


def f(x):
    return 6
