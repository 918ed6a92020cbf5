# Strings with whatever is in them, turned round.
# problem: reverse
def f(s):
    return "".join(reversed(s))
