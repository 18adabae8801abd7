"""The optimizers on MNIST: the same network, seven ways to train it.

A network with four hidden layers of 100 ReLU neurons, always from the same initial values and with
the same batches. What differs is the rule alone. Compared twice:

    1  with the learning rates of the book's figure: 0.01, for Adam 0.001
    2  each with its own best of nine, η ∈ {0.0003, 0.001, 0.003, …, 3}: the one with the
       lowest loss on 5,000 training images held out, after one epoch

A network of this size has 110,000 weights, and so a Hessian of 10¹⁰ entries: that is why Newton's
method, which needs one step on a parabola, trains no networks.

What to look at: with equal rates SGD looks hopeless (left). With rates that suit each it is not
(right): most of the left picture's differences are differences of the rates. AdaGrad, RMSprop,
AdaDelta and Adam need the least search, as their usual rates are the best of the nine here; SGD
wants one that is thirty times the book's. A comparison of optimizers that does not say how the
rates were chosen says little.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable

from handgrad.examples._training import (
    Digits,
    deep_network,
    digits,
    share_right,
    smooth,
    train_by_steps,
)
from handgrad.examples.drawing import curves, label, panels
from handgrad.examples.stage import Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import SGD, AdaDelta, AdaGrad, Adam, Momentum, Nesterov, Optimizer, RMSprop
from handgrad.training import Trainer

SECTION = "003, chapter 6"
PLACE = 2

RULES: dict[str, Callable[[float], Optimizer]] = {
    "SGD": SGD,
    "Momentum": Momentum,
    "Nesterov": Nesterov,
    "AdaGrad": AdaGrad,
    "RMSprop": RMSprop,
    "AdaDelta": AdaDelta,
    "Adam": Adam,
}
BOOK = {"SGD": 0.01, "Momentum": 0.01, "Nesterov": 0.01, "AdaGrad": 0.01, "Adam": 0.001}
DEFAULT = {"RMSprop": 0.001, "AdaDelta": 1.0}  # which the book's figure does not have
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def best_rate(name: str, data: Digits, rates: tuple[float, ...], *, seed: int) -> float:
    """The rate with the lowest held-out loss after one epoch."""
    losses: dict[float, float] = {}
    for rate in rates:
        network = deep_network(seed=seed)
        optimizer = RULES[name](rate)
        train_by_steps(network, optimizer, data.train, epochs=1, seed=seed)
        trainer = Trainer(network, SoftmaxCrossEntropy(), optimizer)
        loss = trainer.evaluate(*data.held_out)["loss"]
        losses[rate] = loss if loss == loss else float("inf")  # noqa: PLR0124  (NaN is not itself)
    return min(losses, key=losses.__getitem__)


def run(stage: Stage) -> None:
    """Train with both choices of rates; draw the losses."""
    data = digits(stage.pick(quick=1000, full=None), stage.pick(quick=500, full=5000))
    rates = stage.pick(quick=(0.01, 0.1), full=RATES)
    epochs = stage.pick(quick=2, full=4)
    chosen = {name: best_rate(name, data, rates, seed=stage.seed) for name in RULES}
    figure, (left, right) = panels(1, 2, width=4.8, height=4.0)
    rows: list[list[str]] = [[name] for name in RULES]
    for axes, title, by_name in (
        (left, "The book's rates", {**BOOK, **DEFAULT}),
        (right, "Each with its own best rate", chosen),
    ):
        named: dict[str, object] = {}
        for row, name in zip(rows, RULES, strict=True):
            rate = by_name[name]
            network = deep_network(seed=stage.seed)
            optimizer = RULES[name](rate)
            losses = train_by_steps(network, optimizer, data.train, epochs=epochs, seed=stage.seed)
            row += [f"{rate:g}", f"{100 * share_right(network, data.held_out):.2f} %"]
            named[f"{name}, {rate:g}"] = smooth(losses, stage.pick(quick=5, full=101))
        curves(axes, named)
        label(axes, title, x="step", y="training loss, moving mean")
        axes.set_yscale("log")
    stage.say(f"Accuracy on held-out training images after {epochs} epochs:")
    stage.table(["", "book's rate", "accuracy", "own rate", "accuracy"], rows)
    stage.save(figure)
