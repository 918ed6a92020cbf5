"""The peer of `proctor exam`: the same two Python functions, as many inputs, in a
plain loop in one process that trusts everybody. plain_exam.py FOLDER DRAWS"""
import random
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from by_table import popcount as oracle
from popcount import popcount as candidate

rng = random.Random(1)
inputs = [rng.randrange(1 << 32) for _ in range(int(sys.argv[2]))]
wrong = sum(candidate(x) != oracle(x) for x in inputs)
again = [candidate(x) for x in reversed(inputs)]
sys.exit(wrong > 0 or len(again) != len(inputs))
