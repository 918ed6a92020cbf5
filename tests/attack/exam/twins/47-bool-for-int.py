# Uses truth values inside and answers with an integer.
def f(x):
    y = x * x % 251
    return int(bool(y)) if y < 2 else y
