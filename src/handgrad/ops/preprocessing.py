"""Preprocessing as fixed ops: the data's own numbers brought to a scale that trains well."""

from typing import Annotated, NamedTuple

from handgrad.ops.array import Array
from handgrad.ops.normalization import beside_channels


class RescaleSaved(NamedTuple):
    """What `rescale_backward` needs from the forward pass."""

    scale: float  # the slope


def rescale_forward(
    x: Annotated[Array, "..."], *, scale: float, offset: float = 0.0
) -> tuple[Annotated[Array, "..."], RescaleSaved]:
    """Multiply every entry by one number and add another.

        (1)  y = x scale + offset

    >>> import numpy as np
    >>> y, _ = rescale_forward(np.array([0.0, 4.0]), scale=0.5, offset=-1.0)
    >>> y
    array([-1.,  1.])
    """
    y = x * scale + offset  # (1)
    return y, RescaleSaved(scale)


def rescale_backward(
    dy: Annotated[Array, "..."], saved: RescaleSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) is a straight line of slope scale:   dx = dy scale
    """
    dx = dy * saved.scale  # (1)
    return (dx,)


class StandardizeSaved(NamedTuple):
    """What `standardize_backward` needs from the forward pass."""

    std: Annotated[Array, "C"]  # each channel's deviation, as given


def standardize_forward(
    x: Annotated[Array, "N C ..."], *, mean: Annotated[Array, "C"], std: Annotated[Array, "C"]
) -> tuple[Annotated[Array, "N C ..."], StandardizeSaved]:
    """Subtract from each feature (on images: each channel) its mean, and divide by its deviation.

        (1)  y = (x − mean) / std

    `mean` and `std` are constants, measured once on the training data. The subtraction comes
    first, because x scale + shift would round away what a large mean leaves.

    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3.

    >>> import numpy as np
    >>> y, _ = standardize_forward(np.array([[7.0]]), mean=np.array([1.0]), std=np.array([2.0]))
    >>> y
    array([[3.]])
    """
    y = (x - beside_channels(mean, x)) / beside_channels(std, x)  # (1)
    return y, StandardizeSaved(std)


def standardize_backward(
    dy: Annotated[Array, "N C ..."], saved: StandardizeSaved
) -> tuple[Annotated[Array, "N C ..."]]:
    """Gradient with respect to `x`.

    (1) is a straight line of slope 1 / std in each channel:   dx = dy / std
    """
    dx = dy / beside_channels(saved.std, dy)  # (1)
    return (dx,)
