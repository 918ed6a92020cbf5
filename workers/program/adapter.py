# Calls one function of one file for each line of arguments on standard input.
# Run by the program worker as
#   python3 -s -S -B -c THIS FILE NAME TAKES GIVES
# inside the candidate's own process: a convenience for its author, trusted by
# nobody. What it prints is a proposal; the worker checks every line.
#
# TAKES and GIVES are types in text form: bool u8..u64 i8..i64 f32 f64 string
# bytes [T] (T, T). Values: bytes as bytes, lists as list, tuples as tuple,
# floats as float, non-finite ones too. What the function prints goes to
# standard error, and its standard input is empty.
#
# Start-up time counts: the json package would double it (it imports re), its C
# scanner alone does not; os costs a tenth more than posix, which is built in.
import posix
import sys


def take_descriptors():
    """The real 0 and 1 for us; stderr and an empty pipe for everybody else."""
    source, sink = posix.dup(0), posix.dup(1)
    empty, writer = posix.pipe()
    posix.close(writer)
    posix.dup2(empty, 0)
    posix.close(empty)
    posix.dup2(2, 1)
    sys.stdout = sys.stderr
    return source, sink


def split(text):
    """The parts of "A, (B, C), [D]" at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return parts + [last] if last else parts


def reader(t, v, depth=0):
    """Source text that turns the JSON value v into a Python value of type t."""
    x = "x%d" % depth
    if t in ("f32", "f64"):
        return "float(%s)" % v
    if t == "bytes":
        return "fromhex(%s)" % v
    if t[0] == "[":
        inner = reader(t[1:-1], x, depth + 1)
        return v if inner == x else "[%s for %s in %s]" % (inner, x, v)
    if t[0] == "(":
        parts = [reader(p, "%s[%d]" % (x, i), depth + 1)
                 for i, p in enumerate(split(t[1:-1]))]
        return "(lambda %s: (%s))(%s)" % (
            x, "".join(p + ", " for p in parts), v)
    return v


def writer(t, v, depth=0):
    """Source text that turns the Python value v into JSON text of type t."""
    x = "x%d" % depth
    if t[0] == "[":
        return "list_text([%s for %s in sequence(%s)])" % (
            writer(t[1:-1], x, depth + 1), x, v)
    if t[0] == "(":
        types = split(t[1:-1])
        parts = [writer(p, "%s[%d]" % (x, i), depth + 1)
                 for i, p in enumerate(types)]
        return "(lambda %s: list_text([%s]))(exactly(%d, %s))" % (
            x, ", ".join(parts), len(types), v)
    if t[0] in "ui":
        return "int_text(%s)" % v
    return "%s_text(%s)" % (t, v)


def refuse(v, wanted):
    raise TypeError("expected %s, got %s" % (wanted, type(v).__name__))


def sequence(v):
    return v if isinstance(v, (list, tuple)) else refuse(v, "a list")


def exactly(n, v):
    if not isinstance(v, (list, tuple)) or len(v) != n:
        refuse(v, "a tuple of %d" % n)
    return v


def list_text(parts):
    return "[" + ",".join(parts) + "]"


def int_text(v):
    if type(v) is int:
        return str(v)
    if isinstance(v, bool) or not hasattr(v, "__index__"):
        refuse(v, "an integer")
    return str(v.__index__())


def bool_text(v):
    if v is not True and v is not False:
        refuse(v, "a bool")
    return "true" if v else "false"


def f64_text(v):
    if isinstance(v, bool) or not hasattr(v, "__float__"):
        refuse(v, "a float")
    v = float(v)
    if v - v != 0.0:
        return "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"
    return repr(v)


def f32_text(v):
    """Rounded once, here: the text of an f32 value reads back exactly."""
    from struct import pack, unpack
    v = float(f64_text(v))
    try:
        return f64_text(unpack("<f", pack("<f", v))[0])
    except OverflowError:
        return "Infinity" if v > 0 else "-Infinity"


def bytes_text(v):
    if not isinstance(v, (bytes, bytearray, memoryview)):
        refuse(v, "bytes")
    return '"' + v.hex() + '"'


def string_text(v):
    return quote(v) if isinstance(v, str) else refuse(v, "a string")


def json_tools():
    """A function from JSON text to a value, and one that quotes a string."""
    try:
        from _json import encode_basestring_ascii, make_scanner

        class Options:
            strict = True
            object_hook = object_pairs_hook = None
            parse_int = int
            parse_float = parse_constant = float
            memo = {}

        scan = make_scanner(Options)
        return (lambda text: scan(text, 0)[0]), encode_basestring_ascii
    except (ImportError, AttributeError, TypeError):
        import json
        return json.loads, json.dumps


def load(path, name):
    """The function; the file's folder comes first among the places to import
    from, as if the file had been started."""
    folder, _, base = path.rpartition("/")
    module = type(sys)(base.partition(".")[0])
    module.__file__ = path
    sys.argv = [path]
    sys.path[0] = folder
    sys.modules[module.__name__] = module
    with open(path, "rb") as f:
        source = f.read()
    exec(compile(source, path, "exec"), module.__dict__)
    function = getattr(module, name, None)
    if not callable(function):
        raise SystemExit("proctor: %s has no function %s" % (path, name))
    return function


def serve(source, sink, answer, loads):
    """One write per answer: if the process dies in a call, the answers before
    it have left, so it is that call that is blamed."""
    with open(source, "rb") as f:
        text = f.read().decode()
    for arguments in loads("[" + text.rstrip("\n").replace("\n", ",") + "]"):
        line = answer(arguments)
        while line:
            line = line[posix.write(sink, line):]


def main():
    global quote
    path, name, takes, gives = sys.argv[1:]
    source, sink = take_descriptors()
    loads, quote = json_tools()
    call = "f(%s)" % ", ".join(
        reader(t, "a[%d]" % i) for i, t in enumerate(split(takes[1:-1])))
    text = "lambda a: (%s + '\\n').encode()" % writer(gives, call)
    tools = dict(globals(), fromhex=bytes.fromhex)
    if path[0] != "/":
        path = posix.getcwd() + "/" + path
    tools["f"] = load(path, name)
    serve(source, sink, eval(text, tools), loads)
    # All answers have left; taking the interpreter down would cost a fifth of
    # starting it, and nothing it runs then is an answer.
    sys.stderr.flush()
    posix._exit(0)


main()
