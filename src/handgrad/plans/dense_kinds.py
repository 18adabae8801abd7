"""Which trainings the plan of dense networks is for, and their data as its kernels take them."""

from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import dense_losses, dense_program
from handgrad.layers import Affine, BatchNorm, Dropout, Flatten, Identity, Rescale
from handgrad.layers.base import Layer
from handgrad.losses import (
    BinaryCrossEntropy,
    HalfSquaredError,
    Loss,
    MeanSquaredError,
    SoftmaxCrossEntropy,
)
from handgrad.network import Network
from handgrad.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)
from handgrad.plans.dense_layout import ACTIVATIONS

LOSSES: dict[type[Loss], int] = {
    SoftmaxCrossEntropy: dense_losses.SOFTMAX,
    BinaryCrossEntropy: dense_losses.YES_NO,
    MeanSquaredError: dense_losses.SQUARED,
    HalfSquaredError: dense_losses.HALF_SQUARED,
}
RULES: dict[type[Optimizer], int] = {
    SGD: dense_program.SGD,
    Momentum: dense_program.MOMENTUM,
    Nesterov: dense_program.NESTEROV,
    AdaGrad: dense_program.ADAGRAD,
    RMSprop: dense_program.RMSPROP,
    AdaDelta: dense_program.ADADELTA,
    Adam: dense_program.ADAM,
    AdamW: dense_program.ADAM,
}
SOURCES = ("float32", "float64", "uint8")  # kinds of examples, in the order of the kernels'


class Examples(NamedTuple):
    """All examples of a training, in the forms that the kernels take."""

    sources: tuple[Array, Array, Array]
    labels: tuple[Array, Array, Array]  # classes, targets, weights


class RowLoss(NamedTuple):
    """A loss that is a sum over rows, as `dense_losses.loss_rows` takes it."""

    which: int
    smoothing: float
    labels: tuple[Array, Array, Array]  # classes, targets, weights


def row_loss(loss: Loss, labels: Array, weights: Array | None, dtype: Any) -> RowLoss | None:
    """A loss of so many rows in that form; None where it is of another kind."""
    if type(loss) not in LOSSES:
        return None
    smoothing = getattr(loss, "label_smoothing", 0.0)
    return RowLoss(LOSSES[type(loss)], smoothing, forms_of(labels, weights, dtype))


def forms_of(labels: Array, weights: Array | None, dtype: Any) -> tuple[Array, Array, Array]:
    """Labels as the kernels take them: classes or targets, and weights; what is not is empty."""
    classes, targets = np.zeros(0, np.int64), np.zeros((0, 0), dtype)
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        classes = np.ascontiguousarray(labels, np.int64)
    else:
        targets = np.ascontiguousarray(labels, dtype).reshape(len(labels), -1)
    weight = np.zeros(0, dtype) if weights is None else np.ascontiguousarray(weights, dtype)
    return classes, targets, weight


def examples(network: Network, x: Array, labels: Array, weights: Array | None) -> Examples:
    """A whole training set as the kernels take it; copied where it has another form."""
    dtype = network.dtype
    known = x.dtype.isnative and x.dtype.name in SOURCES
    flat = np.ascontiguousarray(x, x.dtype if known else dtype).ravel()
    one, two, three = (flat if flat.dtype == name else np.zeros(0, name) for name in SOURCES)
    return Examples((one, two, three), forms_of(labels, weights, dtype))


def chain(network: Network) -> list[tuple[str, Layer]] | None:
    """The layers that compute, with their names, or None where one of them is no dense one.

    Rescale may come first, before it and after it Flatten; dropout anywhere behind it.
    """
    layers = [layer for layer in network.layers if type(layer) not in (Flatten, Identity)]
    kinds = [type(layer) for layer in layers]
    if kinds[:1] == [Rescale]:
        kinds = kinds[1:]
    kinds = [kind for kind in kinds if kind is not Dropout]
    known = {Affine, BatchNorm, *ACTIVATIONS}
    after = [None, *kinds]
    alone = any(
        kind in ACTIVATIONS and before not in (Affine, BatchNorm)
        for before, kind in zip(after, kinds, strict=False)
    )
    if kinds[:1] != [Affine] or alone or not set(kinds) <= known:
        return None
    if len(set(layers)) < len(layers) or len(network.output_shape) != 1:
        return None
    return [(str(layer.name), layer) for layer in layers]


def rule_options(optimizer: Optimizer) -> list[float]:
    """The options of an update rule, in the order in which `dense_step.update` takes them."""
    if isinstance(optimizer, Momentum):
        return [optimizer.momentum]
    if isinstance(optimizer, AdaGrad):
        return [optimizer.eps]
    if isinstance(optimizer, RMSprop | AdaDelta):
        return [1 - optimizer.rho, optimizer.eps]
    if isinstance(optimizer, Adam):
        return [1 - optimizer.beta1, 1 - optimizer.beta2, optimizer.eps]
    return []
