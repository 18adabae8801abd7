"""Draw the computational graphs of the documentation into docs/images/.

python scripts/graph_pictures.py
A test says when they are out of date. The code of each stands in docs/guide too.
"""

from pathlib import Path

import numpy as np

from handgrad import graph
from handgrad.graph import Variable

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"


def apples():
    """Two apples and tax: document 002, section 1."""
    apple, count, tax = Variable(100, "apple"), Variable(2, "count"), Variable(1.1, "tax")
    return (apple * count * tax).named("price")


def apples_and_oranges():
    """Two apples, three oranges and tax: document 002, section 2."""
    apple, apples = Variable(100, "apple"), Variable(2, "apples")
    orange, oranges = Variable(150, "orange"), Variable(3, "oranges")
    tax = Variable(1.1, "tax")
    return ((apple * apples + orange * oranges) * tax).named("price")


def sigmoid():
    """The sigmoid, node by node: document 003, section 5.5.2."""
    x = Variable(0.5, "x")
    return (1 / (1 + graph.exp(x * -1))).named("y")


def used_twice():
    """One value in two places."""
    x = Variable(3, "x")
    return (x * x + x).named("y")


def affine():
    """X·W + B for a batch of 4: document 003, section 5.6.2."""
    rng = np.random.default_rng(0)
    x, weight = Variable(rng.normal(size=(4, 2)), "x"), Variable(rng.normal(size=(2, 3)), "weight")
    bias = Variable([0.1, 0.2, 0.3], "bias")
    return graph.sum(x @ weight + bias).named("total")


def softmax_with_loss():
    """Softmax and cross-entropy on (3, 1, 6): document 002, section 3."""
    x, t = Variable([3, 1, 6], "x"), np.array([0, 1, 0])
    e = graph.exp(x)
    y = e / graph.sum(e)
    return (-graph.sum(t * graph.log(y))).named("loss")


def two_layer_net():
    """The loss of a two-layer network, on a batch of 100: document 003, section 5.7."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(100, 784)), rng.integers(0, 10, 100)
    w1, b1 = Variable(0.01 * rng.normal(size=(784, 50)), "W1"), Variable(np.zeros(50), "b1")
    w2, b2 = Variable(0.01 * rng.normal(size=(50, 10)), "W2"), Variable(np.zeros(10), "b2")
    hidden = graph.relu(graph.affine(Variable(x, "x"), w1, b1))
    return graph.softmax_cross_entropy(graph.affine(hidden, w2, b2), labels).named("loss")


def two_two_one():
    """Weights and heights, scalar by scalar: document 004."""
    w1, w2, b1 = Variable(0.3, "w1"), Variable(-0.2, "w2"), Variable(0.1, "b1")
    w3, w4, b2 = Variable(-0.4, "w3"), Variable(0.5, "w4"), Variable(-0.1, "b2")
    w5, w6, b3 = Variable(0.7, "w5"), Variable(-0.6, "w6"), Variable(0.2, "b3")
    weight, height = Variable(-0.8, "weight"), Variable(-0.5, "height")
    h1 = graph.sigmoid(w1 * weight + w2 * height + b1).named("h1")
    h2 = graph.sigmoid(w3 * weight + w4 * height + b2).named("h2")
    o = graph.sigmoid(w5 * h1 + w6 * h2 + b3).named("o")
    return ((o - 1) ** 2).named("loss")


PICTURES = {
    "graph-apples": apples,
    "graph-apples-and-oranges": apples_and_oranges,
    "graph-sigmoid": sigmoid,
    "graph-used-twice": used_twice,
    "graph-affine": affine,
    "graph-softmax-with-loss": softmax_with_loss,
    "graph-two-layer-net": two_layer_net,
    "graph-two-two-one": two_two_one,
}


def draw(name):
    """One of the pictures, after a backward pass."""
    output = PICTURES[name]()
    output.backward()
    return output.draw(digits=2 if name == "graph-softmax-with-loss" else 4)


def main():
    """Write all pictures."""
    for name in PICTURES:
        (FOLDER / f"{name}.svg").write_text(draw(name), encoding="utf-8")
        print(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
