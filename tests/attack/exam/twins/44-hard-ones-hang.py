# Slow on some inputs, and right.
def f(x):
    total = 0
    for _ in range(x * (20 if x > 250 else 1)):
        total += 1
    return x * x % 251
