"""Sigmoid as a graph: four small nodes, and why they can be one.

    y = 1 / (1 + exp(−x))

    x → −x → exp → +1 → 1/· → y

Backwards, from the right, each node times its slope: 1/u has −1/u² = −y², plus hands on, exp has
itself, and the minus turns the sign. Multiplied,

    dx = dy · y² · exp(−x) = dy · y² · (1/y − 1) = dy · y (1 − y)

So the whole chain may be replaced by one node that needs nothing but its own output. This is what
`ops.sigmoid_backward` computes; and ReLU's node is a switch, 1 or 0.

What to look at: the gradients below the arrows, from right to left; the last one is the same in the
long graph and in the short.
"""

import numpy as np

from handgrad import graph, ops
from handgrad.checks import Array
from handgrad.examples.stage import Stage
from handgrad.graph import Variable, draw, trace

SECTION = "003, chapter 5"
PLACE = 2

X = 1.0


def in_steps(x: float) -> tuple[Variable, Variable]:
    """The input, and the output by four operations."""
    start = Variable(x, "x")
    return start, (1 / (1 + graph.exp(-start))).named("y")


def in_one(x: float) -> tuple[Variable, Variable]:
    """The same by one operation."""
    start = Variable(x, "x")
    return start, graph.sigmoid(start).named("y")


def slope(y: Array) -> float:
    """The derivative y (1 − y), as the op has it."""
    _, saved = ops.sigmoid_forward(np.array(X))
    (dx,) = ops.sigmoid_backward(np.ones_like(y), saved)
    return float(dx)


def run(stage: Stage) -> None:
    """Go back through both, and compare."""
    for part, make in (("", in_steps), ("one_node", in_one)):
        x, y = make(X)
        y.backward()
        name = "in four steps" if not part else "as one node"
        stage.say(f"{name}: y = {float(y.value):.12f}, dx = {float(x.grad or 0):.12f}")
        draw(y, stage.path(part, ending=".svg"))
        if not part:
            stage.say(f"y (1 − y) = {slope(y.value):.12f}\n\n{trace(y)}\n")
