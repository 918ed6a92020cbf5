# attack: 28
# how: gives away digits where a tolerance is granted, and more than it
# why: a tolerance is units in the last place, and every answer is held to it
# problem: third
# ulps: 2
# end: reject
def f(x):
    return x / 3 * (1 + 1e-12)
