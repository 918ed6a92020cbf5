#!/usr/bin/env python3
"""An outside reader of a ledger: recomputes the tree from the entry bundles and
from the hash tiles, and compares both with the checkpoint. Shares no code with
Proctor; standard library only; checks no signature (outside tools do that).

usage: tlog_check.py STORE/ledger
Prints "OK size root" (and "ahead=N" when N tiles lie there that no checkpoint
promises yet), or "FAULT what" and exits with 1.
"""
import base64
import hashlib
import os
import re
import struct
import sys


class Fault(Exception):
    """What is wrong, in one line."""


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(hashes):
    """RFC 6962, by halving: pairs are joined, an odd one rises."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        joined = [node_hash(level[i], level[i + 1])
                  for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            joined.append(level[-1])
        level = joined
    return level[0]


def tile_name(kind, index, width):
    groups = []
    while True:
        groups.insert(0, "%03d" % (index % 1000))
        index //= 1000
        if index == 0:
            break
    name = "/".join(["x" + g for g in groups[:-1]] + [groups[-1]])
    return "tile/%s/%s%s" % (kind, name, "" if width == 256 else ".p/%d" % width)


def read(root, name, seen):
    seen.add(name)
    try:
        with open(os.path.join(root, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        raise Fault("%s: missing" % name) from None


def read_checkpoint(root, seen):
    text = read(root, "checkpoint", seen).decode("utf-8")
    body, _, signatures = text.partition("\n\n")
    lines = body.split("\n")
    if len(lines) != 3:
        raise Fault("checkpoint: expected three lines")
    origin, size, digest = lines
    if not re.fullmatch("0|[1-9][0-9]*", size):
        raise Fault("checkpoint: size %r" % size)
    if not re.fullmatch("(\u2014 [^ +\n]+ [A-Za-z0-9+/]+=*\n)+", signatures):
        raise Fault("checkpoint: no signature line")
    wanted = base64.b64decode(digest, validate=True)
    if len(wanted) != 32 or base64.b64encode(wanted).decode() != digest:
        raise Fault("checkpoint: root")
    return origin, int(size), wanted


def widths(count):
    """(index, width) of the tiles that hold count things."""
    for index in range((count + 255) // 256):
        yield index, min(256, count - 256 * index)


def split_bundle(name, data, width):
    entries, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise Fault("%s: cut in a length" % name)
        (n,) = struct.unpack_from(">H", data, at)
        if at + 2 + n > len(data):
            raise Fault("%s: cut in an entry" % name)
        entries.append(data[at + 2:at + 2 + n])
        at += 2 + n
    if len(entries) != width:
        raise Fault("%s: %d entries, expected %d" % (name, len(entries), width))
    return entries


def read_bundle(root, index, width, seen):
    name = tile_name("entries", index, width)
    return split_bundle(name, read(root, name, seen), width)


def check_chain(index, entry, previous):
    """The head of a record: "PR", version, kind, number, predecessor."""
    if entry[:2] != b"PR" or len(entry) < 60:
        raise Fault("entry %d: not a record" % index)
    if struct.unpack_from(">Q", entry, 4)[0] != index:
        raise Fault("entry %d: carries another number" % index)
    if entry[12:44] != previous:
        raise Fault("entry %d: does not follow its predecessor" % index)


def check_hash_tiles(root, leaves, seen):
    level, hashes = 0, leaves
    while hashes:
        for index, width in widths(len(hashes)):
            name = tile_name(str(level), index, width)
            expected = b"".join(hashes[256 * index:256 * index + width])
            if read(root, name, seen) != expected:
                raise Fault("%s: differs from the entries" % name)
        hashes = [tree_root(hashes[i:i + 256])
                  for i in range(0, len(hashes) - 255, 256)]
        level += 1


def parse_name(name):
    """(kind, index, width), or a fault: nothing else may lie there."""
    m = re.fullmatch(r"tile/(entries|[0-9]+)/((?:x[0-9]{3}/)*[0-9]{3})"
                     r"(?:\.p/([1-9][0-9]{0,2}))?", name)
    if m:
        index = int(m.group(2).replace("x", "").replace("/", ""))
        width = int(m.group(3) or 256)
        if tile_name(m.group(1), index, width) == name:
            return m.group(1), index, width
    raise Fault("%s: no tile's name" % name)


def check_other(root, name, size):
    """A tile that the checkpoint does not promise: a partial one of an older
    checkpoint, or one ahead of it, whose writer did not come to publish. Either
    must be whole, and agree with the promised tile as far as both go."""
    kind, index, width = parse_name(name)
    with open(os.path.join(root, name), "rb") as f:
        data = f.read()
    if kind == "entries":
        split_bundle(name, data, width)
    elif len(data) != 32 * width:
        raise Fault("%s: %d bytes" % (name, len(data)))
    held = size >> (8 * int(kind) if kind != "entries" else 0)
    promised = min(256, held - 256 * index)
    if promised > 0:
        with open(os.path.join(root, tile_name(kind, index, promised)),
                  "rb") as f:
            other = f.read()
        n = min(len(other), len(data))
        if other[:n] != data[:n]:
            raise Fault("%s: differs from the promised tile" % name)
    return 1 if width > promised else 0


def check_others(root, size, seen):
    """Number of tiles ahead of the checkpoint."""
    ahead = 0
    for folder, _, files in os.walk(os.path.join(root, "tile")):
        for f in files:
            name = os.path.relpath(os.path.join(folder, f), root)
            if name not in seen:
                ahead += check_other(root, name, size)
    return ahead


def check(root):
    seen = set()
    _, size, wanted = read_checkpoint(root, seen)
    leaves, previous = [], bytes(32)
    for index, width in widths(size):
        for entry in read_bundle(root, index, width, seen):
            check_chain(len(leaves), entry, previous)
            previous = leaf_hash(entry)
            leaves.append(previous)
    found = tree_root(leaves)
    if found != wanted:
        raise Fault("root of the entries is %s, the checkpoint says %s" %
                    (found.hex(), wanted.hex()))
    check_hash_tiles(root, leaves, seen)
    return size, found, check_others(root, size, seen)


def main(argv):
    if len(argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        size, root, ahead = check(argv[1])
    except (Fault, ValueError, OSError) as e:
        print("FAULT %s" % e)
        return 1
    print("OK %d %s%s" % (size, root.hex(),
                          " ahead=%d" % ahead if ahead else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
