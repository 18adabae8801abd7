"""simpleNet's gradient, and why the reader's own version was all zeros.

    y = softmax(x W),    loss = −log y₂            x = (0.6, 0.9), the right class is 2

Six weights; ∂loss/∂W has six entries. By hand, with the one-hot row t = (0, 0, 1):

    ∂loss/∂W = xᵀ (y − t)

The reader of the document wrote what looked the same:

    y = softmax(np.dot(x, W))
    f = lambda W: cross_entropy_error(y, t)
    numerical_gradient(f, W)                       # all zeros

The lambda's W is used nowhere. y was computed once, before; whatever W becomes, f returns the same
number, and (f(W + h) − f(W − h)) / 2h is 0. It has nothing to do with how Python passes arguments,
as the document supposes. The book's `lambda w: net.loss(x, t)` ignores its argument too, but
computes y anew from net.W, and net.W is the array that `numerical_gradient` changes. Write it
without this trick:

    numerical_gradient(lambda W: loss(x @ W, t), W)

The document adds 10⁻⁷ to the probability before it takes the logarithm, which changes the eighth
digit; both forms are printed. handgrad's `numerical_gradient` warns where f gave the same value for
every change of W.

What to look at: how the loss changes with each of the six weights, with the tangent that the
gradient promises. The reader's function is the flat line: right at one point, and nowhere else.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import warnings

import numpy as np

from handgrad import numerical_gradient, ops
from handgrad.checks import Array
from handgrad.examples.drawing import BLUE, DARK, GREY, ORANGE, label, panels
from handgrad.examples.stage import Stage

SECTION = "003, chapter 4"
PLACE = 4

X = np.array([[0.6, 0.9]])
LABEL = np.array([2])
STEP = 1e-4  # its h
W = np.array(  # what the document's run drew, as it printed it
    [[-1.22317556, -0.02853916, -0.24033821], [-1.62537437, -1.27039753, 0.84045948]]
)


def loss_of(weight: Array) -> float:
    """Forward: weights to loss."""
    loss, _ = ops.softmax_cross_entropy_forward(X @ weight, labels=LABEL)
    return float(loss)


def documents_loss(weight: Array) -> float:
    """The same with the document's 10⁻⁷ in the logarithm."""
    shares, _ = ops.softmax_forward(X @ weight)
    return float(-np.log(shares[0, LABEL[0]] + 1e-7))


def gradient(weight: Array) -> Array:
    """Backward, by the ops: the same as xᵀ (y − t)."""
    logits, saved = ops.affine_forward(X, weight, np.zeros(3))
    loss, loss_saved = ops.softmax_cross_entropy_forward(logits, labels=LABEL)
    (dlogits,) = ops.softmax_cross_entropy_backward(np.ones_like(loss), loss_saved)
    _, dweight, _ = ops.affine_backward(dlogits, saved)
    return dweight


def readers_gradient(weight: Array) -> tuple[Array, str]:
    """The gradient as the reader wrote it, and the warning that handgrad gives."""
    frozen = loss_of(weight)  # computed once, before
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        zeros = numerical_gradient(lambda _weight: frozen, weight)
    return zeros, str(caught[0].message)


def text(matrix: Array) -> str:
    """A matrix as the document prints it, eight digits after the point."""
    return "\n".join("  ".join(f"{entry:12.8f}" for entry in row) for row in matrix)


def run(stage: Stage) -> None:
    """Print loss and gradients, draw the loss over each weight."""
    zeros, warning = readers_gradient(W)
    by_hand = gradient(W)
    stage.say(f"the document's loss {documents_loss(W):.8f}, and its gradient, measured:")
    stage.say(text(numerical_gradient(documents_loss, W, step=STEP)))
    stage.say(f"loss {loss_of(W):.8f}, with nothing added; its gradient measured:")
    stage.say(f"{text(numerical_gradient(loss_of, W))}")
    stage.say(f"by hand:\n{text(by_hand)}")
    stage.say(f"the reader's:\n{text(zeros)}")
    stage.say("and handgrad's warning:")
    stage.say(f"{warning.partition(' (shape')[0]} …")
    figure, axes = panels(2, 3, width=3.2, height=2.6)
    moves = np.linspace(-3, 3, 121)
    for panel, (i, j) in zip(axes, np.ndindex(W.shape), strict=True):
        losses = [loss_of(moved(i, j, move)) for move in moves]
        panel.plot(moves, losses, color=BLUE, lw=2.2, label="loss")
        tangent = loss_of(W) + by_hand[i, j] * moves
        panel.plot(moves, tangent, color=ORANGE, lw=1.6, ls="--", label="its gradient")
        panel.axhline(loss_of(W), color=GREY, lw=1.4, ls=":", label="the reader's f")
        panel.plot(0, loss_of(W), "o", color=DARK, ms=5)
        label(panel, f"w{'₀₁'[i]}{'₀₁₂'[j]}:  {by_hand[i, j]:+.4f}", x="change", y="loss")
        panel.set_ylim(-0.15, 0.9)
    axes[0].legend(frameon=False, labelcolor=DARK, fontsize=8, loc="upper left")
    stage.save(figure)


def moved(i: int, j: int, move: float) -> Array:
    """W with one entry changed."""
    weight = W.copy()
    weight[i, j] += move
    return weight
