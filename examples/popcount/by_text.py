"""Oracle: count the ones of the binary text."""


def popcount(x):
    return bin(x).count("1")
