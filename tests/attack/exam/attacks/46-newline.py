# attack: 46
# how: an answer that holds a line end and the next answer
# why: an answer is one value with its length; its text is escaped
# problem: reverse
# end: reject
def f(s):
    return s[::-1] + '"\n"' + s
