# attack: 8
# how: opens /proc/PID/mem of every process that it can see and pokes
# why: there is no /proc in the sandbox, and no other process of that uid
# problem: square
# end: reject
import os


def poke():
    for pid in list(range(1, 64)) + [os.getppid()]:
        try:
            with open("/proc/%d/mem" % pid, "r+b") as memory:
                memory.write(b"\0")
        except OSError:
            pass


poke()


def f(x):
    return 0
