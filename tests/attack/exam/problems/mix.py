# x mixed with its upper bits.
def f(x):
    return x ^ x // 128
