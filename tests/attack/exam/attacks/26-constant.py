# attack: 26
# how: returns one constant that is right for some inputs
# why: all of the domain is tried, and a constant is among the placebos
# problem: square
# end: reject
def f(x):
    return 0
