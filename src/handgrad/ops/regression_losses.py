"""Losses of regressions: how far the network's outputs are from real-valued targets."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array
from handgrad.ops.losses import column, share_of_entries


class MeanSquaredErrorSaved(NamedTuple):
    """What `mean_squared_error_backward` needs from the forward pass."""

    residual: Annotated[Array, "N ..."]  # outputs − targets
    share: Annotated[Array, "N ..."]  # each entry's share of the loss (one number per row)


def mean_squared_error_forward(
    outputs: Annotated[Array, "N ..."],
    *,
    targets: Annotated[Array, "N ..."],
    sample_weight: Annotated[Array, "N"] | None = None,
) -> tuple[Annotated[Array, ""], MeanSquaredErrorSaved]:
    """Mean of the squared differences, over all entries.

    `targets` have the shape of `outputs`. Row n, of K entries, counts by its weight:

        (1)  r = outputs − targets
        (2)  w = sample_weight / Σₙ sample_weightₙ / K       (1/(N K) without weights)
        (3)  loss = Σₙ wₙ Σⱼ rₙⱼ²

    Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.

    >>> loss, _ = mean_squared_error_forward(np.array([[3.0, 5.0]]), targets=np.array([[2.0, 2.0]]))
    >>> print(f"{loss} = (1 + 9) / 2")
    5.0 = (1 + 9) / 2
    """
    residual = outputs - targets  # (1)
    share = share_of_entries(outputs, sample_weight)  # (2)
    loss = (share * residual * residual).sum()  # (3)
    return loss, MeanSquaredErrorSaved(residual, share)


def mean_squared_error_backward(
    dloss: Annotated[Array, ""], saved: MeanSquaredErrorSaved
) -> tuple[Annotated[Array, "N ..."]]:
    """Gradient with respect to `outputs`.

    Each entry appears in (3) once, as w r², with slope 2 w r; and by (1) ∂r/∂output = 1:

        doutputs = 2 dloss w r
    """
    residual, share = saved
    doutputs = 2 * dloss * share * residual  # (3, 1)
    return (doutputs,)


class HalfSquaredErrorSaved(NamedTuple):
    """What `half_squared_error_backward` needs from the forward pass."""

    residual: Annotated[Array, "N ..."]  # outputs − targets
    weight: Annotated[Array, "N ..."]  # each row's weight as given, 1 without weights


def half_squared_error_forward(
    outputs: Annotated[Array, "N ..."],
    *,
    targets: Annotated[Array, "N ..."],
    sample_weight: Annotated[Array, "N"] | None = None,
) -> tuple[Annotated[Array, ""], HalfSquaredErrorSaved]:
    """Half the sum of the squared differences: a sum, not a mean.

    The form of the early papers and of many introductions. Nothing is divided by the number of
    rows or entries, and weights w are used as they are given (1 without weights), so the loss and
    its gradient grow with the batch; `mean_squared_error` does not.

        (1)  r = outputs − targets
        (2)  loss = ½ Σₙ wₙ Σⱼ rₙⱼ²

    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986, equation 3.

    >>> loss, _ = half_squared_error_forward(np.array([[3.0, 5.0]]), targets=np.array([[2.0, 2.0]]))
    >>> print(f"{loss} = (1 + 9) / 2, whatever the number of entries")
    5.0 = (1 + 9) / 2, whatever the number of entries
    """
    residual = outputs - targets  # (1)
    given = np.ones(len(outputs)) if sample_weight is None else sample_weight
    weight = column(given, outputs)
    loss = (weight * residual * residual).sum() / 2  # (2)
    return loss, HalfSquaredErrorSaved(residual, weight)


def half_squared_error_backward(
    dloss: Annotated[Array, ""], saved: HalfSquaredErrorSaved
) -> tuple[Annotated[Array, "N ..."]]:
    """Gradient with respect to `outputs`.

    Each entry appears in (2) once, as ½ w r², with slope w r (which is what the ½ is for); and
    by (1) ∂r/∂output = 1:

        doutputs = dloss w r
    """
    residual, weight = saved
    doutputs = dloss * weight * residual  # (2, 1)
    return (doutputs,)


class HuberSaved(NamedTuple):
    """What `huber_backward` needs from the forward pass."""

    clipped: Annotated[Array, "N ..."]  # outputs − targets, limited to [−delta, delta]
    share: Annotated[Array, "N ..."]  # each entry's share of the loss (one number per row)


def huber_forward(
    outputs: Annotated[Array, "N ..."],
    *,
    targets: Annotated[Array, "N ..."],
    delta: float = 1.0,
    sample_weight: Annotated[Array, "N"] | None = None,
) -> tuple[Annotated[Array, ""], HuberSaved]:
    """Half the square of small differences, a straight line for large ones; the mean of all.

    Outliers pull with a bounded force. `targets` have the shape of `outputs`; K entries a row.

        (1)  r = outputs − targets
        (2)  c = r limited to [−δ, δ]
        (3)  w = sample_weight / Σₙ sample_weightₙ / K       (1/(N K) without weights)
        (4)  loss = Σₙ wₙ Σⱼ cₙⱼ (rₙⱼ − cₙⱼ/2)

    Where |r| ≤ δ, c = r and the entry is ½ r². Beyond, c = ±δ and it is δ (|r| − δ/2), the line
    that continues the parabola with the slope that it has at ±δ.

    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    >>> loss, _ = huber_forward(np.array([[1.0, -5.0]]), targets=np.zeros((1, 2)), delta=2.0)
    >>> print(f"{loss} = (1/2 + 2 (5 - 1)) / 2")
    4.25 = (1/2 + 2 (5 - 1)) / 2
    """
    residual = outputs - targets  # (1)
    clipped = np.clip(residual, -delta, delta)  # (2)
    share = share_of_entries(outputs, sample_weight)  # (3)
    loss = (share * clipped * (residual - clipped / 2)).sum()  # (4)
    return loss, HuberSaved(clipped, share)


def huber_backward(
    dloss: Annotated[Array, ""], saved: HuberSaved
) -> tuple[Annotated[Array, "N ..."]]:
    """Gradient with respect to `outputs`.

    Where |r| < δ, an entry of (4) is w r²/2, of slope w r = w c. Beyond, c is a constant and
    w c (r − c/2) has slope w c. Both meet at |r| = δ, so there is one formula for all:

        doutputs = dloss w c
    """
    clipped, share = saved
    doutputs = dloss * share * clipped  # (4, 2, 1)
    return (doutputs,)
