# Computes in a thread and waits for it.
import threading


def f(x):
    box = []
    thread = threading.Thread(target=lambda: box.append(x * x % 251))
    thread.start()
    thread.join()
    return box[0]
