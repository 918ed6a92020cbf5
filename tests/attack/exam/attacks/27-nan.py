# attack: 27
# how: answers NaN, which defeats comparisons
# why: an answer that is not finite is refused where it is read
# problem: third
# end: failed
def f(x):
    return float("nan")
