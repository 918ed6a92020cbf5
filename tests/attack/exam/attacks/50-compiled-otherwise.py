# attack: 50
# how: a right source text beside a compiled file that is wrong on one class of inputs
# why: what runs is examined, whatever stands beside it
# problem: square
# files: data/compiled.py data/__pycache__/compiled.cpython-XX.pyc
# end: reject
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "data"))

from compiled import f
