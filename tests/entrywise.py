"""What the cases of ops that treat every entry by itself have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad import ops
from harness import Array, Example, Make

Check = Callable[[], None]


def entries(scale: float = 1.0, **options: Any) -> Make:
    """Random entries of any shape; `scale` widens them until both tails are met."""
    return lambda rng, n, k: Example((scale * rng.normal(size=(n, 3, 4 * k)),), options)


def gradient_of(op: str, x: Array, **options: Any) -> Array:
    """The slope at each entry: dx where dy = 1 everywhere."""
    _, saved = getattr(ops, f"{op}_forward")(x, **options)
    (dx,) = getattr(ops, f"{op}_backward")(np.ones_like(x), saved)
    return dx


def at_tails(op: str, values: tuple[float, float], slopes: tuple[float, float]) -> Check:
    """At −10000 and 10000, in both dtypes: exact values and slopes, and nothing overflows."""

    def tails() -> None:
        for dtype in (np.float32, np.float64):
            x = np.array([-1e4, 1e4], dtype)
            y, _ = getattr(ops, f"{op}_forward")(x)
            assert tuple(y) == values, f"{op}_forward at ±1e4: {y}"
            dx = gradient_of(op, x)
            assert tuple(dx) == slopes, f"{op}_backward at ±1e4: {dx}"

    return tails


def keeps_nan(op: str) -> Check:
    """NaN in, NaN out: an activation must not hide that something went wrong before it."""

    def nan() -> None:
        y, _ = getattr(ops, f"{op}_forward")(np.array([np.nan, 1.0]))
        assert np.isnan(y).tolist() == [True, False], f"{op}_forward hides NaN: {y}"

    return nan
