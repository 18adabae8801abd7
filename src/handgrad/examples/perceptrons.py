"""Perceptrons: AND, NAND and OR by one of them, XOR by two layers.

A perceptron adds its inputs, each times a weight, and says 1 if the sum and the bias are positive:

    y = 1 if w₁ x₁ + w₂ x₂ + b > 0, else 0

Where the sum is 0 runs a straight line, w₁ x₁ + w₂ x₂ + b = 0: on one side of it everything is 1,
on the other 0. AND, NAND and OR need one line. XOR's ones stand at opposite corners, and no line
has both on one side and the zeros on the other. But

    XOR(x₁, x₂) = AND(NAND(x₁, x₂), OR(x₁, x₂))

is the strip between two lines: a second layer, whose inputs are the first layer's answers.

What to look at: the three lines, and that they may be moved quite a bit before an answer changes
(the weights here are one choice of many). In the last panel the grey strip is what neither line can
cut out alone.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import TYPE_CHECKING

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, ORANGE, label, panels
from handgrad.examples.stage import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 2"

INPUTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
GATES = {  # the weights w₁ and w₂, and the bias b
    "AND": (np.array([[0.5], [0.5]]), np.array([-0.7])),
    "NAND": (np.array([[-0.5], [-0.5]]), np.array([0.7])),
    "OR": (np.array([[0.5], [0.5]]), np.array([-0.2])),
}
NAMES = [*GATES, "XOR"]


def gate(name: str, x: Array) -> Array:
    """The answers of a perceptron for rows of two inputs."""
    total, _ = ops.affine_forward(x, *GATES[name])
    y, _ = ops.step_forward(total)
    return y


def xor(x: Array) -> Array:
    """Two perceptrons beside each other, and one that takes their answers."""
    hidden = np.concatenate([gate("NAND", x), gate("OR", x)], axis=1)
    return gate("AND", hidden)


def answers(name: str, x: Array) -> Array:
    """What a gate says to each row of `x`, shape (N,)."""
    return (xor(x) if name == "XOR" else gate(name, x))[:, 0]


def run(stage: Stage) -> None:
    """Print the truth tables, draw the lines."""
    rows = [
        [f"{x1:.0f}   {x2:.0f}", *(f"{answers(name, INPUTS)[i]:.0f}" for name in NAMES)]
        for i, (x1, x2) in enumerate(INPUTS)
    ]
    stage.table(["x₁  x₂", *NAMES], rows)
    figure, axes = panels(1, 4, width=3.0, height=3.3)
    for panel, name in zip(axes, NAMES, strict=True):
        draw(panel, name)
    stage.save(figure)


def draw(axes: "Axes", name: str) -> None:
    """The plane of the inputs: where the answer is 1, the lines, the four inputs."""
    side = np.linspace(-0.5, 1.5, 201)
    plane = np.stack(np.meshgrid(side, side), axis=-1)
    ones = answers(name, plane.reshape(-1, 2)).reshape(201, 201)
    axes.contourf(side, side, ones, levels=[0.5, 1.5], colors=["#dddddd"])
    for part in ("NAND", "OR") if name == "XOR" else (name,):
        (w1,), (w2,) = GATES[part][0]
        axes.plot(side, -(w1 * side + GATES[part][1]) / w2, color=DARK, lw=1.6)
    for x, y in zip(INPUTS, answers(name, INPUTS), strict=True):
        axes.plot(*x, "o" if y else "s", ms=10, color=ORANGE if y else BLUE)
        axes.annotate(f"{y:.0f}", x, xytext=(9, 7), textcoords="offset points", color=DARK)
    label(axes, name, x="x₁", y="x₂", grid=False)
    axes.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), xticks=[0, 1], yticks=[0, 1], aspect="equal")
