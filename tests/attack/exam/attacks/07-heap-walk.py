# attack: 7
# how: asks the garbage collector for every dict and list, looks for a table of answers
# why: expected values never are in that address space
# problem: square
# end: reject
import gc

gc.disable()
found = [o for o in gc.get_objects()
         if isinstance(o, (list, tuple, dict)) and len(o) == 300]


def f(x):
    for o in found:
        try:
            if type(o[x]) is int:
                return o[x] & 255
        except Exception:
            pass
    return 0
