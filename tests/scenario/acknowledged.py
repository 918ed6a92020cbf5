"""Which records the kernel acknowledged to a command line, by what that received.

Usage: acknowledged.py TRACE   (strace -xx -e trace=recvmsg of proctor)
Prints the number of records that must be there: the highest record that an event
stands for, or where the finished run ends."""
import re
import sys

EVENT, RUN_DONE = 7, 9


def stream(path):
    """The bytes that came in, in order."""
    data = b""
    for line in open(path, encoding="ascii", errors="replace"):
        m = re.search(r'^recvmsg\(.*iov_base="((?:\\x[0-9a-f]{2})*)".*= (\d+)$', line)
        if m:
            data += bytes.fromhex(m[1].replace("\\x", ""))[: int(m[2])]
    return data


def frames(data):
    while len(data) >= 8:
        n, number = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:6], "big")
        if len(data) < 8 + n:
            return
        yield number, data[8 : 8 + n]
        data = data[8 + n :]


def varint(b, i):
    v = shift = 0
    while True:
        v |= (b[i] & 127) << shift
        shift += 7
        i += 1
        if b[i - 1] < 128:
            return v, i


def number_field(b, want):
    """Value of a varint field; 0 if there is none."""
    i = 0
    while i < len(b):
        tag, i = varint(b, i)
        kind = tag & 7
        if kind == 0:
            v, i = varint(b, i)
            if tag >> 3 == want:
                return v
        elif kind == 1:
            i += 8
        elif kind == 2:
            n, i = varint(b, i)
            i += n
        else:
            i += 4
    return 0


records = 0
for number, body in frames(stream(sys.argv[1])):
    if number == EVENT:
        records = max(records, number_field(body, 1))  # the record plus one
    elif number == RUN_DONE:
        records = max(records, number_field(body, 4))
print(records)
