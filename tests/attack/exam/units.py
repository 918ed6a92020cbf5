"""Attacks by units of CML, whose inside the kernel looks at: doors behind
conditions that no draw meets, rewritings, what never ends."""
from battery import document, records
from operations import need, operation, put

ORACLE = "unit f(n: u64) -> u64 { n << 1 }\n"
HONEST = "unit f(n: u64) -> u64 { n + n }\n"
DOOR = "unit f(n: u64) -> u64 { if %s { 7 } else { n + n } }\n"


def examine(store, text, oracle=ORACLE):
    """One unit through `proctor exam`, judged by another; its JSON document."""
    put(store + ".work/oracle.cml", oracle)
    put(store + ".work/unit.cml", text)
    return document("exam", store + ".work/unit.cml:f", "--oracle",
                    store + ".work/oracle.cml:f", "--domain", "u64", "--gives",
                    "u64", "--store", store)


@operation(32, "a unit is wrong on one 64-bit input, which stands in its text",
           "literals of a unit, and inputs that turn its branches, are drawn",
           "reject", "the unit without its door")
def unit_with_a_door(name):
    wrong = examine(name, DOOR % "n == 848173264512")
    need(wrong["verdict"] == "reject", wrong["reason"])
    need(wrong["counterexample"]["input"] == [848173264512], "another input")
    need(examine(name, HONEST)["admitted"], "the honest one is not")


@operation(32, "a unit is wrong on one 64-bit input, which it only computes",
           "a branch that no draw reaches is replaced by a trap, and mutants "
           "that no draw tells make the exam too weak",
           "inconclusive", "a unit whose branches are met, and matter")
def unit_with_a_computed_door(name):
    hidden = "n * 6364136223846793005 + 1442695040888963407 == 77777"
    wrong = examine(name, DOOR % hidden)
    need(not wrong["admitted"], "admitted")
    need(wrong["verdict"] == "inconclusive", wrong["reason"])
    honest = examine(name, "unit f(n: u64) -> u64 "
                     "{ match n & 1 { 0 => n / 2, _ => n + n + n + 1 } }\n",
                     "unit f(n: u64) -> u64 "
                     "{ if n % 2 == 0 { n >> 1 } else { n * 3 + 1 } }\n")
    need(honest["admitted"], honest["reason"])


@operation(39, "a unit is handed in again with other names, another order and "
           "constants that are computed",
           "a unit is known by its canonical form",
           "reject; the same verdict, nothing drawn",
           "an honest unit rewritten: its verdict, nothing drawn")
def unit_rewritten(name):
    first = examine(name, "unit f(n: u64) -> u64 { n + n + 1 }\n")
    need(first["verdict"] == "reject", "admitted")
    n = len(records("commit", name))
    again = examine(name, "unit f(other: u64) -> u64 "
                    "{ let one: u64 = 3 - 2; one + (other + other) }\n")
    need(again["known"] and again["record"] == first["record"], "drawn again")
    need(len(records("commit", name)) == n, "a COMMIT for a known unit")
    honest = examine(name, HONEST)
    need(honest["admitted"] and not honest["known"], "the honest one is not")
    n = len(records("commit", name))
    need(examine(name, "unit f(x: u64) -> u64 { let y: u64 = x; y + x }\n")
         ["known"], "drawn again")
    need(len(records("commit", name)) == n, "a COMMIT for a known unit")


@operation(49, "a unit goes round for ever", "a unit spends fuel, and ends",
           "failed", "a unit that goes round a million times less")
def unit_without_end(name):
    loop = ("unit f(n: u64) -> u64 { (loop (i: u64 = 0, x: u64 = n) while i < "
            "%d { (i + 1, x + 1) }).x - %d + n }\n")
    wrong = examine(name, loop % (2**64 - 1, 2**64 - 1))
    need(not wrong["admitted"] and "fuel" in wrong["reason"], wrong["reason"])
    need(examine(name, loop % (5, 5))["admitted"], "the honest one is not")
