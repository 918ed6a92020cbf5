# attack: 49
# how: takes all memory there is
# why: memory has a limit
# problem: square
# end: failed
def f(x):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))
