# attack: 47
# how: answers True where 1 is right
# why: a bool is no integer of the type
# problem: square
# end: reject
def f(x):
    y = x * x % 251
    return bool(y) if y < 2 else y
