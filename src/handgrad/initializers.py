"""Initial values of parameters: a generator, a shape and a dtype in, an array out."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.checks import Array, check_choice

Initializer = Callable[[np.random.Generator, Sequence[int], Any], Array]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many inputs reach one output (fan-in), and how many outputs one input reaches (fan-out).

    An affine weight is (in, out); a convolution's is (out, in, height, width), where each of the
    height × width positions counts.

    >>> fans((784, 100)), fans((30, 1, 5, 5))
    ((784, 100), (25, 750))
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


def zeros(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """All zeros: right for biases, fatal for weights (all neurons of a layer stay equal)."""
    del rng
    return np.zeros(shape, dtype)


def he(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Gaussian with standard deviation √(2 / fan-in), made for ReLU.

    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
    """
    return (rng.standard_normal(shape) * math.sqrt(2 / fans(shape)[0])).astype(dtype)


def gaussian(std: float) -> Initializer:
    """Gaussian with mean 0 and the standard deviation `std`: an initializer made for each `std`."""

    def initializer(rng: np.random.Generator, shape: Sequence[int], dtype: Any) -> Array:
        return (std * rng.standard_normal(shape)).astype(dtype)

    return initializer


BY_NAME: dict[str, Initializer] = {"he": he, "zeros": zeros}


def resolve(init: str | float | Initializer, *, who: str) -> Initializer:
    """Turn what a user gives into an initializer: a name, a Gaussian's deviation, or a function.

    Raises:
        InvalidValueError: an unknown name.
    """
    if isinstance(init, str):
        check_choice(init, sorted(BY_NAME), who=who, which="init")
        return BY_NAME[init]
    return init if callable(init) else gaussian(init)
