# A third of x.
def f(x):
    return x / 3
