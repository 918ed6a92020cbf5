# attack: 13
# how: puts its own python3, cmp and curl where a verifier might look
# why: nothing that a candidate can write is used by anybody else
# problem: square
# end: reject
import os

for folder in ("/work", "/tmp", "/usr/local/bin", "/usr/bin", "/bin", "."):
    for tool in ("python3", "cmp", "curl", "diff", "proctor"):
        try:
            with open(os.path.join(folder, tool), "w") as fake:
                fake.write("#!/bin/sh\nexit 0\n")
            os.chmod(os.path.join(folder, tool), 0o755)
        except OSError:
            pass
os.environ["PATH"] = "/work:/tmp"


def f(x):
    return 2
