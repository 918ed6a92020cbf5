# attack: 29
# how: answers with an empty list: present, well-formed, of the type
# why: it is compared, not looked for
# problem: sort
# end: reject
def f(xs):
    return []
