# An empty list is right for an empty list.
def f(xs):
    if not xs:
        return []
    return sorted(xs)
