# Reads all inputs, works on them together, answers in their order.
# run: lines
import json
import sys

inputs = [json.loads(line)[0] for line in sys.stdin]
answers = [x * x % 251 for x in inputs]
print("\n".join(map(str, answers)))
