# Writes a module for itself and imports it.
import os
import sys
import tempfile

folder = tempfile.mkdtemp(dir=".")
with open(os.path.join(folder, "tool_of_mine.py"), "w") as tool:
    tool.write("def square(x):\n    return x * x\n")
sys.path.append(folder)

import tool_of_mine


def f(x):
    return tool_of_mine.square(x) % 251
