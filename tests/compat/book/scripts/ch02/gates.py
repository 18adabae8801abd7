import numpy as np


def unit(w, b):
    return lambda x1, x2: 1 if np.sum(np.array(w) * np.array([x1, x2])) + b > 0 else 0


AND, NAND, OR = unit([0.5, 0.5], -0.7), unit([-0.5, -0.5], 0.7), unit([0.5, 0.5], -0.2)

if __name__ == "__main__":
    for xs in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        print(xs, "->", AND(xs[0], xs[1]))
