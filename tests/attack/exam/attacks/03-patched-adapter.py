# attack: 3
# how: patches everything that the adapter's process loaded, comparing and writing included
# why: the evaluator is in another process and never loads the candidate
# problem: square
# end: reject
import builtins
import os
import sys

main = sys.modules["__main__"]
for name in ("int_text", "refuse", "exactly", "sequence"):
    setattr(main, name, lambda *a, **k: "0")
builtins.isinstance = lambda *a: True
write = os.write
os.write = lambda fd, data: write(fd, data) if fd > 2 else len(data)


def f(x):
    return 0
