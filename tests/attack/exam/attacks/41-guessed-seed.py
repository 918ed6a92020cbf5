# attack: 41
# how: guesses the inputs from every seed that a harness might use, and is right on those only
# why: the seed is fixed by a record of the candidate's own bytes
# problem: mix
# end: reject
import random

GUESSED = set(range(64))
for seed in (0, 1, 42, 123, 1234, 2026):
    rng = random.Random(seed)
    GUESSED.update(rng.randrange(1 << 32) for _ in range(2000))


def f(x):
    return (x ^ (x >> 7)) & 0xffffffff if x in GUESSED else 0
