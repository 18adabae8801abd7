"""Losses as objects: an op of `ops.losses` with its options, its checks and what its logits mean.

`forward(logits, labels=…)` returns `(loss, saved)`; `backward(dloss, saved)` returns `(dlogits,)`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import (
    Array,
    InvalidValueError,
    ShapeError,
    check_number,
    check_shape,
    shape_text,
)
from handgrad.labels import prepare_classes, prepare_probabilities, prepare_targets
from handgrad.layers import Layer, LogSoftmax, Sequential, Sigmoid, Softmax
from handgrad.ops.losses import BinaryCrossEntropySaved, HingeSaved, SoftmaxCrossEntropySaved
from handgrad.ops.regression_losses import HalfSquaredErrorSaved, HuberSaved, MeanSquaredErrorSaved


class Loss:
    """The base of losses.

    A subclass writes `prepare`, `forward` and `backward`. Weighted by `sample_weight`, a loss is
    Σ wₙ lossₙ with w = sample_weight / Σ sample_weight: a mean, as without weights
    (`HalfSquaredError` alone is a sum).

    Attributes:
        head: what the network's outputs mean under this loss, and so what `predict_proba` does:
            "softmax" and "sigmoid" (logits of those), "scores" (the largest wins, but they are no
            probabilities) or "linear" (the values themselves).
        inside: layers that this loss has inside, and that the network therefore must not end in.
    """

    head = "linear"
    inside: tuple[type[Layer], ...] = ()

    def check_network(self, layers: Sequence[Layer]) -> None:
        """Refuse a network whose last layer does again what this loss does inside.

        Raises:
            InvalidValueError: for example a Softmax layer before SoftmaxCrossEntropy.
        """
        last = layers[-1] if layers else None
        while isinstance(last, Sequential) and last.children:
            last = last.children[-1]
        if last is not None and isinstance(last, self.inside):
            raise InvalidValueError(
                f"{type(self).__name__}: the network ends in {last.title}, but this loss "
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

    def check_rows(
        self, outputs: Array, labels: Array, weights: Array | None, shapes: Sequence[Any]
    ) -> None:
        """Refuse a batch whose arrays do not belong together: NumPy would stretch one to fit."""
        if np.shape(labels) not in shapes:
            wanted = " or ".join(shape_text(shape) for shape in shapes)
            raise ShapeError(
                f"{type(self).__name__}: for outputs of shape {shape_text(outputs.shape)} the "
                f"labels must have shape {wanted}, but have shape {shape_text(np.shape(labels))}. "
                "prepare() brings a whole set's labels into this form."
            )
        if weights is not None:
            who = type(self).__name__
            check_shape(weights, (len(outputs),), who=who, which="sample_weight")

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({inner})"


# -- classification -----------------------------------------------------------------------------


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy between labels and the softmax of the logits: classification with K classes.

    The network ends in K logits, *without* a Softmax layer: this loss has it inside. Labels are
    classes 0 to K − 1, shape (N,), or rows of probabilities (one-hot, say), shape (N, K).

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
        self.check_rows(logits, labels, sample_weight, [logits.shape[:1], logits.shape])
        return ops.softmax_cross_entropy_forward(
            logits,
            labels=labels,
            label_smoothing=self.label_smoothing,
            sample_weight=sample_weight,
        )

    def backward(self, dloss: Any, saved: SoftmaxCrossEntropySaved) -> tuple[Array]:
        return ops.softmax_cross_entropy_backward(dloss, saved)


class BinaryCrossEntropy(Loss):
    """Cross-entropy between yes/no labels and the sigmoid of the logits.

    One output tells two classes apart; K outputs answer K questions that do not exclude each
    other. The network ends in logits, *without* a Sigmoid layer: this loss has it inside. Labels
    are 0, 1 or a probability between, shape (N,) for one output, else the outputs' shape. The
    loss is the mean over all entries.
    """

    head = "sigmoid"
    inside = (Sigmoid,)

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        return prepare_probabilities(labels, output_shape, dtype, who="BinaryCrossEntropy")

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, BinaryCrossEntropySaved]:
        self.check_rows(logits, labels, sample_weight, [logits.shape])
        return ops.binary_cross_entropy_forward(logits, labels=labels, sample_weight=sample_weight)

    def backward(self, dloss: Any, saved: BinaryCrossEntropySaved) -> tuple[Array]:
        return ops.binary_cross_entropy_backward(dloss, saved)


class Hinge(Loss):
    """Multi-class hinge (SVM) loss: the label's score must beat every other by the margin.

    Labels are classes 0 to K − 1, or one-hot rows. The network ends in K scores; they rank the
    classes, but are no logits: there are no probabilities under this loss.

    Args:
        margin: by how much the label's score must lead.
    """

    head = "scores"

    def __init__(self, *, margin: float = 1.0) -> None:
        check_number(margin, who="Hinge", which="margin", low=0, open_low=True)
        self.margin = margin

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        labels = prepare_classes(labels, output_shape, dtype, who="Hinge")
        if labels.ndim == 1:
            return labels
        if not np.isin(labels, (0, 1)).all():
            raise InvalidValueError(
                "Hinge: rows of labels must be one-hot (one 1, the rest 0), but have other "
                "entries. Pass integer classes, or use SoftmaxCrossEntropy for probabilities."
            )
        return labels.argmax(axis=1)

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, HingeSaved]:
        self.check_rows(logits, labels, sample_weight, [logits.shape[:1]])
        return ops.hinge_forward(
            logits, labels=labels, margin=self.margin, sample_weight=sample_weight
        )

    def backward(self, dloss: Any, saved: HingeSaved) -> tuple[Array]:
        return ops.hinge_backward(dloss, saved)


# -- regression ---------------------------------------------------------------------------------


class MeanSquaredError(Loss):
    """The mean of (output − target)² over all entries: regression.

    Targets have the outputs' shape, or (N,) for a single output.
    """

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        return prepare_targets(labels, output_shape, dtype, who="MeanSquaredError")

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, MeanSquaredErrorSaved]:
        self.check_rows(logits, labels, sample_weight, [logits.shape])
        return ops.mean_squared_error_forward(logits, targets=labels, sample_weight=sample_weight)

    def backward(self, dloss: Any, saved: MeanSquaredErrorSaved) -> tuple[Array]:
        return ops.mean_squared_error_backward(dloss, saved)


class HalfSquaredError(Loss):
    """½ Σ (output − target)², a sum over rows and entries: the form of the early papers.

    It grows with the number of rows, and so do its gradients: another batch size asks for another
    learning rate, and only sets of equal size can be compared. Weights are used as they are given,
    not divided by their sum. `MeanSquaredError` has none of this.
    """

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        return prepare_targets(labels, output_shape, dtype, who="HalfSquaredError")

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, HalfSquaredErrorSaved]:
        self.check_rows(logits, labels, sample_weight, [logits.shape])
        return ops.half_squared_error_forward(logits, targets=labels, sample_weight=sample_weight)

    def backward(self, dloss: Any, saved: HalfSquaredErrorSaved) -> tuple[Array]:
        return ops.half_squared_error_backward(dloss, saved)


class Huber(Loss):
    """Squared error for small differences, absolute error for large ones: outliers pull less.

    Args:
        delta: where the one becomes the other, in the targets' unit.
    """

    def __init__(self, *, delta: float = 1.0) -> None:
        check_number(delta, who="Huber", which="delta", low=0, open_low=True)
        self.delta = delta

    def prepare(self, labels: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        return prepare_targets(labels, output_shape, dtype, who="Huber")

    def forward(
        self, logits: Array, *, labels: Array, sample_weight: Array | None = None
    ) -> tuple[Array, HuberSaved]:
        self.check_rows(logits, labels, sample_weight, [logits.shape])
        return ops.huber_forward(
            logits, targets=labels, delta=self.delta, sample_weight=sample_weight
        )

    def backward(self, dloss: Any, saved: HuberSaved) -> tuple[Array]:
        return ops.huber_backward(dloss, saved)
