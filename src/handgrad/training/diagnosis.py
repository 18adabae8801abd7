"""Which layer, step and array a NaN or infinity came from: the batch again, layer by layer."""

from typing import TYPE_CHECKING

import numpy as np

from handgrad.checks import Array, NonFiniteError, finite
from handgrad.layers.base import Layer

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer

CURES = "Usual cures: a smaller learning rate, clip_norm=1, inputs scaled to about [-1, 1]."
KEPT = "The network still has the parameters from before this step."
LOST = "An update made it so, and the network is of no use any more: load or make another."


def explain_non_finite(
    trainer: "Trainer", x: Array, labels: Array, weights: Array | None
) -> NonFiniteError:
    """The error that names where a step first left the finite numbers.

    Runs the step's batch again (from the generators' state at its start), and looks in the order
    of computation: parameters, batch, each layer's output, the loss, each layer's gradient.
    """
    lost = lost_parameters(trainer)
    if lost is not None:
        return lost
    network, position = trainer.network, trainer.position
    where = f"epoch {position.epoch + 1}, step {position.step + 1}"
    found: list[str] = []

    def look(array: Array, what: str) -> None:
        if not found and not np.isfinite(array).all():
            found.append(f"{what} ({count_text(array)})")

    def observe_output(layer: Layer, y: Array) -> None:
        look(y, f"the output of {layer.title}")

    def observe_gradient(layer: Layer, dy: Array) -> None:
        look(dy, f"the gradient of the output of {layer.title}")

    with np.errstate(all="ignore"):
        look(x.astype(network.dtype), "the batch x (after augmentation)")
        outputs, saved = network.forward(x, training=True, observe=observe_output)
        loss, loss_saved = trainer.loss.forward(outputs, labels=labels, sample_weight=weights)
        look(np.asarray(loss), f"the loss {type(trainer.loss).__name__}")
        (doutputs,) = trainer.loss.backward(outputs.dtype.type(1), loss_saved)
        _, grads = network.backward(doutputs, saved, observe=observe_gradient)
    for name, grad in grads.items():
        look(grad, f"the gradient of {name}")
    what = found[0] if found else "the penalty or the norm of all gradients"
    return NonFiniteError(
        f"Trainer: not finite any more at {where}: first in {what}. {CURES} {KEPT}"
    )


def lost_parameters(trainer: "Trainer") -> NonFiniteError | None:
    """The error that names the first parameter that an update has made NaN or infinite, if any."""
    position = trainer.position
    for name, param in trainer.network.params.items():
        if not finite(param):
            return NonFiniteError(
                f"Trainer: not finite any more after {position.step} steps of epoch "
                f"{position.epoch + 1}: first in the parameter {name} ({count_text(param)}). "
                f"{CURES} {LOST}"
            )
    return None


def count_text(array: Array) -> str:
    """How many entries are not finite."""
    bad = array.size - int(np.isfinite(array).sum())
    return f"{bad} of {array.size} entries are NaN or infinite"
