#!/usr/bin/env python3
"""A second encoder of CML, written from docs/cml.md: makes random units, writes each
as text and computes its CID by itself (BLAKE3 too). Prints "CID  NAME" lines; the
texts go into the folder that is named.
Usage: cml_encode.py FOLDER HOW_MANY
"""
import pathlib
import random
import struct
import sys

# --- BLAKE3 of one chunk (the paper, section 2), and of several by their tree ---
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
M32 = 0xFFFFFFFF
START, END, PARENT, ROOT = 1, 2, 4, 8


def compress(cv, words, counter, size, flags):
    v = list(cv) + [*IV[:4], counter & M32, counter >> 32, size, flags]

    def quarter(a, b, c, d, x, y):
        for m, r1, r2 in ((x, 16, 12), (y, 8, 7)):
            v[a] = (v[a] + v[b] + m) & M32
            t = v[d] ^ v[a]
            v[d] = (t >> r1 | t << (32 - r1)) & M32
            v[c] = (v[c] + v[d]) & M32
            t = v[b] ^ v[c]
            v[b] = (t >> r2 | t << (32 - r2)) & M32

    for _ in range(7):
        for i, q in enumerate(((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                               (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))):
            quarter(*q, words[2 * i], words[2 * i + 1])
        words = [words[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def chunk(data, counter, last):
    cv, blocks = IV, [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    for i, b in enumerate(blocks):
        flags = (START if i == 0 else 0) | ((END | last) if i == len(blocks) - 1 else 0)
        cv = compress(cv, struct.unpack("<16I", b.ljust(64, b"\0")), counter, len(b), flags)
    return cv


def tree(data, counter, last):
    if len(data) <= 1024:
        return chunk(data, counter, last)
    left = 1024
    while left * 2 < len(data):
        left *= 2
    words = tree(data[:left], counter, 0) + tree(data[left:], counter + left // 1024, 0)
    return compress(IV, words, 0, 64, PARENT | last)


def blake3(data):
    return struct.pack("<8I", *tree(data, 0, ROOT))


# --- canonical bytes ---
def string(s):
    b = s.encode()
    return b"\x05" + struct.pack(">I", len(b)) + b


def node(fqn, *fields):
    return blake3(b"CML1" + string("cml." + fqn) + bytes([len(fields)]) + b"".join(fields))


def child(cid):
    return b"\x07" + cid


def many(values):
    return b"\x08" + struct.pack(">I", len(values)) + b"".join(values)


ABSENT = b"\x00"
INTS = {"u8": (1, 0), "u16": (2, 0), "u32": (4, 0), "u64": (8, 0),
        "i8": (1, 1), "i16": (2, 1), "i32": (4, 1), "i64": (8, 1)}
LONG = {"u": "UInt", "i": "Int"}


def primitive(t):
    name = {"bool": "Bool", "string": "String", "f64": "Float64"}.get(t) or LONG[t[0]] + t[1:]
    return node("PrimitiveType", string(name))


def integer(t, v):
    width, signed = INTS[t]
    return bytes([3, width | (0 if signed else 0x80)]) + (v % (1 << 8 * width)).to_bytes(width, "big")


def literal(t, value):
    return node("Literal", child(primitive(t)), child(node("Leaf", value)))


def var(i):
    return node("Var", b"\x03\x84" + struct.pack(">I", i))


def core(name, *args):
    target = node("Reference", string("cml.core"), many([string(p) for p in name]))
    return node("Call", child(target), many([child(a) for a in args]))


def block(lets, value):
    return node("Block", many([child(x) for x in lets] + [child(node("Return", child(value)))]))


OPS = {"+": "ADD", "-": "SUB", "*": "MUL", "&": "BAND", "|": "BOR", "^": "BXOR"}
COMPARES = {"==": "EQ", "!=": "NE", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}


def expression(r, t, scope, depth):
    """(text, cid) of a random expression; scope: types and names, nearest last."""
    pick = r.randrange(8) if depth > 0 else r.randrange(2)
    seen = [i for i, (ty, _) in enumerate(scope) if ty == t]
    if pick == 0 and seen:
        i = r.choice(seen)
        return scope[i][1], var(len(scope) - 1 - i)
    if pick <= 1:
        if t == "bool":
            v = r.random() < 0.5
            return str(v).lower(), literal(t, b"\x02" if v else b"\x01")
        if t == "string":
            s = r.choice(["", "a", "h\u00e9", "\u20ac uro", "x" * 70])
            return '"' + s + '"', literal(t, string(s))
        if t == "f64":
            v = r.choice([0.1, -2.5, 1e300, 5e-324, 3.0])
            return repr(v), literal(t, b"\x04\x08" + struct.pack(">d", v))
        v = r.randrange(-(1 << 7), 1 << 7) if INTS[t][1] else r.randrange(256)
        return f"{v}{t}", literal(t, integer(t, v))
    if pick == 2:  # if
        c, cc = expression(r, "bool", scope, depth - 1)
        a, ca = expression(r, t, scope, depth - 1)
        b, cb = expression(r, t, scope, depth - 1)
        yes = node("Pattern", string("Literal"), child(literal("bool", b"\x02")), many([]))
        no = node("Pattern", string("Wildcard"), ABSENT, many([]))
        arms = [node("Arm", child(p), child(block([], v))) for p, v in ((yes, ca), (no, cb))]
        return (f"(if {c} {{ {a} }} else {{ {b} }})", node("Match", child(cc), many([child(x) for x in arms])))
    if pick == 3:  # loop
        start, cs = expression(r, t, scope, depth - 1)
        n = r.randrange(5)
        name = f"v{len(scope)}"
        body, cb = expression(r, t, scope + [(t, name)], depth - 1)
        state = node("Binding", child(primitive(t)), child(cs))
        return (f"(loop ({name}: {t} = {start}) repeat {n} {{ {body} }})",
                node("Loop", string("repeat"), child(state), child(literal("i64", integer("i64", n))),
                     child(block([], cb))))
    if t == "bool":
        of = r.choice(["u8", "i64", "f64", "string"])
        op = r.choice(list(COMPARES))
        name = COMPARES[op]
    elif t == "string":
        of, op, name = t, "++", "CAT"
    elif t == "f64":
        of, op = t, r.choice(["+", "-", "*"])
        name = OPS[op]
    else:
        of, op = t, r.choice(list(OPS))
        name = OPS[op]
        if pick == 4:
            a, ca = expression(r, t, scope, depth - 1)
            return f"bits_reverse({a})", core(["bits_reverse"], ca)
    a, ca = expression(r, of, scope, depth - 1)
    b, cb = expression(r, of, scope, depth - 1)
    return f"({a} {op} {b})", node("BinOp", string(name), child(ca), child(cb))


def unit(r, name):
    types = ["bool", "string", "f64", *INTS]
    scope = [(r.choice(types), f"p{i}") for i in range(r.randrange(4))]
    params = [node("Binding", child(primitive(t)), ABSENT) for t, _ in scope]
    signature = ", ".join(f"{n}: {t}" for t, n in scope)
    lets, text = [], ""
    for i in range(r.randrange(3)):
        t = r.choice(types)
        e, c = expression(r, t, scope, 3)
        typed = r.random() < 0.5
        text += f"  let x{i}{': ' + t if typed else ''} = {e};\n"
        lets.append(node("Binding", child(primitive(t)) if typed else ABSENT, child(c)))
        scope = scope + [(t, f"x{i}")]
    gives = r.choice(types)
    e, c = expression(r, gives, scope, 4)
    cid = node("Unit", string(name), many([child(p) for p in params]), child(primitive(gives)),
               child(block(lets, c)))
    return f"unit {name}({signature}) -> {gives} {{\n{text}  return {e};\n}}\n", cid


def main():
    folder, n = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(exist_ok=True)
    text = ""
    for i in range(n):
        t, cid = unit(random.Random(i), f"unit{i}")
        text += t
        print(f"{cid.hex()}  unit{i}")
    (folder / "units.cml").write_text(text)


main()
