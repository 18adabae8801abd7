"""Every intermediate value of a batch: what `Network.inspect` returns and how it is gathered."""

from typing import TYPE_CHECKING, Any, NamedTuple

from handgrad.checks import Array
from handgrad.layers.base import Layer
from handgrad.losses import Loss, SoftmaxCrossEntropy

if TYPE_CHECKING:
    from handgrad.network import Network


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


def inspect_network(
    network: "Network", x: Any, *, labels: Any, loss: Loss | None, training: bool
) -> Inspection:
    """Run a batch forward (and with labels backward) and keep what every layer says."""
    names = {id(layer): path for path, layer in network.named_layers()}
    outputs: dict[str, Array] = {}
    gradients: dict[str, Array] = {}
    generators = network.generators()
    output, saved = network.forward(
        x, training=training, observe=lambda layer, y: keep(outputs, names[id(layer)], y)
    )
    network.set_generators(generators)
    if labels is None:
        return Inspection(outputs, {}, {}, None, None)
    loss = loss or SoftmaxCrossEntropy()
    labels = loss.prepare(labels, network.output_shape, network.dtype)
    value, loss_saved = loss.forward(output, labels=labels)
    (d_output,) = loss.backward(output.dtype.type(1), loss_saved)
    seen: list[tuple[str, Array]] = []

    def observe(layer: Layer, dy: Array) -> None:
        seen.append((names[id(layer)], dy))

    dx, grads = network.backward(d_output, saved, observe=observe)
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
