#!/usr/bin/env python3
"""Makes flowers.csv: invented measurements of three invented species, so that the
example rests on nobody's data. Same bytes every time.
Usage: make-flowers.py > flowers.csv"""
import random

CENTRES = {  # petal length, petal width, sepal length, sepal width; cm
    "arvensis": (1.6, 0.4, 5.0, 3.3),
    "montana": (4.2, 1.3, 5.9, 2.8),
    "palustris": (5.1, 1.8, 6.4, 2.9),
}
SPREAD = (0.45, 0.25, 0.5, 0.35)
ROWS = 200  # of each species


def main():
    draw = random.Random(20261121)
    print("petal_length,petal_width,sepal_length,sepal_width,species")
    for species, centre in CENTRES.items():
        for _ in range(ROWS):
            row = [max(0.1, draw.gauss(m, s)) for m, s in zip(centre, SPREAD)]
            print(",".join(f"{x:.2f}" for x in row) + "," + species)


main()
