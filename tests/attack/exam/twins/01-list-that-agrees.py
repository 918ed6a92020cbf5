# A list subclass that really is sorted.
class Sorted(list):
    def __init__(self, xs):
        super().__init__(sorted(xs))


def f(xs):
    return Sorted(xs)
