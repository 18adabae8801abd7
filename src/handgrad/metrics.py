"""Metrics: how good outputs are, as numbers for people (losses are for gradients).

Every metric is a function `(outputs, labels) -> float` of a whole set.
"""

import numpy as np

from handgrad.checks import Array


def classes_of(outputs: Array) -> Array:
    """The class that each row of outputs names: the largest of K; of one logit, whether it is > 0.

    >>> classes_of(np.array([[1.0, 3.0, 2.0]])), classes_of(np.array([[-1.0], [2.0]]))
    (array([1]), array([0, 1]))
    """
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.intp)
    return outputs.argmax(axis=1)


def accuracy(outputs: Array, labels: Array) -> float:
    """The share of rows whose class is the label; `labels` are integers or one-hot rows.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if labels.ndim == 2:
        labels = labels[:, 0] if labels.shape[1] == 1 else labels.argmax(axis=1)
    return float((classes_of(outputs) == labels).mean())


def mean_absolute_error(outputs: Array, labels: Array) -> float:
    """Mean of |output − target| over all entries.

    >>> mean_absolute_error(np.array([[1.0], [2.0]]), np.array([[0.0], [4.0]]))
    1.5
    """
    return float(np.abs(outputs - labels).mean())
