# Checks its argument's type itself.
def f(x):
    if type(x) is not int or not 0 <= x <= 65535:
        raise TypeError("u16 expected")
    return x * x % 251
