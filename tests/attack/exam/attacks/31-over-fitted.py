# attack: 31
# how: a polynomial through the public examples
# why: fresh inputs; the public examples count for nothing
# problem: square
# public: 0 1 2 3 4
# end: reject
POINTS = [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]


def f(x):
    total = 0
    for i, (a, y) in enumerate(POINTS):
        term = y
        for k, (b, _) in enumerate(POINTS):
            if k != i:
                term = term * (x - b) // (a - b)
        total += term
    return total & 255
