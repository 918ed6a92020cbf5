# attack: 23
# how: empties its argument, so that the reference sees nothing and agrees with nothing
# why: the oracle has its own copy of the input, from the kernel
# problem: sort
# end: reject
def f(xs):
    xs.clear()
    return xs
