"""MNIST with stored weights, one by one and in batches.

A network is trained, written to a file, and read back: the file holds the weights, the layers and
the preparation of the images, and what is read back predicts the same bits. Then every test image
is classified twice: one at a time,

    (784) · (784, 50) · (50, 100) · (100, 10)  →  (10)                        10,000 times

and a hundred at a time, which is the same mathematics with one more axis:

    (100, 784) · (784, 50) · (50, 100) · (100, 10)  →  (100, 10)                 100 times

The multiplications are as many. But each call of NumPy costs about a microsecond before it
computes anything, and a product of two matrices uses each weight that it reads from memory a
hundred times, where a row times a matrix uses it once.

What to look at: the digits the network finds, with how sure it is; and how time per image falls
with the size of the batch, and where it stops falling.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from handgrad import Adam, Affine, Flatten, Network, Relu, Rescale, SoftmaxCrossEntropy, Trainer
from handgrad.data import Examples, mnist
from handgrad.examples.drawing import BLUE, DARK, ORANGE, label, new_figure
from handgrad.examples.stage import SayEpochs, Stage
from handgrad.metrics import accuracy

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

SECTION = "003, chapter 3"
PLACE = 3

SIZES = (1, 3, 10, 30, 100, 300, 1000)


def run(stage: Stage) -> None:
    """Train and store, read back, classify in batches of several sizes."""
    train, test = mnist()
    images = stage.pick(quick=3000, full=60000)
    test = Examples(*(array[: stage.pick(quick=1000, full=10000)] for array in test))
    network = trained(stage, Examples(train.x[:images], train.labels[:images]))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sample.safetensors"
        network.save(path)
        stored = Network.load(path)
        say_what_is_stored(stage, path, network, stored, test)
    tries = stage.pick(quick=2, full=20)
    times = [time_per_image(stored, test, size, tries) for size in SIZES]
    for size, seconds in zip(SIZES, times, strict=True):
        stage.measured(f"batches of {size:4d}: {1e6 * seconds:7.2f} µs for an image")
    stage.measured(f"In batches of 100 an image takes 1/{times[0] / times[4]:.0f} of the time.")
    draw(stage, stored, test, times)


def trained(stage: Stage, train: Examples) -> Network:
    """The book's 784-50-100-10, with its preparation inside."""
    layers = [Rescale(1 / 255), Flatten(), Affine(50), Relu(), Affine(100), Relu(), Affine(10)]
    network = Network(layers, input_shape=(1, 28, 28), seed=stage.seed)
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.001), seed=stage.seed)
    epochs = stage.pick(quick=2, full=8)
    trainer.fit(*train, epochs=epochs, callbacks=[SayEpochs(stage)])
    return network


def say_what_is_stored(
    stage: Stage, path: Path, network: Network, stored: Network, test: Examples
) -> None:
    """The file's size, and that what is read back is what was written."""
    stage.say(f"Stored: {path.stat().st_size:,} bytes")
    outputs = stored.predict(test.x, batch_size=100)
    same = np.array_equal(outputs, network.predict(test.x, batch_size=100))
    one_by_one = np.concatenate([stored.predict(image[np.newaxis]) for image in test.x])
    agree = (one_by_one.argmax(axis=1) == outputs.argmax(axis=1)).all()
    stage.say(f"Read back, it predicts the same bits: {'yes' if same else 'no'}")
    stage.say(f"One by one, it finds the same digits: {'yes' if agree else 'no'}")
    right = accuracy(outputs, test.labels)
    stage.say(f"Test accuracy: {100 * right:.2f} % of {len(test.x):,} images")


def time_per_image(network: Network, test: Examples, size: int, tries: int) -> float:
    """Seconds that an image takes in batches of `size`: the best of some tries."""
    images = min(len(test.x), max(1000, size))
    best = np.inf
    for _ in range(tries):
        start = time.perf_counter()
        for first in range(0, images, size):
            network.forward(test.x[first : first + size])
        best = min(best, time.perf_counter() - start)
    return best / images


def draw(stage: Stage, network: Network, test: Examples, times: list[float]) -> None:
    """Digits with their answers beside the time per image."""
    from matplotlib.ticker import NullLocator

    figure = new_figure(9.2, 3.6)
    left: SubFigure
    right: SubFigure
    left, right = cast("Any", figure.subfigures(1, 2, width_ratios=[1, 1.2]))
    draw_digits(left, network, test)
    axes = right.add_subplot()
    axes.loglog(SIZES, [1e6 * seconds for seconds in times], "o-", color=BLUE, lw=2)
    label(axes, "Time for one image", x="images in a batch", y="microseconds")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    stage.save(figure)


def draw_digits(figure: "SubFigure", network: Network, test: Examples) -> None:
    """Twelve test images: the digit found, and its probability."""
    figure.suptitle("found, and how sure", color=DARK, fontsize=11, fontweight="bold")
    shares = network.predict_proba(test.x[:12])
    for place, (image, row) in enumerate(zip(test.x, shares, strict=False)):
        axes = figure.add_subplot(3, 4, place + 1)
        axes.imshow(image[0], cmap="gray_r")
        found = int(row.argmax())
        right = found == test.labels[place]
        text = f"{found}  {min(100 * row[found], 99):.0f} %" + ("" if right else ": wrong")
        axes.set_title(text, fontsize=9, color=DARK if right else ORANGE)
        axes.axis("off")
