#!/usr/bin/env python3
"""Runs the attacks of tests/attack/exam and their honest twins through the real
binaries, and says what became of each, as TAP.

    run.py            in a fresh folder that becomes full; proctor on the PATH
    run.py --table F  also writes the table of docs/exam-attacks.md to F
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import battery
import operations
import table
import units  # adds its operations


def check(tally, ok, text, why=""):
    print("%sok %s%s" % ("" if ok else "not ", text,
                         "" if ok else " # " + why), flush=True)
    tally[not ok] += 1


def main():
    tally = [0, 0]
    attacks, twins = battery.load()
    battery.workspace()
    start = time.monotonic()
    battery.run(attacks + twins)
    for a in attacks:
        check(tally, a.end in a.facts["end"].split(),
              "attack %s %s: %s" % (a.facts["attack"], a.name, a.end),
              "wanted %s: %s" % (a.facts["end"], a.reason))
    for t in twins:
        check(tally, t.end == "admit", "twin of %s: %s" % (t.name, t.end),
              str(t.reason))
    print("# candidates: %.1f s" % (time.monotonic() - start))
    start = time.monotonic()
    done = operations.run_all()
    for o in done:
        check(tally, o.failed is None, "attack %d %s: %s" % (
            o.number, o.name, o.end), str(o.failed))
    print("# operations: %.1f s" % (time.monotonic() - start))
    admitted = [a.name for a in attacks if a.end == "admit"]
    check(tally, not admitted, "no attack was admitted", ", ".join(admitted))
    fine = sum(t.end == "admit" for t in twins)
    check(tally, fine * 100 >= len(twins) * 99, "honest twins admitted: %d of "
          "%d" % (fine, len(twins)), "at least 99 %")
    alone = ({a.facts["attack"] for a in attacks}
             - {t.facts["attack"] for t in twins})
    check(tally, not alone, "every class of candidates has a twin", str(alone))
    missing = table.missing(attacks, done)
    check(tally, not missing, "every one of the 53 classes is tried or listed "
          "as open", str(missing))
    if len(sys.argv) == 3 and sys.argv[1] == "--table":
        with open(sys.argv[2], "w") as out:
            out.write(table.text(attacks, twins, done))
    print("# %d attacks, %d twins, %d operations; %d failed" % (
        len(attacks), len(twins), len(done), tally[1]))
    return 1 if tally[1] else 0


if __name__ == "__main__":
    sys.exit(main())
