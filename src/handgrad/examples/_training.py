"""What the examples of training techniques share: a few digits, deep networks, losses by step."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from handgrad.checks import Array, NonFiniteError
from handgrad.data import Examples, mnist, split
from handgrad.layers import Affine, BatchNorm, Dropout, Layer, Relu, Sigmoid, Tanh
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.network import Network
from handgrad.optimizers import Optimizer
from handgrad.training import Callback, History, Trainer

ACTIVATIONS: dict[str, type[Layer]] = {"sigmoid": Sigmoid, "tanh": Tanh, "ReLU": Relu}


class Digits(NamedTuple):
    """MNIST in three parts."""

    train: Examples
    held_out: Examples  # of the 60,000 training images: what choices are made by
    test: Examples  # looked at once, at the end


def digits(train: int | None, held_out: int, test: int | None = None, *, seed: int = 0) -> Digits:
    """Some of MNIST's digits, as rows of 784 pixels in [0, 1].

    Args:
        train: how many to train on; None takes all that are not held out.
        held_out: how many others of the training images to hold out.
        test: how many test images to take; None takes all.
        seed: which ones are chosen follows from it.
    """
    data = mnist(normalize=True, flatten=True)
    kept, held = split(*data.train, count=held_out, seed=seed)
    return Digits(first(kept, train), held, first(data.test, test))


def first(examples: Examples, count: int | None) -> Examples:
    """The first `count` of them."""
    return Examples(examples.x[:count], examples.labels[:count])


def deep_network(
    *,
    layers: int = 4,
    width: int = 100,
    activation: str = "ReLU",
    init: str | float = "he",
    batch_norm: bool = False,
    dropout: float = 0.0,
    seed: int = 0,
) -> Network:
    """784 inputs, `layers` hidden layers of `width` neurons, 10 outputs."""
    parts: list[Layer] = []
    for _ in range(layers):
        parts += [Affine(width, init=init)]
        parts += [BatchNorm()] if batch_norm else []
        parts += [ACTIVATIONS[activation]()]
        parts += [Dropout(dropout)] if dropout else []
    return Network([*parts, Affine(10, init=init)], 784, seed=seed)


class StepLosses(Callback):
    """Keeps the loss of every step, which the history has only by epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rows, self.total = 0, 0.0

    def on_step(self, trainer: Trainer) -> None:
        rows, total = trainer.running.rows, trainer.running.sums["loss"]
        if rows <= self.rows:  # a new epoch
            self.rows, self.total = 0, 0.0
        self.losses.append((total - self.total) / (rows - self.rows))
        self.rows, self.total = rows, total


def train_by_steps(
    network: Network, optimizer: Optimizer, data: Examples, *, epochs: int, seed: int
) -> list[float]:
    """Train; the loss of every step, as far as it is a number."""
    losses = StepLosses()
    trainer = Trainer(network, SoftmaxCrossEntropy(), optimizer, seed=seed)
    try:
        trainer.fit(*data, epochs=epochs, batch_size=100, callbacks=[losses])
    except NonFiniteError:
        losses.losses.append(np.inf)
    return losses.losses


def history_of(trainer: Trainer, data: Digits, *, epochs: int, batch_size: int = 100) -> History:
    """Train with the held-out images as validation; what was measured before a number overflowed.

    A network that explodes is a result here, and no accident.
    """
    try:
        trainer.fit(
            *data.train, epochs=epochs, batch_size=batch_size, validation_data=data.held_out
        )
    except NonFiniteError:
        return trainer.history
    return trainer.history


def smooth(values: Sequence[float], width: int = 51) -> Array:
    """A moving mean, so that curves of single batches can be told apart."""
    array = np.asarray(values, float)
    width = min(width, len(array))
    return np.convolve(array, np.full(width, 1 / width), mode="valid")


def share_right(network: Network, examples: Examples) -> float:
    """The accuracy; a network that has exploded is merely wrong."""
    with np.errstate(all="ignore"):
        return float((network.predict_classes(examples.x) == examples.labels).mean())
