# attack: 47
# run: lines
# how: answers 49.0 where 49 is right
# why: an integer has one spelling
# problem: square
# end: failed
import json
import sys

for line in sys.stdin:
    print("%.1f" % (json.loads(line)[0] ** 2 % 251))
