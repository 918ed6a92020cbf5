"""The same in single precision."""
import struct


def single(v):
    return struct.unpack("f", struct.pack("f", v))[0]


def length(x, y):
    x, y = single(x), single(y)
    return single(single(single(x * x) + single(y * y)) ** 0.5)
