# The same polynomial, reduced as it must be.
# public: 0 1 2 3 4
def f(x):
    return (x * (x - 1) + x) % 251
