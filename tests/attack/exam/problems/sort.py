# xs in ascending order, by counting.
def f(xs):
    out = []
    for value in range(256):
        out += [value] * xs.count(value)
    return out
