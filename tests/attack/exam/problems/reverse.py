# s turned round.
def f(s):
    return s[::-1]
