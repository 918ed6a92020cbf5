# Replaces a builtin by one that does the same.
import builtins

plain = builtins.pow


def counting(*arguments):
    counting.calls += 1
    return plain(*arguments)


counting.calls = 0
builtins.pow = counting


def f(x):
    return pow(x, 2, 251)
