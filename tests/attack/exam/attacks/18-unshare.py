# attack: 18
# how: makes namespaces of its own to gain capabilities in them
# why: unshare is not in the filter: the process ends on it
# problem: square
# end: failed
import ctypes


def f(x):
    ctypes.CDLL(None).unshare(0x10000000 | 0x00020000)
    return 0
