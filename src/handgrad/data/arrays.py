"""Splitting data, one-hot labels, and batches for loops of one's own."""

from typing import Annotated, Any

import numpy as np

from handgrad.checks import Array, DtypeError, InvalidValueError, check_count, check_shape


def check_labels(labels: Any, *, who: str, classes: int | None = None) -> Annotated[Array, "N"]:
    """Refuse what is not a vector of classes 0, 1, … (below `classes`, where that is given).

    Raises:
        ShapeError, DtypeError, InvalidValueError: other axes, not integers, out of range.
    """
    labels = np.asarray(labels)
    check_shape(labels, ("N",), who=who, which="labels")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DtypeError(f"{who}: labels must be integers, but have dtype {labels.dtype}.")
    bad = labels < 0 if classes is None else (labels < 0) | (labels >= classes)
    if bad.any():
        first = int(bad.argmax())
        wanted = "at least 0" if classes is None else f"in 0..{classes - 1}"
        raise InvalidValueError(
            f"{who}: labels must be {wanted}, but labels[{first}] is {labels[first]} "
            f"({int(bad.sum())} of {labels.size} labels)."
        )
    return labels


def one_hot(
    labels: Annotated[Any, "N"], classes: int, *, dtype: Any = np.float32
) -> Annotated[Array, "N K"]:
    """Turn class k into a row of zeros with a 1 at k.

    Raises:
        ShapeError, DtypeError, InvalidValueError: labels that are not classes 0..classes − 1.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    check_count(classes, who="one_hot", which="classes")
    labels = check_labels(labels, who="one_hot", classes=classes)
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows
