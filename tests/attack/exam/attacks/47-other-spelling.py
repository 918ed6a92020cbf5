# attack: 47
# run: lines
# how: answers in other spellings of the right number: 049, +49, 4.9e1
# why: an integer has one spelling
# problem: square
# end: failed
import json
import sys

for line in sys.stdin:
    print("0%d" % (json.loads(line)[0] ** 2 % 251))
