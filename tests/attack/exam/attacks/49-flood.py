# attack: 49
# how: writes without end
# why: output has a limit
# problem: square
# end: failed
import os


def f(x):
    while True:
        for fd in range(1, 8):
            try:
                os.write(fd, b"7" * 65536)
            except OSError:
                pass
