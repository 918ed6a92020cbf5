#!/usr/bin/env python3
"""Makes the small files of this folder, one for each format that data.load reads,
with nothing but Python's own library. Same bytes every time.
Usage: make-data.py [FOLDER]"""
import pathlib
import random
import struct
import sys
import zipfile

ROWS = 120
WORDS = ("arch", "line", "ring")  # in this order they are classes 0, 1, 2


def points():
    """Rows (x, y, size, class), the same in three formats."""
    draw = random.Random(62)
    for i in range(ROWS):
        k = i % 3
        yield (
            round(draw.gauss(2.0 * k, 0.6), 3),
            round(draw.gauss(k * k - 1.0, 0.6), 3),
            round(draw.uniform(1, 9), 2),
            k,
        )


def csv(rows):
    lines = ["x,y,size,shape"]
    lines += ["%r,%r,%r,%s" % (a, b, c, WORDS[k]) for a, b, c, k in rows]
    return ("\n".join(lines) + "\n").encode()


def npy(kind, shape, numbers, code):
    """An NPY 1.0 file: a header of 128 bytes, then numbers, little-endian."""
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    head = head.ljust(117) + "\n"
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(head))
        + head.encode()
        + struct.pack("<%d%s" % (len(numbers), code), *numbers)
    )


def npz(path, members):
    with zipfile.ZipFile(path, "w") as z:
        for i, (name, content) in enumerate(members):
            info = zipfile.ZipInfo(name, (2026, 11, 21, 0, 0, 0))
            info.compress_type = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[i % 2]
            z.writestr(info, content)


def idx(shape, content):
    return struct.pack(">BBBB", 0, 0, 8, len(shape)) + struct.pack(
        ">%dI" % len(shape), *shape
    ) + bytes(content)


def digits():
    """Images of 8 x 8 with a bar or a box in them, and which of the two it is."""
    draw = random.Random(63)
    images, labels = [], []
    for i in range(ROWS):
        image = [draw.randrange(60) for _ in range(64)]
        at = draw.randrange(5)
        for k in range(8):
            spots = (k * 8 + at,) if i % 2 else (at * 8 + k, k * 8 + at, k * 8 + at + 3)
            for spot in spots:
                image[spot] = 200 + draw.randrange(56)
        images += image
        labels.append(i % 2)
    return images, labels


def cifar():
    """Records of CIFAR-10's binary version: a label, then 3 x 32 x 32 bytes."""
    draw = random.Random(64)
    for i in range(64):
        tint = [draw.randrange(256) for _ in range(3)]
        yield bytes([i % 10])
        for colour in tint:
            yield bytes((colour + draw.randrange(32)) % 256 for _ in range(1024))


def text():
    draw = random.Random(65)
    words = "the kernel gives a worker rows and asks it what it has learnt of them".split()
    for _ in range(400):
        yield " ".join(draw.choice(words) for _ in range(draw.randrange(4, 12))) + ".\n"


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    rows = list(points())
    x = npy("<f8", "(%d, 3)" % ROWS, [v for r in rows for v in r[:3]], "d")
    y = npy("<i8", "(%d,)" % ROWS, [r[3] for r in rows], "q")
    images, labels = digits()
    (out / "points.csv").write_bytes(csv(rows))
    (out / "points-x.npy").write_bytes(x)
    (out / "points-y.npy").write_bytes(y)
    npz(out / "points.npz", [("x.npy", x), ("y.npy", y)])
    (out / "images.idx3").write_bytes(idx((ROWS, 8, 8), images))
    (out / "labels.idx1").write_bytes(idx((ROWS,), labels))
    (out / "batch.bin").write_bytes(b"".join(cifar()))
    (out / "text.txt").write_text("".join(text()))


if __name__ == "__main__":
    main()
