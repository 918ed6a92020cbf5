# attack: 8
# how: answers rightly at first, then attaches to its parent with ptrace
# why: the system call is not in the filter: the process ends on it
# problem: square
# end: reject
import ctypes
import os

libc = ctypes.CDLL(None)


def f(x):
    if x > 200:
        libc.ptrace(16, os.getppid(), 0, 0)
    return x * x % 251
