# Right, before two oracles that agree.
# oracle: square
def f(x):
    return x * x % 251
