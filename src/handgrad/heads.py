"""What a network's outputs mean (its head), and what follows from it.

"softmax" and "sigmoid" heads give the logits of those, "scores" are compared but are no
probabilities, and "linear" outputs are the values themselves. Losses say which head they train.
"""

from collections.abc import Sequence

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, InvalidValueError, check_shape
from handgrad.layers import Layer, Sigmoid, Softmax

HEADS = ("softmax", "sigmoid", "scores", "linear")


def probabilities(outputs: Array, head: str | None, layers: Sequence[Layer]) -> Array:
    """The probabilities that outputs (N, K) stand for; see `Network.predict_proba`.

    Without a head (a network that no loss has trained) a last layer Softmax or Sigmoid speaks for
    itself, one output is taken for a logit of sigmoid, and several for those of softmax.

    Raises:
        InvalidValueError: the outputs of this head are no logits.
    """
    check_shape(outputs, ("N", "K"), who="Network.predict_proba", which="the output")
    if head is None:
        if layers and isinstance(layers[-1], Softmax | Sigmoid):
            return outputs
        head = "sigmoid" if outputs.shape[1] == 1 else "softmax"
    if head == "softmax":
        return ops.softmax_forward(outputs)[0]
    if head == "sigmoid":
        p = ops.sigmoid_forward(outputs)[0]
        return np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p
    raise InvalidValueError(
        f"Network.predict_proba: the loss that the network was trained with has head {head!r}: "
        "its outputs are no logits. Use predict()."
    )


def require_classes(head: str | None, output_shape: tuple[int, ...]) -> None:
    """Refuse outputs that name no class per row; see `Network.predict_classes`.

    Raises:
        InvalidValueError: a regression, or questions that do not exclude each other.
    """
    several = head == "sigmoid" and output_shape != (1,)
    if head == "linear" or several:
        cure = "predict_proba(x) > 0.5" if several else "predict()"
        raise InvalidValueError(
            "Network.predict_classes: the network was not trained to choose one class per row. "
            f"Use {cure}."
        )
