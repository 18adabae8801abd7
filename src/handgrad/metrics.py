"""Metrics: how good outputs are, as numbers for people (losses are for gradients).

A metric is a function `(outputs, labels) -> float` of a whole set; `outputs` are what
`Network.predict` returns. Those of several numbers (`confusion_matrix`) return arrays.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    ShapeError,
    as_numbers,
    check_count,
    check_finite,
    check_shape,
    shape_text,
)
from handgrad.labels import class_numbers


def classes_of(outputs: Array) -> Array:
    """The class that each row of outputs names: the largest of K; of one logit, whether it is > 0.

    Of equal outputs the first wins.

    >>> classes_of(np.array([[1.0, 3.0, 2.0]])), classes_of(np.array([[-1.0], [2.0]]))
    (array([1]), array([0, 1]))
    """
    check_shape(outputs, ("N", "K"), who="classes_of", which="outputs")
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.intp)
    return outputs.argmax(axis=1)


# -- classification -----------------------------------------------------------------------------


def accuracy(outputs: Any, labels: Any) -> float:
    """The share of rows whose class is the label.

    Args:
        outputs: (N, K) logits, scores or probabilities; (N, 1) logits; or (N,) integer classes.
        labels: (N,) classes, or (N, K) rows, of which the largest entry counts.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    predicted, wanted = _both_classes(outputs, labels, who="accuracy")
    return float((predicted == wanted).mean())


def binary_accuracy(outputs: Any, labels: Any) -> float:
    """The share of yes/no questions answered rightly: logit > 0 where label > 0.5.

    Every entry counts by itself, so it is the accuracy of labels that do not exclude each other.

    >>> binary_accuracy(np.array([[2.0, -3.0], [1.0, 1.0]]), np.array([[1, 0], [1, 0]]))
    0.75
    """
    logits, wanted = _equal_shapes(outputs, labels, who="binary_accuracy", which="labels")
    return float(((logits > 0) == (wanted > 0.5)).mean())


def top_k_accuracy(outputs: Any, labels: Any, *, k: int = 5) -> float:
    """The share of rows whose label is among the k largest outputs.

    Of equal outputs the first come first, so that k = 1 gives `accuracy`.

    >>> top_k_accuracy(np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]), np.array([2, 0]), k=2)
    0.5
    """
    check_count(k, who="top_k_accuracy", which="k")
    outputs = as_numbers(outputs, who="top_k_accuracy", which="outputs")
    check_shape(outputs, ("N", "K"), who="top_k_accuracy", which="outputs")
    _, wanted = _both_classes(outputs, labels, who="top_k_accuracy")
    best = np.argsort(-outputs.astype(np.float64), axis=1, kind="stable")[:, :k]
    return float((best == wanted[:, np.newaxis]).any(axis=1).mean())


def confusion_matrix(
    outputs: Any, labels: Any, classes: int | None = None
) -> Annotated[Array, "K K"]:
    """How often each class was taken for each: row = the label, column = the prediction.

    Args:
        outputs: as for `accuracy`.
        labels: as for `accuracy`.
        classes: K; by default the number of outputs, or what the classes given need.

    >>> confusion_matrix([0, 1, 1, 1], [0, 0, 1, 1])
    array([[1, 1],
           [0, 2]])
    """
    who = "confusion_matrix"
    predicted, wanted = _both_classes(outputs, labels, who=who)
    columns = np.shape(outputs)[1] if np.ndim(outputs) == 2 else 0
    needed = max(columns, int(predicted.max()) + 1, int(wanted.max()) + 1, 2)
    size = needed if classes is None else classes
    check_count(size, who=who, which="classes")
    wanted = class_numbers(wanted, size, who=who)
    predicted = class_numbers(predicted, size, who=who, which="outputs")
    counts = np.bincount(wanted * size + predicted, minlength=size * size)
    return counts.reshape(size, size)


class ClassReport(NamedTuple):
    """One number per class each; means over the classes are the "macro" averages."""

    precision: Annotated[Array, "K"]  # of those predicted to be k, the share that are
    recall: Annotated[Array, "K"]  # of those that are k, the share that was found
    f1: Annotated[Array, "K"]  # the harmonic mean of both
    support: Annotated[Array, "K"]  # how many are k


def precision_recall_f1(confusion: Annotated[Any, "K K"]) -> ClassReport:
    """Precision, recall, F1 and support of every class, from a `confusion_matrix`.

    With the diagonal as hits:

        precision = hits / column sum     recall = hits / row sum
        F1 = 2 precision recall / (precision + recall) = 2 hits / (column sum + row sum)

    Where there is nothing to divide by (a class never predicted, or never there), the number is 0.

    >>> report = precision_recall_f1([[1, 1], [0, 2]])
    >>> report.precision.round(3), report.recall, report.support
    (array([1.   , 0.667]), array([0.5, 1. ]), array([2, 2]))
    """
    counts = as_numbers(confusion, who="precision_recall_f1", which="confusion")
    check_shape(counts, ("K", *counts.shape[:1]), who="precision_recall_f1", which="confusion")
    hits, predicted, support = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    f1 = _ratio(2 * hits, predicted + support)
    return ClassReport(_ratio(hits, predicted), _ratio(hits, support), f1, support)


# -- regression ---------------------------------------------------------------------------------


def mean_absolute_error(outputs: Any, targets: Any) -> float:
    """Mean of |output − target| over all entries.

    >>> mean_absolute_error(np.array([[1.0], [2.0]]), np.array([[0.0], [4.0]]))
    1.5
    """
    values, wanted = _equal_shapes(outputs, targets, who="mean_absolute_error", which="targets")
    return float(np.abs(values - wanted).mean())


def root_mean_squared_error(outputs: Any, targets: Any) -> float:
    """Root of the mean of (output − target)² over all entries: an error in the targets' unit.

    >>> root_mean_squared_error(np.array([[3.0], [4.0]]), np.array([[0.0], [0.0]]))
    3.5355339059327378
    """
    values, wanted = _equal_shapes(outputs, targets, who="root_mean_squared_error", which="targets")
    return float(np.sqrt(np.square(values - wanted).mean()))


def r2_score(outputs: Any, targets: Any) -> float:
    """The share of the targets' variance that the outputs explain; with several, their mean.

    For each column:

        R² = 1 − Σ (target − output)² / Σ (target − mean(target))²

    1 is perfect, 0 as good as always saying the mean, below 0 worse than that. Targets that do
    not vary have nothing to explain: 1 where all are met, else 0.

    >>> r2_score(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    values, wanted = _equal_shapes(outputs, targets, who="r2_score", which="targets")
    missed = np.square(wanted - values).sum(axis=0)
    total = np.square(wanted - wanted.mean(axis=0)).sum(axis=0)
    constant = (wanted == wanted[0]).all(axis=0)  # where rounding can leave a `total` above 0
    explained = np.where(constant, missed == 0, 1 - _ratio(missed, total))
    return float(explained.mean())


# -- arguments ----------------------------------------------------------------------------------


def _both_classes(outputs: Any, labels: Any, *, who: str) -> tuple[Array, Array]:
    """Predicted and true classes, of outputs or classes and classes or rows."""
    predicted = as_numbers(outputs, who=who, which="outputs")
    wanted = as_numbers(labels, who=who, which="labels")
    if predicted.ndim != 1:
        check_shape(predicted, ("N", "K"), who=who, which="outputs")
        predicted = classes_of(predicted)
    elif predicted.dtype.kind == "f":
        raise DtypeError(
            f"{who}: outputs of shape (N,) must be integer classes, but have dtype "
            f"{predicted.dtype}. Pass logits as (N, 1)."
        )
    if wanted.ndim == 2:
        wanted = wanted[:, 0] > 0.5 if wanted.shape[1] == 1 else wanted.argmax(axis=1)
    check_shape(wanted, predicted.shape, who=who, which="labels")
    check_finite(wanted, who=who, which="labels")
    _check_some(wanted, who=who)
    return predicted, wanted


def _equal_shapes(outputs: Any, wanted: Any, *, who: str, which: str) -> tuple[Array, Array]:
    """Both in float64 and of one shape; (N,) and (N, 1) are the same, nothing else is stretched."""
    values = as_numbers(outputs, who=who, which="outputs").astype(np.float64)
    goals = as_numbers(wanted, who=who, which=which).astype(np.float64)
    values = values[:, np.newaxis] if values.ndim == 1 else values
    goals = goals[:, np.newaxis] if goals.ndim == 1 else goals
    if values.shape != goals.shape or not values.ndim:
        raise ShapeError(
            f"{who}: outputs and {which} must have the same shape, but have shapes "
            f"{shape_text(np.shape(outputs))} and {shape_text(np.shape(wanted))}."
        )
    _check_some(goals, who=who)
    return values, goals


def _check_some(array: Array, *, who: str) -> None:
    if not array.size:
        raise InvalidValueError(f"{who}: there must be at least one row, but there is none.")


def _ratio(part: Array, whole: Array) -> Array:
    """Part / whole, and 0 where the whole is 0."""
    return np.where(whole == 0, 0.0, part / np.where(whole == 0, 1, whole))
