# attack: 30
# how: knows the public examples by heart, guesses the rest from the nearest
# why: inputs of the draw are not the public ones; nearest neighbour is among the placebos
# problem: square
# public: 0 7 100 255
# end: reject
PUBLIC = {0: 0, 7: 49, 100: 211, 255: 16}


def f(x):
    return PUBLIC[min(PUBLIC, key=lambda k: abs(k - x))]
