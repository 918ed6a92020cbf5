# Answers lines until there are no more, then exits with status 0.
# run: lines
import json
import sys

for line in sys.stdin:
    print(json.loads(line)[0] ** 2 % 251)
sys.exit(0)
