"""docs/exam-attacks.md: what became of every class, from a run of the battery."""
from battery import counterexample

# Classes of the list that the programs of today's worker classes cannot try, or
# not in full, and where that is to be done. None of them counts as passed.
OPEN = [
    (22, "on a GPU", "stale device memory of a reference",
     "there is no worker class with a GPU; the same in main memory is tried"),
    (28, "on a GPU", "half precision inside a tolerance",
     "there is no worker class with a GPU; single precision is tried"),
    (32, "computed magic", "one bad input of 2^32 or more, which no literal "
     "tells, in a program", "a program's branches are not seen; units of CML "
     "are looked into, domains up to 2^20 are enumerated"),
    (33, "in service", "behaves until it is in service",
     "needs calls in service that are shadowed by the oracle; by order, by "
     "number and by batch is tried"),
    (35, "a renamed copy", "one oracle's text, copied, as the second oracle",
     "the graph's author does it to himself; `proctor exam` refuses equal "
     "bytes, graphs do not"),
    (45, "weights", "training on the hold-out",
     "needs the training worker: draws that are derived after the weights are "
     "committed, and label-shuffled twins"),
    (50, "machine code", "an interpreter and a compiler that differ",
     "units of CML run in both engines in every exam, and engines that differ "
     "end it (tests/unit/exam/test_inside.c); no two that do are known"),
    (52, "a judge that is a model", "instructions to a language model",
     "no model has a part in any verdict; forged transcripts are tried"),
]


def missing(attacks, operations):
    tried = {int(a.facts["attack"]) for a in attacks}
    tried |= {o.number for o in operations}
    tried |= {n for n, *_ in OPEN}
    return [n for n in range(1, 54) if n not in tried]


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")[:160]


def text(attacks, twins, operations):
    out = [HEAD % (len(attacks), len(operations), len(attacks)
                   + len(operations), len(twins) + len(operations))]
    rows = [(int(a.facts["attack"]), a.name, a.facts["how"], a.facts["why"],
             a.facts["end"].replace(" ", " or "), counterexample(a))
            for a in attacks]
    rows += [(o.number, o.name, o.how, o.why, o.end, "twin: " + o.twin)
             for o in operations]
    for row in sorted(rows, key=lambda r: r[0]):
        out.append("| %d | %s | %s | %s | %s | %s |\n" % (
            row[0], row[1], *map(cell, row[2:])))
    out.append(TAIL)
    for number, where, what, why in OPEN:
        out.append("| %d | %s: %s | %s |\n" % (number, where, what, why))
    return "".join(out)


HEAD = """# Attacks on the exam

Written by `tests/attack/exam/run.py --table`; `scripts/verify.sh` (scenario 35) runs the battery and compares all columns but the last.

The classes 1 to 53 are published ways to get past a judge. %d candidates (tests/attack/exam/attacks) and %d operations on graphs, stores and ledgers
(tests/attack/exam/operations.py, units.py), %d in all, go through the real binaries under the real profiles. None is admitted. %d honest twins, which use the
same technique innocently or compute the same function honestly, are admitted or go well; variants of one class share a twin.
What ends in `failed` never gave a well-formed answer and came to no exam.

| class | attack | how | why it must fail | end | counterexample, or what was said |
|---|---|---|---|---|---|
"""

TAIL = """
Not tried, or not in full, and not counted as passed:

| class | what | why |
|---|---|---|
"""
