# attack: 1
# how: returns a list subclass that claims to be equal and sorted
# why: its items are written out; methods do not travel
# problem: sort
# end: reject
class Sorted(list):
    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return False

    __gt__ = __ne__ = __lt__


def f(xs):
    return Sorted(xs)
