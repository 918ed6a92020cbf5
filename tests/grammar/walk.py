"""Talks to grammar_walk (walk.c). Every oracle draws from one seed, which it
prints; PROCTOR_TEST_SEED repeats it."""
import os
import random
import subprocess
import sys

REGEX, JSON_SCHEMA, GBNF, CML = 1, 2, 3, 4
FULL = bool(os.environ.get("PROCTOR_FULL"))


class Walk:
    def __init__(self):
        self.p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.seed = int(os.environ.get("PROCTOR_TEST_SEED",
                                       random.randrange(1 << 32)))
        self.rng = random.Random(self.seed)
        print(f"# PROCTOR_TEST_SEED={self.seed}", flush=True)

    def ask(self, words):
        self.p.stdin.write((" ".join(words) + "\n").encode())
        self.p.stdin.flush()
        answer = self.p.stdout.readline().decode()
        if not answer.endswith("\n"):
            self.die(f"no answer to {words}")
        return answer[:-1]

    def compile(self, form, text):
        """None, or why not."""
        data = text.encode() if isinstance(text, str) else text
        answer = self.ask(["G", str(form), data.hex() or "-"])
        if answer.startswith("ok"):
            _, self.bytes, self.states, self.regular = map(
                lambda x: int(x) if x.isdigit() else x, answer.split())
            return None
        return answer[3:]

    def check_refused(self, form, cases):
        """text -> (line, column, part of the message)"""
        for text, (line, col, part) in cases.items():
            why = self.compile(form, text)
            if why is None or part not in why or \
                    why.split()[:2] != [str(line), str(col)]:
                self.die(f"{text!r}: {why}")
        print(f"ok {len(cases)} refused at their places")

    def test(self, text):
        """yes, part, no, limit"""
        data = text.encode() if isinstance(text, str) else text
        return self.ask(["T", data.hex() or "-"]).split()[0]

    def texts(self, alphabet, n):
        """All of the language up to n bytes; dies on a dead end."""
        out = set()
        for word in self.ask(["E", alphabet.encode().hex(), str(n)]).split():
            if word.startswith("!"):
                self.die(f"dead end behind {bytes.fromhex(word[1:])}")
            out.add(bytes.fromhex(word) if word != "-" else b"")
        return out

    def network(self):
        """[(final, [(first, last, to)], [(callee, back)])]"""
        b = bytes.fromhex(self.ask(["B", "-"]))
        n, at, out = int.from_bytes(b[4:6], "big"), 6, []
        for _ in range(n):
            ranges, calls = (int.from_bytes(b[at + k:at + k + 2], "big")
                             for k in (1, 3))
            edges = [b[k:k + 4] for k in
                     range(at + 5, at + 5 + 4 * (ranges + calls), 4)]
            out.append((b[at], [(e[0], e[1], e[2] << 8 | e[3])
                                for e in edges[:ranges]],
                        [(e[0] << 8 | e[1], e[2] << 8 | e[3])
                         for e in edges[ranges:]]))
            at += 5 + 4 * (ranges + calls)
        return out

    def die(self, why):
        print(f"not ok: {why} (PROCTOR_TEST_SEED={self.seed})")
        sys.exit(1)
