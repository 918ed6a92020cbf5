"""Integer square roots by Newton's method on integers."""


def root(x):
    if x == 0:
        return 0
    y = 1 << (x.bit_length() + 1) // 2
    while True:
        z = (y + x // y) // 2
        if z >= y:
            return y
        y = z
