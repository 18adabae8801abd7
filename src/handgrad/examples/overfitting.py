"""Overfitting on 300 images, and what holds it back: L1, L2, max-norm, dropout.

A network with six hidden layers of 100 neurons has 130,000 weights: enough to learn 300 images by
heart, noise and all. What it then says about new ones is worse than it could be. Four ways to keep
it from that:

    L2         loss + ½ λ Σ w²       pulls each weight to 0 in proportion to its size
    L1         loss + λ Σ |w|        pulls each with the same force: many end at (nearly) 0
    max-norm   ‖w‖₂ ≤ c              for the weights into each neuron; longer ones are scaled back
    dropout    h ← h mask / (1 − p)  each neuron is silent in a share p of the steps, so that no one
                                     can rely on a particular other

(The norm ‖w‖∞ = max |w|, which books list beside these, pulls at one weight per step as a penalty;
what is used under the name of max-norm is the limit above.)

What to look at: the gap between the two curves of each panel. Training reaches 100 % with every one
of these ways, and the gap stays: no penalty replaces more images. What there is to gain is about
one point, which is hard to see in a single run: the means of three seeds on held-out images are
80.1 % with nothing, 81.0 % with L2, 80.8 % with L1, 80.2 % with max-norm, 81.2 % with dropout. The
strengths are those that were best there; with three times as much, training itself fails. The test
images were looked at once, for the table.

Krogh and Hertz, NIPS 1991; Srivastava et al., "Dropout", JMLR 15, 2014.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from handgrad.examples._training import deep_network, digits
from handgrad.examples.drawing import BLUE, DARK, GREY, ORANGE, label, panels
from handgrad.examples.stage import Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import SGD
from handgrad.regularizers import L1, L2, Penalty
from handgrad.training import Callback, MaxNorm, Trainer

SECTION = "003, chapter 6"
PLACE = 5


class Way(NamedTuple):
    """One way to train."""

    title: str
    penalty: Penalty | None = None
    constraint: Sequence[Callback] = ()
    dropout: float = 0.0


WAYS = [
    Way("Nothing"),
    Way("L2, λ = 0.01", L2(0.01)),
    Way("L1, λ = 0.001", L1(0.001)),
    Way("Max-norm, c = 1.5", None, [MaxNorm(1.5)]),
    Way("Dropout, p = 0.1", dropout=0.1),
    Way("Dropout and L2", L2(0.01), dropout=0.1),
]


def run(stage: Stage) -> None:
    """Train six times on the same 300 images; draw training and held-out accuracy."""
    data = digits(
        300,
        stage.pick(quick=500, full=5000),
        stage.pick(quick=500, full=None),
        seed=stage.seed,
    )
    epochs = stage.pick(quick=20, full=200)
    figure, each = panels(2, 3, width=3.4, height=2.9)
    rows: list[list[str]] = []
    for axes, way in zip(each, WAYS, strict=True):
        network = deep_network(layers=6, dropout=way.dropout, seed=stage.seed)
        trainer = Trainer(
            network, SoftmaxCrossEntropy(), SGD(0.05), penalty=way.penalty, seed=stage.seed
        )
        history = trainer.fit(
            *data.train,
            epochs=epochs,
            batch_size=100,
            validation_data=data.held_out,
            callbacks=way.constraint,
        )
        seen = trainer.evaluate(*data.train)["accuracy"]
        held_out = history["validation_accuracy"]
        new = trainer.evaluate(*data.test)["accuracy"]
        size = np.sqrt(sum((network.params[name] ** 2).sum() for name in network.decayed()))
        rows.append([way.title, *(f"{100 * v:.1f} %" for v in (seen, held_out[-1], new))])
        rows[-1].append(f"{size:.1f}")
        ticks = range(1, epochs + 1)
        axes.plot(ticks, history["accuracy"], color=BLUE, lw=1.6, label="training")
        axes.plot(ticks, held_out, color=ORANGE, ls="--", lw=1.6, label="held out")
        axes.axhline(held_out[-1], color=GREY, lw=0.8)
        label(axes, f"{way.title}: {100 * held_out[-1]:.1f} %", x="epoch", y="accuracy")
        axes.set_ylim(0, 1.03)
        axes.label_outer()
    each[0].legend(frameon=False, fontsize=9, labelcolor=DARK, loc="lower right")
    stage.say(f"After {epochs} epochs on 300 images:")
    stage.table(["", "training", "held out", "test", "‖weights‖"], rows)
    stage.save(figure)
