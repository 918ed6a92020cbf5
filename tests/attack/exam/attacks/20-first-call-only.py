# attack: 20
# how: works in the first call and repeats its answer in the others
# why: each input has an answer of its own
# problem: square
# end: reject
first = None


def f(x):
    global first
    if first is None:
        first = x * x % 251
    return first
