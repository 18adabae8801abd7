"""Networks as short functions: the documents' own, and those of `handgrad train`, with recipes.

Each function builds a `Network`; nothing is hidden in it, so copy it and change what you like. The
networks for images take bytes, 0 to 255, and bring them to [0, 1] themselves: what is saved needs
no preprocessing outside. "The book" is Koki Saitoh, "Deep Learning from Scratch", 2016.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.checks import Array, check_choice
from handgrad.layers import (
    Affine,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    MaxPool2d,
    Relu,
    Rescale,
)
from handgrad.network import Network
from handgrad.schedules import OneCycle, Schedule

MNIST_SHAPE = (1, 28, 28)


def logistic_regression(features: int, *, seed: int = 0, dtype: str = "float32") -> Network:
    """One neuron: the logit of class 1 from a weighted sum.

    Train it with BinaryCrossEntropy. (D,) -> (1,).
    """
    return Network([Affine(1, init=1.0)], features, seed=seed, dtype=dtype)


def two_layer_net(
    features: int,
    hidden: int,
    classes: int,
    *,
    init: float | str = "he",
    seed: int = 0,
    dtype: str = "float32",
) -> Network:
    """Affine, ReLU, affine: CS231n's and the book's TwoLayerNet.

    `init=0.01` gives the book's small Gaussian, 1e-3 that of CS231n. (D,) -> (K,).
    """
    layers = [Affine(hidden, init=init), Relu(), Affine(classes, init=init)]
    return Network(layers, features, seed=seed, dtype=dtype)


def mlp(*, seed: int = 0, dtype: str = "float32") -> Network:
    """A fully connected network for MNIST: 784-256-128-10 with ReLU and a little dropout."""
    layers = [
        *[Rescale(1 / 255), Flatten()],
        *[Affine(256), Relu(), Dropout(0.2)],
        *[Affine(128), Relu(), Dropout(0.2)],
        Affine(10),
    ]
    return Network(layers, MNIST_SHAPE, seed=seed, dtype=dtype)


def convnet(*, seed: int = 0, dtype: str = "float32") -> Network:
    """A small convolutional network for MNIST: three 3×3 convolutions with batch norm, one affine.

    Pooling before ReLU gives the same values as after it (both keep the order), at a quarter of
    the work.
    """
    layers = [
        Rescale(1 / 255),
        *[Conv2d(16, 3, padding=1, bias=False), BatchNorm(), MaxPool2d(2), Relu()],
        *[Conv2d(32, 3, padding=1, bias=False), BatchNorm(), MaxPool2d(2), Relu()],
        *[Conv2d(64, 3, bias=False), BatchNorm(), Relu()],
        *[Flatten(), Affine(10)],
    ]
    return Network(layers, MNIST_SHAPE, seed=seed, dtype=dtype)


def simple_conv_net(*, seed: int = 0, dtype: str = "float32") -> Network:
    """The book's SimpleConvNet (chapter 7): one convolution, pooling, 100 hidden neurons."""
    layers = [
        *[Rescale(1 / 255), Conv2d(30, 5), Relu(), MaxPool2d(2)],
        *[Flatten(), Affine(100), Relu(), Affine(10)],
    ]
    return Network(layers, MNIST_SHAPE, seed=seed, dtype=dtype)


def deep_conv_net(*, seed: int = 0, dtype: str = "float32") -> Network:
    """The book's DeepConvNet (chapter 8): six 3×3 convolutions, three poolings, dropout.

    The fourth convolution pads by 2, so that the last feature map is 4 × 4, as in the book.
    """
    layers: list[Layer] = [Rescale(1 / 255)]
    for filters, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for padding in paddings:
            layers += [Conv2d(filters, 3, padding=padding), Relu()]
        layers += [MaxPool2d(2)]
    layers += [Flatten(), Affine(50), Relu(), Dropout(0.5), Affine(10), Dropout(0.5)]
    return Network(layers, MNIST_SHAPE, seed=seed, dtype=dtype)


def deep(*, seed: int = 0, dtype: str = "float32") -> Network:
    """DeepConvNet as `handgrad train --model deep` takes it: no dropout on the logits.

    The book's own has dropout after the last affine layer too, which zeroes logits at random:
    half of the time the right class itself.
    """
    layers: list[Layer] = [Rescale(1 / 255)]
    for filters, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for padding in paddings:
            layers += [Conv2d(filters, 3, padding=padding, bias=False), BatchNorm(), Relu()]
        layers += [MaxPool2d(2)]
    layers += [Flatten(), Affine(50), Relu(), Dropout(0.5), Affine(10)]
    return Network(layers, MNIST_SHAPE, seed=seed, dtype=dtype)


@dataclass(frozen=True)
class Recipe:
    """How `handgrad train mnist` trains a network where the user does not say otherwise.

    Every number was chosen on 5,000 training images that were held out; no test image was looked
    at.
    """

    network: Callable[..., Network]
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    schedule: Schedule
    augment: Callable[[Array, np.random.Generator], Array] | None = None


RECIPES: dict[str, Recipe] = {
    "mlp": Recipe(mlp, 12, 100, "adam", 0.002, OneCycle(0.2)),
    "convnet": Recipe(convnet, 8, 100, "adam", 0.004, OneCycle(0.2)),
    "deep": Recipe(deep, 8, 100, "adam", 0.003, OneCycle(0.2)),
}


def build(name: str, *, seed: int = 0) -> Network:
    """The network that a recipe trains.

    Raises:
        InvalidValueError: there is no recipe of that name.

    >>> build("mlp").output_shape
    (10,)
    """
    check_choice(name, list(RECIPES), who="models.build", which="name")
    return RECIPES[name].network(seed=seed)
