# attack: 16
# how: a grandchild keeps the output open for ever, so that the judge waits
# why: a deadline of the parent, and the end of the whole group; wrong answers stay wrong
# problem: square
# end: reject failed
import os
import time

if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(10000)
    os._exit(0)


def f(x):
    return 5
