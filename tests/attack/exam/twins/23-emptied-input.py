# Sorts its argument in place.
def f(xs):
    xs.sort()
    return xs
