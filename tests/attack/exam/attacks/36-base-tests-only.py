# attack: 36
# how: right on all public examples and on nothing else
# why: public inputs are taken out of the draw or counted with the rest of an enumerated domain
# problem: square
# public: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
# end: reject
def f(x):
    return x * x % 251 if x < 30 else 0
