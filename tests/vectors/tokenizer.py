#!/usr/bin/env python3
"""Vocabularies and texts with their tokens, by a slow implementation of its own:
the pre-tokenizers' patterns run in Python's re, the best pair is looked for in
the whole list before every single join. Usage: tokenizer.py SEED COUNT

Lines on standard output, byte strings in hex:
  vocabulary MODEL PRE SPACE   MODEL llama or gpt2, SPACE 1: a space goes before
  token KIND SCORE TEXT        in the order of their numbers; TEXT as in the file
  merge TEXT                   two texts and a space, as in the file
  end
  case TEXT ID...              what TEXT encodes to
"""
import random
import re
import sys
import unicodedata

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
SPACES = ("\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f"
          "\u3000")


def ranges(test):
    """The inside of a character class: all code points that pass."""
    out, start = [], None
    for cp in range(0x110001):
        inside = cp < 0x110000 and test(cp)
        if inside and start is None:
            start = cp
        elif not inside and start is not None:
            out.append(f"\\U{start:08x}-\\U{cp - 1:08x}")
            start = None
    return "".join(out)


CATEGORY = [unicodedata.category(chr(cp)) for cp in range(0x110000)]
L = ranges(lambda cp: CATEGORY[cp][0] == "L")
N = ranges(lambda cp: CATEGORY[cp][0] == "N")
P = ranges(lambda cp: CATEGORY[cp][0] == "P")
S = SPACES
TICKS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
REST = f" ?[^{S}{L}{N}]+"
END = f"[{S}]*[\\r\\n]+|[{S}]+(?![^{S}])|[{S}]+"
GPT2 = (f"'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[{N}]+|{REST}|"
        f"[{S}]+(?![^{S}])|[{S}]+")
UPPER = f"(?:(?=[{L}])[^a-z])"
LOWER = f"(?:(?=[{L}])[^A-Z])"


def llama3(digits):
    return (f"{TICKS}|[^\\r\\n{L}{N}]?[{L}]+|[{N}]{{1,{digits}}}|{REST}[\\r\\n]*|"
            f"{END}")


def gpt4o(digits, ticks):
    return (f"[^\\r\\n{L}{N}]?{UPPER}*{LOWER}+{ticks}|"
            f"[^\\r\\n{L}{N}]?{UPPER}+{LOWER}*{ticks}|[{N}]{{1,{digits}}}|"
            f"{REST}[\\r\\n/]*|{END}")


PATTERNS = {
    "default": [f"[{P}$+<=>^~|]+", GPT2, f"[{N}]+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "starcoder": [f"[{N}]", GPT2],
    "falcon": [f"[{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"],
    "llama-bpe": [llama3(3)],
    "dbrx": [llama3(3)],
    "minicpm5": [f"[{N}]{{1,3}}", llama3(3)],
    "qwen2": [llama3(1)],
    "gpt-4o": [gpt4o(3, TICKS + "?")],
    "tekken": [gpt4o(1, "")],
}
WHOLE = {"llama-bpe", "minicpm5", "tekken"}


def alphabet():
    visible = (list(range(0x21, 0x7f)) + list(range(0xa1, 0xad)) +
               list(range(0xae, 0x100)))
    out, more = {}, 0
    for b in range(256):
        if b in visible:
            out[b] = chr(b)
        else:
            out[b] = chr(256 + more)
            more += 1
    return out


LETTER = alphabet()


def cut(text, pattern):
    """Matches and what lies between them."""
    out, at = [], 0
    for m in pattern.finditer(text):
        if m.end() == m.start():
            continue
        if m.start() > at:
            out.append(text[at:m.start()])
        out.append(m.group())
        at = m.end()
    if at < len(text):
        out.append(text[at:])
    return out


class Vocabulary:
    def __init__(self, model, pre, space):
        self.model, self.pre, self.space = model, pre, space
        self.tokens, self.merges, self.rank = [], [], {}
        self.normal, self.user, self.byte = {}, {}, {}
        if model == "gpt2":
            self.patterns = [re.compile(p) for p in PATTERNS[pre]]

    def add(self, kind, score, text):
        if text in (t for _, _, t in self.tokens[-400:]):
            return
        i = len(self.tokens)
        self.tokens.append((kind, score, text))
        if kind == NORMAL:
            self.normal[text] = i
        elif kind == USER:
            self.user[text] = i
        elif kind == BYTE:
            self.byte[int(text[3:5], 16)] = i

    def pieces(self, text):
        """SentencePiece-like."""
        if self.space:
            text = " " + text
        # A mark that people wrote is no space: only its bytes can say so.
        v = ["\0" if c == "\u2581" else c.replace(" ", "\u2581") for c in text]
        while True:
            best = None
            for i in range(len(v) - 1):
                t = self.normal.get(v[i] + v[i + 1])
                if t is not None:
                    score = self.tokens[t][1]
                    if best is None or score > best[0]:
                        best = (score, i)
            if best is None:
                break
            i = best[1]
            v[i:i + 2] = [v[i] + v[i + 1]]
        out = []
        for s in v:
            if s in self.normal and "\0" not in s:
                out.append(self.normal[s])
            else:
                s = {"\0": "\u2581", "\u2581": " "}.get(s, s)
                out += [self.byte[b] for b in s.encode()]
        return out

    def word(self, text):
        v = [LETTER[b] for b in text.encode()]
        if self.pre in WHOLE and "".join(v) in self.normal:
            return [self.normal["".join(v)]]
        while True:
            best = None
            for i in range(len(v) - 1):
                r = self.rank.get((v[i], v[i + 1]))
                if r is not None and (best is None or r < best[0]):
                    best = (r, i)
            if best is None:
                return [self.normal[s] for s in v]
            i = best[1]
            v[i:i + 2] = [v[i] + v[i + 1]]

    def stretch(self, text):
        if not text:
            return []
        if self.model == "llama":
            return self.pieces(text)
        words = [text]
        for p in self.patterns:
            words = [w for part in words for w in cut(part, p)]
        return [t for w in words for t in self.word(w)]

    def encode(self, text):
        out, done, at = [], 0, 0
        users = sorted(self.user, key=len, reverse=True)
        while at < len(text):
            u = next((u for u in users if text.startswith(u, at)), None)
            if u is None:
                at += 1
                continue
            out += self.stretch(text[done:at]) + [self.user[u]]
            at += len(u)
            done = at
        return out + self.stretch(text[done:])

    def show(self):
        print("vocabulary", self.model, self.pre or "-", int(self.space))
        for kind, score, text in self.tokens:
            print("token", kind, repr(float(score)), text.encode().hex())
        for a, b in self.merges:
            print("merge", f"{a} {b}".encode().hex())
        print("end")


CONTROLS = ["<unk>", "<s>", "</s>", "<|im_start|>"]
USERS = ["<think>", "</think>", "  \t", "<thin", "\u2581\u2581x", "é!"]


def make_pieces(r, space):
    v = Vocabulary("llama", "", space)
    for i, text in enumerate(CONTROLS):
        v.add(UNKNOWN if i == 0 else CONTROL, 0.0, text)
    for b in range(256):
        v.add(BYTE, 0.0, f"<0x{b:02X}>")
    for text in USERS[:r.randrange(len(USERS) + 1)]:
        v.add(USER, 0.0, text)
    known = [c for c in "\u2581abcdefstz<>|/imк東😀é0x4A1'" if r.random() < 0.9]
    for i in range(300):
        text = r.choice(known)
        if i >= 40:
            text += r.choice(known)
        if text not in known:
            known.append(text)
        # Few different scores: many ties.
        score = r.choice([-1.0, -2.0, -2.5, 0.0, -0.0, 3.5, -1e30, 1e-40])
        if text not in v.normal and not any(t == text for _, _, t in v.tokens):
            v.add(NORMAL, score, text)
    return v


def make_pairs(r, pre):
    v = Vocabulary("gpt2", pre, False)
    order = list(range(256))
    r.shuffle(order)
    for b in order:
        v.add(NORMAL, 0.0, LETTER[b])
    for text in CONTROLS:
        v.add(CONTROL, 0.0, text)
    for text in USERS[:r.randrange(len(USERS) + 1)]:
        v.add(USER, 0.0, text)
    common = [LETTER[b] for b in " \n\r\t'aesdtrvlmEST019AZ<|/é東".encode()]
    known = list(common)
    for _ in range(500):
        a, b = r.choice(known), r.choice(known)
        if len(a + b) > 12 or (a, b) in v.rank:
            continue
        if a + b not in v.normal:
            v.add(NORMAL, 0.0, a + b)
            known.append(a + b)
        v.rank[(a, b)] = len(v.merges)
        v.merges.append((a, b))
    return v


ASSIGNED = [cp for cp in range(0x110000) if CATEGORY[cp] not in ("Cn", "Cs")]
WORDS = ["I'll", "I'LL", "they've", "don't", "HTMLParser", "ÉCOLEécole", "éÉÉaB",
         "1234567", "½³9", "a1b22c333d4444", "  two", "\n\n", " \r\n ", "\t\t x",
         "e\u0301", "नमस्ते", "한국어", "ⅫⅳA", "$<=>^~|`#", "...!?//\n/", "_ab_",
         "'s's", "ſ't", "\u3000\u2003x", "\u2581a\u2581\u2581x", "<s></s>",
         "<|im_start|>", "<0x41>", "<think>a</think> b", "aǅb", "Aʰb", "\x85\u2028",
         "\x1c\x1d", "\U0001f468\u200d\U0001f469", "  \t  \t", "é!é!", "x" * 40]


def text(r):
    out = []
    for _ in range(r.randrange(12)):
        kind = r.randrange(6)
        if kind == 0:
            out.append(chr(r.choice(ASSIGNED)))
        elif kind == 1:
            out.append(chr(r.randrange(0x20, 0x250)))
        elif kind == 2:
            out.append(r.choice(WORDS))
        elif kind == 3:
            out.append(r.choice([" ", "  ", "\n", "\r\n", "\t", "'", " '", "    "]))
        else:
            out.append("".join(r.choice("abcdestzEST 019'<|/é東\n")
                               for _ in range(r.randrange(10))))
    # utf8proc knows Unicode 15.0, an older Python less.
    return "".join(c for c in "".join(out) if CATEGORY[ord(c)] != "Cn")


def main():
    r = random.Random(int(sys.argv[1]))
    count = int(sys.argv[2])
    for i, pre in enumerate(["", ""] + list(PATTERNS)):
        v = make_pairs(r, pre) if pre else make_pieces(r, i == 0)
        v.show()
        for t in WORDS + [text(r) for _ in range(count)]:
            print("case", t.encode().hex() or "-", *v.encode(t))


main()
