# attack: 12
# how: talks to the hypervisor through a vsock
# why: socket() ends the process
# problem: square
# end: failed
import socket


def f(x):
    socket.socket(40, socket.SOCK_STREAM, 0)
    return 0
