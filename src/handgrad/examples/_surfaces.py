"""Four surfaces with their slopes, and ways to walk down them: what the optimizers' examples share.

A surface gives, for a point p = (x, y), its height f, its gradient ∇f = (∂f/∂x, ∂f/∂y), and its
Hessian H, the matrix of its second derivatives. All three are worked by hand.
"""

from importlib import import_module
from typing import Annotated, Any

import numpy as np

from handgrad.checks import Array, HandgradError
from handgrad.optimizers import Optimizer

Point = Annotated[Array, "2"]
Path = Annotated[Array, "T+1 2"]


class Surface:
    """A function of two variables, and where to look at it."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    lowest: float  # the height of the lowest point in sight

    def f(self, x: Array, y: Array) -> Array:
        """The height, entry by entry."""
        raise NotImplementedError

    def gradient(self, p: Point) -> Point:
        """The direction of the steepest rise."""
        raise NotImplementedError

    def hessian(self, p: Point) -> Annotated[Array, "2 2"]:
        """How the gradient changes."""
        raise NotImplementedError


class Valley(Surface):
    """x²/20 + y², long and narrow: the gradient hardly ever points to the minimum."""

    x_range, y_range, lowest = (-9.0, 6.0), (-3.2, 3.2), 0.0

    def f(self, x: Array, y: Array) -> Array:
        return x * x / 20 + y * y

    def gradient(self, p: Point) -> Point:
        return np.array([p[0] / 10, 2 * p[1]])

    def hessian(self, p: Point) -> Array:
        return np.diag([1 / 10, 2.0])


class Saddle(Surface):
    """y² − x², flat at (0, 0), where it rises along y and falls along x without end."""

    x_range, y_range, lowest = (-2.2, 2.2), (-1.8, 1.8), -5.0

    def f(self, x: Array, y: Array) -> Array:
        return y * y - x * x

    def gradient(self, p: Point) -> Point:
        return np.array([-2 * p[0], 2 * p[1]])

    def hessian(self, p: Point) -> Array:
        return np.diag([-2.0, 2.0])


class TwoMinima(Surface):
    """y⁴ + 3x⁴ + 8x³ − 48x²: low at x = −4 (−512) and at x = 2 (−80), with a saddle at 0.

    For ∂f/∂x = 12x³ + 24x² − 96x = 12 x (x + 4) (x − 2).
    """

    x_range, y_range, lowest = (-6.2, 4.6), (-3.6, 3.6), -512.0

    def f(self, x: Array, y: Array) -> Array:
        return y**4 + 3 * x**4 + 8 * x**3 - 48 * x * x

    def gradient(self, p: Point) -> Point:
        return np.array([12 * p[0] * (p[0] + 4) * (p[0] - 2), 4 * p[1] ** 3])

    def hessian(self, p: Point) -> Array:
        return np.diag([36 * p[0] ** 2 + 48 * p[0] - 96, 12 * p[1] ** 2])


class Bowl(Surface):
    """x² + y²: the same on all sides."""

    x_range, y_range, lowest = (-2.2, 2.2), (-1.8, 1.8), 0.0

    def f(self, x: Array, y: Array) -> Array:
        return x * x + y * y

    def gradient(self, p: Point) -> Point:
        return 2 * p

    def hessian(self, p: Point) -> Array:
        return np.diag([2.0, 2.0])


VALLEY, SADDLE, TWO_MINIMA, BOWL = Valley(), Saddle(), TwoMinima(), Bowl()


def height(surface: Surface, path: Path) -> Annotated[Array, "T+1"]:
    """The surface's height along a path."""
    return surface.f(path[:, 0], path[:, 1])


def walk(surface: Surface, optimizer: Optimizer, start: tuple[float, float], steps: int) -> Path:
    """Every point that an optimizer of the library visits; the same code that trains networks."""
    point = np.array(start)
    path = [point.copy()]
    for _ in range(steps):
        optimizer.step({"point": point}, {"point": surface.gradient(point)})
        path.append(point.copy())
    return np.array(path)


def newton(surface: Surface, start: tuple[float, float], steps: int) -> Path:
    """Newton's method: jump to where the surface would be flat if it were a parabola.

    Near p, a smooth f is its own second-order Taylor polynomial but for a small rest,

        f(p + Δ) ≈ f(p) + ∇fᵀ Δ + ½ Δᵀ H Δ

    whose slope with respect to Δ is ∇f + H Δ. Where that is zero,

        (1)  H Δ = −∇f
        (2)  p ← p + Δ

    There is no learning rate, and on a parabola one step is enough. But "flat" may be a saddle or a
    summit as well as a minimum, and H has D² entries for D parameters: 6·10⁹ for a network
    of 79,510. A direction in which H is zero says nothing, and gets no step (the least-squares
    solution of (1) with the shortest Δ).
    """
    point = np.array(start)
    path = [point]
    for _ in range(steps):
        delta = np.linalg.lstsq(surface.hessian(point), -surface.gradient(point))[0]  # (1)
        point = point + delta  # (2)
        path.append(point)
    return np.array(path)


def bfgs(surface: Surface, start: tuple[float, float], steps: int) -> Path:
    """BFGS, SciPy's: Newton's method with a Hessian guessed from the gradients passed on the way.

    From one point to the next, Δ = p' − p, the gradient changes by about H Δ. BFGS keeps a matrix
    that satisfies this for the last step and stays symmetric and positive, so that every step leads
    downhill, and looks along it for a point that is low enough.

    Raises:
        HandgradError: SciPy is not installed.
    """
    try:
        optimize: Any = import_module("scipy.optimize")
    except ModuleNotFoundError as error:
        raise HandgradError(
            "bfgs: SciPy must be installed for this method, but is not. Install it with: "
            "pip install 'handgrad[scipy]'"
        ) from error
    path = [np.array(start)]

    def keep(p: Point) -> None:
        path.append(p.copy())

    def f(p: Point) -> float:
        return float(surface.f(p[0], p[1]))

    with np.errstate(all="ignore"):  # a saddle has no lowest point: the search runs away
        options = {"maxiter": steps}
        gradient = surface.gradient
        optimize.minimize(f, path[0], jac=gradient, method="BFGS", callback=keep, options=options)
    return np.array(path)
