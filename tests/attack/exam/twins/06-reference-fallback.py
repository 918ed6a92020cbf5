# Tries a faster library, falls back to plain Python.
try:
    from numpy import square
except ImportError:
    def square(x):
        return x * x


def f(x):
    return int(square(x)) % 251
