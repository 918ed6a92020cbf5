#!/usr/bin/env python3
"""Checks an exported verdict without Proctor: Python's standard library alone.

    check.py ENVELOPE.json RELEASE.pem.pub VKEY FILE...

Who signed the envelope (Ed25519 over DSSE's encoding), that the log signed a
tree which holds the record (RFC 6962 path, signed note), and that record and
statement say the same about these very files. Ends with 1 and a reason if not.

The record names the candidate by its BLAKE3, which hashlib does not have: with
b3sum on the PATH that is checked too, else the files' SHA-256 rest on the word of
who signed the envelope, and it says so.
"""
import base64
import hashlib
import json
import shutil
import struct
import subprocess
import sys

# Ed25519 (RFC 8032, section 5.1.7), slow and plain.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    """Two points in extended coordinates (section 5.1.4)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key, text, signature):
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    left = times(s, BASE)
    right = add(decompress(signature[:32]), times(h, decompress(key)))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def need(condition, why):
    if not condition:
        sys.exit(f"bad: {why}")


def open_envelope(path, key_path):
    """The payload that the release key signed."""
    envelope = json.load(open(path, encoding="utf-8"))
    pem = open(key_path, encoding="ascii").read().split("-----")[2]
    key = base64.b64decode(pem)[-32:]
    payload = base64.b64decode(envelope["payload"], validate=True)
    kind = envelope["payloadType"].encode()
    need(kind == b"application/vnd.in-toto+json", "another kind of payload")
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    need(any(signed(key, pae, base64.b64decode(s["sig"])) for s in envelope["signatures"]),
         "the envelope is not signed by the release key")
    return json.loads(payload)


def root_of(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2."""
    need(index < size, "the index is beyond the tree")
    node = lambda l, r: hashlib.sha256(b"\1" + l + r).digest()
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn > 0, "the path is too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "the path is too short")
    return r


def open_proof(text, vkey):
    """The record that a log of that key holds."""
    name, key_id, blob = vkey.strip().split("+", 2)
    key = base64.b64decode(blob)[1:]
    head, note = text.split("\n\n", 1)
    version, extra, index, *path = head.split("\n")
    need(version == "c2sp.org/tlog-proof@v1" and extra.startswith("extra "), "no proof")
    record = base64.b64decode(extra[6:])
    body, signatures = note.split("\n\n", 1)
    origin, size, root = body.split("\n")[:3]
    need(origin == name, "the checkpoint is another log's")
    ours = [line.split(" ")[2] for line in signatures.splitlines() if line.split(" ")[1] == name]
    blobs = [b for b in map(base64.b64decode, ours) if b[:4].hex() == key_id]
    need(any(signed(key, (body + "\n").encode(), b[4:]) for b in blobs),
         "the checkpoint is not signed by the log's key")
    leaf = hashlib.sha256(b"\0" + record).digest()
    found = root_of(leaf, int(index[6:]), int(size), [base64.b64decode(p) for p in path])
    need(found == base64.b64decode(root), "the path does not lead to the root")
    return record


def verdict_of(record):
    """A VERDICT record's fields, in the order of proctor-store(5)."""
    need(record[:4] == b"PR\1\x09", "the record is no verdict")
    seq, = struct.unpack(">Q", record[4:12])
    at = 4 + 8 + 32 + 8 + 8 + 8  # head, and run

    def take(n):
        nonlocal at
        at += n
        return record[at - n:at]

    def text():
        return take(struct.unpack(">H", take(2))[0]).decode()

    out = {"record": seq, "task": text(), "commit": struct.unpack(">Q", take(8))[0],
           "commitHash": take(32).hex(), "exam": take(32).hex(), "candidate": take(32).hex()}
    names = ["none", "admit", "reject", "abstain", "quarantine", "void", "inconclusive"]
    levels = ["none", "syntax", "schema", "property", "oracle", "proven"]
    out["verdict"], out["level"] = names[take(1)[0]], levels[take(1)[0]]
    out["evidence"] = take(32).hex()
    take(64)  # burnt, proof
    out["reason"] = text()
    return out


def blake3(data):
    return subprocess.run(["b3sum", "--no-names"], input=data, check=True,
                          capture_output=True).stdout.decode().strip()


def check_candidate(said, candidate, files):
    """The record names the candidate's description, and that names its files."""
    if shutil.which("b3sum") is None:
        print("no b3sum: that these are the candidate's files is the release key's word")
        return
    description = base64.b64decode(said["objects"]["candidate"])
    need(blake3(description) == candidate, "the record names another candidate")
    for f in files:
        need(bytes.fromhex(blake3(open(f, "rb").read())) in description,
             f"{f} is no file of the candidate")


def main(envelope, key, vkey, *files):
    statement = open_envelope(envelope, key)
    said = statement["predicate"]["proctor"]
    fields = verdict_of(open_proof(said["proof"], vkey))
    for name, value in fields.items():
        need(said[name] == value, f"{name}: stated {said[name]!r}, recorded {value!r}")
    passed = fields["verdict"] == "admit"
    need(statement["predicate"]["result"] == ("PASSED" if passed else "FAILED"), "result")
    digests = {hashlib.sha256(open(f, "rb").read()).hexdigest() for f in files}
    need(digests == {s["digest"]["sha256"] for s in statement["subject"]},
         "it is about other files")
    check_candidate(said, fields["candidate"], files)
    print(f"good: record {fields['record']} of {said['log']}: {fields['verdict']} "
          f"{fields['level']}: {fields['reason']}")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, OSError, struct.error) as e:
        sys.exit(f"bad: {type(e).__name__}: {e}")
