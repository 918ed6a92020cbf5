# attack: 44
# how: hangs on inputs that it cannot do, so that they are skipped as timeouts
# why: a timeout is a failure
# problem: square
# end: reject
def f(x):
    while x > 250:
        pass
    return x * x % 251
