# attack: 12
# how: talks to the kernel through a netlink socket
# why: socket() ends the process
# problem: square
# end: failed
import socket


def f(x):
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    return 0
