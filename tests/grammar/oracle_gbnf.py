"""GBNF: compiled automata against a matcher of grammars by fixpoint that knows
nothing of automata. Random grammars with recursion, every text up to a length; a
grammar of JSON; what is refused, at its place; deep and ambiguous texts."""
import itertools
import json

import walk

w = walk.Walk()
rng = w.rng

# An expression: ("c", chars) | ("r", rule) | ("s", parts) | ("a", parts) |
# ("q", part, min, max or None)


def show(x, top=False):
    if x[0] == "c":
        if len(x[1]) == 1 and rng.random() < 0.6:
            return f'"{x[1]}"'
        return "[" + x[1] + "]"
    if x[0] == "r":
        return x[1]
    if x[0] == "s":
        inner = " ".join(show(p) for p in x[1]) or '""'
        return inner if top else f"({inner})"
    if x[0] == "a":
        inner = " | ".join(show(p, True) if p[0] == "s" else show(p) for p in x[1])
        return inner if top else f"( {inner} )"
    lo, hi = x[2], x[3]
    q = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((lo, hi))
    if q is None:
        q = f"{{{lo},}}" if hi is None else (
            f"{{{lo}}}" if lo == hi else f"{{{lo},{hi}}}")
    inner = show(x[1])
    return (f"({inner})" if x[1][0] == "q" else inner) + q


def random_x(depth, rules):
    k = rng.randrange(10)
    if depth == 0 or k < 3:
        if k == 0 and rules:
            return ("r", rng.choice(rules))
        return ("c", "".join(sorted(rng.sample("abc", rng.choice([1, 1, 2])))))
    if k < 6:
        return ("s", [random_x(depth - 1, rules) for _ in range(rng.randrange(4))])
    if k < 8:
        return ("a", [random_x(depth - 1, rules) for _ in range(rng.randrange(1, 4))])
    if k < 9 and rules:
        return ("r", rng.choice(rules))
    lo = rng.randrange(3)
    return ("q", random_x(depth - 1, rules), lo,
            rng.choice([None, lo, lo + 1, lo + 2]))


def ends(x, text, i, table):
    """Where a text of x that begins at i may end, by what table knows."""
    if x[0] == "c":
        return {i + 1} if i < len(text) and text[i] in x[1] else set()
    if x[0] == "r":
        return table.get((x[1], i), set())
    if x[0] == "s":
        out = {i}
        for part in x[1]:
            out = set().union(*(ends(part, text, j, table) for j in out))
        return out
    if x[0] == "a":
        return set().union(*(ends(p, text, i, table) for p in x[1]))
    out = {i} if x[2] == 0 else set()
    now, n = {i}, 0
    while now and (x[3] is None or n < x[3]) and n <= len(text) + x[2]:
        now = set().union(*(ends(x[1], text, j, table) for j in now))
        n += 1
        if n >= x[2]:
            out |= now
    return out


def is_member(rules, text):
    table = {}
    changed = True
    while changed:
        changed = False
        for name, x in rules.items():
            for i in range(len(text) + 1):
                new = ends(x, text, i, table)
                if new - table.get((name, i), set()):
                    table.setdefault((name, i), set()).update(new)
                    changed = True
    return len(text) in table.get(("root", 0), set())


def check_random(n, length):
    texts = ["".join(t) for k in range(length + 1)
             for t in itertools.product("abc", repeat=k)]
    members = refused = stacks = limits = 0
    done = 0
    while done < n:
        names = ["root", "x", "y"][:rng.choice([1, 2, 3])]
        rules = {name: random_x(3, names) for name in names}
        for name in names:
            if rng.random() < 0.5:  # a rule that surely comes back
                rules[name] = ("a", [rules[name], ("s", [
                    ("c", rng.choice("abc")), ("r", rng.choice(names)),
                    random_x(1, names)])])
        text = "".join(f"{name} ::= {show(x, True)}\n" for name, x in rules.items())
        why = w.compile(walk.GBNF, text)
        if why is not None:
            if not any(k in why for k in ("itself", "no text fits", "repeated",
                                          "more than 65535", "more than 32")):
                w.die(f"{text}{why}")
            refused += 1
            continue
        done += 1
        stacks += not w.regular
        want = {t.encode() for t in texts if is_member(rules, t)}
        got = w.texts("abc", length)
        if got != want:
            late = [t for t in want - got if w.test(t) == "limit"]
            if got - want or len(late) < len(want - got):
                w.die(f"{text}{sorted(got ^ want)[:5]}")
            limits += 1
        members += len(want)
    print(f"ok {n} random grammars ({stacks} with calls, {limits} met a limit), all "
          f"{len(texts)} texts up to {length} bytes, {members} members; {refused} "
          "were refused")


JSON = r'''# as llama.cpp ships it
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws

string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

# Optional space: by convention, applied in this grammar after literal chars when allowed
ws ::= | " " | "\n" [ \t]{0,20}
'''


def random_json(depth):
    k = rng.randrange(7 if depth else 5)
    if k == 0:
        return rng.choice([True, False, None])
    if k == 1:
        return rng.randrange(-1000, 1000)
    if k == 2:
        return rng.choice([0.5, -1.25, 10.75])
    if k < 5:
        return "".join(rng.choice('ab"\\\n\té😀 ') for _ in range(rng.randrange(6)))
    if k == 5:
        return [random_json(depth - 1) for _ in range(rng.randrange(4))]
    return {f"k{i}": random_json(depth - 1)
            for i in range(rng.randrange(4))}


def check_json(n):
    why = w.compile(walk.GBNF, JSON)
    if why:
        w.die(why)
    for _ in range(n):
        v = {"v": random_json(4)}
        text = json.dumps(v, indent=rng.choice([None, None, 1, 4]),
                          ensure_ascii=rng.random() < 0.5)
        if w.test(text) != "yes":
            w.die(f"{text}")
        i = rng.randrange(len(text))
        bad = text[:i] + rng.choice('{}[],:"a1') + text[i + 1:]
        try:
            json.loads(bad)
            continue
        except ValueError:
            pass
        if w.test(bad) == "yes":
            w.die(f"{bad}")
    deep = '{"a":' * 61 + "{}" + "}" * 61
    if w.test(deep) != "yes":
        w.die(f"61 objects deep: {w.test(deep)}")
    if w.test('{"a":' * 2000 + "{}" + "}" * 2000) != "limit":
        w.die("2000 objects deep")
    print(f"ok {n} documents of JSON, nested to the limit and beyond")


REFUSED = {  # line, column, part
    "": (1, 1, 'no rule "root"'), "x ::= \"a\"": (1, 1, 'no rule "root"'),
    'root ::= x': (1, 10, '"x" is not defined'),
    'root ::= "a"\nroot ::= "b"': (2, 1, "is there twice"),
    'root ::= root "a" | "b"': (1, 1, '"root" begins with itself'),
    'root ::= x\nx ::= y "b"\ny ::= x | "c"': (2, 1, '"x" begins with itself'),
    'root ::= e root "a" | "b"\ne ::= "c"?': (1, 1, '"root" begins with itself'),
    'root ::= root': (1, 1, "begins with itself"),
    'root ::= "a" x\nx ::= "b" x': (1, 1, "no text fits"),
    'root ::= "abc': (1, 14, "does not end"), "root ::= [ab": (1, 13, "does not end"),
    'root ::= ("a"': (1, 14, 'expected ")"'), 'root ::= "a" )': (1, 14, "nothing"),
    'root = "a"': (1, 6, "expected ::="), 'root ::= "\\q"': (1, 11, "no such escape"),
    'root ::= "a"{70000}': (1, 18, "more than 65536"),
    'root ::= "a"{3,1}': (1, 17, "below"), 'root ::= "a"{x}': (1, 14, "expected {m}"),
    'root ::= <think>': (1, 10, "tokens by name"),
    'root ::= "a"**': (1, 14, "a repetition of a repetition"),
    'root ::= x*\nx ::= ("a" x "b")?': (2, 1, "is repeated"),
    "root ::= " + "(" * 70: (1, 74, "nested more than 64"),
    'root ::= [b-a]': (1, 14, "ends before"),
    '?': (1, 1, "name of a rule"),
}


def check_ambiguous():
    # every a may be closed by b or not: as many readings as letters
    why = w.compile(walk.GBNF, 'root ::= x\nx ::= "a" x | "a" x "b" | "c"')
    if why or w.test("aaacb") != "yes" or w.test("a" * 100) != "limit":
        w.die(f"ambiguous: {why}")
    # rules of rules that would be written out 2^30 times
    text = "root ::= r0\n" + "".join(f"r{i} ::= r{i+1} r{i+1}\n" for i in range(30))
    why = w.compile(walk.GBNF, text + 'r30 ::= "a"\n')
    if why or w.test("a" * 1000) != "part" or w.states > 4000:
        w.die(f"doubling: {why}")
    chain = "root ::= r0\n" + "".join(f'r{i} ::= r{i+1}\n' for i in range(4000))
    why = w.compile(walk.GBNF, chain + 'r4000 ::= "a"\n')
    if why is None:
        if w.test("a") != "yes":
            w.die("chain")
    elif "more than" not in why:
        w.die(f"chain: {why}")
    print("ok ambiguous and doubling grammars")


w.check_refused(walk.GBNF, REFUSED)
check_ambiguous()
check_json(3000 if walk.FULL else 200)
check_random(3000 if walk.FULL else 60, 6 if walk.FULL else 5)
