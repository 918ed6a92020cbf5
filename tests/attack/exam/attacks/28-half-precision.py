# attack: 28
# how: computes in single precision and hopes for a tolerance
# why: there is no tolerance unless the graph asks for one
# problem: third
# end: reject
from struct import pack, unpack


def f(x):
    return unpack("<f", pack("<f", x / 3))[0]
