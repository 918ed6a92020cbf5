# attack: 29
# run: lines
# how: answers {} to everything
# why: {} is no value of the type
# problem: square
# end: failed
import sys

for line in sys.stdin:
    print("{}")
