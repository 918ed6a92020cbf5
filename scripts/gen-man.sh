#!/usr/bin/env bash
# Writes the generated parts of docs/man: options, commands, exit codes, record
# kinds and limits come from the tables that the code uses, so they cannot drift.
# A part stands between the comment lines `.\" begin: NAME` and `.\" end: NAME`.
# Usage: scripts/gen-man.sh [--check]   --check writes nothing, fails on a difference
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
python3 - "$@" <<'PY'
import ast, glob, re, sys

check = sys.argv[1:] == ["--check"]
if sys.argv[1:] not in ([], ["--check"]):
    sys.exit("usage: scripts/gen-man.sh [--check]")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def roff(text):
    """Plain text as text lines of mdoc, a sentence a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    lines = re.sub(r"([.;:]) (?=[A-Z(])", r"\1\n", text).split("\n")
    return "\n".join(("\\&" if l[:1] in ".'" else "") + l for l in lines)


def strings(text):
    """C string literals that stand side by side, as one."""
    return "".join(ast.literal_eval(s) for s in re.findall(r'"(?:[^"\\]|\\.)*"', text))


def options(path):
    """Rows of an argp_option table: (long, short, argument, text)."""
    table = re.search(r"struct argp_option \w+\[\] = \{(.*?)\n?\s*\{0\}\};", read(path), re.S)
    rows = []
    for row in re.findall(r'\{("(?:[^"\\]|\\.|[^{}])*?)\}', table.group(1) if table else "", re.S):
        name, key, arg, _, text = re.match(
            r'("[^"]+"), ([^,]+), ("[^"]*"|NULL), (\d+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+),', row, re.S).groups()
        short = re.match(r"'(.)'", key)
        rows.append((strings(name), short.group(1) if short else None,
                     None if arg == "NULL" else strings(arg), strings(text)))
    return rows


def option_list(command):
    out = [".Bl -tag -width Ds"]
    for name, short, arg, text in options(f"cli/cmd_{command}.c") + options("cli/args.c"):
        flags = []
        if short:
            flags.append(f"Fl {short}" + (f" Ar {arg}" if arg else ""))
        flags.append(f"Fl \\-{name}" + (f" Ns = Ns Ar {arg}" if arg else ""))
        out += [".It " + " , ".join(flags), roff(text) + "."]
    return "\n".join(out + [".El"])


def command_list():
    out = [".Bl -tag -width Ds"]
    for name, text in re.findall(r'^COMMAND\((\w+), "(.*)"\)', read("cli/commands.def"), re.M):
        out += [f".It Cm {name}", roff(text[0].upper() + text[1:]) + ";", f"see", f".Xr proctor-{name} 1 ."]
    return "\n".join(out + [".El"])


def exit_codes():
    meaning = {0: "Done.", 1: "A task failed or was refuted, or a proof or a replay did not come out.",
               2: "Usage or input.", 3: "Refused by policy or confinement.", 4: "Internal.",
               5: "The store is damaged."}
    names = {}
    for name, code, text in re.findall(r'^ERR\((\w+),\s*(\d),\s*"(.*)"\)', read("proto/err.def"), re.M):
        names.setdefault(int(code), []).append((name, text))
    out = [".Bl -tag -width Ds"]
    for code in sorted(meaning):
        out += [f".It {code}", meaning[code]]
        rows = names.get(code, [])
        if rows:
            out.append("Errors of this class:")
            out.append(",\n".join(f".Li {n} Pq {t}".replace(".Li", ".Dv") for n, t in rows).replace(",\n", " ,\n") + " .")
    return "\n".join(out + [".El"])


def record_kinds():
    out, opened = [".Bl -tag -width Ds"], False
    for line in read("proto/record.def").split("\n"):
        kind = re.match(r'KIND\((\w+), (\d+), "([^"]+)", "(.*)"\)', line)
        field = re.match(r'FIELD\((\w+), (\w+), (\w+), "(.*)"\)', line)
        if kind:
            if opened:
                out.append(".El")
            out += [f".It Li {kind[3]} Pq {kind[2]}", roff(kind[4][0].upper() + kind[4][1:]) + ".",
                    ".Bl -tag -width Ds -compact"]
            opened = True
        elif field:
            out += [f".It Va {field[2]} : Li {field[3]}", roff(field[4]) + "."]
    return "\n".join(out + [".El", ".El"])


def limits(*heads):
    out, on = [".Bl -tag -width Ds -compact"], False
    text = read("proto/limits.h")
    while (joined := re.sub(r"(?m)^(#define LIMIT_.*/\*(?:(?!\*/).)*)\n\s+", r"\1 ", text)) != text:
        text = joined  # a comment over several lines
    for line in text.split("\n"):
        head = re.match(r"/\* ([^.]*)\.?.*\*/$", line)
        if head:
            on = any(head[1].startswith(h) for h in heads)
        row = re.match(r"#define LIMIT_(\w+) (.*?)\s*(?:/\* (.*?) \*/)?$", line)
        if on and row:
            value = eval(re.sub(r"(\d+)u?(?:ll)?\b", r"\1", row[2]), {"__builtins__": {}})
            name = row[1].lower().replace("_", " ")
            out += [f".It {name}", f"{value:,}".replace(",", " ") + (f": {roff(row[3])}." if row[3] else ".")]
    return "\n".join(out + [".El"])


def part(name):
    kind, _, arg = name.partition(" ")
    if kind == "options":
        return option_list(arg)
    if kind == "commands":
        return command_list()
    if kind == "exit-codes":
        return exit_codes()
    if kind == "record-kinds":
        return record_kinds()
    if kind == "limits":
        return limits(*arg.split(", "))
    sys.exit(f"no generated part is called {name!r}")


wrong = []
for path in sorted(glob.glob("docs/man/*.[15]")):
    text = read(path)
    new = re.sub(r'(\.\\" begin: (.*)\n)(?:.*\n)*?(\.\\" end: \2\n)',
                 lambda m: m[1] + part(m[2]) + "\n" + m[3], text)
    if new == text:
        continue
    if check:
        wrong.append(path)
    else:
        with open(path, "w", encoding="utf-8") as f:
            f.write(new)
        print("wrote", path)
if wrong:
    sys.exit("not up to date, run scripts/gen-man.sh: " + ", ".join(wrong))
PY
