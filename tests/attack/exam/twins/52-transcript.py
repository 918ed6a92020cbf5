# Says on standard output and standard error what it does.
import sys

print("squares modulo 251")
sys.stderr.write("ready\n")


def f(x):
    return x * x % 251
