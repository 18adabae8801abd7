"""Derivatives by measuring, and how small a step should be.

    forward difference    (f(x + h) − f(x)) / h              error about h f″ / 2
    central difference    (f(x + h) − f(x − h)) / 2h         error about h² f‴ / 6

A gradient is the vector of all partial derivatives: one variable moves, the others stand still.

    f(x₀, x₁) = x₀² + x₁²        ∇f = (2 x₀, 2 x₁)

h must be small, but not too small: f has 16 digits, and where f(x + h) and f(x − h) agree in ten of
them, six are left of the difference. The document's 10⁻⁴ is near the best for numbers about 1.
The document says 0.001 in its comment and loses all digits in another way, if x is an array of
whole numbers: x + h is then cut off to x again. `handgrad.numerical_gradient` converts them.

What to look at: the arrows, which point against the gradient, all to the lowest point, and are
longer where it is steeper. In the last panel each error falls with h until rounding takes over. The
complex step, f(x + ih) / h, subtracts nothing and has no such limit.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad import numerical_diff, numerical_gradient
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, DASHES, ORANGE, curves, label, panels
from handgrad.examples.stage import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 4"
PLACE = 2

STEP = 1e-4  # the document's h
POINTS = ((3.0, 4.0), (0.0, 2.0), (3.0, 0.0))


def parabola(x: Any) -> Any:
    """0.01 x² + 0.1 x, with the slopes 0.2 at 5 and 0.3 at 10."""
    return 0.01 * x**2 + 0.1 * x


def bowl(x: Array) -> Any:
    """x₀² + x₁²."""
    return (x**2).sum()


def run(stage: Stage) -> None:
    """Print derivatives and gradients; draw tangents, arrows, and the errors of small steps."""
    for x in (5.0, 10.0):
        slope = numerical_diff(parabola, x, step=STEP)
        stage.say(f"f(x) = 0.01 x² + 0.1 x at {x:4.1f}: slope {slope:.10f}")
    for point in POINTS:
        first, second = numerical_gradient(bowl, np.array(point), step=STEP)
        stage.say(f"f(x) = x₀² + x₁² at {point}: gradient ({first:.6f}, {second:.6f})")
    whole = numerical_gradient(bowl, np.array([3, 4]))
    stage.say(f"At whole numbers (3, 4): ({whole[0]:.6f}, {whole[1]:.6f})")
    figure, axes = panels(1, 3, width=4.2)
    draw_tangents(axes[0])
    draw_field(axes[1])
    draw_errors(axes[2])
    stage.save(figure)


def draw_tangents(axes: "Axes") -> None:
    """The parabola, and at two points the line with its slope there."""
    x = np.linspace(0, 20, 201)
    axes.plot(x, parabola(x), color=BLUE, lw=2.2)
    for at, dash in ((5.0, "--"), (10.0, "-.")):
        slope = numerical_diff(parabola, at)
        line = parabola(at) + slope * (x - at)
        axes.plot(x, line, color=ORANGE, ls=dash, lw=1.6, label=f"slope {slope:.1f} at {at:.0f}")
        axes.plot(at, parabola(at), "o", color=ORANGE)
    axes.legend(frameon=False, labelcolor=DARK, fontsize=9)
    label(axes, "0.01 x² + 0.1 x", x="x", y="f(x)")


def draw_field(axes: "Axes") -> None:
    """Arrows against the gradient, and lines of equal height."""
    side = np.linspace(-2, 2, 15)
    points = np.stack(np.meshgrid(side, side), axis=-1)
    slopes = np.array([numerical_gradient(bowl, point) for point in points.reshape(-1, 2)])
    fine = np.linspace(-2.3, 2.3, 101)
    axes.contour(fine, fine, fine**2 + fine[:, None] ** 2, levels=6, colors="#cccccc")
    axes.quiver(*points.reshape(-1, 2).T, *-slopes.T, angles="xy", color=BLUE, width=0.004)
    label(axes, "−∇(x₀² + x₁²)", x="x₀", y="x₁", grid=False)
    axes.set_aspect("equal")


def draw_errors(axes: "Axes") -> None:
    """Three ways to the slope of sin at 1, over the size of the step."""
    h = np.logspace(-16, -0.5, 63)
    ways = {
        "forward difference": (np.sin(1 + h) - np.sin(1)) / h,
        "central difference": (np.sin(1 + h) - np.sin(1 - h)) / (2 * h),
        "complex step": np.imag(np.sin(1 + 1j * h)) / h,
    }
    errors = {name: np.maximum(abs(slope - np.cos(1)), 1e-17) for name, slope in ways.items()}
    curves(axes, errors, x=h)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axvline(STEP, color=DARK, lw=1, ls=DASHES[3])
    axes.text(STEP * 1.4, 1e-17, "h = 10⁻⁴", color=DARK, fontsize=9)
    label(axes, "Error of sin′(1)", x="step h", y="error")
