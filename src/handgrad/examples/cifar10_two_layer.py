"""A two-layer network on 5000 images of CIFAR-10, as CS231n teaches it.

    affine-ReLU      h = max(0, x W₁ + b₁)          (CS231n's "sandwich": two layers as one)
    affine           s = h W₂ + b₂
    loss             −mean(log softmax(s)ₖ) + ½ reg (Σ W₁² + Σ W₂²)

with W drawn with the standard deviation `weight_scale` and b = 0. The document's values are
weight_scale = 10⁻³ and reg = 0; 5000 images to learn from and 500 to be tested on. The mean of the
training images is subtracted from all, as the course does. What is left to be chosen (learning
rate, reg, hidden neurons) is searched for at random. The best is then trained at length, twice: as
in the document, and from images that are shifted and mirrored at random, with dropout on the hidden
neurons. 500 of the training images judge all this; the test images are looked at once, by the
network that these 500 prefer.

The quick form needs no data: it runs on a stand-in, coloured noise around ten random pictures, and
says nothing about CIFAR-10. The full form reads CIFAR-10 (`handgrad data get cifar10`), or the
.npz file that the environment variable HANDGRAD_CIFAR10_SUBSET names, with the arrays x_train,
y_train, x_test and y_test.

What to look at: the gap between training and validation. 5000 images are few, and the first network
learns them by heart. Shifted and mirrored, no image comes twice the same, and the second one has to
learn what they have in common. Below are its templates, the columns of W₁ as pictures: a neuron
says more, the more an image looks like its template.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import os
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from handgrad import (
    L2,
    Affine,
    Dropout,
    Momentum,
    Network,
    Relu,
    SoftmaxCrossEntropy,
    Trainer,
    ops,
)
from handgrad.checks import Array
from handgrad.data import CIFAR10_CLASSES, Dataset, Examples, cifar10, split
from handgrad.data.augmentation import flip, shift
from handgrad.examples.drawing import DARK, curves, label, new_figure
from handgrad.examples.stage import Measure, Stage
from handgrad.schedules import OneCycle
from handgrad.training import Choice, History, LogUniform, Trial, random_search

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

SECTION = "000"

SUBSET = "HANDGRAD_CIFAR10_SUBSET"
TRAIN, TEST, HELD_OUT = 5000, 500, 500  # the document's, and what the choices are judged by
SCALE = 1e-3  # weight_scale


def run(stage: Stage) -> None:
    """Check the sandwich, search, train the best at length in two ways, test the better one."""
    data = stand_in(stage) if stage.quick else real()
    say_sandwich(stage, data.train.x[:50])
    mean, held = data.train.x.mean(axis=0), stage.pick(quick=100, full=HELD_OUT)
    train, held_out = split(data.train.x - mean, data.train.labels, count=held, seed=stage.seed)
    options = search(stage, train, held_out)
    trainers: dict[str, Trainer] = {}
    shares: dict[str, list[float]] = {}
    for name, more, length in (("as in the document", False, 30), ("augmented", True, 100)):
        stage.say(f"{name}:")
        trainers[name] = new_trainer(options, stage.seed, more=more)
        measure = Measure(stage, {"training": train, "validation": held_out}, every=5)
        epochs, size = stage.pick(quick=(4, 20), full=(length, 100))
        trainers[name].fit(*train, epochs=epochs, batch_size=size, callbacks=[measure])
        shares |= {f"{name}, {part}": values for part, values in measure.accuracies.items()}
    best = max(trainers, key=lambda name: shares[f"{name}, validation"][-1])
    found = trainers[best].evaluate(data.test.x - mean, data.test.labels)
    what = "images of the stand-in" if stage.quick else "test images"
    stage.say(f"{best}, {len(data.test.x)} {what}: {100 * found['accuracy']:.1f} % right")
    network = trainers[best].network
    by_class(stage, network, Examples(data.test.x - mean, data.test.labels))
    draw(stage, network, shares)


def real() -> Dataset:
    """The document's images: the first 5000 and the first 500, as rows of numbers in [0, 1]."""
    path = os.environ.get(SUBSET)
    if path:
        with np.load(path, allow_pickle=False) as arrays:
            train = Examples(arrays["x_train"], arrays["y_train"].astype(np.int64))
            test = Examples(arrays["x_test"], arrays["y_test"].astype(np.int64))
    else:
        train, test = cifar10()
    return Dataset(first(train, TRAIN), first(test, TEST))


def first(part: Examples, count: int) -> Examples:
    """The first images as float32 rows."""
    rows = part.x[:count].reshape(count, -1)
    return Examples(np.divide(rows, 255, dtype=np.float32), part.labels[:count])


def stand_in(stage: Stage) -> Dataset:
    """Images of CIFAR-10's shape that are none: noise around one blurred picture for each class."""
    stage.say("Quick form: a synthetic stand-in, not CIFAR-10. Its accuracies mean nothing.")
    rng = stage.rng(1)
    coarse = rng.random((10, 3, 4, 4))
    pictures = coarse.repeat(8, axis=2).repeat(8, axis=3).reshape(10, -1)

    def draw(count: int) -> Examples:
        labels = rng.integers(10, size=count)
        x = pictures[labels] + rng.normal(scale=1.0, size=(count, 3072))
        return Examples(x.clip(0, 1).astype(np.float32), labels)

    return Dataset(draw(600), draw(200))


def say_sandwich(stage: Stage, x: Array) -> None:
    """Affine and ReLU, one after the other and back: the document's affine_relu, in four lines."""
    rng = stage.rng(2)
    weight, bias = SCALE * rng.normal(size=(3072, 100)), np.zeros(100)
    a, affine_saved = ops.affine_forward(x, weight, bias)
    h, relu_saved = ops.relu_forward(a)
    (da,) = ops.relu_backward(np.ones_like(h), relu_saved)
    _, dweight, _ = ops.affine_backward(da, affine_saved)
    same = np.allclose(dweight, x.T @ (x @ weight > 0))
    stage.say(f"affine-ReLU: dW = xᵀ (a > 0) for dh = 1: {'yes' if same else 'no'}")


def new_trainer(options: dict[str, Any], seed: int, *, more: bool = False) -> Trainer:
    """The document's network with the options that were drawn; `more` is done against overfitting.

    The layers of `models.two_layer_net`, written out, for the dropout has to go between them.
    """
    hidden, dropout = options["hidden"], [Dropout(0.3)] if more else []
    layers = [Affine(hidden, init=SCALE), Relu(), *dropout, Affine(10, init=SCALE)]
    return Trainer(
        Network(layers, input_shape=3072, seed=seed),
        SoftmaxCrossEntropy(),
        Momentum(options["learning_rate"]),
        schedule=OneCycle(0.2),
        penalty=L2(options["reg"]),
        augment=shifted_and_mirrored if more else None,
        seed=seed,
    )


def shifted_and_mirrored(rows: Array, rng: np.random.Generator) -> Array:
    """Each image moved by up to two pixels, half of them mirrored."""
    images = rows.reshape(-1, 3, 32, 32)
    return flip(shift(images, rng, pixels=2), rng).reshape(rows.shape)


def search(stage: Stage, train: Examples, held_out: Examples) -> dict[str, Any]:
    """A small random search, ranked by the images held out."""
    epochs, size = stage.pick(quick=(2, 20), full=(10, 100))

    def attempt(trial: Trial) -> History:
        trainer = new_trainer(trial.options, stage.seed)
        return trainer.fit(
            *train,
            epochs=epochs,
            batch_size=size,
            validation_data=held_out,
            callbacks=trial.callbacks,
        )

    space = {
        "learning_rate": LogUniform(1e-2, 5e-2),
        "reg": LogUniform(1e-5, 1e-1),
        "hidden": Choice(stage.pick(quick=[20, 50], full=[100, 200, 300])),
    }
    trials = stage.pick(quick=2, full=20)
    result = random_search(attempt, space, trials=trials, stop_from=3, seed=stage.seed)
    rows: list[list[str]] = []
    for place, found in enumerate(result.results[:5], start=1):
        drawn = (f"{found.trial.options[name]:.3g}" for name in space)
        rows.append([f"{place}", *drawn, f"{100 * found.score:.1f} %"])
    stage.table(["rank", *space, "validation"], rows)
    return dict(result.best.trial.options)


def by_class(stage: Stage, network: Network, test: Examples) -> None:
    """How many of each class were found."""
    right = network.predict_classes(test.x) == test.labels
    texts = [
        f"{name} {100 * right[test.labels == k].mean():.0f} %"
        for k, name in enumerate(CIFAR10_CLASSES)
    ]
    stage.say(", ".join(texts[:5]))
    stage.say(", ".join(texts[5:]))


def draw(stage: Stage, network: Network, accuracies: dict[str, list[float]]) -> None:
    """Accuracy by epoch above, the first layer's templates below."""
    figure = new_figure(9.2, 8.6)
    above: SubFigure
    below: SubFigure
    above, below = cast("Any", figure.subfigures(2, 1, height_ratios=[1, 1.2]))
    axes = above.add_subplot()
    curves(axes, {name: (range(len(each)), each) for name, each in accuracies.items()})
    axes.yaxis.set_major_formatter("{x:.0%}")
    label(axes, "Accuracy", x="epoch", y="right answers")
    weight = network.params["affine_1.weight"]
    largest = np.argsort(-np.linalg.norm(network.params["affine_2.weight"], axis=1))[:40]
    below.suptitle("What 40 neurons look for", color=DARK, fontsize=11, fontweight="bold")
    for place, neuron in enumerate(largest):
        picture = weight[:, neuron].reshape(3, 32, 32).transpose(1, 2, 0)
        low, high = np.percentile(picture, [0.5, 99.5])
        axes = below.add_subplot(4, 10, place + 1)
        axes.imshow(((picture - low) / (high - low)).clip(0, 1))
        axes.axis("off")
    stage.save(figure)
