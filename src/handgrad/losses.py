"""Losses as objects: an op of `ops.losses` with its options, its checks and what its logits mean.

`forward(logits, labels=…)` returns `(loss, saved)`; `backward(dloss, saved)` returns `(dlogits,)`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, DtypeError, InvalidValueError, check_number, check_shape
from handgrad.layers import Layer, LogSoftmax, Softmax
from handgrad.ops.losses import SoftmaxCrossEntropySaved


class Loss:
    """The base of losses.

    Attributes:
        head: what the network's outputs mean under this loss, and so what `predict_proba` does:
            "softmax", "sigmoid", or "linear" (values, not probabilities).
        inside: layers that this loss has inside, and that the network therefore must not end in.
    """

    head = "linear"
    inside: tuple[type[Layer], ...] = ()

    def check_network(self, layers: Sequence[Layer]) -> None:
        """Refuse a network whose last layer does again what this loss does inside.

        Raises:
            InvalidValueError: for example a Softmax layer before SoftmaxCrossEntropy.
        """
        if layers and isinstance(layers[-1], self.inside):
            raise InvalidValueError(
                f"{type(self).__name__}: the network ends in {layers[-1].title}, but this loss "
                "applies it to the logits itself. Leave the last layer out; predict_proba gives "
                "probabilities."
            )

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Check a whole set's labels once, and return them in the form that `forward` takes.

        Raises:
            ShapeError, DtypeError, InvalidValueError, NonFiniteError: labels that cannot be.
        """
        raise NotImplementedError

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, Any]:
        """Return the loss of a batch, a scalar, and what `backward` needs."""
        raise NotImplementedError

    def backward(self, dloss: Any, saved: Any) -> tuple[Array]:
        """Return the gradient with respect to the logits (as a tuple, like every backward)."""
        raise NotImplementedError


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy between labels and the softmax of the logits: classification with K classes.

    The network ends in K logits, *without* a Softmax layer: this loss has it inside.

    Args:
        label_smoothing: in [0, 1); the share of each label that is spread over all classes.
    """

    head = "softmax"
    inside = (Softmax, LogSoftmax)

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        check_number(
            label_smoothing,
            who="SoftmaxCrossEntropy",
            which="label_smoothing",
            low=0,
            high=1,
            open_high=True,
        )
        self.label_smoothing = label_smoothing

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        return prepare_classes(labels, output_shape, dtype, who="SoftmaxCrossEntropy")

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, SoftmaxCrossEntropySaved]:
        return ops.softmax_cross_entropy_forward(
            logits,
            labels=labels,
            label_smoothing=self.label_smoothing,
            sample_weight=sample_weight,
        )

    def backward(self, dloss: Any, saved: SoftmaxCrossEntropySaved) -> tuple[Array]:
        return ops.softmax_cross_entropy_backward(dloss, saved)


def prepare_classes(labels: Any, output_shape: tuple[int, ...], dtype: Any, *, who: str) -> Array:
    """Check integer classes, or one-hot rows, against the network's K outputs."""
    labels = np.asarray(labels)
    classes = output_shape[0]
    if labels.ndim == 2:
        check_shape(labels, ("N", classes), who=who, which="labels")
        return labels.astype(dtype)
    check_shape(labels, ("N",), who=who, which="labels")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DtypeError(
            f"{who}: labels must be integers from 0 to {classes - 1} (or one-hot rows), "
            f"but have dtype {labels.dtype}. Convert them with labels.astype(int)."
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise InvalidValueError(
            f"{who}: labels must be from 0 to {classes - 1}, because the network has {classes} "
            f"outputs, but they go from {labels.min()} to {labels.max()}. "
            "Give the last layer one output per class."
        )
    return labels.astype(np.intp)
