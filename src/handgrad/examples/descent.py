"""Gradient descent on x₀² + x₁²: rates that are good, too large, too small.

    x ← x − η ∇f(x)            here  x ← x − 2 η x = (1 − 2η) x

so a step multiplies x by 1 − 2η. At η = 0.1 that is 0.8: after 100 steps, 0.8¹⁰⁰ = 2·10⁻¹⁰ of the
way is left. At η = 10 it is −19: x jumps to the other side, 19 times as far, and away it goes. At
η = 10⁻¹⁰ it is 0.9999999998, and nothing happens.

The book prints (−2.6·10¹³, −1.3·10¹²) for the rate of 10, where 19¹⁰⁰ would be 10¹²⁸. That is no
property of gradient descent: at x = 10¹³ its fixed h = 10⁻⁴ is less than the rounding of x² = 10²⁶,
the difference f(x + h) − f(x − h) becomes 0 (or any multiple of a large rounding error), and x
stands still. `handgrad.numerical_gradient` takes larger steps at larger x.

What to look at: the path for 0.1 runs straight to the middle, as each step is a fixed share of the
distance; in the right panel that is a straight line on a logarithmic axis.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad import gradient_descent
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, curves, label, panels
from handgrad.examples.stage import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 4"
PLACE = 3

START = np.array([-3.0, 4.0])
RATES = (0.1, 10.0, 1e-10)


def bowl(x: Array) -> Any:
    """x₀² + x₁²."""
    return (x**2).sum()


def books_gradient(x: Array) -> Array:
    """Central differences with h = 10⁻⁴, however large x is."""
    steps = 1e-4 * np.eye(2)
    return np.array([(bowl(x + h) - bowl(x - h)) / 2e-4 for h in steps])


def run(stage: Stage) -> None:
    """Walk with three rates, and as the book does with the one too large."""
    paths = {rate: gradient_descent(bowl, START, learning_rate=rate).path for rate in RATES}
    for rate, path in paths.items():
        first, second = path[-1]
        stage.say(f"learning rate {rate:<5g}: after 100 steps at ({first:.6g}, {second:.6g})")
    descent = gradient_descent(bowl, START, learning_rate=10.0, gradient=books_gradient)
    first, second = descent.path[-1]
    stage.say(f"as in the book, with h = 10⁻⁴ at every x: ({first:.8e}, {second:.8e})")
    figure, (left, right) = panels(1, 2, width=4.4, height=3.8)
    draw_path(left, paths[0.1])
    names = {f"η = {rate:g}": np.linalg.norm(path, axis=1) for rate, path in paths.items()}
    curves(right, names, x=range(101))
    right.set_yscale("log")
    right.set_ylim(1e-11, 1e11)
    label(right, "Distance to the lowest point", x="step", y="distance")
    stage.save(figure)


def draw_path(axes: "Axes", path: Array) -> None:
    """The way of the good rate over the lines of equal height."""
    x, y = np.linspace(-4.5, 4.5, 101), np.linspace(-4.5, 4.5, 101)
    axes.contour(x, y, x**2 + y[:, None] ** 2, levels=8, colors="#cccccc")
    axes.plot(*path.T, "o-", color=BLUE, ms=4, lw=1)
    axes.annotate(
        "start", (START[0], START[1]), xytext=(8, 4), textcoords="offset points", color=DARK
    )
    label(axes, "Learning rate 0.1", x="x₀", y="x₁", grid=False)
    axes.set_aspect("equal")
