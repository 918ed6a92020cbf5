def next_power(x):
    return 1 if x == 0 else (1 << (x - 1).bit_length()) % 2**32
