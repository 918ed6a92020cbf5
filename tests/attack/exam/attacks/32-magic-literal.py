# attack: 32
# how: wrong on one 32-bit input only, which stands in its text
# why: literals of the candidate are among the draws
# problem: mix
# end: reject
def f(x):
    if x == 0x5bd1e995:
        return 1
    return (x ^ (x >> 7)) & 0xffffffff
