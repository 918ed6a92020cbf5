# The mean of two numbers, rounded up: slow and plain.
def mean(x, y):
    total = x + y
    half = 0
    while total > 0:
        total -= 2
        half += 1
    return half
