# Multiplies by a third: off by a unit in the last place, which is granted.
def f(x):
    return x * (1 / 3)
