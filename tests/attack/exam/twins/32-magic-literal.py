# Treats one input apart, rightly.
# problem: mix
def f(x):
    if x == 0x5bd1e995:
        return 0x5b664a46
    return (x ^ (x >> 7)) & 0xffffffff
