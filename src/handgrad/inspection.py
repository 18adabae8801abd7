"""Every intermediate value of a batch: what `Network.inspect` returns and how it is gathered."""

from typing import NamedTuple

from handgrad.checks import Array
from handgrad.layers.base import Layer
from handgrad.layers.containers import Container
from handgrad.losses import BinaryCrossEntropy, Hinge, Loss, MeanSquaredError, SoftmaxCrossEntropy

LOSSES: dict[str | None, type[Loss]] = {
    "sigmoid": BinaryCrossEntropy,
    "scores": Hinge,
    "linear": MeanSquaredError,
}


class Inspection(NamedTuple):
    """All values of one batch, by the layers' full names, in the order of computation.

    The arrays are copies: keep or change them as you like. A layer that stands in several places
    appears again as "name#2", "name#3".
    """

    outputs: dict[str, Array]
    gradients: dict[str, Array]  # dL/d(output) of each layer; empty without labels
    grads: dict[str, Array]  # dL/d(parameter); empty without labels
    dx: Array | None  # dL/d(input)
    loss: float | None


def usual_loss(head: str | None) -> Loss:
    """The loss to inspect with where none is given: one that trains outputs of this meaning."""
    return LOSSES.get(head, SoftmaxCrossEntropy)()


def inspect_container(
    container: Container, x: Array, *, labels: Array | None, loss: Loss, training: bool
) -> Inspection:
    """Run a batch forward (and with labels backward) and keep what every layer says."""
    names = {id(layer): path for path, layer in container.walk()}
    outputs: dict[str, Array] = {}
    gradients: dict[str, Array] = {}
    output, saved = container.forward(
        x, training=training, observe=lambda layer, y: keep(outputs, names[id(layer)], y)
    )
    if labels is None:
        return Inspection(outputs, {}, {}, None, None)
    value, loss_saved = loss.forward(output, labels=labels)
    (d_output,) = loss.backward(output.dtype.type(1), loss_saved)
    seen: list[tuple[str, Array]] = []

    def observe(layer: Layer, dy: Array) -> None:
        seen.append((names[id(layer)], dy))

    dx, grads = container.backward(d_output, saved, observe=observe)
    for name, dy in reversed(seen):  # in the order of the outputs
        keep(gradients, name, dy)
    return Inspection(outputs, gradients, grads, dx, float(value))


def keep(arrays: dict[str, Array], name: str, array: Array) -> None:
    """Store a copy under `name`, or under "name#2" and so on when it is taken."""
    key, number = name, 1
    while key in arrays:
        number += 1
        key = f"{name}#{number}"
    arrays[key] = array.copy()
