# attack: 49
# how: answers with a number of a million digits
# why: it is no value of the type, and is not read to its end
# problem: square
# end: failed
import sys

sys.set_int_max_str_digits(0)
HUGE = 1 << 3000000


def f(x):
    return HUGE
