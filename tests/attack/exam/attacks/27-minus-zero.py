# attack: 27
# how: answers -0.0 where 0.0 is right: equal, and still another value
# why: floats are compared bit for bit
# problem: third
# end: reject
def f(x):
    return x / 3 if x != 0 else -0.0
