# The square of x modulo 251.
def f(x):
    total = 0
    for _ in range(x):
        total = (total + x) % 251
    return total
