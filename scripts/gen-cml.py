#!/usr/bin/env python3
"""Writes the tables of docs/cml.md (kinds, types, operators, core, errors) and the
operators of docs/synth-files.md from the .def files that the code uses. `--check` changes nothing and fails when a table is
not current.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/cml.md"


def rows(path, macro):
    """Arguments of each MACRO(...) in a .def, strings joined."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.S)
    for m in re.finditer(rf"^{macro}\(", text, re.M):
        depth, at, parts, part, quoted = 1, m.end(), [], "", False
        while depth:
            c = text[at]
            if c == '"' and text[at - 1] != "\\":
                quoted = not quoted
            if not quoted:
                depth += (c == "(") - (c == ")")
            if depth == 1 and c == "," and not quoted:
                parts.append(part)
                part = ""
            elif depth:
                part += c
            at += 1
        yield [one(p) for p in parts + [part]]


def one(text):
    text = text.strip()
    if text.startswith('"'):
        return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace('\\"', '"')
    return re.sub(r"\s+", " ", text)


def table(head, body):
    def cell(c):
        return c.replace("|", "\\|")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(cell, r)) + " |" for r in body])


def kinds():
    body = []
    for _, fqn, what, *fields in rows("proto/cml.def", "KIND"):
        shown = []
        for f in fields:
            name, shape, kinds_, meaning = [one(x) for x in re.match(
                r'FIELD\((\w+), (\w+), ([^"]+?),\s*(.*)\)$', f, re.S).groups()]
            shown.append(f"`{name}` {shape}: {meaning}")
        body.append([f"`cml.{fqn}`", what, "<br>".join(shown)])
    return table(["kind", "what it is", "fields, in order"], body)


def types():
    return table(["name", "in text"], [[f"`{r[1]}`", f"`{r[2]}`"] for r in rows("proto/cml_primitive.def", "PRIMITIVE")])


def operators():
    return table(["op", "in text", "strength", "value"],
                 [[f"`{r[0]}`", f"`{r[1]}`", r[2], r[3]] for r in rows("proto/cml_op.def", "OP")])


def core():
    return table(["function", "signature", "cost", "value"],
                 [[f"`{r[0]}`", f"`{r[1]}`", {"NONE": "", "ARGS": "args"}[r[2]], r[3]]
                  for r in rows("workers/cml/core.def", "CORE")])


def errors():
    return table(["error", "when"], [[f"`{r[0]}`", r[1]] for r in rows("proto/cml_error.def", "EVAL")])


def smt():
    sorts = {"w": "(_ BitVec n)", "i": "Int", "s": "String", "b": "Bool", "a": "T"}
    body = []
    for symbol, signature, _, how in rows("workers/cml/smt.def", "SMT"):
        args, gives = signature.split(">")
        shown = " ".join(sorts[a] for a in args) + (" ..." if how == "LEFT" else "")
        body.append([f"`{symbol}`", shown, sorts[gives]])
    return table(["operator", "arguments", "value"], body)


def write(page, parts):
    text = page.read_text()
    new = text
    for name, make in parts:
        pattern = rf"(<!-- begin: {name} -->\n).*?(<!-- end: {name} -->)"
        new = re.sub(pattern, lambda m, t=make(): m.group(1) + t + "\n" + m.group(2), new, flags=re.S)
    if sys.argv[1:] == ["--check"]:
        if new != text:
            sys.exit(f"{page.relative_to(ROOT)} is not current: run scripts/gen-cml.py")
    elif new != text:
        page.write_text(new)
        print(f"wrote {page.relative_to(ROOT)}")


write(PAGE, (("kinds", kinds), ("types", types), ("operators", operators), ("core", core), ("errors", errors)))
write(ROOT / "docs/synth-files.md", (("smt", smt),))
