# attack: 9
# how: sleeps for ever, which costs no processor time
# why: the wall-clock switch ends it, and that is no verdict in its favour
# problem: square
# end: failed
import time


def f(x):
    time.sleep(10000)
    return x * x % 251
