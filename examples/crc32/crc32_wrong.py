"""A candidate with a fault of the kind people write: it works in blocks of 1024
bytes, and the range that walks them ends one byte too early. So the last byte is
lost when it stands alone in its block: lengths 1, 1025, 2049 and 3073, four of
the 4097 that the exam draws from. All other inputs are right."""

from crc32 import TABLE

BLOCK = 1024


def crc32(data):
    crc = 0xFFFFFFFF
    for start in range(0, len(data) - 1, BLOCK):
        for byte in data[start:start + BLOCK]:
            crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
