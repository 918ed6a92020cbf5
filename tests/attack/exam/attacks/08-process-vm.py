# attack: 8
# how: writes into process 1 with process_vm_writev
# why: the system call is not in the filter: the process ends on it
# problem: square
# end: failed
import ctypes

libc = ctypes.CDLL(None)


def f(x):
    buffer = (ctypes.c_uint64 * 2)(0, 8)
    libc.process_vm_writev(1, buffer, 1, buffer, 1, 0)
    return 0
