# attack: 34
# how: agrees with an oracle that has a slip
# why: the second oracle disagrees with the first: the exam is in quarantine, nothing is admitted
# problem: square
# oracle: square_wrong
# second: square_apart
# end: quarantine
def f(x):
    return x * x % 251 if x != 77 else 0
