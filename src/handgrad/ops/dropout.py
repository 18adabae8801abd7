"""Dropout: in training, leave out entries at random, so that none is relied upon alone."""

from typing import Annotated, NamedTuple

from handgrad.ops.array import Array


class DropoutSaved(NamedTuple):
    """What `dropout_backward` needs from the forward pass."""

    mask: Annotated[Array, "..."]  # True where the entry was kept
    rate: float  # the share that is left out on average


def dropout_forward(
    x: Annotated[Array, "..."], *, mask: Annotated[Array, "..."], rate: float
) -> tuple[Annotated[Array, "..."], DropoutSaved]:
    """Keep the entries where `mask` is True, scaled up; replace the rest by zero.

        (1)  y = x mask / (1 − rate)         (mask counts as 1 and 0)

    A mask entry is True with probability 1 − rate, so the expectation of y is x, and inference
    needs no scaling ("inverted" dropout; the paper scales at inference instead).

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting", JMLR 15, 2014; the scaling in training: section 10.

    >>> import numpy as np
    >>> y, _ = dropout_forward(np.array([1.0, 2.0]), mask=np.array([False, True]), rate=0.5)
    >>> y
    array([0., 4.])
    """
    y = x * mask / (1 - rate)  # (1)
    return y, DropoutSaved(mask, rate)


def dropout_backward(
    dy: Annotated[Array, "..."], saved: DropoutSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    With the mask given, (1) is linear in each entry, with slope 1 / (1 − rate) or 0:

        dx = dy mask / (1 − rate)
    """
    mask, rate = saved
    dx = dy * mask / (1 - rate)  # (1)
    return (dx,)
