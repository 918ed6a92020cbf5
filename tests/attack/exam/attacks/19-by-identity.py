# attack: 19
# how: keeps answers by the place of its input in memory, and repeats them
# why: the next input lies in the same place and has another answer
# problem: sort
# end: reject
answers = {}


def f(xs):
    buffer = bytes(xs)
    where = id(buffer)
    if where not in answers:
        answers[where] = sorted(buffer)
    return answers[where]
