"""A three-layer network forwards: every number on its way.

    a₁ = x W₁ + b₁     z₁ = sigmoid(a₁)
    a₂ = z₁ W₂ + b₂    z₂ = sigmoid(a₂)
    a₃ = z₂ W₃ + b₃    y = a₃                   (the identity: the outputs are numbers)

The shapes fit like dominoes: (2) · (2, 3) gives (3), · (3, 2) gives (2), · (2, 2) gives (2). The
weights are the book's; it prints y = [0.31682708 0.69627909]. Below stands the same as a `Network`,
whose parameters are set to these weights.

What to look at: the thickness of the lines is the weight. The sums a grow with each layer's inputs;
sigmoid brings them back between 0 and 1.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import TYPE_CHECKING

import numpy as np

from handgrad import Affine, Network, Sigmoid, ops
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, ORANGE, new_figure
from handgrad.examples.stage import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 3"
PLACE = 2

X = np.array([[1.0, 0.5]])
WEIGHTS = (
    np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]),
    np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]),
    np.array([[0.1, 0.3], [0.2, 0.4]]),
)
BIASES = (np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2]), np.array([0.1, 0.2]))


def forward(x: Array) -> list[Array]:
    """The inputs, and what each layer makes of what comes to it."""
    values = [x]
    for layer, (weight, bias) in enumerate(zip(WEIGHTS, BIASES, strict=True), start=1):
        a, _ = ops.affine_forward(values[-1], weight, bias)
        z, _ = (ops.sigmoid_forward if layer < 3 else ops.identity_forward)(a)
        values.append(z)
    return values


def as_network() -> Network:
    """The same as layers."""
    layers = [Affine(3), Sigmoid(), Affine(2), Sigmoid(), Affine(2)]
    network = Network(layers, input_shape=(2,), dtype="float64")
    for number, (weight, bias) in enumerate(zip(WEIGHTS, BIASES, strict=True), start=1):
        network.params[f"affine_{number}.weight"] = weight
        network.params[f"affine_{number}.bias"] = bias
    return network


def run(stage: Stage) -> None:
    """Print every layer's values, draw the network."""
    values = forward(X)
    for name, row in zip(("x ", "z₁", "z₂", "y "), values, strict=True):
        stage.say(f"{name} = [{'  '.join(f'{entry:.8f}' for entry in row[0])}]")
    same = np.array_equal(as_network().predict(X), values[-1])
    stage.say(f"The Network of these weights gives the same bits: {'yes' if same else 'no'}")
    figure = new_figure(7.4, 3.6)
    draw(figure.add_subplot(), values)
    stage.save(figure)


def draw(axes: "Axes", values: list[Array]) -> None:
    """Neurons as circles with their values, weights as lines."""

    def height(row: Array, place: int) -> float:
        return (row.shape[1] - 1) / 2 - place

    for layer, weight in enumerate(WEIGHTS):
        before, after = values[layer], values[layer + 1]
        for i, j in np.ndindex(weight.shape):
            ends = height(before, i), height(after, j)
            axes.plot([layer, layer + 1], ends, color=BLUE, lw=7 * weight[i, j], alpha=0.55)
    for layer, (row, name) in enumerate(zip(values, ("x", "z₁", "z₂", "y"), strict=True)):
        for place, entry in enumerate(row[0]):
            y = height(row, place)
            axes.plot(layer, y, "o", ms=43, mfc="white", mec=ORANGE if layer in {0, 3} else DARK)
            axes.text(layer, y, f"{entry:.3f}", ha="center", va="center", color=DARK, fontsize=9)
        axes.text(layer, -1.75, name, ha="center", color=DARK, fontsize=12)
    axes.set(xlim=(-0.4, 3.4), ylim=(-2.0, 1.5))
    axes.axis("off")
