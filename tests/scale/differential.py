#!/usr/bin/env python3
"""Random operations on a ledger, judged by three that share no code: Proctor, a
small model of RFC 6962 here, and, with --judge, golang.org/x/mod's reader. They
must agree on roots, tiles and proofs, and on refusing what was changed.

usage: differential.py WRITER SEED ROUNDS [--judge TLOGCHECK]
WRITER is scale_ledger; `proctor` is found by PATH. Works in the current folder.
TAP on standard output; the seed makes a run again.
"""
import base64
import hashlib
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                                "scenario"))
import tlog_check  # noqa: E402  (reads bundles; its trees are not used here)


# The model: RFC 6962 by its definitions, nothing clever.
def leaf_of(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_of(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split_of(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


class Tree:
    def __init__(self, entries):
        self.leaves = [leaf_of(e) for e in entries]
        self.known = {}

    def root(self, first, n):
        if n == 1:
            return self.leaves[first]
        if (first, n) not in self.known:
            k = split_of(n)
            self.known[first, n] = node_of(self.root(first, k),
                                           self.root(first + k, n - k))
        return self.known[first, n]

    def path(self, i, first, n):
        if n == 1:
            return []
        k = split_of(n)
        if i < k:
            return self.path(i, first, k) + [self.root(first + k, n - k)]
        return self.path(i - k, first + k, n - k) + [self.root(first, k)]


def leads_to(i, n, at, path, root):
    """RFC 9162, 2.1.3.2."""
    if i >= n:
        return False
    fn, sn = i, n - 1
    for p in path:
        if sn == 0:
            return False
        if fn % 2 == 1 or fn == sn:
            at = node_of(p, at)
            while fn % 2 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            at = node_of(at, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and at == root


# A proof file, as C2SP tlog-proof says.
def make_proof(entry, i, path, note):
    lines = [b"c2sp.org/tlog-proof@v1", b"extra " + base64.b64encode(entry),
             b"index %d" % i] + [base64.b64encode(p) for p in path]
    return b"\n".join(lines) + b"\n\n" + note


def read_proof(text):
    head, _, note = text.partition(b"\n\n")
    lines = head.split(b"\n")
    if lines[0] != b"c2sp.org/tlog-proof@v1" or not lines[2].startswith(b"index "):
        raise ValueError("not a proof")
    entry = base64.b64decode(lines[1][len(b"extra "):], validate=True)
    path = [base64.b64decode(p, validate=True) for p in lines[3:]]
    return entry, int(lines[2][6:]), path, note


class Run:
    def __init__(self, writer, seed, judge):
        self.writer, self.judge = writer, judge
        self.r = random.Random(seed)
        self.n, self.failed = 0, 0
        self.size = 0
        self.counts = {"proofs": 0, "made": 0, "refused": 0}

    def report(self, good, text):
        self.n += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.n, text), flush=True)

    def call(self, *command):
        return subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              check=False)

    def grow(self):
        """One of: a batch, many, a writer that dies, a torn tail behind it."""
        self.size += self.r.choice([1, 2, 5, 100, 255, 256, 257, 700])
        verb = self.r.choice(["write", "leave"])
        done = self.call(self.writer, verb, "s", str(self.size),
                         str(self.r.choice([1, 3, 64, 256, 1000])))
        if self.r.random() < 0.3:
            wal = sorted(os.listdir("s/ledger/wal"))
            wal = [w for w in wal if w.endswith(".wal")][-1]
            with open("s/ledger/wal/" + wal, "ab") as f:
                f.write(self.r.choice([b"P", b"PBAT", self.r.randbytes(50)]))
        again = self.call(self.writer, "open", "s")
        published = self.call(self.writer, "publish", "s")
        return done.returncode + again.returncode + published.returncode == 0

    def read(self):
        """Entries by the bundles, size and root by the checkpoint."""
        seen = set()
        _, size, root = tlog_check.read_checkpoint("s/ledger", seen)
        entries = []
        for index, width in tlog_check.widths(size):
            entries += tlog_check.read_bundle("s/ledger", index, width, seen)
        return entries, size, root

    def accepts(self, text):
        with open("p", "wb") as f:
            f.write(text)
        return self.call("proctor", "prove", "--check", "p", "--key",
                         "s/ledger/vkey").returncode == 0

    def prove(self, tree, entries, root, note):
        """Proctor's proof is the model's; the model's is good for Proctor; a
        changed one is good for nobody."""
        n = len(entries)
        i = self.r.randrange(n)
        got = self.call("proctor", "prove", str(i), "--store", "s", "-o", "q")
        with open("q", "rb") as f:
            text = f.read()
        entry, index, path, _ = read_proof(text)
        good = (got.returncode == 0 and index == i and entry == entries[i] and
                path == tree.path(i, 0, n) and
                leads_to(i, n, leaf_of(entry), path, root))
        self.counts["proofs"] += 1
        i = self.r.randrange(n)
        path = tree.path(i, 0, n)
        good &= self.accepts(make_proof(entries[i], i, path, note))
        self.counts["made"] += 1
        wrong = [make_proof(entries[i], i + 1 if i + 1 < n else n + 7, path, note),
                 make_proof(entries[i], n, path, note),
                 make_proof(entries[i], i, path + [bytes(32)], note),
                 make_proof(entries[i] + b"x", i, path, note)]
        if path:
            wrong += [make_proof(entries[i], i, path[:-1], note),
                      make_proof(entries[i], i, path[1:], note)]
        at = self.r.randrange(len(text))
        wrong += [text[:at] + bytes([text[at] ^ (1 << self.r.randrange(8))]) +
                  text[at + 1:], text[:at], text[:at] + b"\n" + text[at:]]
        for w in wrong:
            good &= not self.accepts(w)
            self.counts["refused"] += 1
        return good

    def judged(self):
        return self.judge is None or self.call(self.judge, "s/ledger").returncode == 0

    def refuse_changed(self):
        """A byte of a promised tile or bundle, by each of the judges; Proctor names
        the file. (It also misses the objects, which the writer made up.)"""
        seen = set()
        _, size, _ = tlog_check.read_checkpoint("s/ledger", seen)
        kind = self.r.choice(["entries", "0"])
        index, width = self.r.choice(list(tlog_check.widths(size)))
        name = "s/ledger/" + tlog_check.tile_name(kind, index, width)
        with open(name, "rb") as f:
            kept = f.read()
        at = self.r.randrange(len(kept))
        change = self.r.choice([kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1:],
                                kept[:at], kept + b"\0"])
        os.chmod(name, 0o644)
        with open(name, "wb") as f:
            f.write(change)
        said = self.call("proctor", "verify", "--full", "--store", "s")
        ours = (name[len("s/ledger/"):] + ": error").encode() in said.stdout + said.stderr
        theirs = None if self.judge is None else self.judged()
        try:
            tlog_check.check("s/ledger")
            model = True
        except tlog_check.Fault:
            model = False
        with open(name, "wb") as f:
            f.write(kept)
        self.counts["refused"] += 1
        return ours and not theirs and not model

    def round(self, number):
        good = self.grow()
        entries, size, root = self.read()
        self.size = size
        tree = Tree(entries)
        with open("s/ledger/checkpoint", "rb") as f:
            note = f.read()
        agreed = (size == len(entries) and tree.root(0, size) == root and
                  tlog_check.check("s/ledger")[1] == root and self.judged() and
                  self.call("proctor", "verify", "--store", "s").returncode == 0)
        self.report(good and agreed, "round %d: %d records, one root" % (number, size))
        self.report(self.prove(tree, entries, root, note),
                    "round %d: one proof, one refusal" % number)
        self.report(self.refuse_changed(), "round %d: a changed tile is refused" % number)


def main(argv):
    if len(argv) not in (4, 6) or (len(argv) == 6 and argv[4] != "--judge"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    run = Run(argv[1], argv[2], argv[5] if len(argv) == 6 else None)
    print("# seed %s, judge %s" % (argv[2], run.judge))
    sys.setrecursionlimit(10000)
    for number in range(int(argv[3])):
        run.round(number)
    print("# %(proofs)d proofs equal, %(made)d of the model accepted, "
          "%(refused)d changes refused" % run.counts)
    print("1..%d" % run.n)
    return run.failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
