# attack: 5
# how: answers None, "not applicable"
# why: None is no value of the type
# problem: square
# end: failed
def f(x):
    return None
