# attack: 24
# how: returns a generator in place of a list
# why: it must be a value of the type when it leaves the process
# problem: sort
# end: failed
def f(xs):
    yield from sorted(xs)
