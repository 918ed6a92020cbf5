# Measures itself, and answers.
import time

spent = 0.0


def f(x):
    global spent
    start = time.perf_counter()
    y = x * x % 251
    spent += time.perf_counter() - start
    return y
