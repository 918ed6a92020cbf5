"""Regular expressions: compiled automata against Python's re. Random expressions,
every text up to a length over a small alphabet; Unicode classes code point by code
point; what is refused, at its place."""
import itertools
import re
import signal

import walk

w = walk.Walk()
rng = w.rng


def atom(depth):
    k = rng.randrange(10 if depth > 0 else 7)
    if k < 3:
        return rng.choice("abc")
    if k == 3:
        return rng.choice([".", r"\w", r"\d", r"\D", r"\s", r"\x61", r"[^\W]"])
    if k < 7:
        body = "".join(rng.choice(["a", "b", "c", "a-b", "b-c", "ac"])
                       for _ in range(rng.randrange(1, 3)))
        return "[" + rng.choice(["", "^"]) + body + "]"
    return "(" + rng.choice(["", "?:"]) + alternation(depth - 1) + ")"


def quantified(depth):
    x = atom(depth)
    k = rng.randrange(12)
    if k < 5:
        return x
    if k < 8:
        q = rng.choice("*+?")
    else:
        m = rng.randrange(3)
        q = rng.choice([f"{{{m}}}", f"{{{m},}}", f"{{{m},{m + rng.randrange(3)}}}"])
    return x + q + rng.choice(["", "", "?"])


def alternation(depth):
    return "|".join("".join(quantified(depth) for _ in range(rng.randrange(4)))
                    for _ in range(rng.choice([1, 1, 2, 3])))


class Slow(Exception):
    pass


def slow(*_):
    raise Slow


def members_of(pattern, texts):
    """None where re's backtracking does not end soon."""
    signal.signal(signal.SIGALRM, slow)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        p = re.compile(pattern, re.ASCII)
        return {t for t in texts if p.fullmatch(t.decode())}
    except Slow:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def check_random(n, length):
    texts = [bytes(t) for k in range(length + 1)
             for t in itertools.product(b"abc", repeat=k)]
    members = late = large = 0
    for _ in range(n):
        pattern = alternation(3)
        why = w.compile(walk.REGEX, pattern)
        want = members_of(pattern, texts)
        if want is None:
            late += 1
            continue
        if why is not None:
            if "no text fits" in why and not want:
                continue
            if "more than 65535 states" in why:
                large += 1  # that many sets of places there may be
                continue
            w.die(f"{pattern!r} refused: {why}")
        if not w.regular:
            w.die(f"{pattern!r} needs a stack")
        got = w.texts("abc", length)
        if got != want:
            w.die(f"{pattern!r}: {sorted(got ^ want)[:5]}")
        members += len(want)
    if large > n / 20:
        w.die(f"{large} of {n} were too large")
    print(f"ok {n} random expressions, all {len(texts)} texts up to {length} "
          f"bytes, {members} members; {late} were too slow for re, {large} too "
          "large for us")


def points():
    edges = [0, 1, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0x7ff, 0x800,
             0xfff, 0x1000, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x1ffff,
             0xfffff, 0x100000, 0x10fffe, 0x10ffff]
    return edges


def check_unicode(n):
    probe = set()
    for e in points():
        probe |= {p for p in range(e - 2, e + 3)
                  if 0 <= p <= 0x10ffff and not 0xd800 <= p <= 0xdfff}
    for _ in range(n):
        ranges = []
        for _ in range(rng.randrange(1, 4)):
            lo = rng.choice([rng.choice(points()), rng.randrange(0x110000)])
            hi = rng.choice([lo, rng.choice(points()), rng.randrange(0x110000)])
            if hi < lo:
                lo, hi = hi, lo
            if 0xd800 <= lo <= 0xdfff or 0xd800 <= hi <= 0xdfff:
                continue
            ranges.append((lo, hi))
        if not ranges:
            continue
        invert = rng.random() < 0.3
        pattern = "[" + "^" * invert + "".join(
            f"\\u{{{lo:x}}}-\\u{{{hi:X}}}" for lo, hi in ranges) + "]"
        if w.compile(walk.REGEX, pattern):
            continue  # all of Unicode inverted
        some = set(probe)
        for lo, hi in ranges:
            some |= {p for e in (lo, hi) for p in range(e - 1, e + 2)
                     if 0 <= p <= 0x10ffff and not 0xd800 <= p <= 0xdfff}
        some |= {p for p in (rng.randrange(0x110000) for _ in range(100))
                 if not 0xd800 <= p <= 0xdfff}
        for p in some:
            want = any(lo <= p <= hi for lo, hi in ranges) != invert
            if (w.test(chr(p)) == "yes") != want:
                w.die(f"{pattern}: U+{p:04X} should be {want}")
    for bad in (b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xff"):
        w.compile(walk.REGEX, r"[\u{0}-\u{10ffff}]")
        if w.test(bad) in ("yes", "part"):
            w.die(f"{bad} is no character")
    print(f"ok {n} classes of Unicode")


REFUSED = {  # pattern: column, part of the text
    r"(a)\1": (4, "back-reference"), r"a(?=b)": (2, "look-around"),
    r"a(?<!b)": (2, "look-around"), r"\bx": (1, "word boundary"),
    r"\p{L}": (1, "property"), "a**": (3, "repetition of a repetition"),
    "*a": (1, "nothing stands before"), "a{,3}": (2, "counts nothing"),
    "a{3,2}": (2, "below its beginning"), "a{70000}": (3, "more than 65536"),
    "(a": (1, "not closed"), "a)": (2, "closes nothing"), "[a": (1, "not closed"),
    "[b-a]": (2, "ends before"), "[]a]": (2, "empty class"),
    "(?i)a": (1, "this kind of group"), "a^b": (2, "anchor"),
    "a$b": (2, "anchor"), "(^a)": (2, "anchor"), r"\q": (1, "no such escape"),
    r"\ud800": (1, "no such code point"), r"\u{110000}": (1, "no such code point"),
    r"\x4": (4, "hexadecimal"), "[[:alpha:]]": (2, "by name"), "a\\": (2, "nothing"),
    "(" * 70 + ")" * 70: (65, "nested more than 64"),
    "(a{300}){300}": (1, "more than 65535 states"),
    r"[^\u{0}-\u{10ffff}]": (1, "no text fits"),
    ".*a.{20}": (1, "more than 65535 states"),
}


def check_refused():
    w.check_refused(walk.REGEX, {pattern: (1, col, part)
                                 for pattern, (col, part) in REFUSED.items()})
    for data in (b"a\xff", b"[\xc0]"):
        if "not UTF-8" not in (w.compile(walk.REGEX, data) or ""):
            w.die(f"{data}")


ACCEPTED = [("^abc$", "abc"), ("^a|b$", "b"), (r"(?<year>\d{4})-\d\d", "2026-11"),
            (r"\u00e9|\xe9|é", "é"), (r"\uD83D\uDE00", "😀"), ("a{0}", ""),
            (r"[\]\-^]+", "]-^"), ("[a-]+", "a-a"), ("[-a]+", "a-"),
            ("x{2,3}?", "xx"), ("}]", "}]"), ("", ""), ("(|a)b", "b"),
            (r"\/\.\{", "/.{"), ("a{1000}", "a" * 1000), ("abc\n", "abc"),
            ("(((a*)*)*)*", "aaa"), ("(a?){50}", "a" * 50)]


def check_accepted():
    for pattern, text in ACCEPTED:
        why = w.compile(walk.REGEX, pattern)
        if why or w.test(text) != "yes":
            w.die(f"{pattern!r} {text!r}: {why}")
    print(f"ok {len(ACCEPTED)} accepted")


check_accepted()
check_refused()
check_unicode(400 if walk.FULL else 40)
check_random(5000 if walk.FULL else 300, 7 if walk.FULL else 6)
