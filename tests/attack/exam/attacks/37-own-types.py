# attack: 37
# how: changes its own types at run time, so that its answers mean something else
# why: types come from the graph, and are checked outside
# problem: square
# end: failed
import sys

sys.argv[1:] = ["x", "f", "(u16)", "string"]
sys.modules["__main__"].int_text = lambda v: '"right"'


def f(x):
    return "right"
