"""Preprocessing as fixed layers: what the data needs is saved, copied and shipped with the network.

Both learn nothing: they have no parameters, and no step changes their state.
"""

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from handgrad.backend import ops
from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    ShapeError,
    check_finite,
    check_number,
    shape_text,
)
from handgrad.initializers import Initializer
from handgrad.layers.base import Layer, ParamSpec, Shape
from handgrad.layers.normalization import count_channels
from handgrad.ops.preprocessing import RescaleSaved, StandardizeSaved

SMALLEST_STD = float(np.finfo(np.float32).tiny)  # what is smaller becomes 0 in a float32 network


class Rescale(Layer):
    """Multiply every entry by one number and add another: y = x scale + offset.

    `Rescale(1 / 255)` brings bytes to [0, 1], and `Rescale(2 / 255, -1.0)` to [−1, 1].

    Args:
        scale: what to multiply by.
        offset: what to add.
        name: how errors call this layer.

    Shapes: x (N, …), y the same.
    """

    def __init__(self, scale: float, offset: float = 0.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        check_number(scale, who="Rescale", which="scale")
        check_number(offset, who="Rescale", which="offset")
        self.scale = float(scale)
        self.offset = float(offset)

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array, *, training: bool) -> tuple[Array, RescaleSaved]:
        return ops.rescale_forward(x, scale=self.scale, offset=self.offset)

    def backward(self, dy: Array, saved: RescaleSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy)
        (dx,) = ops.rescale_backward(dy, saved)
        return dx, {}

    def flops(self) -> int:
        return 2 * math.prod(self.input_shape)


class Standardize(Layer):
    """Bring each feature (on images: each channel) to mean 0 and deviation 1: y = (x − mean) / std.

    The usual way to make one is `Standardize.of(x_train)`. The numbers are fixed from then on, and
    kept in `state`, so a saved network brings them along and `load` needs no data.

    Args:
        mean: one number for all features, or one for each.
        std: the same; above 0. Without both, the layer refuses to run until its state is filled.
        name: how state and errors call this layer.

    Shapes: x (N, C) or (N, C, H, W), y the same; state mean (C,), std (C,).

    >>> layer = Standardize.of([[1.0, 5.0], [3.0, 5.0]])
    >>> layer.mean, layer.std
    (array([2., 5.]), array([1., 1.]))
    """

    def __init__(
        self,
        mean: float | Sequence[float] | Array | None = None,
        std: float | Sequence[float] | Array | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if (mean is None) != (std is None):
            given, missing = ("std", "mean") if mean is None else ("mean", "std")
            raise InvalidValueError(
                f"Standardize: {given} was given without {missing}. "
                "Give both, or use Standardize.of(x_train)."
            )
        self.mean = None if mean is None else statistic(mean, which="mean")
        self.std = None if std is None else statistic(std, which="std")
        if self.std is not None and (self.std < SMALLEST_STD).any():
            raise InvalidValueError(
                f"Standardize: std must be above 0, but its smallest entry is {self.std.min():g}. "
                "Use 1 for features that are constant."
            )

    @classmethod
    def of(cls, x: Any, *, name: str | None = None) -> Self:
        """The layer that standardizes `x`, (N, C) or (N, C, H, W): give it the training data alone.

        A constant feature gets the deviation 1, and so becomes 0.

        Raises:
            ShapeError, DtypeError, InvalidValueError, NonFiniteError: data that cannot be measured.
        """
        return cls(*measure(np.asarray(x)), name=name)

    def build(self, input_shape: Shape) -> Shape:
        shape = (count_channels(self, input_shape),)
        for which, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and values.shape not in {(), shape}:
                raise ShapeError(
                    f"Standardize {self.name!r}: {which} must be one number, or have shape "
                    f"{shape_text(shape)} for x {shape_text(('N', *input_shape))}, "
                    f"but has shape {shape_text(values.shape)}."
                )
        self.state_specs = {
            "mean": ParamSpec(shape, constant(self.mean)),
            "std": ParamSpec(shape, constant(self.std)),
        }
        return input_shape

    def forward(self, x: Array, *, training: bool) -> tuple[Array, StandardizeSaved]:
        self.check_input(x)
        mean, std = self.state["mean"], self.state["std"]
        if np.isnan(mean).any() or np.isnan(std).any():
            raise InvalidValueError(
                f"{self.title}: it has no mean and std yet. Make it with Standardize.of(x_train)."
            )
        return ops.standardize_forward(x, mean=mean, std=std)

    def backward(self, dy: Array, saved: StandardizeSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy)
        (dx,) = ops.standardize_backward(dy, saved)
        return dx, {}

    def config(self) -> dict[str, Any]:
        return {"name": self.name}  # mean and std are state: they are saved once, as arrays

    def flops(self) -> int:
        return 2 * math.prod(self.input_shape)


def statistic(values: Any, *, which: str) -> Array:
    """One number or a vector of finite numbers, as an array of its own."""
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise DtypeError(
            f"Standardize: {which} must be a number or a vector of numbers, but is {values!r}."
        ) from None
    if array.ndim > 1:
        raise ShapeError(
            f"Standardize: {which} must be one number, or have shape (C,), "
            f"but has shape {shape_text(array.shape)}."
        )
    check_finite(array, who="Standardize", which=which)
    return array


def measure(x: Array) -> tuple[Array, Array]:
    """Mean and deviation of each feature or channel, in float64, in two passes over `x`.

    A part of the rows at a time, so that a large set of bytes is never copied as float64.
    """
    who = "Standardize.of"
    if x.ndim not in {2, 4}:
        raise ShapeError(
            f"{who}: x must have shape (N, C) or (N, C, H, W), but has shape {shape_text(x.shape)}."
        )
    if x.dtype.kind not in "buif":
        raise DtypeError(f"{who}: x must hold real numbers, but has dtype {x.dtype}.")
    if not x.size:
        raise InvalidValueError(
            f"{who}: x must have at least one entry, but has shape {shape_text(x.shape)}."
        )
    check_finite(x, who=who, which="x", cure="Remove or fill those examples.")
    axes = (0, *range(2, x.ndim))
    parts = [x[start : start + 1000] for start in range(0, len(x), 1000)]
    m = x[:, 0].size
    mean = np.sum([part.sum(axis=axes, dtype=np.float64) for part in parts], axis=0) / m
    beside = mean.reshape(-1, *[1] * (x.ndim - 2))
    squares = np.sum([((part - beside) ** 2).sum(axis=axes) for part in parts], axis=0)
    std = np.sqrt(squares / m)
    # Rounding may leave a constant feature a tiny deviation, which would blow up what is not there.
    varies = x.max(axis=axes) != x.min(axis=axes)
    return mean, np.where(varies & (std >= SMALLEST_STD), std, 1.0)


def constant(values: Array | None) -> Initializer:
    """An initializer that gives `values`; NaN where there are none, which `forward` notices."""

    def initializer(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> Array:
        del rng
        return np.full(shape, np.nan if values is None else values, dtype)

    return initializer
