# Takes its time, and always answers the same.
import time


def f(x):
    if x % 100 == 0:
        time.sleep(0.001)
    return x * x % 251
