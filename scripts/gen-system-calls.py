#!/usr/bin/env python3
"""Writes docs/system-calls.md: every call of every profile, how it is answered,
and why it is there, from policy/profiles/. `--check` changes nothing and fails
when the page is not current.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROFILES = ROOT / "policy/profiles"
PAGE = ROOT / "docs/system-calls.md"
CLASSES = ("cml", "config", "model", "program")
HEAD = """\
# System calls of each worker class

Made by `scripts/gen-system-calls.py` from `policy/profiles/`; do not edit. The same
text is what the tests read: `tests/unit/confine/test_filter.c` shows that the
generated filters say exactly this, and `tests/attack/` makes every call that is not
here under the real profile and sees it end the process (SIGSYS).

- A call that is not listed, or no condition of which holds, kills the process. So
  do other architectures (`int 0x80`), x32 and unknown numbers.
- `uretprobe` (335) and `uprobe` (336) are answered by newer hosts before any filter, with
  SIGILL and ENXIO (docs/caveats.md).
- *error*: answered with that error, not executed.
- Conditions look at the bits that the host reads: `arg2 & 0x4 == 0` is argument 2,
  masked. Junk above 32 bits neither hides a value nor forbids a benign one.
- Of several lines for one call, one that allows wins.
- A worker carries its zygote's filter as well; the zygote's list is the worker's and
  the one below it, so both together are the worker's.
"""


def reasons():
    """Call -> reason."""
    found = {}
    for number, line in enumerate((PROFILES / "reasons.txt").read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        calls, colon, reason = line.partition(": ")
        if not colon or not reason:
            sys.exit(f"policy/profiles/reasons.txt:{number}: expected `calls: reason`")
        for call in calls.split():
            if call in found:
                sys.exit(f"policy/profiles/reasons.txt:{number}: {call} has a reason already")
            found[call] = reason
    return found


def sections(name):
    """Title -> [(call, answer)], in the order of the profile."""
    found, title = {}, None
    for line in (PROFILES / f"{name}.profile").read_text().splitlines():
        if line.startswith("["):
            title = line.strip("[]")
        elif line and not line.startswith("#") and title not in ("root", "limits"):
            m = re.fullmatch(r"(?:(allow)|errno (\d+)) +(\w+)(?: if (.*))?", line)
            if m is None:
                sys.exit(f"{name}.profile: cannot read: {line}")
            answer = "allowed" if m[1] else f"error {m[2]}"
            found.setdefault(title, []).append(
                (m[3], answer + (f" if `{m[4]}`" if m[4] else "")))
    return found


def table(rows, why):
    lines = ["| call | answer | why |", "|---|---|---|"]
    grouped = {}
    for call, answer in rows:
        grouped.setdefault(call, []).append(answer)
    for call, answers in grouped.items():
        lines.append(f"| {call} | {'; '.join(answers)} | {why[call]} |")
    return lines


def page():
    why = reasons()
    profiles = {name: sections(name) for name in CLASSES}
    used = {c for p in profiles.values() for rows in p.values() for c, _ in rows}
    if used - why.keys():
        sys.exit("no reason in policy/profiles/reasons.txt: " + " ".join(sorted(used - why.keys())))
    if why.keys() - used:
        sys.exit("a reason, but in no profile: " + " ".join(sorted(why.keys() - used)))
    lines = [HEAD]
    shown = {}
    for name, profile in profiles.items():
        for title, rows in profile.items():
            same = shown.setdefault((title, tuple(rows)), name)
            calls = {c for c, a in rows}
            allowed = {c for c, a in rows if a.startswith("allowed")}
            lines += [f"## {name}, {title}", ""]
            if same != name:
                lines += [f"As of {same}.", ""]
                continue
            lines += [f"{len(allowed)} calls allowed, {len(calls - allowed)} "
                      "answered with an error.", "", *table(rows, why), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def main():
    made = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text() != made:
            sys.exit("docs/system-calls.md is not current; run scripts/gen-system-calls.py")
    elif sys.argv[1:]:
        sys.exit("usage: scripts/gen-system-calls.py [--check]")
    else:
        PAGE.write_text(made)


main()
