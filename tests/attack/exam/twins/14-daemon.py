# Has a child compute, waits for it, and keeps a log in a file.
import os


def f(x):
    out, into = os.pipe()
    if x % 50 == 0:
        child = os.fork()
        if child == 0:
            os.write(into, b"%d" % (x * x % 251))
            os._exit(0)
        os.waitpid(child, 0)
    else:
        os.write(into, b"%d" % (x * x % 251))
    answer = int(os.read(out, 16))
    os.close(out)
    os.close(into)
    with open("log.txt", "a") as log:
        log.write("%d\n" % answer)
    return answer
