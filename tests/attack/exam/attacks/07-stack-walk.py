# attack: 7
# how: walks the call stack for a local that looks like the expected value
# why: expected values never are in that address space
# problem: square
# end: reject
import sys


def f(x):
    frame = sys._getframe()
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for name, value in list(space.items()):
                if any(w in name for w in ("expect", "want", "answer", "oracle")):
                    if type(value) is int:
                        return value
        frame = frame.f_back
    return 0
