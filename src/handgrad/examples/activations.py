"""Activation functions: step, sigmoid, ReLU, identity, softmax.

    step       y = 1 if x > 0, else 0
    sigmoid    y = 1 / (1 + e⁻ˣ)                 slope  y (1 − y)
    ReLU       y = max(0, x)                     slope  1 if x > 0, else 0
    identity   y = x                             slope  1
    softmax    yₖ = e^xₖ / Σᵢ e^xᵢ               all outputs depend on all inputs

Between layers stands something curved. Two layers with nothing (or the identity) between them are
one layer, for (x V) W = x (V W). At the end of the network stands the identity for a number,
sigmoid for yes or no, and softmax for one of several classes.

Softmax is the same for x and x − max(x), because the factor e^max cancels. So no exponential needs
to be larger than 1: what overflows when written down as above, for x = (1010, 1000, 990), is
computed without any loss.

What to look at: the slopes (dashed). Step's is 0 wherever it has one: nothing can be learned
through it. Sigmoid's is at most ¼, and almost 0 away from the middle. ReLU's is 1 or 0, and that is
why deep networks prefer it.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, ORANGE, label, panels
from handgrad.examples.stage import Stage

SECTION = "003, chapter 3"
PLACE = 1

NAMES = ("step", "sigmoid", "relu", "identity")
SCORES = np.array([[0.3, 2.9, 4.0]])
LARGE = np.array([[1010.0, 1000.0, 990.0]])


def value(name: str, x: Array) -> Array:
    """An activation's output."""
    y, _ = getattr(ops, f"{name}_forward")(x)
    return y


def slope(name: str, x: Array) -> Array:
    """Its derivative; the step function's is 0 where it has one."""
    if name == "step":
        return np.zeros_like(x)
    _, saved = getattr(ops, f"{name}_forward")(x)
    (dx,) = getattr(ops, f"{name}_backward")(np.ones_like(x), saved)
    return dx


def run(stage: Stage) -> None:
    """Print values, draw curves and slopes."""
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    stage.table(
        ["x", *(f"{each:.0f}" for each in x)],
        [[name, *(f"{y:.4f}" for y in value(name, x))] for name in NAMES],
    )
    for scores in (SCORES, LARGE):
        shares, _ = ops.softmax_forward(scores)
        text = "  ".join(f"{share:.8f}" for share in shares[0])
        stage.say(f"softmax of {scores[0]}: {text}  (sum {shares.sum():.6f})")
    say_that_linear_layers_collapse(stage)
    figure, axes = panels(1, 5, width=3.0, height=3.0)
    wide = np.linspace(-5, 5, 1001)
    for panel, name in zip(axes, NAMES, strict=False):
        panel.plot(wide, value(name, wide), color=BLUE, lw=2.2, label="value")
        panel.plot(wide, slope(name, wide), color=ORANGE, lw=1.6, ls="--", label="slope")
        label(panel, "ReLU" if name == "relu" else name, x="x", y="y, and its slope")
        panel.set_ylim((-5.2, 5.2) if name in {"relu", "identity"} else (-0.1, 1.1))
        panel.legend(frameon=False, labelcolor=DARK, fontsize=9, loc="upper left")
    shares, _ = ops.softmax_forward(SCORES)
    bars = axes[4].bar(["x₁ = 0.3", "x₂ = 2.9", "x₃ = 4.0"], shares[0], color=BLUE)
    axes[4].bar_label(bars, fmt="%.3f", color=DARK)
    label(axes[4], "softmax", y="y", grid=False)
    axes[4].set_ylim(0, 1.1)
    stage.save(figure)


def say_that_linear_layers_collapse(stage: Stage) -> None:
    """Two layers without an activation between them, and the one layer that they are."""
    rng = stage.rng()
    x, v, w = rng.normal(size=(5, 4)), rng.normal(size=(4, 6)), rng.normal(size=(6, 3))
    same = np.allclose((x @ v) @ w, x @ (v @ w))
    stage.say(f"(x V) W = x (V W) on random matrices: {'yes' if same else 'no'}")
