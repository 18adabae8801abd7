"""Labels and targets: checked once, and brought into the form that losses and metrics take."""

from typing import Annotated, Any

import numpy as np

from handgrad.checks import (
    Array,
    InvalidValueError,
    ShapeError,
    as_numbers,
    check_count,
    check_finite,
    check_shape,
    shape_text,
)

Shape = tuple[int, ...]
ROW_SUM = 1e-3  # how far from 1 the sum of a row of probabilities may be (float16 rows pass)


def prepare_classes(labels: Any, output_shape: Shape, dtype: Any, *, who: str) -> Array:
    """Check classes, or rows of probabilities (one-hot, say), against the network's K outputs.

    Classes, shape (N,), may be integers, booleans, or floats that are whole numbers (as CSV files
    give them); they come back as integers. Rows, shape (N, K), must be non-negative with sum 1;
    they come back with `dtype`.

    Raises:
        ShapeError, DtypeError, InvalidValueError, NonFiniteError: labels that cannot be.
    """
    if len(output_shape) != 1:
        raise ShapeError(
            f"{who}: the network's output must have shape (N, K), but has shape "
            f"{shape_text(('N', *output_shape))}. Put Flatten() before the last Affine layer."
        )
    (classes,) = output_shape
    if classes < 2:
        raise InvalidValueError(
            f"{who}: the network must have one output per class, at least 2, but has {classes}. "
            "For yes or no in one output use BinaryCrossEntropy."
        )
    labels = as_numbers(labels, who=who, which="labels")
    if labels.ndim == 2:
        return _rows_of_probabilities(labels, classes, who=who).astype(dtype)
    return class_numbers(labels, classes, who=who)


def prepare_probabilities(labels: Any, output_shape: Shape, dtype: Any, *, who: str) -> Array:
    """Check yes/no labels (0, 1, or a probability between) against the network's outputs.

    Labels of shape (N,) for a single output become (N, 1); others must have the outputs' shape.

    Raises:
        ShapeError, DtypeError, InvalidValueError, NonFiniteError: labels that cannot be.
    """
    labels = as_numbers(labels, who=who, which="labels")
    cure = "To choose one of several classes use SoftmaxCrossEntropy." if labels.ndim == 1 else ""
    labels = _match_outputs(labels, output_shape, who=who, which="labels", cure=cure)
    check_finite(labels, who=who, which="labels", cure="Remove those examples.")
    outside = (labels < 0) | (labels > 1)
    if outside.any():
        if np.isin(labels, (-1, 1)).all():
            cure = "Pass (labels + 1) / 2."
        else:
            cure = "To choose one of several classes use SoftmaxCrossEntropy."
        raise InvalidValueError(
            f"{who}: labels must be from 0 to 1, but {_first(labels, outside, 'labels')}. {cure}"
        )
    return labels.astype(dtype)


def prepare_targets(targets: Any, output_shape: Shape, dtype: Any, *, who: str) -> Array:
    """Check real-valued goals against the network's outputs.

    Targets of shape (N,) for a single output become (N, 1); others must have the outputs' shape.

    Raises:
        ShapeError, DtypeError, NonFiniteError: targets that cannot be.
    """
    targets = as_numbers(targets, who=who, which="targets")
    cure = ""
    if targets.ndim in {1, 2} and len(output_shape) == 1:
        outputs = targets.shape[1] if targets.ndim == 2 else 1
        cure = f"Give the last layer {outputs} output{'s' * (outputs > 1)}."
    targets = _match_outputs(targets, output_shape, who=who, which="targets", cure=cure)
    with np.errstate(over="ignore"):  # what does not fit float32 is found and told next
        targets = targets.astype(dtype)
    cure = f"Remove those examples, or scale targets that {np.dtype(dtype)} cannot hold."
    check_finite(targets, who=who, which="targets", cure=cure)
    return targets


def class_numbers(labels: Any, classes: int, *, who: str, which: str = "labels") -> Array:
    """Classes 0 to `classes` − 1, shape (N,), as integers.

    Raises:
        ShapeError: not one axis.
        DtypeError, InvalidValueError, NonFiniteError: not whole numbers, or out of range.

    >>> class_numbers([1.0, 0.0], 2, who="SoftmaxCrossEntropy")
    array([1, 0])
    >>> class_numbers([1, 2], 2, who="SoftmaxCrossEntropy")
    Traceback (most recent call last):
    handgrad.checks.InvalidValueError: SoftmaxCrossEntropy: labels must be from 0 to 1, one number
    for each of 2 classes, but go from 1 to 2. Classes count from 0: pass labels - 1.
    """
    labels = as_numbers(labels, who=who, which=which)
    check_shape(labels, ("N",), who=who, which=which)
    check_finite(labels, who=who, which=which, cure="Remove those examples.")
    if not labels.size:
        return labels.astype(np.intp)
    whole = labels == np.floor(labels)
    if not whole.all():
        raise InvalidValueError(
            f"{who}: {which} must be whole numbers, but {_first(labels, ~whole, which)}. "
            "Probabilities go into rows of one per class; real-valued goals need a regression loss."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        if (low, high) == (1, classes):
            cure = f"Classes count from 0: pass {which} - 1."
        elif low < 0:
            cure = "Classes count from 0."
        else:
            cure = "Give the network one output per class."
        raise InvalidValueError(
            f"{who}: {which} must be from 0 to {classes - 1}, one number for each of {classes} "
            f"classes, but go from {low} to {high}. {cure}"
        )
    return labels.astype(np.intp)


def class_weights(labels: Annotated[Any, "N"], classes: int) -> Annotated[Array, "K"]:
    """What each class should count for so that all classes count the same: N / (K count).

    For data in which some classes are rare. `sample_weights` turns this into the Trainer's
    `sample_weight`:

        per_class = class_weights(labels, 10)
        trainer.fit(x, labels, epochs=5, sample_weight=sample_weights(labels, per_class))

    A class that does not occur gets weight 0. King and Zeng, "Logistic regression in rare events
    data", Political Analysis 9, 2001; scikit-learn calls it "balanced".

    >>> class_weights([0, 0, 0, 1], 2).round(3)
    array([0.667, 2.   ])
    """
    check_count(classes, who="class_weights", which="classes")
    numbers = class_numbers(labels, classes, who="class_weights")
    counts = np.bincount(numbers, minlength=classes)
    return np.where(counts > 0, len(numbers) / (classes * np.maximum(counts, 1)), 0.0)


def sample_weights(
    labels: Annotated[Any, "N"], class_weight: Annotated[Any, "K"]
) -> Annotated[Array, "N"]:
    """Each example's weight, from its class's: what `class_weights` gives, or weights of your own.

    >>> sample_weights([0, 1, 0], [1.0, 5.0])
    array([1., 5., 1.])
    """
    weights = as_numbers(class_weight, who="sample_weights", which="class_weight").astype(float)
    check_shape(weights, ("K",), who="sample_weights", which="class_weight")
    return weights[class_numbers(labels, len(weights), who="sample_weights")]


def _rows_of_probabilities(labels: Array, classes: int, *, who: str) -> Array:
    single = labels.shape[1] == 1
    cure = "Pass labels[:, 0]." if single else "Give the network one output per class."
    check_shape(labels, ("N", classes), who=who, which="labels", cure=cure)
    check_finite(labels, who=who, which="labels", cure="Remove those examples.")
    negative = labels < 0
    if negative.any():
        raise InvalidValueError(
            f"{who}: rows of labels must be probabilities, "
            f"but {_first(labels, negative, 'labels')}. Pass one-hot rows, or integer classes."
        )
    sums = labels.sum(axis=1, dtype=np.float64)
    wrong = np.abs(sums - 1) > ROW_SUM
    if wrong.any():
        first = int(wrong.argmax())
        raise InvalidValueError(
            f"{who}: every row of labels must have sum 1, but labels[{first}] has sum "
            f"{sums[first]:g} ({int(wrong.sum())} of {len(sums)} rows). For labels that do not "
            "exclude each other use BinaryCrossEntropy."
        )
    return labels


def _match_outputs(values: Array, output_shape: Shape, *, who: str, which: str, cure: str) -> Array:
    """(N,) becomes (N, 1) for one output; nothing else is stretched to fit, ever."""
    if values.ndim == 1 and output_shape == (1,):
        return values[:, np.newaxis]
    check_shape(values, ("N", *output_shape), who=who, which=which, cure=cure)
    return values


def _first(values: Array, bad: Array, which: str) -> str:
    """Where the first bad entry is, what it is, and how many there are."""
    first = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), values.shape))
    index = ", ".join(str(i) for i in first)
    return f"{which}[{index}] is {values[first]} ({int(bad.sum())} of {values.size} entries)"
