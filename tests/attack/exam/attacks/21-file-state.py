# attack: 21
# how: an earlier process leaves the answers in files; a later one has only to read them
# why: every process starts from an empty folder
# problem: square
# end: reject
import os

PLACES = [p for p in ("/tmp/state", os.path.abspath("state"), "/dev/shm/state",
                      "/var/tmp/state") if os.path.isdir(os.path.dirname(p))]


def f(x):
    for place in PLACES:
        name = "%s-%d" % (place, x)
        try:
            return int(open(name).read())
        except (OSError, ValueError):
            pass
        try:
            with open(name, "w") as out:
                out.write(str(x * x % 251))
        except OSError:
            pass
    return 0
