"""JSON Schema: compiled automata against a validator of our own. Random schemas
with random values and near misses; all short texts over a small alphabet; every
text that is let through is valid by the letter of the draft, and every valid value
in the one spelling (docs/model/grammars.md) is let through; what is refused."""
import itertools
import json
import re

import walk

w = walk.Walk()
rng = w.rng

TOKEN = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d[0-9.eE+-]*|true|false|null'
                   r'|[{}\[\]]|[,:] ?')


class Pairs(list):
    """An object: keys and values in their order."""


class Literal:
    """A number as written."""

    def __init__(self, text):
        self.text = text
        self.value = float(text)
        self.is_integer = re.fullmatch(r"-?(0|[1-9]\d*)", text) is not None

    def __eq__(self, other):
        return isinstance(other, Literal) and self.text == other.text


def parse(text):
    return json.loads(text, object_pairs_hook=Pairs, parse_int=Literal,
                      parse_float=Literal)


def is_spelled(text):
    at = 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            return False
        t = m.group()
        if t[0] == '"' and json.dumps(json.loads(t), ensure_ascii=False) != t:
            return False
        at = m.end()
    return True


def kind(v):
    if v is None:
        return "null"
    if isinstance(v, bool):
        return "boolean"
    if isinstance(v, Literal):
        return "integer" if v.is_integer and v.text != "-0" else "number"
    if isinstance(v, str):
        return "string"
    return "object" if isinstance(v, Pairs) else "array"


def same(a, b):
    """A value of the schema (Pairs and Literals) and one of a text."""
    return kind(a) == kind(b) and (
        a.text == b.text if isinstance(a, Literal) else
        len(a) == len(b) and all(
            (x[0] == y[0] and same(x[1], y[1])) if isinstance(a, Pairs)
            else same(x, y) for x, y in zip(a, b))
        if isinstance(a, list) else a == b)


FORMATS = {
    "date": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "ipv4": r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}",
}
SPEAKS = {"minimum": "integer", "maximum": "integer", "exclusiveMinimum": "integer",
          "exclusiveMaximum": "integer", "minLength": "string",
          "maxLength": "string", "pattern": "string", "format": "string",
          "items": "array", "prefixItems": "array", "minItems": "array",
          "maxItems": "array", "properties": "object", "required": "object",
          "additionalProperties": "object"}


def valid(s, v, root, strict):
    """strict: with what the page says is not let through."""
    if s is True or s is False:
        return s
    if "$ref" in s:
        to = root
        for part in s["$ref"].split("/")[1:]:
            to = to[part]
        return valid(to, v, root, strict)
    if "anyOf" in s:
        return any(valid(x, v, root, strict) for x in s["anyOf"])
    if "oneOf" in s:
        return sum(valid(x, v, root, strict) for x in s["oneOf"]) == 1
    k = kind(v)
    types = s.get("type")
    types = [types] if isinstance(types, str) else types
    if types is None and strict and not ({"enum", "const"} & set(s)):
        types = [SPEAKS[x] for x in s if x in SPEAKS] or None
    if types is not None and k not in types and not (
            k == "integer" and "number" in types):
        return False
    if "enum" in s:
        return any(same(x, v) for x in parse(json.dumps(s["enum"])))
    if "const" in s:
        return same(parse(json.dumps(s["const"])), v)
    if k == "integer":
        n = int(v.text)
        return (n >= s.get("minimum", n) and n <= s.get("maximum", n) and
                n > s.get("exclusiveMinimum", n - 1) and
                n < s.get("exclusiveMaximum", n + 1))
    if k == "string":
        return (s.get("minLength", 0) <= len(v) <= s.get("maxLength", 1 << 30) and
                ("pattern" not in s or
                 re.search(s["pattern"].replace("$", r"\Z"), v,
                             re.ASCII) is not None) and
                ("format" not in s or
                 re.fullmatch(FORMATS[s["format"]], v, re.ASCII) is not None))
    if k == "array":
        prefix = s.get("prefixItems", [])
        rest = s.get("items", not (strict and "prefixItems" in s))
        return (s.get("minItems", 0) <= len(v) <= s.get("maxItems", 1 << 30) and
                all(valid(prefix[i] if i < len(prefix) else rest, x, root, strict)
                    for i, x in enumerate(v)))
    if k == "object":
        names = list(s.get("properties", {}))
        rest = s.get("additionalProperties", not (strict and "properties" in s))
        keys = [key for key, _ in v]
        if strict:
            known = [key for key in keys if key in names]
            if known != [key for key in names if key in known] or \
                    known != keys[:len(known)]:
                return False
        return (all(key in keys for key in s.get("required", [])) and
                all(valid(s["properties"][key] if key in names else rest, x, root,
                          strict) for key, x in v))
    return True


def random_schema(depth, defs):
    k = rng.randrange(14 if depth else 8)
    if k == 0:
        return {"type": rng.choice(["null", "boolean", "number"])}
    if k == 1:
        return {"enum": rng.sample([1, "a", "b\n", None, True, [1, "x"], {"k": 2},
                                    0.5], rng.randrange(1, 4))}
    if k == 2:
        return {"const": rng.choice([3, "é\"", [], {}, {"a": [None]}])}
    if k == 3:
        a, b = sorted(rng.choice([rng.randrange(-30, 30), rng.randrange(-5000, 5000),
                                  0, 9, 10, 99, 100, -1, -10]) for _ in range(2))
        s = {"type": "integer"}
        if rng.random() < 0.7:
            s[rng.choice(["minimum", "exclusiveMinimum"])] = a - 1
        if rng.random() < 0.7:
            s[rng.choice(["maximum", "exclusiveMaximum"])] = b + 1
        return s
    if k == 4:
        return {"type": "string", "minLength": rng.randrange(3),
                "maxLength": rng.randrange(3, 6)}
    if k == 5:
        return {"pattern": rng.choice(["^a+$", "b", "^[a-c]{2}", "x|^y$",
                                       r"^\d+-\w*$", '^"', r"\\$", "^[^a]*$"])}
    if k == 6:
        return {"type": ["string", "null"], "format": rng.choice(list(FORMATS))}
    if k == 7:
        return rng.choice([True, {}, {"type": "object"}, {"type": "array"}])
    if k < 10:
        names = rng.sample(["a", "b", "ab", "a b", "é", 'q"'], rng.randrange(4))
        s = {"type": "object",
             "properties": {n: random_schema(depth - 1, defs) for n in names}}
        if rng.random() < 0.6:
            s["required"] = [n for n in names if rng.random() < 0.5]
        if rng.random() < 0.4:
            s["additionalProperties"] = rng.choice(
                [False, True, {"type": "integer", "minimum": 0}])
        return s
    if k < 12:
        s = {"type": "array"}
        if rng.random() < 0.7:
            s["items"] = random_schema(depth - 1, defs)
        if rng.random() < 0.4:
            s["prefixItems"] = [random_schema(depth - 1, defs)
                                for _ in range(rng.randrange(1, 3))]
        if rng.random() < 0.5:
            s["maxItems"] = rng.randrange(1, 4)
        if rng.random() < 0.3 and ("items" in s or "prefixItems" not in s):
            s["minItems"] = rng.randrange(2)
        return s
    if k == 12 and defs:
        return {"$ref": "#/$defs/" + rng.choice(defs)}
    return {"anyOf": [random_schema(depth - 1, defs)
                      for _ in range(rng.randrange(1, 3))]}


def random_value(s, root, depth):
    """Often valid."""
    if depth == 0 or rng.random() < 0.06 or isinstance(s, bool):
        return rng.choice([None, True, 1, -7, 0.5, "", "a", "ab", "b\n", [], {},
                           [1], {"a": 1}, {"zz": [None]}])
    if "$ref" in s:
        return random_value(root["$defs"][s["$ref"].split("/")[-1]], root, depth - 1)
    if "anyOf" in s:
        return random_value(rng.choice(s["anyOf"]), root, depth)
    if "enum" in s:
        return rng.choice(s["enum"])
    if "const" in s:
        return s["const"]
    t = s.get("type") or next((SPEAKS[x] for x in s if x in SPEAKS), "null")
    t = rng.choice(t) if isinstance(t, list) else t
    if t == "integer":
        near = [s[x] + d for x in s if SPEAKS.get(x) == "integer" for d in (-1, 0, 1)]
        return rng.choice(near + [rng.randrange(-50, 50), rng.randrange(-6000, 6000)])
    if t == "number":
        return rng.choice([0, -1, 1.5, 1e30, -2.5e-7])
    if t == "string":
        if "format" in s:
            return rng.choice(["2026-11-21", "2026-13-01", "192.168.0.1", "1.2.3",
                               "256.1.1.1", "123e4567-e89b-12d3-a456-426614174000"])
        return "".join(rng.choice('abcxy1-"\\é\n😀') for _ in range(rng.randrange(6)))
    if t == "array":
        prefix = s.get("prefixItems", [])
        return [random_value(prefix[i] if i < len(prefix) else s.get("items", True),
                             root, depth - 1) for i in range(rng.randrange(4))]
    if t == "object":
        names = list(s.get("properties", {}))
        out = {n: random_value(s["properties"][n], root, depth - 1)
               for n in names if n in s.get("required", []) or rng.random() < 0.6}
        if rng.random() < 0.3:
            out[rng.choice(["zz", "abc", "", "é2"])] = rng.choice([1, -1, "x"])
        if rng.random() < 0.1:
            out = dict(reversed(list(out.items())))
        return out
    return rng.choice([None, True, False])


def write(v):
    text = json.dumps(v, ensure_ascii=False,
                      separators=rng.choice([(",", ":"), (", ", ": "), (", ", ":")]))
    if rng.random() < 0.15:
        i = rng.randrange(len(text) + 1)
        text = text[:i] + rng.choice(['a', ' ', '"', ',', '0', '\\', '}']) + \
            text[i + rng.randrange(2):]
    return text


def expected(schema, text):
    try:
        v = parse(text)
    except (ValueError, RecursionError):
        return False
    ok = is_spelled(text) and valid(schema, v, schema, True)
    if ok and not valid(schema, v, schema, False):
        w.die(f"the strict reading lets more through: {schema} {text}")
    return ok


def check(schema, text):
    want = expected(schema, text)
    got = w.test(text)
    if (got == "yes") != want and got != "limit":
        w.die(f"{json.dumps(schema)}\n{text}\nwant {want}, got {got}")
    return want


def check_random(n, values):
    yes = no = refused = calls = 0
    done = 0
    while done < n:
        defs = ["d", "e"]
        schema = random_schema(3, defs)
        if isinstance(schema, bool):
            continue
        schema = dict(schema)
        schema["$defs"] = {d: random_schema(2, defs) for d in defs}
        text = json.dumps(schema, ensure_ascii=rng.random() < 0.5)
        why = w.compile(walk.JSON_SCHEMA, text)
        if why is not None:
            if not any(x in why for x in ("begins with itself", "no text fits",
                                          "items here", "more than")):
                w.die(f"{text}\n{why}")
            refused += 1
            continue
        done += 1
        calls += not w.regular
        for _ in range(values):
            v = random_value(schema, schema, 5)
            if check(schema, write(v)):
                yes += 1
            else:
                no += 1
    print(f"ok {n} random schemas ({calls} with calls), {yes} valid texts, {no} "
          f"others; {refused} schemas were refused")
    if yes < n:
        w.die("too few valid texts")


def check_exhaustive():
    cases = [
        ({"type": "array", "items": {"enum": [1, "a"]}, "maxItems": 2}, '[],"a1 ', 7),
        ({"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}},
         '{}":a1,', 7),
        ({"type": "integer", "minimum": -12, "maximum": 120}, "-0129", 4),
        ({"type": "object", "additionalProperties": {"const": 1},
          "properties": {"a": True}}, '{}":a1', 7),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, "nultrefas", 5),
        ({"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
          "$ref": "#/$defs/t"}, "[], ", 8),
        ({"type": "number"}, "-01.eE", 5), ({"minLength": 1, "maxLength": 2},
                                            '"a\\n', 6),
    ]
    n = 0
    for schema, alphabet, length in cases:
        length -= 0 if walk.FULL else length > 6
        why = w.compile(walk.JSON_SCHEMA, json.dumps(schema))
        if why:
            w.die(f"{schema}: {why}")
        got = w.texts(alphabet, length)
        want = set()
        for k in range(length + 1):
            for t in itertools.product(alphabet, repeat=k):
                n += 1
                if expected(schema, "".join(t)):
                    want.add("".join(t).encode())
        if got != want:
            w.die(f"{schema}: {sorted(got ^ want)[:5]}")
    print(f"ok all {n} short texts of {len(cases)} schemas")


REFUSED = {
    '{"type":"strin"}': (1, 9, "strin"), "[1]": (1, 1, "expected a schema"),
    '{"minProperties":1}': (1, 2, '"minProperties" is not supported'),
    '{"allOf":[]}': (1, 2, '"allOf" is not supported'),
    '{"not":{}}': (1, 2, '"not" is not supported'),
    '{"if":{}}': (1, 2, '"if" is not supported'),
    '{"uniqueItems":true}': (1, 2, "uniqueItems"),
    '{"type":"integer","multipleOf":2}': (1, 19, "multipleOf"),
    '{"patternProperties":{}}': (1, 2, "patternProperties"),
    '{"properties":{"a":{"dependentRequired":{}}}}':
        (1, 21, 'properties.a: "dependentRequired"'),
    '{"type":"number","minimum":1}': (1, 18, "for integers only"),
    '{"type":"integer","minLength":1}': (1, 19, "says nothing about this type"),
    '{"type":"integer","minimum":3,"maximum":2}': (1, 1, "no integer is between"),
    '{"$ref":"other.json"}': (1, 9, "inside of this schema"),
    '{"$ref":"#/$defs/x"}': (1, 9, "leads nowhere"),
    '{"$ref":"#/$defs/x","type":"null","$defs":{"x":true}}': (1, 21, "beside"),
    '{"pattern":"a","minLength":2}': (1, 2, "beside another rule"),
    '{"pattern":"(a)\\\\1"}': (1, 12, "back-reference"),
    '{"format":"email"}': (1, 11, '"email" is not supported'),
    '{"properties":{"a":true},"required":["b"]}': (1, 38, "not among"),
    '{"properties":{"a":false}}': (1, 20, "may never be there"),
    'false': (1, 1, "nothing is valid"),
    '{"oneOf":[{"type":"integer"},{"type":"number"}]}': (1, 10, "in common"),
    '{"oneOf":[{"minLength":1},{"maxLength":3}]}': (1, 10, "in common"),
    '{"enum":[1],"type":"string"}': (1, 9, "no value of the list"),
    '{"const":1,"type":"string"}': (1, 10, "not of the type"),
    '{"minItems":3,"prefixItems":[true]}': (1, 1, "no array has 3 items"),
    '{"$ref":"#"}': (1, 1, "begins with itself"),
    '{"type":"string","maxLength":9000}': (1, 1, "more than 65535"),
    '{"type":"string","maxLength":90000}': (1, 30, "90000"),
    '{"type":"string","type":"null"}': (1, 18, "twice"),
    '{"items":{"$id":"x"}}': (1, 11, '"$id" is not supported'),
    '{"type":"array","items":{"type":"arrya"}}': (1, 33, "arrya"),
    '{"a': (1, 3, ""), '{"type":"object","propertes":{}}': (1, 18, "propertes"),
    '{"enum":[yes]}': (1, 10, ""),
}


def check_tagged():
    schema = {"oneOf": [
        {"properties": {"kind": {"const": "leaf"}, "n": {"type": "integer"}},
         "required": ["kind", "n"]},
        {"properties": {"kind": {"const": "node"},
                        "of": {"type": "array", "items": {"$ref": "#"}}},
         "required": ["kind", "of"]}]}
    why = w.compile(walk.JSON_SCHEMA, json.dumps(schema))
    if why:
        w.die(why)
    for text in ('{"kind":"leaf","n":3}', '{"kind": "node", "of": []}',
                 '{"kind":"node","of":[{"kind":"leaf","n":-1}]}',
                 '{"kind":"node","n":1}', '{"kind":"leaf"}'):
        check(schema, text)
    deep = '{"kind":"node","of":[' * 50 + ']}' * 50
    if w.test(deep) != "yes":
        w.die(f"50 deep: {w.test(deep)}")
    print("ok a recursive choice by a constant")


w.check_refused(walk.JSON_SCHEMA, REFUSED)
check_tagged()
check_exhaustive()
check_random(4000 if walk.FULL else 200, 40 if walk.FULL else 20)
