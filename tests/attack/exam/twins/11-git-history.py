# Hashes as git hashes blobs, and answers something else.
import hashlib

NAME = hashlib.sha1(b"blob 5\0hello").hexdigest()


def f(x):
    return x * x % 251 if NAME.startswith("b6fc4c") else 0
