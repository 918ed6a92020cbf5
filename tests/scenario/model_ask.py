"""Speaks to proctor-kernel as a hostile command line: asks a model worker about
descriptors that `proctor model` would never send. Usage: model_ask.py GGUF
Prints a line per case: its name and the kernel's code (0: it was answered)."""
import os
import socket
import struct
import subprocess
import sys

ASK_REQUEST, ASK_DONE = 17, 18
INFO, INIT = 2, 6


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, v):
    return varint(field << 3) + varint(v) if v else b""


def message(field, body):
    return varint(field << 3 | 2) + varint(len(body)) + body


def fields(body):
    """{field: value} of the top level."""
    out, i = {}, 0

    def take():
        nonlocal i
        v = shift = 0
        while True:
            b = body[i]
            i += 1
            v |= (b & 0x7f) << shift
            shift += 7
            if b < 0x80:
                return v

    while i < len(body):
        key = take()
        v = take()
        if key & 7 == 2:
            v, i = body[i:i + v], i + v
        out[key >> 3] = v
    return out


def ask(task, fds):
    ours, theirs = socket.socketpair()
    kernel = subprocess.Popen(
        ["bash", "-c", f"exec proctor-kernel --no-store 3<&{theirs.fileno()}"],
        pass_fds=[theirs.fileno()])
    theirs.close()
    body = message(30, task)
    head = struct.pack(">IHH", len(body), ASK_REQUEST, len(fds))
    socket.send_fds(ours, [head + body], fds)
    got, out_fds = b"", []
    ours.settimeout(60)
    while len(got) < 8 or len(got) < 8 + struct.unpack(">I", got[:4])[0]:
        part, more, _, _ = socket.recv_fds(ours, 1 << 16, 4)
        out_fds += more
        if not part:
            break
        got += part
    ours.close()
    kernel.wait()
    if len(got) < 8 or struct.unpack(">H", got[4:6])[0] != ASK_DONE:
        return None, out_fds
    code = fields(got[8:]).get(1, 0)
    return code - (1 << 64) if code >> 63 else code, out_fds


def main():
    path = sys.argv[1]
    r, w = os.pipe()
    files = {
        "read-only": os.open(path, os.O_RDONLY),
        "writable": os.open(path, os.O_RDWR),
        "write-only": os.open(path, os.O_WRONLY),
        "path": os.open(path, os.O_PATH),
        "folder": os.open(".", os.O_RDONLY),
        "pipe": r,
        "device": os.open("/dev/zero", os.O_RDONLY),
    }
    for name, fd in files.items():
        print(name, ask(number(10, INFO), [fd])[0])
    print("encode-without-weights", ask(number(10, 3), [])[0])
    print("session", ask(number(10, 1), [files["read-only"]])[0])
    init = message(1, b"llama") + number(15, 17 << 30)
    print("too-much", ask(number(10, INIT) + message(17, init), [])[0])
    init = message(1, b"llama") + number(15, 4 << 20)
    code, fds = ask(number(10, INIT) + message(17, init), [])
    print("written", code, "descriptors", len(fds))
    sealed = 0
    for change in (lambda: os.pwrite(fds[0], b"x", 0),
                   lambda: os.ftruncate(fds[0], 1),
                   lambda: os.ftruncate(fds[0], 1 << 24)):
        try:
            change()
        except OSError:
            sealed += 1
    print("sealed", sealed, "of 3")


main()
