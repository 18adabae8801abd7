"""What `Trainer` is given, checked once: examples, weights, metrics, callbacks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from handgrad import metrics as metric_functions
from handgrad.checks import (
    Array,
    DtypeError,
    HandgradError,
    InvalidValueError,
    ShapeError,
    as_numbers,
    check_choice,
    check_count,
    check_finite,
    check_kind,
    check_number,
    check_shape,
    shape_text,
)
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.regularizers import Penalty
from handgrad.schedules import Schedule
from handgrad.threads import check_threads
from handgrad.training.callbacks import Callback

Metric = Callable[[Array, Array], float]
Augment = Callable[[Array, np.random.Generator], Array]
DEFAULT_METRICS: dict[str, dict[str, Metric]] = {
    "softmax": {"accuracy": metric_functions.accuracy},
    "sigmoid": {"accuracy": metric_functions.binary_accuracy},
    "scores": {"accuracy": metric_functions.accuracy},
    "linear": {"mean_absolute_error": metric_functions.mean_absolute_error},
}
COLUMNS = ("epoch", "loss", "learning_rate", "seconds")  # the history's own


def check_options(
    schedule: Any, penalty: Any, clip_norm: Any, seed: Any, threads: int | None
) -> None:
    """Refuse what cannot be an option of a trainer.

    Raises:
        DtypeError, InvalidValueError: naming the first that cannot be.
    """
    if schedule is not None:
        check_kind(schedule, Schedule, who="Trainer", which="schedule")
    if penalty is not None:
        check_kind(penalty, Penalty, who="Trainer", which="penalty")
    check_count(seed, who="Trainer", which="seed", low=0)
    if clip_norm is not None:
        check_number(clip_norm, who="Trainer", which="clip_norm", low=0, open_low=True)
    check_threads(threads, who="Trainer")


def prepare_examples(network: Network, loss: Loss, x: Any, labels: Any) -> tuple[Array, Array]:
    """Examples and labels in the form that steps take.

    Raises:
        ShapeError, DtypeError, InvalidValueError, NonFiniteError: what cannot be trained on.
    """
    x = network.check_batch(as_numbers(x, who="Trainer", which="x"))
    check_finite(x, who="Trainer", which="x", cure="Remove or fill those examples.")
    labels = loss.prepare(labels, network.output_shape, network.dtype)
    if len(x) != len(labels):
        raise ShapeError(
            f"Trainer: x and labels must have the same number of rows, "
            f"but have shapes {shape_text(x.shape)} and {shape_text(labels.shape)}."
        )
    if not len(x):
        raise InvalidValueError("Trainer: x must have at least one row, but is empty.")
    largest = max(float(x.max()), -float(x.min()))
    if largest > float(np.finfo(network.dtype).max):
        raise InvalidValueError(
            f"Trainer: x must fit into {network.dtype}, but has an entry of size {largest:g}. "
            "Scale x, or build the network with dtype='float64'."
        )
    return x, labels


def prepare_validation(network: Network, loss: Loss, data: Any) -> tuple[Array, Array]:
    """The same for `validation_data`; its errors say so.

    Raises:
        DtypeError: not a pair.
        ShapeError, InvalidValueError, NonFiniteError: as for `prepare_examples`.
    """
    pair = tuple(cast("list[Any]", data)) if isinstance(data, tuple | list) else ()
    if len(pair) != 2:
        raise DtypeError(
            "Trainer.fit: validation_data must be a pair (x, labels), but is a "
            f"{type(cast('object', data)).__name__}. split(x, labels, fraction=0.1) makes one."
        )
    x, labels = pair
    try:
        return prepare_examples(network, loss, x, labels)
    except HandgradError as error:
        error.args = (f"validation_data: {error}",)
        raise


def prepare_weights(weights: Any, rows: int, dtype: Any) -> Array | None:
    """Each example's weight, (N,), or None.

    Raises:
        ShapeError, DtypeError, InvalidValueError, NonFiniteError: weights that cannot be.
    """
    if weights is None:
        return None
    weights = as_numbers(weights, who="Trainer", which="sample_weight")
    check_shape(weights, (rows,), who="Trainer", which="sample_weight")
    with np.errstate(over="ignore"):  # what does not fit is found and told next
        weights = weights.astype(dtype)
    cure = "Weights count by their ratios: scale them to about 1."
    check_finite(weights, who="Trainer", which="sample_weight", cure=cure)
    if (weights < 0).any() or not weights.any():
        raise InvalidValueError(
            "Trainer: sample_weight must be at least 0 everywhere and above 0 somewhere."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise InvalidValueError(
            f"Trainer: sample_weight must have a sum that fits into {weights.dtype}, but has a "
            f"largest entry of {float(weights.max()):g} among {len(weights)}. {cure}"
        )
    return weights


def augmented(augment: Augment, x: Array, rng: np.random.Generator) -> Array:
    """What `augment` makes of a batch.

    Raises:
        ShapeError: a batch of another shape.
    """
    y = np.asarray(augment(x, rng))
    check_shape(y, x.shape, who="Trainer", which="the batch that augment returned")
    return y


def prepare_metrics(metrics: Any, loss: Loss) -> dict[str, Metric]:
    """{name: function}; without any, those that fit the loss.

    Raises:
        DtypeError: not a mapping of functions.
        InvalidValueError: a name that a column of the history has.
    """
    check_choice(loss.head, tuple(DEFAULT_METRICS), who=type(loss).__name__, which="head")
    if metrics is None:
        return dict(DEFAULT_METRICS[loss.head])
    named = isinstance(metrics, Mapping)
    functions = dict(cast("Mapping[str, Metric]", metrics)) if named else {}
    if not (named and all(map(callable, functions.values()))):
        raise DtypeError(
            "Trainer: metrics must be {name: function (outputs, labels) -> float}, "
            f"but is {metrics!r:.100}. For example: metrics={{'accuracy': handgrad.accuracy}}."
        )
    for name in functions:
        if name in COLUMNS or name.startswith("validation_"):
            raise InvalidValueError(
                f"Trainer: the metric {name!r} must have a name of its own, but the history has a "
                "column of that name. Choose another."
            )
    return functions


def prepare_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """The callbacks of a run.

    Raises:
        DtypeError: not a list of callbacks.
    """
    if not isinstance(callbacks, Iterable):
        raise DtypeError(
            f"Trainer.fit: callbacks must be a list of callbacks, but is {callbacks!r:.100}. "
            "Put it into [ ]."
        )
    given = tuple(cast("Iterable[Any]", callbacks))
    for callback in given:
        check_kind(callback, Callback, who="Trainer.fit", which="every callback")
    return given


def measure(metrics: Mapping[str, Metric], outputs: Array, labels: Array) -> dict[str, float]:
    """The value of each metric.

    Raises:
        DtypeError: a function that returned no number.
    """
    values: dict[str, float] = {}
    for name, function in metrics.items():
        value = np.asarray(function(outputs, labels))
        if value.shape or value.dtype.kind not in "biuf":
            raise DtypeError(
                f"Trainer: the metric {name!r} must return one number, but returned dtype "
                f"{value.dtype}, shape {shape_text(value.shape)}. Take the mean over the rows."
            )
        values[name] = float(value)
    return values
