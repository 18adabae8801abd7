"""Softmax and cross-entropy on (3, 1, 6), and a gradient divided by mistake.

    y = softmax(x)       loss = −log yₖ       ∂loss/∂x = y − t

for one example whose right class is k = 1, with the one-hot row t = (0, 1, 0). The document gets
the loss 5.0549695… (its 10⁻⁷ in the logarithm shows in the sixth digit) and then the gradient

    (0.01570781, −0.33120751, 0.31549971)

which is (y − t) / 3. Its program divides by `t.shape[0]`, the size of the batch. But t is a single
row here, without a batch axis, and `t.shape[0]` is the number of classes. The loss was divided by
1 (cross_entropy_error makes a row of a vector before it counts), so this is no gradient of it: with
ten classes a network would learn at a tenth of its learning rate, and nobody would see why.

handgrad's loss takes batches only, (N, K), and divides by N in the loss and in the gradient.

What to look at: the tangents at the point where the loss is computed. One touches the curve, the
other cuts it. A numerical derivative tells them apart at once.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import numpy as np

from handgrad import numerical_gradient, ops
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, GREEN, ORANGE, label, panels
from handgrad.examples.stage import Stage

SECTION = "002"
PLACE = 1

X = np.array([3.0, 1.0, 6.0])
T = np.array([0.0, 1.0, 0.0])
LABELS = np.array([1])


def loss_of(x: Array) -> float:
    """The loss of one example."""
    loss, _ = ops.softmax_cross_entropy_forward(x[np.newaxis], labels=LABELS)
    return float(loss)


def gradient(x: Array) -> Array:
    """Its gradient, by the op."""
    loss, saved = ops.softmax_cross_entropy_forward(x[np.newaxis], labels=LABELS)
    (dlogits,) = ops.softmax_cross_entropy_backward(np.ones_like(loss), saved)
    return dlogits[0]


def documents(x: Array) -> tuple[float, Array]:
    """The document's loss and gradient: 10⁻⁷ in the logarithm, the wrong divisor."""
    y = np.exp(x) / np.exp(x).sum()
    loss = -np.sum(T * np.log(y + 1e-7)) / 1
    return float(loss), (y - T) / T.shape[0]


def text(vector: Array) -> str:
    """Eight digits after the point, as the document prints them."""
    return "  ".join(f"{entry:11.8f}" for entry in vector)


def run(stage: Stage) -> None:
    """Print both losses and gradients, draw their tangents."""
    their_loss, their_gradient = documents(X)
    measured = numerical_gradient(loss_of, X)
    stage.say(f"the document's loss      {their_loss:.15f}")
    stage.say(f"with nothing added       {loss_of(X):.15f}")
    stage.say(f"the document's gradient  {text(their_gradient)}")
    stage.say(f"the gradient             {text(gradient(X))}")
    stage.say(f"measured                 {text(measured)}")
    figure, axes = panels(1, 2, width=4.4)
    places, width = np.arange(3), 0.28
    for shift, (name, values, colour) in enumerate(
        [
            ("measured", measured, GREEN),
            ("y − t", gradient(X), BLUE),
            ("the document's", their_gradient, ORANGE),
        ]
    ):
        axes[0].bar(places + (shift - 1) * width, values, width, color=colour, label=name)
    axes[0].set_xticks(places, ["x₀ = 3", "x₁ = 1", "x₂ = 6"])
    axes[0].axhline(0, color=DARK, lw=0.8)
    axes[0].legend(frameon=False, labelcolor=DARK, fontsize=9)
    label(axes[0], "∂loss/∂x", x="logit", y="derivative")
    x1 = np.linspace(-1, 8, 181)
    curve = [loss_of(np.array([3.0, each, 6.0])) for each in x1]
    axes[1].plot(x1, curve, color=BLUE, lw=2.2, label="loss")
    for name, slope, colour, dash in (
        ("tangent, slope −0.99", gradient(X)[1], DARK, "--"),
        ("the document's, −0.33", their_gradient[1], ORANGE, "-."),
    ):
        line = loss_of(X) + slope * (x1 - 1)
        axes[1].plot(x1, line, color=colour, ls=dash, lw=1.6, label=name)
    axes[1].plot(1, loss_of(X), "o", color=DARK)
    axes[1].set_ylim(-0.3, 7.5)
    axes[1].legend(frameon=False, labelcolor=DARK, fontsize=9)
    label(axes[1], "Loss, as the right class's logit moves", x="x₁", y="loss")
    stage.save(figure)
