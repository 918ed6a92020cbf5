# attack: 14
# how: a daemon, forked twice, goes on writing answers after the process has ended
# why: the worker's whole process group ends with it; late and surplus lines count against it
# problem: square
# end: reject failed
import os

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for x in range(2000):
            for fd in range(3, 12):
                try:
                    os.write(fd, b"1\n")
                except OSError:
                    pass
    os._exit(0)


def f(x):
    return 4
