"""Which layer, step and array a NaN or infinity came from: the batch again, layer by layer."""

from typing import TYPE_CHECKING

import numpy as np

from handgrad.checks import Array, NonFiniteError
from handgrad.layers.base import Layer

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer

CURE = (
    "Usual cures: a smaller learning rate, clip_norm=1, inputs scaled to about [-1, 1]. "
    "The network still has the parameters from before this step."
)


def explain_non_finite(
    trainer: "Trainer", x: Array, labels: Array, weights: Array | None
) -> NonFiniteError:
    """The error that names where a step first left the finite numbers.

    Runs the step's batch again (from the generators' state at its start), and looks in the order
    of computation: parameters, batch, each layer's output, the loss, each layer's gradient.
    """
    network, position = trainer.network, trainer.position
    where = f"epoch {position.epoch + 1}, step {position.step + 1}"
    found: list[str] = []

    def look(array: Array, what: str) -> None:
        bad = array.size - int(np.isfinite(array).sum())
        if bad and not found:
            found.append(f"{what} ({bad} of {array.size} entries are NaN or infinite)")

    def observe_output(layer: Layer, y: Array) -> None:
        look(y, f"the output of {layer.title}")

    def observe_gradient(layer: Layer, dy: Array) -> None:
        look(dy, f"the gradient of the output of {layer.title}")

    for name, param in network.params.items():
        look(param, f"the parameter {name}")
    look(x.astype(network.dtype), "the batch x (after augmentation)")
    with np.errstate(all="ignore"):
        outputs, saved = network.forward(x, training=True, observe=observe_output)
        loss, loss_saved = trainer.loss.forward(outputs, labels=labels, sample_weight=weights)
        look(np.asarray(loss), f"the loss {type(trainer.loss).__name__}")
        (doutputs,) = trainer.loss.backward(loss.dtype.type(1), loss_saved)
        _, grads = network.backward(doutputs, saved, observe=observe_gradient)
    for name, grad in grads.items():
        look(grad, f"the gradient of {name}")
    what = found[0] if found else "the penalty or the norm of all gradients"
    return NonFiniteError(f"Trainer: not finite any more at {where}: first in {what}. {CURE}")
