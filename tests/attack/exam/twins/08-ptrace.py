# Calls the C library, for what everybody may call.
import ctypes

libc = ctypes.CDLL(None)


def f(x):
    return abs(libc.abs(-x)) ** 2 % 251
