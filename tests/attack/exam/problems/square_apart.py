# The same, written apart.
def f(x):
    return pow(x, 2, 251)
