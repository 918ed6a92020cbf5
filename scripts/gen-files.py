#!/usr/bin/env python3
"""Writes the list of source files into docs/architecture.md.

One line per module: the first sentence of the comment at its head (header
first). `--check` changes nothing and fails when the list is not current.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/architecture.md"
BEGIN, END = "<!-- files: made by scripts/gen-files.py -->\n", "<!-- end of files -->\n"
ROOMS = ("proto", "kernel", "replay", "cli", "workers")
KINDS = {".h", ".c", ".def", ".proto", ".py"}


def head_sentence(path):
    """First sentence of the first comment or docstring of a file."""
    text = path.read_text()
    for pattern in (r"\A\s*/\*+(.*?)\*/", r"\A((?://[^\n]*\n)+)", r'\A"""(.*?)"""'):
        m = re.match(pattern, text, re.S)
        if m:
            words = re.sub(r"(^|\n)\s*(\*|//) ?", " ", m.group(1)).split()
            sentence = re.match(r".*?[.:](?=\s|$)|.*", " ".join(words)).group(0)
            return sentence.rstrip(":.") + "."
    return ""


def modules():
    """Maps a module's stem to its files, in path order."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = {}
    for name in sorted(tracked):
        path = ROOT / name
        if path.suffix in KINDS and path.exists():
            found.setdefault(name.rsplit(".", 1)[0], []).append(path)
    return found


def listing():
    lines, room, missing = [], None, []
    for stem, paths in modules().items():
        folder = stem.rsplit("/", 1)[0]
        if folder != room:
            lines += ["", f"**{folder}/**", ""]
            room = folder
        paths.sort(key=lambda p: (p.suffix != ".h", p.suffix))
        sentence = next(filter(None, map(head_sentence, paths)), "")
        if not sentence:
            missing.append(stem)
        endings = " ".join(p.suffix for p in paths)
        lines.append(f"- `{stem}` ({endings}): {sentence}")
    if missing:
        sys.exit("no comment at the head of: " + " ".join(missing))
    return "\n".join(lines).lstrip("\n") + "\n"


def main():
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    made = before + BEGIN + "\n" + listing() + "\n" + END + after
    if sys.argv[1:] == ["--check"]:
        if made != page:
            sys.exit("docs/architecture.md: the list of files is not current; "
                     "run scripts/gen-files.py")
    else:
        PAGE.write_text(made)


main()
