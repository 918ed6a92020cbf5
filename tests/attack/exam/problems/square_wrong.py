# Wrong for one input: an oracle with a slip.
def f(x):
    return pow(x, 2, 251) if x != 77 else 0
