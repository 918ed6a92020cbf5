"""What knows all answers: the lowest bit that is one, alone."""


def low_bit(x):
    return x & -x & 0xffffffffffffffff
