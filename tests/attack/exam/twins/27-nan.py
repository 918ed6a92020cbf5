# Uses NaN inside, as a mark for "not yet known".
from math import isnan


def f(x):
    best = float("nan")
    for candidate in (x / 3,):
        if isnan(best):
            best = candidate
    return best
