# A child that has a pipe of ours ends before we do.
import os

child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)


def f(x):
    return x * x % 251
