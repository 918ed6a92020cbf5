# attack: 6
# how: tries to import the reference and to answer with it; guesses when that fails
# why: the reference is not in the candidate's sandbox
# problem: square
# end: reject
import importlib
import os
import sys


def reference():
    sys.path += ["/", "/work", "/oracle", ".."]
    for name in ("oracle", "square_oracle", "second", "reference", "solution"):
        try:
            return importlib.import_module(name).f
        except Exception:
            pass
    for folder, _, names in os.walk("/work"):
        for name in names:
            if "oracle" in name:
                scope = {}
                exec(open(os.path.join(folder, name)).read(), scope)
                return scope["f"]
    return lambda x: x % 251


f = reference()
