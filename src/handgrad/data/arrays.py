"""Examples and labels: splitting them, taking them in batches, one-hot rows."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from handgrad.checks import (
    Array,
    InvalidValueError,
    ShapeError,
    check_count,
    check_number,
    shape_text,
)
from handgrad.labels import class_numbers


class Examples(NamedTuple):
    """What a network sees, and what it should say: row n of each belongs to row n of the other."""

    x: Annotated[Array, "N ..."]
    labels: Annotated[Array, "N ..."]


def split(
    x: Any, labels: Any, *, count: int | None = None, fraction: float | None = None, seed: int = 0
) -> tuple[Examples, Examples]:
    """Hold out some examples, chosen at random: (kept, held out), both in random order.

    Where labels are integers of shape (N,), each class keeps its share: the part held out has of
    each class what its size asks for, rounded down or up.

    Args:
        x: examples, shape (N, …).
        labels: their labels, shape (N, …).
        count: how many to hold out; or
        fraction: which share of N to hold out, above 0 and below 1.
        seed: the same seed chooses the same examples.

    Raises:
        ShapeError, DtypeError, InvalidValueError: arguments that do not fit; a part left empty.

    >>> kept, held_out = split(np.arange(6), np.array([0, 0, 1, 1, 1, 1]), count=3)
    >>> np.bincount(kept.labels), np.bincount(held_out.labels)
    (array([1, 2]), array([1, 2]))
    """
    x, labels = _check_examples(x, labels, who="split")
    check_count(seed, who="split", which="seed", low=0)
    held = _held_out_count(len(x), count, fraction)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    if labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer):
        classes, which = np.unique(labels, return_inverse=True)
        place = rng.permutation(len(classes))[which]  # the classes one after another …
        order = order[place[order].argsort(kind="stable")]
    chosen = (np.arange(held) * len(x) + rng.integers(len(x))) // held  # … in steps of N / held
    held_out = rng.permutation(order[chosen])
    kept = rng.permutation(np.delete(order, chosen))
    return Examples(x[kept], labels[kept]), Examples(x[held_out], labels[held_out])


def batches(
    x: Any, labels: Any, *, batch_size: int, epoch: int, seed: int = 0
) -> Iterator[Examples]:
    """Go once through the examples in random order, each once: for training loops of one's own.

    The order follows from seed and epoch, and is the one in which a `Trainer` of that seed takes
    its examples. The last batch has what is left over.

    Raises:
        ShapeError, DtypeError, InvalidValueError: arguments that do not fit.

    >>> for epoch in range(2):
    ...     for x_batch, labels_batch in batches([1, 2, 3], [1, 2, 3], batch_size=2, epoch=epoch):
    ...         print(epoch, len(x_batch), (x_batch == labels_batch).all())
    0 2 True
    0 1 True
    1 2 True
    1 1 True
    """
    x, labels = _check_examples(x, labels, who="batches")
    check_count(batch_size, who="batches", which="batch_size")
    check_count(epoch, who="batches", which="epoch", low=0)
    check_count(seed, who="batches", which="seed", low=0)
    order = np.random.default_rng((seed, epoch)).permutation(len(x))
    starts = range(0, len(x), batch_size)
    parts = (order[start : start + batch_size] for start in starts)
    return (Examples(x[rows], labels[rows]) for rows in parts)


def one_hot(labels: Any, classes: int, *, dtype: Any = np.float32) -> Annotated[Array, "N K"]:
    """Turn class k into a row of zeros with a 1 at k.

    Raises:
        ShapeError, DtypeError, InvalidValueError: labels that are not classes 0..classes − 1.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    check_count(classes, who="one_hot", which="classes")
    labels = class_numbers(labels, classes, who="one_hot")
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def _check_examples(x: Any, labels: Any, *, who: str) -> Examples:
    x, labels = np.asarray(x), np.asarray(labels)
    if not x.ndim or x.shape[:1] != labels.shape[:1]:
        raise ShapeError(
            f"{who}: x and labels must have one row for each example, "
            f"but have shapes {shape_text(x.shape)} and {shape_text(labels.shape)}."
        )
    return Examples(x, labels)


def _held_out_count(examples: int, count: int | None, fraction: float | None) -> int:
    """The number of examples to hold out, by the one of the two options that is given."""
    if fraction is None and count is not None:
        check_count(count, who="split", which="count")
    elif count is None and fraction is not None:
        check_number(
            fraction, who="split", which="fraction", low=0, high=1, open_low=True, open_high=True
        )
        count = round(fraction * examples)
    else:
        raise InvalidValueError("split: give either count or fraction, and not both.")
    if not 0 < count < examples:
        raise InvalidValueError(
            f"split: both parts must have examples, but {count} of {examples} would be held out."
        )
    return count
