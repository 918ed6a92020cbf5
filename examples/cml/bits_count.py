def next_power(x):
    power = 1
    while power < x:
        power *= 2
    return power % 2**32
