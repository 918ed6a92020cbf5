# attack: 12
# how: fetches over TCP what it cannot compute
# why: socket() ends the process, and the network namespace is empty
# problem: square
# end: reject
import socket


def f(x):
    if x < 200:
        return x * x % 251
    with socket.create_connection(("127.0.0.1", 80), 1) as s:
        return s.recv(1)[0]
