"""SimpleConvNet on MNIST: one convolution, and what its filters learn to see.

    image      conv 30 × 5 × 5, ReLU   max-pool 2 × 2   affine, ReLU   affine
    1 × 28²    30 × 24²                30 × 12²         100            10

A fully connected layer sees 784 numbers in a row: that two pixels are neighbours is nothing to it,
and a digit moved by a pixel is another digit. A convolution has the same 25 weights at all 576
positions. It knows neighbourhood from the start, and has 780 parameters where a fully connected
layer with as many outputs would have 13.6 million.

What to look at: the filters before training are noise. Afterwards many have a red and a blue side:
they answer where the picture changes along one direction, at edges; others look for strokes. Nobody
told them to. (Each half has its own scale.) The strip shows what the four trained filters with the
strongest answers say to one digit.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.data import Examples, mnist, split
from handgrad.examples.drawing import DARK, by_epoch, new_figure, panels
from handgrad.examples.stage import SayEpochs, Stage
from handgrad.layers import Affine, Conv2d, Flatten, MaxPool2d, Relu, Rescale
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.network import Network
from handgrad.optimizers import AdamW
from handgrad.schedules import OneCycle
from handgrad.training import Trainer

SECTION = "003, chapter 7"
PLACE = 3


def build(seed: int) -> Network:
    """`handgrad.models.simple_conv_net`, but with the book's small initial filters.

    What they become is then seen: on top of He's larger noise it would hardly be.
    """
    layers = [
        *[Rescale(1 / 255), Conv2d(30, 5, init=0.01), Relu(), MaxPool2d(2)],
        *[Flatten(), Affine(100), Relu(), Affine(10)],
    ]
    return Network(layers, (1, 28, 28), seed=seed)


def run(stage: Stage) -> None:
    """Train, draw the filters before and after, and what they say to a digit."""
    train, test = mnist()
    train, held_out = split(*train, count=stage.pick(quick=300, full=5000), seed=stage.seed)
    if stage.quick:
        train = Examples(train.x[:600], train.labels[:600])
        test = Examples(test.x[:500], test.labels[:500])
    network = build(stage.seed)
    stage.say(f"{network.summary()}")
    before = network.params["conv2d_1.weight"].copy()
    optimizer = AdamW(0.002, weight_decay=0.1)
    trainer = Trainer(
        network, SoftmaxCrossEntropy(), optimizer, schedule=OneCycle(0.2), seed=stage.seed
    )
    epochs = stage.pick(quick=2, full=10)
    history = trainer.fit(
        *train,
        epochs=epochs,
        batch_size=100,
        validation_data=held_out,
        callbacks=[SayEpochs(stage)],
    )
    accuracy = trainer.evaluate(*test)["accuracy"]
    stage.say(f"test accuracy, measured once: {100 * accuracy:.2f} %")
    figure, (left, right) = panels(1, 2, width=4.4)
    losses = {"training": history["loss"], "held out": history["validation_loss"]}
    shares = {"training": history["accuracy"], "held out": history["validation_accuracy"]}
    by_epoch(left, losses, "Loss", y="mean cross-entropy", first=1)
    by_epoch(right, shares, "Accuracy", y="right answers", share=True, first=1)
    stage.save(figure)
    draw_filters(stage, before, network.params["conv2d_1.weight"])
    draw_answers(stage, network, test.x[:1])


def draw_filters(stage: Stage, before: Array, after: Array) -> None:
    """All thirty filters: red speaks for it, blue against it."""
    figure = new_figure(10.0, 4.2, gap=0.0)
    parts: Any = figure.subfigures(1, 2, wspace=0.08)
    for part, (title, weight) in zip(parts, (("before", before), ("after", after)), strict=True):
        top = float(np.abs(weight).max())
        text = f"The filters {title} training, −{top:.2g} to {top:.2g}"
        part.suptitle(text, color=DARK, fontweight="bold", fontsize=11)
        for place, each in enumerate(weight[:, 0], start=1):
            axes = part.add_subplot(5, 6, place)
            axes.imshow(each, cmap="RdBu_r", vmin=-top, vmax=top)
            axes.set_axis_off()
    stage.save(figure, "filters")


def draw_answers(stage: Stage, network: Network, x: Array) -> None:
    """What the filters with the strongest answers say to one digit, after ReLU."""
    outputs = network.inspect(x).outputs
    maps = outputs["relu_1"][0]
    strongest = np.argsort(-maps.sum(axis=(1, 2)), kind="stable")[:4]
    figure = new_figure(10.0, 2.4)
    pictures = [x[0, 0], *(maps[f] for f in strongest)]
    titles = ["image", *(f"filter {f + 1}" for f in strongest)]
    for place, (picture, title) in enumerate(zip(pictures, titles, strict=True), start=1):
        axes = figure.add_subplot(1, 5, place)
        axes.imshow(picture, cmap="gray_r")
        axes.set_title(title, color=DARK, fontsize=10)
        axes.set_axis_off()
    stage.save(figure, "answers")
