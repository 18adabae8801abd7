"""What is measured: networks with their data, loss, optimizer and batch size.

`write` puts a work into a folder that every side reads: the same initial parameters, the same
data, the same options.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from handgrad import Affine, BatchNorm, Layer, Network, Relu, Sigmoid
from handgrad.checks import Array
from handgrad.data import Dataset, Examples, mnist, split
from handgrad.layers.describe import describe
from handgrad.models import deep_conv_net, logistic_regression, simple_conv_net, two_layer_net

QUICK_BATCH, QUICK_STEPS = 8, 2
HELD_OUT = 5000

Data = Callable[[int], tuple[Array, Array]]


@cache
def digits() -> Dataset:
    """MNIST as it is stored, in bytes."""
    return mnist()


def image_rows(rows: int) -> tuple[Array, Array]:
    """MNIST's first training images, in bytes: (N, 1, 28, 28)."""
    x, labels = digits().train
    return x[:rows], labels[:rows]


def flat_rows(rows: int) -> tuple[Array, Array]:
    """MNIST's first training images, flat, in [0, 1]: (N, 784)."""
    x, labels = image_rows(rows)
    return np.divide(x.reshape(len(x), -1), 255, dtype=np.float32), labels


def noise_rows(features: int, classes: int) -> Data:
    """Gaussian rows with random labels: (N, features)."""

    def data(rows: int) -> tuple[Array, Array]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((rows, features), dtype=np.float32)
        return x, rng.integers(0, classes, rows)

    return data


def halves(rows: int) -> tuple[Array, Array]:
    """Document 001's data: four Gaussian numbers, and on which side of a plane they lie."""
    x = np.random.default_rng(0).standard_normal((rows, 4), dtype=np.float32)
    labels = (x @ np.array([[0.3], [0.6], [-0.7], [-1.3]]) + 0.2) > 0
    return x, labels.astype(np.float32)


def people(rows: int) -> tuple[Array, Array]:
    """Data like document 004's: weight and height about their means, and the sex as a number."""
    x = np.array([[-2, -1], [25, 6], [17, 4], [-15, -6]], np.float32)[:rows]
    return x, np.array([[1], [0], [0], [1]], np.float32)[:rows]


@dataclass(frozen=True)
class Work:
    """One line of a table.

    Attributes:
        name: how the command line calls it.
        title: how tables call it.
        network: makes the network.
        data: makes that many examples and labels.
        batch: rows of one step.
        steps: steps of one epoch, which is what a clock is read after.
        infer: whether it predicts, in place of training.
        accuracy: whether training also counts the right answers.
    """

    name: str
    title: str
    network: Callable[[], Network]
    data: Data
    batch: int = 100
    steps: int = 20
    optimizer: str = "adam"
    learning_rate: float = 0.001
    loss: str = "SoftmaxCrossEntropy"
    infer: bool = False
    accuracy: bool = False


def five_layers() -> Network:
    """Five hidden layers of 100 with batch norm: the book's chapter 6."""
    layers: list[Layer] = []
    for _ in range(5):
        layers += [Affine(100), BatchNorm(), Relu()]
    return Network([*layers, Affine(10)], 784)


def two_two_one() -> Network:
    """Document 004's network: two inputs, two hidden neurons, one output, all sigmoid."""
    return Network([Affine(2, init=1.0), Sigmoid(), Affine(1, init=1.0), Sigmoid()], 2)


def small() -> Network:
    """The book's TwoLayerNet: 784-100-10."""
    return two_layer_net(784, 100, 10)


WORKS = [
    Work("mlp-sgd", "784-100-10, SGD", small, flat_rows, optimizer="sgd", learning_rate=0.1),
    Work("mlp-adam", "784-100-10, Adam", small, flat_rows),
    Work(
        "wide-sgd",
        "3072-100-10, SGD",
        lambda: two_layer_net(3072, 100, 10),
        noise_rows(3072, 10),
        batch=200,
        optimizer="sgd",
        learning_rate=0.01,
    ),
    Work("norm-adam", "5 × 100, batch norm, Adam", five_layers, flat_rows),
    Work("simple-adam", "SimpleConvNet, Adam", simple_conv_net, image_rows, steps=10),
    Work("deep-adam", "DeepConvNet, Adam", deep_conv_net, image_rows, steps=5),
    Work(
        "deep-predict",
        "DeepConvNet, inference",
        deep_conv_net,
        image_rows,
        batch=1000,
        steps=1,
        infer=True,
    ),
    Work(
        "deep-predict-one",
        "DeepConvNet, inference",
        deep_conv_net,
        image_rows,
        batch=1,
        steps=20,
        infer=True,
    ),
    Work(
        "logistic",
        "logistic regression, 4 inputs, SGD",
        lambda: logistic_regression(4),
        halves,
        batch=1000,
        steps=1,
        optimizer="sgd",
        learning_rate=0.01,
        loss="BinaryCrossEntropy",
    ),
    Work(
        "two-two-one",
        "2-2-1, sigmoid, SGD",
        two_two_one,
        people,
        batch=1,
        steps=4,
        optimizer="sgd",
        learning_rate=0.1,
        loss="MeanSquaredError",
    ),
]


def quick(work: Work) -> Work:
    """The same with tiny batches: to see that it runs, not how fast."""
    batch, steps = min(work.batch, QUICK_BATCH), min(work.steps, QUICK_STEPS)
    return replace(work, batch=batch, steps=steps)


def flops(work: Work) -> int:
    """Floating-point operations of one step (a multiply-add counts two).

    Training multiplies with each weight three times: forward, for its gradient and for the
    gradient of its input, which the first layer does not need.
    """
    network = work.network()
    each = [layer.flops() for layer in network.layers]
    forward = sum(each)
    if work.infer:
        return forward * work.batch
    first = next(f for f, layer in zip(each, network.layers, strict=True) if layer.params)
    return (3 * forward - first) * work.batch


def write(work: Work, folder: Path, *, threads: int) -> None:
    """Write the network, its parameters, the data and the options into `folder`."""
    network = work.network()
    x, labels = work.data(work.batch * work.steps)
    arrays = {f"params/{name}": array for name, array in network.params.items()}
    write_task(
        network,
        folder,
        {**arrays, "x": x, "labels": labels},
        {
            "loss": work.loss,
            "optimizer": work.optimizer,
            "learning_rate": work.learning_rate,
            "check_rate": work.learning_rate,
            "batch": work.batch,
            "infer": work.infer,
            "accuracy": work.accuracy,
            "threads": threads,
        },
    )


def write_task(
    network: Network, folder: Path, arrays: dict[str, Array], options: dict[str, Any]
) -> None:
    """Write the three files that `side.Side` reads."""
    layers = [
        {**describe(layer), "images": len(layer.input_shape) == 3} for layer in network.layers
    ]
    network.save(folder / "network.safetensors")
    np.savez(folder / "arrays.npz", allow_pickle=False, **arrays)
    text = json.dumps({"layers": layers, **options})
    (folder / "task.json").write_text(text, encoding="utf-8")


def digits_to_measure(limit: int | None, *, held_out: bool) -> tuple[Examples, Examples]:
    """MNIST in two parts: to train on, and to measure on.

    Args:
        limit: take only that many of each.
        held_out: measure on 5,000 training images, which training then leaves out. Recipes are
            chosen on these; the test images are for the result alone.
    """
    train, test = digits()
    if held_out:
        train, test = split(*train, count=HELD_OUT)
    return Examples(train.x[:limit], train.labels[:limit]), Examples(
        test.x[:limit], test.labels[:limit]
    )
