# Looks at its own frame, for its own name.
import gc
import sys


def f(x):
    name = sys._getframe().f_code.co_name
    gc.collect(0)
    return x * x % 251 if name == "f" else 0
