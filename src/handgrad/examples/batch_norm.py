"""Batch normalization against none, over sixteen scales of the initial weights.

Batch norm stands between an affine layer and its activation, and brings each neuron's values over
the batch to mean 0 and variance 1; then it learns a scale γ and a shift β:

    μ = mean(x)    σ² = mean((x − μ)²)    x̂ = (x − μ) / √(σ² + ε)    y = γ x̂ + β

Multiply all weights of the affine layer by c > 0, and μ, σ and x − μ grow by c as well: y stays as
it is (but for ε). So the scale of the initial weights cannot make the values of a deep layer vanish
or explode. It still sets how fast the layer learns: the gradient of weights c times larger is c
times smaller.

What to look at: without batch norm (dashed), few scales learn: below them nothing happens, above
them the numbers overflow (a cross). With batch norm (solid), all but the smallest learn something,
and those from 0.1 to 0.001 learn well. It is not always quicker: at σ = 0.29 the plain network is.
Every network sees the same 1,000 images in the same order.

Ioffe and Szegedy, "Batch Normalization", arXiv:1502.03167.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import numpy as np

from handgrad.examples._training import deep_network, digits, history_of
from handgrad.examples.drawing import BLUE, DARK, ORANGE, label, panels
from handgrad.examples.stage import Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import SGD
from handgrad.training import Trainer

SECTION = "003, chapter 6"
PLACE = 4


def run(stage: Stage) -> None:
    """Train twice for each scale; draw the grid of curves."""
    data = digits(1000, 1000)
    scales = np.logspace(0, -4, stage.pick(quick=4, full=16))
    epochs = stage.pick(quick=5, full=20)
    columns = stage.pick(quick=2, full=4)
    figure, each = panels(len(scales) // columns, columns, width=2.6, height=2.0)
    rows: list[list[str]] = []
    for axes, scale in zip(each, scales, strict=True):
        row = [f"{scale:.4f}"]
        for batch_norm, colour, dashes in ((True, BLUE, "-"), (False, ORANGE, "--")):
            network = deep_network(
                layers=5, init=float(scale), batch_norm=batch_norm, seed=stage.seed
            )
            trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.01), seed=stage.seed)
            history = history_of(trainer, data, epochs=epochs)
            shares = history["accuracy"] if len(history) else []
            name = "with batch norm" if batch_norm else "without"
            ticks = range(1, len(shares) + 1)
            axes.plot(ticks, shares, color=colour, ls=dashes, lw=1.8, label=name)
            if len(shares) < epochs:
                axes.plot(len(shares) + 1, 0.1, "x", color=colour, ms=8, mew=2, clip_on=False)
            row.append(f"{100 * shares[-1]:.1f} %" if len(shares) == epochs else "overflow")
        rows.append(row)
        label(axes, f"σ = {scale:.2g}")
        axes.set(ylim=(0, 1.03), xlim=(0.5, epochs + 0.5))
        axes.label_outer()
    each[0].legend(frameon=False, fontsize=8, labelcolor=DARK)
    figure.supxlabel("epoch", color=DARK)
    figure.supylabel("training accuracy", color=DARK)
    stage.say(f"Training accuracy after {epochs} epochs, by the initial weights' deviation:")
    stage.table(["σ", "batch norm", "without"], rows)
    stage.save(figure)
