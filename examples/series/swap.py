"""Puts the second half of the rows before the first: permutation BA."""


def swap(text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    head, rows = lines[:1], lines[1:]
    half = len(rows) // 2
    return b"".join([*head, *rows[half:], *rows[:half]])
