"""Attacks on the exam that are no candidates: on graphs, on the store, on the
ledger, on how often one may try. Each does the forbidden thing and sees how it
ends, then the same thing innocently (its twin), which must go well."""
import json
import os
import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from battery import PROBLEMS, SQUARES, document, proctor, records

OPERATIONS = []


class Operation:
    def __init__(self, function, number, how, why, end, twin):
        self.function, self.number = function, number
        self.how, self.why, self.end, self.twin = how, why, end, twin
        self.name = function.__name__.replace("_", "-")
        self.failed = None


def operation(number, how, why, end, twin):
    """how: what is done; end: how that ends; twin: what goes well."""
    def add(function):
        OPERATIONS.append(Operation(function, number, how, why, end, twin))
        return function
    return add


def run_one(o):
    try:
        o.function("ops/" + o.name)
    except Exception as e:  # whatever went wrong, this one did not hold
        o.failed = "%s: %s" % (type(e).__name__, str(e)[:300])


def run_all():
    put("ops/honest.py", HONEST)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run_one, OPERATIONS))
    return OPERATIONS


def need(ok, text):
    if not ok:
        raise AssertionError(text)


def ends(code, *words, says=""):
    """proctor must end with that exit code and say that."""
    done = proctor(*words)
    said = done.stdout + done.stderr
    need(done.returncode == code, "exit %d, wanted %d: proctor %s: %s" % (
        done.returncode, code, " ".join(words), said[-200:]))
    need(says in said, "does not say %r: %s" % (says, said[-200:]))
    need("\033" not in said, "an escape reached the terminal")
    return done


def put(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as out:
        out.write(text)
    return path


HONEST = "def f(x):\n    return x * x % 251\n"
ORACLE = ["--oracle", "problems/square.py:f"]
EXAM = ORACLE + ["--domain", "{u16: {range: [0, 299]}}", "--gives", "u8"]


def examine(store, text, name="candidate.py", exam=EXAM):
    """One candidate through `proctor exam`; its JSON document."""
    path = put(store + ".work/" + name, text)
    return document("exam", path + ":f", *exam, "--store", store)


def table(answers):
    return "T = %r\n\n\ndef f(x):\n    return T.get(x, 0)\n" % answers


def graph(path, candidate=None, exam=None, more=(), head=None):
    """A graph of one candidate and one exam, with changes."""
    domain, gives, _ = PROBLEMS["square"]
    tasks = [
        {"id": "c", "op": "program", "with": {
            "function": "ops/honest.py:f", "gives": gives,
            "takes": ["u16"]},
         "validator": {"name": "well_formed", "level": "schema"},
         **(candidate or {})},
        {"id": "x", "op": "exam", "needs": ["c"], "with": {
            "oracle": {"function": "problems/square.py:f"}, "domain": domain,
            **(exam or {})},
         "validator": {"name": "holdout", "level": "oracle"}}]
    put(path, json.dumps({"version": 1, "name": "operation",
                          **(head or {}), "tasks": tasks + list(more)}))
    return path


def run(code, name, says="", **changes):
    """The graph lies where graph.json did, so that its files are found."""
    path = graph(name.replace("/", "-") + ".json", **changes)
    return ends(code, "run", path, "--policy", "policy.json", "--store",
                name + ".store", says=says)


@operation(10, "the candidate is given the labelled table that it is judged by",
           "a file that knows the answers is refused among its files",
           "refused", "the candidate has a table of its own")
def labels_among_the_files(name):
    rows = "x,y\n" + "".join("%d,%d\n" % (x, SQUARES[x]) for x in range(300))
    put("ops/labels.csv", rows)
    put("ops/own.csv", "x,y\n0,0\n")
    oracle = {"oracle": {"table": {"csv": "ops/labels.csv", "inputs": ["x"],
                                   "output": "y"}}}
    reader = put("ops/reader.py", "import csv, os\nT = {int(r['x']): "
                 "int(r['y']) for r in csv.DictReader(open(os.path.join("
                 "os.path.dirname(os.path.abspath(__file__)), FILE)))}\n\n\n"
                 "def f(x):\n    return T.get(x, 0)\n".replace(
                     "FILE", "'labels.csv'"))

    def go(code, work, files, **more):
        path = graph(os.path.basename(name) + ".json", candidate={"with": {
            "function": work + ":f", "takes": ["u16"], "gives": "u8",
            "files": files}})
        g = json.load(open(path))
        g["tasks"][1]["with"] = oracle
        put(path, json.dumps(g))
        ends(code, "run", path, "--policy", "policy.json", "--store",
             name + ".store", **more)

    go(2, reader, ["ops/labels.csv"], says="share")
    go(0, "ops/honest.py", ["ops/own.csv"])


@operation(10, "a predictor brings the whole data set along that it is scored "
           "on", "the file that was split is refused among its files",
           "refused", "it learns a rule from the part that it is given")
def held_out_rows_among_the_files(name):
    put("ops/rows.csv", "x,y\n" + "".join(
        "%d,%d\n" % (x, x % 3) for x in range(200)))
    put("ops/train.py", "import csv, os\nD = os.path.dirname(os.path.abspath("
        "__file__))\nF = [os.path.join(D, 'rows.csv'), 'train.csv']\n"
        "T = {int(r['x']): int(r['y']) for p in F if os.path.exists(p)"
        " for r in csv.DictReader(open(p))}\n\n\n"
        "def f(x):\n    return T.get(x, 0)\n")

    put("ops/rule.py", "import csv\nR = list(csv.DictReader(open('train.csv')))"
        "\nassert all(int(r['y']) == int(r['x']) % 3 for r in R)\n\n\n"
        "def f(x):\n    return x % 3\n")

    def go(code, work, says=""):
        split = {"id": "rows", "op": "data.split", "with": {
            "csv": "ops/rows.csv", "inputs": ["x"], "output": "y",
            "takes": ["u16"], "gives": "u8", "holdout": 0.5},
            "validator": {"name": "disjoint", "level": "property"}}
        candidate = {"id": "c", "op": "program", "needs": ["rows"], "with": {
            "takes": ["u16"], "gives": "u8", **work},
            "validator": {"name": "well_formed", "level": "schema"}}
        score = {"id": "s", "op": "score", "needs": ["rows", "c"],
                 "with": {"metric": "accuracy"},
                 "validator": {"name": "ladder", "level": "property"}}
        path = put(os.path.basename(name) + ".json", json.dumps(
            {"version": 1, "name": "rows", "tasks": [split, candidate,
                                                     score]}))
        ends(code, "run", path, "--policy", "policy.json", "--store",
             name + ".store", says=says)

    go(2, {"function": "ops/train.py:f", "files": ["ops/rows.csv"]},
       says="share")
    go(0, {"function": "ops/rule.py:f", "reads": {"train.csv": "rows"}})


@operation(15, "data and its checksum are replaced together: the object and "
           "the name that is its hash",
           "hashes stand in the ledger, not in the workspace",
           "damage, exit 5", "the same bytes are written again")
def data_with_its_checksum(name):
    store = name + ".store"
    first = examine(store, HONEST)
    need(first["admitted"], first["reason"])
    paths = [os.path.join(d, f) for d, _, fs in os.walk(store + "/objects")
             for f in fs]
    code = next(p for p in paths if open(p, "rb").read() == HONEST.encode())
    put(code + ".new", HONEST)
    os.replace(code + ".new", code)
    os.chmod(code, 0o444)
    ends(0, "verify", "--full", "--store", store)
    os.remove(code)
    other = next(p for p in paths if p != code)
    shutil.copy(other, os.path.join(os.path.dirname(code), "0" * 62))
    ends(5, "verify", "--full", "--store", store)


@operation(35, "one file is given as both oracles",
           "two oracles must share no file",
           "refused", "two files")
def one_oracle_twice(name):
    both = {"second_oracle": {"function": "problems/square.py:f"}}
    run(2, name, exam=both, says="share")
    both = {"second_oracle": {"function": "problems/square_apart.py:f"}}
    run(0, name, exam=both)


@operation(37, "the graph sets its own state, or a result, or a level of its own",
           "states and results are the kernel's; unknown keys are errors",
           "refused, exit 2", "the same graph without")
def state_in_the_graph(name):
    for key, value in (("state", "passed"), ("result", "00" * 32),
                       ("status", "done"), ("level", "proven"),
                       ("verdict", "admit")):
        run(2, name, candidate={key: value}, says=key)
    run(0, name)


@operation(37, "the candidate is its own oracle, or states other types than "
           "the domain draws", "the exam's parts are checked against each other",
           "refused, exit 2", "an oracle of its own, the same types")
def own_oracle_and_types(name):
    run(2, name, exam={"oracle": {"function": "ops/honest.py:f"}},
        says="share")
    run(2, name, exam={"domain": ["u8"]}, says="takes")
    run(0, name)


@operation(38, "many candidates that are nearly right: one of them may be "
           "lucky", "the k-th pays for being the k-th, also after a restart",
           "reject, each", "an honest one after them is admitted")
def best_of_many(name):
    rng = random.Random(38)
    for i in range(8):
        answers = dict(enumerate(SQUARES))
        for x in rng.sample(range(300), 6):
            answers[x] = (answers[x] + 1) % 251
        need(examine(name, table(answers))["verdict"] == "reject", "admitted")
    need(examine(name, HONEST)["admitted"], "the honest one is not")
    commits = records("commit", name)
    j = [c["j"] for c in commits]
    need(j == list(range(1, len(j) + 1)), "j is %r" % j)
    alphas = [c["alpha_j"] for c in commits]
    need(sum(alphas) <= 1e-6 and alphas == sorted(alphas, reverse=True),
         "alpha is not spent: %r" % alphas)


@operation(39, "the same candidate is handed in again, then with its text "
           "changed and its meaning kept",
           "a verdict stands; what is new meets the old counterexample first",
           "reject; the same verdict, nothing drawn",
           "an honest candidate again: its verdict, nothing drawn")
def resubmitted(name):
    wrong = HONEST.replace("251", "251 if x != 77 else 3")
    first = examine(name, wrong)
    need(first["verdict"] == "reject", "admitted")
    n = len(records("commit", name))
    again = examine(name, wrong, "renamed.py")
    need(again["known"] and again["record"] == first["record"], "drawn again")
    need(len(records("commit", name)) == n, "a COMMIT for a known candidate")
    spelt = examine(name, "# " + "spelt otherwise\n" + wrong)
    need(spelt["verdict"] == "reject" and not spelt["known"], "admitted")
    need(spelt["evidence"]["raw"]["input"] == [77], "not screened by it")
    honest = examine(name, HONEST)
    need(honest["admitted"] and not honest["known"], "the honest one is not")
    n = len(records("commit", name))
    need(examine(name, HONEST)["known"], "drawn again")
    need(len(records("commit", name)) == n, "a COMMIT for a known candidate")


@operation(40, "climbs: each candidate knows by heart what was disclosed so far",
           "what is disclosed is burnt, the next draw is fresh, and no number "
           "is shown that could be climbed",
           "reject, each", "one counterexample, then an honest repair")
def climbing(name):
    known = {}
    for step in range(6):
        verdict = examine(name, table(known))
        need(verdict["verdict"] == "reject", "admitted after %d" % step)
        c = verdict["counterexample"]
        need(c["input"][0] not in known, "an old input once more")
        need(verdict["bound95"] is None, "a number to climb")
        known[c["input"][0]] = c["expected"]
    need(examine(name, HONEST)["admitted"], "the honest one is not")


@operation(42, "a run that goes badly is stopped after its COMMIT, and dropped",
           "the COMMIT stays in the ledger; the next try is the next j",
           "counted", "the honest candidate after it is admitted as the next")
def dropped_run(name):
    slow = "import time\n\n\ndef f(x):\n    time.sleep(0.004)\n    return 0\n"
    path = put(name + ".work/slow.py", slow + "# never wrong on the first ones\n")
    words = ["proctor", "exam", path + ":f", *EXAM, "--store", name]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as p:
        for _ in range(400):
            time.sleep(0.01)
            if os.path.exists(name + "/ledger/wal") and \
                    len(records("commit", name)) == 1:
                break
        p.send_signal(signal.SIGTERM)
        p.wait()
    need(len(records("commit", name)) == 1, "no COMMIT came")
    if not records("verdict", name):
        need(examine(name, HONEST)["admitted"], "the honest one is not")
        need([c["j"] for c in records("commit", name)] == [1, 2],
             "the dropped one is not counted")
    ends(0, "verify", "--store", name)


@operation(46, "names with line ends, terminal escapes and letters that look "
           "like others", "names are plain ASCII; what is quoted is escaped",
           "refused, exit 2", "a plain name")
def spoofed_names(name):
    for bad in ("x\nverdict: admit", "x\033[32mADMIT", "x\u202edaer",
                "ex\u0430m", "x y", ""):
        g = graph(os.path.basename(name) + ".json")
        text = json.load(open(g))
        text["tasks"][1]["id"] = bad
        put(g, json.dumps(text))
        ends(2, "run", g, "--policy", "policy.json", "--store",
             name + ".store")
    keep = {"id": "k", "op": "ref.move", "needs": ["x"],
            "with": {"ref": "kept/../primitives/x"},
            "validator": {"name": "same_object", "level": "oracle"}}
    run(2, name, more=[keep])
    keep["with"]["ref"] = "kept/square"
    run(0, name, more=[keep])


@operation(47, "a ref is moved to something that no exam admitted",
           "the task that a ref stands on must be an exam, by its op",
           "refused, exit 2", "a ref to what an exam admitted")
def ref_without_exam(name):
    keep = {"id": "k", "op": "ref.move", "needs": ["c"],
            "with": {"ref": "kept/square"},
            "validator": {"name": "same_object", "level": "oracle"}}
    run(2, name, more=[keep])
    keep["needs"] = ["x"]
    run(0, name, more=[keep])


def ledger_file(store):
    folder = store + "/ledger/wal"
    return os.path.join(folder, sorted(os.listdir(folder))[0])


def copied(name, change):
    """A copy of the battery's store with one change to its ledger's bytes."""
    shutil.rmtree(name + ".copy", ignore_errors=True)
    shutil.copytree("store", name + ".copy", symlinks=True)
    path = ledger_file(name + ".copy")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    data = change(data)
    os.chmod(path, 0o600)
    with open(path, "wb") as f:
        f.write(data)
    return name + ".copy"


def reject_seq():
    return next(r["seq"] for r in records("verdict")
                if r["verdict_name"] == "reject")


@operation(41, "the seed of a draw is changed in the ledger, to one that suits",
           "each record is hashed into a signed tree",
           "damage, exit 5", "an unchanged copy is whole")
def other_seed(name):
    draw = records("draw")[0]
    seed = bytes.fromhex(draw["seed"])

    def change(data):
        at = data.index(seed)
        data[at] ^= 1
        return data

    ends(5, "verify", "--store", copied(name, change))
    ends(0, "verify", "--store", copied(name, lambda data: data))


@operation(48, "the ledger is cut off behind a record that somebody would "
           "like to be the last",
           "the published checkpoint names more records than are there",
           "damage, exit 5", "an unchanged copy is whole")
def truncated(name):
    ends(5, "verify", "--store", copied(name, lambda d: d[:len(d) * 3 // 4]))
    ends(0, "verify", "--store", copied(name, lambda data: data))


@operation(48, "two records change places", "each record holds its "
           "predecessor's hash", "damage, exit 5", "an unchanged copy is whole")
def reordered(name):
    verdicts = records("verdict")[:2]
    a, b = (v["evidence"] for v in verdicts)

    def change(data):
        i, k = data.index(bytes.fromhex(a)), data.index(bytes.fromhex(b))
        data[i:i + 32], data[k:k + 32] = data[k:k + 32], data[i:i + 32]
        return data

    ends(5, "verify", "--store", copied(name, change))


@operation(48, "a second ledger is shown in place of the first: its record, "
           "its own key", "a proof holds for one key and one tree only",
           "exit 1", "the proof with its own key")
def fork(name):
    examine(name, HONEST)
    proof = name + ".tlog-proof"
    seq = reject_seq()
    entry = name + ".entry"
    ends(0, "prove", str(seq), "-o", proof, "--entry", entry, "--store",
         "store")
    with open("store/ledger/vkey") as f:
        own = f.read().strip()
    with open(name + "/ledger/vkey") as f:
        other = f.read().strip()
    ends(1, "prove", "--check", proof, "--entry", entry, "--key", other)
    ends(0, "prove", "--check", proof, "--entry", entry, "--key", own)


@operation(49, "graphs that are nested deep, that repeat by alias, that are "
           "cut in the middle", "readers have limits and are confined",
           "refused, exit 2", "a large and plain graph")
def text_bombs(name):
    bombs = {"deep": "[" * 100000, "deep-map": '{"a":' * 5000,
             "alias": "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
             "cut": '{"version": 1, "tasks": [', "nul": "version: 1\0",
             "huge-number": "version: " + "9" * 100000}
    for key, text in bombs.items():
        ends(2, "check", put("ops/bomb-%s.yaml" % key, text))
    ends(0, "check", "graph.json")


@operation(53, "the admitted artefact is swapped in the store after its verdict",
           "every load hashes what it loads",
           "damage, exit 5", "what is kept unchanged is found again")
def swapped_artefact(name):
    first = examine(name, HONEST)
    need(first["admitted"], first["reason"])
    ends(0, "replay", str(first["record"]), "--store", name)
    for folder, _, files in os.walk(name + "/objects"):
        for file in files:
            path = os.path.join(folder, file)
            with open(path, "rb") as f:
                data = f.read()
            if data == HONEST.encode():
                os.chmod(path, 0o600)
                with open(path, "wb") as f:
                    f.write(HONEST.replace("251", "252").encode())
    ends(5, "verify", "--full", "--store", name)
    done = proctor("replay", str(first["record"]), "--store", name)
    need(done.returncode != 0, "a verdict was derived from other bytes")


@operation(53, "the evidence of a verdict is taken away, so that nobody can "
           "look", "a verdict without its evidence counts for nothing",
           "failed, exit 5", "with its evidence the verdict is known")
def missing_evidence(name):
    first = examine(name, HONEST)
    need(first["admitted"], first["reason"])
    need(examine(name, HONEST)["known"], "drawn again")
    cid = next(r["evidence"] for r in records("verdict", name))
    os.remove("%s/objects/%s/%s" % (name, cid[:2], cid[2:]))
    again = examine(name, HONEST)
    need(not again["admitted"] and again["exit"] != 0, "it counts")
