# The same source text without a compiled file.
# files: data/compiled.py
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "data"))

from compiled import f
