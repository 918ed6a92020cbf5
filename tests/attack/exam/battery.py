"""Attacks on the exam that are candidates: what their files say, the graph that
examines all of them in one run, and how each ended.

A file in attacks/ begins with its facts, `# key: value` (`//` in C):
  attack   class, 1 to 53        how, why   for people
  problem  file in problems/     end        ends that are right, in words:
           reject, quarantine, ... (a verdict), failed (no well-formed answer)
  run      lines: it is started and answers lines
  files    more files            public     inputs of the public examples
  oracle, second                 other oracles than the problem's
  ulps     what the exam forgives in floats
A twin has the same name in twins/; it takes the attack's facts, its own first.
"""
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SQUARES = [x * x % 251 for x in range(300)]

# What the problems take and give; answers for public examples.
PROBLEMS = {
    "square": ([{"u16": {"range": [0, 299]}}], "u8", lambda x: SQUARES[x]),
    "sort": ([{"list": {"of": {"u8": {"range": [0, 3]}}, "length": [0, 3]}}],
             {"list": "u8"}, sorted),
    "third": ([{"choice": {"of": "f64", "values":
                           [n * 0.37 for n in range(200)]}}], "f64", None),
    "reverse": ([{"string": {"length": [0, 5], "alphabet": "abc"}}],
                "string", None),
    "mix": (["u32"], "u32", None),
}


class Exam:
    """One candidate, attack or twin, and its exam."""

    def __init__(self, path, base=None):
        self.path = path  # relative to HERE
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.is_twin = base is not None
        self.id = ("twin-" if self.is_twin else "") + self.name
        self.facts = dict(base.facts) if base else {}
        for key in ("run", "public"):
            self.facts.pop(key, None)
        if self.is_twin:
            self.facts.pop("files", None)
            self.facts["end"] = "admit"
        self.facts.update(self.read(os.path.join(HERE, path)))
        self.end = self.reason = self.record = None

    @staticmethod
    def read(path):
        facts = {}
        with open(path) as f:
            for line in f:
                m = re.match(r"(?:#|//) ([a-z]+): (.*)$", line)
                if m:
                    facts[m[1]] = m[2]
                elif not line.startswith(("#", "//")):
                    break
        return facts

    def files(self):
        pyc = "cpython-%d%d" % sys.version_info[:2]
        return self.facts.get("files", "").replace("cpython-XX", pyc).split()

    def work(self):
        """Members `function` or `run` of the candidate's task."""
        if self.path.endswith(".c"):
            return {"run": ["./" + self.path[:-2]]}
        if self.facts.get("run") == "lines":
            return {"run": ["python3", self.path]}
        return {"function": self.path + ":f"}

    def oracle(self, key, name):
        """Every exam has an oracle file of its own, so that it is one of its
        own: no j and no counterexample is shared."""
        path = "oracles/%s-%s.py" % (self.id, key)
        with open(os.path.join(HERE, "problems", name + ".py")) as f:
            text = f.read()
        with open(path, "w") as out:
            out.write(text + "# for %s\n" % self.id)
        return {"function": path + ":f"}

    def tasks(self):
        domain, gives, answer = PROBLEMS[self.facts["problem"]]
        candidate = dict(self.work(), gives=gives)
        if self.files():
            candidate["files"] = self.files()
        exam = {"oracle": self.oracle("oracle", self.facts.get(
                    "oracle", self.facts["problem"])),
                "domain": domain}
        if "second" in self.facts:
            exam["second_oracle"] = self.oracle("second", self.facts["second"])
        if "ulps" in self.facts:
            exam["ulps"] = int(self.facts["ulps"])
        if "public" in self.facts:
            exam["examples"] = [{"in": [x], "out": answer(x)} for x in
                                map(int, self.facts["public"].split())]
        level = "proven" if "second" in self.facts else "oracle"
        return [
            {"id": "c." + self.id, "op": "program", "with": candidate,
             "validator": {"name": "well_formed", "level": "schema"}},
            {"id": self.id, "op": "exam", "needs": ["c." + self.id],
             "with": exam,
             "validator": {"name": "holdout", "level": level}}]


def load():
    """All attacks with their twins, in the order of their names."""
    attacks, twins = [], []
    for name in sorted(os.listdir(os.path.join(HERE, "attacks"))):
        attacks.append(Exam("attacks/" + name))
    by_name = {a.name: a for a in attacks}
    for name in sorted(os.listdir(os.path.join(HERE, "twins"))):
        base = by_name[os.path.splitext(name)[0]]
        twins.append(Exam("twins/" + name, base))
    return attacks, twins


def compile_all():
    for path in ("attacks/22-stale-memory", "twins/22-stale-memory"):
        subprocess.run(["cc", "-O2", "-static", "-o", path, path + ".c"],
                       check=True)
    # A compiled file that its source text does not stand for.
    wrong = "data/wrong.py"
    with open(wrong, "w") as out:
        out.write("def f(x):\n    return x * x % 251 if x % 64 else 1\n")
    os.makedirs("data/__pycache__", exist_ok=True)
    py_compile.compile(
        wrong, doraise=True, invalidation_mode=py_compile.
        PycInvalidationMode.UNCHECKED_HASH,
        cfile="data/__pycache__/compiled.cpython-%d%d.pyc"
        % sys.version_info[:2])


def workspace():
    """Files of all candidates in the working directory, and the policy."""
    for folder in ("attacks", "twins", "problems", "data"):
        shutil.copytree(os.path.join(HERE, folder), folder)
    os.mkdir("oracles")
    with open("data/squares.txt", "w") as out:
        out.write("".join("%d\n" % y for y in SQUARES))
    compile_all()
    write("policy.json", {
        "version": 1, "name": "attacks",
        "grants": [{"capability": "program.run", "programs": ["python3"],
                    "files": ["**"]}, {"capability": "exam.hold"},
                   {"capability": "data.split", "files": ["**"]},
                   {"capability": "data.look"},
                   {"capability": "ref.move", "refs": ["kept/*"]}],
        "workers": 4,
        "limits": {"cpu": "1s", "wall": "3s", "memory": "256MiB",
                   "output": "4MiB", "processes": 16},
        "budgets": {"tasks": 1000, "wall": "10m"}})


def write(path, value):
    with open(path, "w") as out:
        json.dump(value, out)


def proctor(*words, **options):
    return subprocess.run(["proctor", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, **options)


def document(*words):
    return json.loads(proctor(*words, "--json").stdout)


def records(kind, store="store"):
    return document("log", "--kind", kind, "--limit", "100000", "--store",
                    store).get("records", [])


def run(exams):
    """One graph, one kernel; then every exam knows its end."""
    write("graph.json", {"version": 1, "name": "attacks", "tasks":
                         [t for e in exams for t in e.tasks()]})
    done = proctor("run", "graph.json", "--policy", "policy.json", "--store",
                   "store")
    if done.returncode not in (0, 1):
        sys.exit("not ok the graph of attacks runs # exit %d: %s" % (
            done.returncode, (done.stdout + done.stderr)[-600:]))
    verdicts = {r["task"]: r for r in records("verdict")}
    tasks = {r["task"]: r for r in records("task")}
    for e in exams:
        verdict, task = verdicts.get(e.id), tasks.get("c." + e.id)
        if verdict:
            e.end, e.reason = verdict["verdict_name"], verdict["reason"]
            e.record = verdict["seq"]
        elif task:
            e.end, e.reason = task["state_name"], task["reason"]
        else:
            e.end, e.reason = "lost", "no record of it"
    return done


def counterexample(e):
    """The smallest one found, as "f(input) is expected, not got"."""
    if e.record is None:
        return e.reason
    shown = document("show", str(e.record), "--store", "store")
    found = list(find(shown, "shrunk")) or list(find(shown, "raw"))
    found = [c for c in found if c]
    if not found:
        return e.reason
    c = found[0]
    got = json.dumps(c["got"]) if c.get("got") is not None else c["ending"]
    return "f(%s) is %s, not %s" % (
        ", ".join(json.dumps(v) for v in c["input"]),
        json.dumps(c["expected"]), got)


def find(value, key):
    if isinstance(value, dict):
        for k, v in value.items():
            if k == key:
                yield v
            yield from find(v, key)
    elif isinstance(value, list):
        for v in value:
            yield from find(v, key)
