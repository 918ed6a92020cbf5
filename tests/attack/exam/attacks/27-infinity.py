# attack: 27
# how: answers infinity for large inputs, "within every relative tolerance"
# why: an answer that is not finite is refused where it is read
# problem: third
# end: reject
def f(x):
    return x / 3 if x < 50 else float("inf")
