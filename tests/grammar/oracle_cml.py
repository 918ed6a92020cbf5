"""The grammar of CML's text form: what it lets through the parser takes. Random
texts out of the automaton itself, changed ones, and all of examples/ that are
written so."""
import glob
import os
import re
import subprocess
import sys

import walk

w = walk.Walk()
rng = w.rng
parser = subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE)


def parse(text):
    parser.stdin.write(text.hex().encode() + b"\n")
    parser.stdin.flush()
    return parser.stdout.readline().decode().strip()


root = os.path.join(os.path.dirname(__file__), "../..")
with open(root + "/workers/config/grammar_cml.c", encoding="utf-8") as f:
    code = f.read()
code = code[code.index("text[] ="):code.index(";\n\n/* Words of the language")]
code = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', code))
with open(root + "/docs/cml.md", encoding="utf-8") as f:
    said = re.search(r"```gbnf\n(.*?)```", f.read(), re.S).group(1)
if code.encode().decode("unicode_escape") != said:
    w.die("docs/cml.md says another grammar than workers/config/grammar_cml.c")
print("ok docs/cml.md says this grammar")
why = w.compile(walk.CML, "")
if why:
    w.die(why)
states, size = w.states, w.bytes
net = w.network()

# Bytes that a text from a state has at least.
far = [10 ** 9] * len(net)
changed = True
while changed:
    changed = False
    for s in range(len(net) - 1, -1, -1):
        final, ranges, calls = net[s]
        best = min([0 if final else 10 ** 9] + [1 + far[to] for _, _, to in ranges] +
                   [far[callee] + far[back] for callee, back in calls])
        if best < far[s]:
            far[s] = best
            changed = True


def write(s, out, budget):
    """A text from state s; where the budget is spent, a shortest way."""
    while True:
        final, ranges, calls = net[s]
        spent = len(out) > budget
        ways = [(1 + far[to], (first, last, to)) for first, last, to in ranges]
        ways += [(far[callee] + far[back], (callee, back)) for callee, back in calls]
        if final:
            if spent or not ways or rng.random() < 0.2:
                return
        if spent:
            least = min(x[0] for x in ways)
            ways = [x for x in ways if x[0] == least]
        way = rng.choice(ways)[1]
        if len(way) == 3:
            out.append(rng.randrange(way[0], way[1] + 1))
            s = way[2]
        else:
            write(way[0], out, budget)
            s = way[1]


BY_NAME = re.compile(r"field \"\w+\" is there already|more than 1024 names")


def check(text):
    """What is let through parses, but for names that are there twice."""
    got = w.test(text)
    if got == "yes":
        said = parse(text)
        if said != "ok" and not BY_NAME.search(said):
            w.die(f"{text.decode()}\n{said}")
    return got


sys.setrecursionlimit(20000)
n = 4000 if walk.FULL else 500
limits = changed_n = 0
for i in range(n):
    out = []
    write(0, out, rng.choice([10, 60, 300, 1500]))
    text = bytes(out)
    got = check(text)
    if got not in ("yes", "limit"):
        w.die(f"its own text: {text} {got}")
    limits += got == "limit"
    for _ in range(5):
        k = rng.randrange(len(text))
        bad = text[:k] + bytes([rng.choice(b'(){}[];,.:=-+!x1" \n')]) + \
            text[k + rng.randrange(2):]
        changed_n += check(bad) == "yes"
print(f"ok {n} random texts parse ({limits} met a limit), and {changed_n} changed "
      f"ones; {states} states, {size} bytes")

whole = 0
for path in sorted(glob.glob(root + "/examples/**/*.cml", recursive=True)):
    with open(path, encoding="utf-8") as f:
        lines = [re.sub(r"\s*#.*", "", x) for x in f]
    for unit in re.split(r"(?=^unit )", "".join(x if x.endswith("\n") else x + "\n"
                                                for x in lines if x.strip()),
                         flags=re.M):
        if unit.startswith("unit"):
            got = check(unit.encode())
            whole += got == "yes"
            if got != "yes":
                at = w.ask(["T", unit.encode().hex()])
                print(f"# {os.path.basename(path)}: {at} "
                      f"{unit[max(0, int(at.split()[-1] if ' ' in at else 0) - 30):][:50]!r}")
if whole < 4:
    w.die(f"only {whole} units of the examples are let through")
print(f"ok {whole} units of the examples")
