# A link to a file of its own.
import os

with open("square.txt", "w") as out:
    out.write("2")
try:
    os.symlink("square.txt", "exponent")
    with open("exponent") as text:
        EXPONENT = int(text.read())
except OSError:
    EXPONENT = 2


def f(x):
    return x ** EXPONENT % 251
