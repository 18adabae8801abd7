"""Augmentation: more training images out of those one has.

Whoever can read a 7 can read it turned a little, moved, or written by a shakier hand. Every time an
image is trained on, it is changed at random in ways that leave its label right:

    rotate, scale, shift    x'(p) = x(A p + d)     a small turn or stretch A, a small move d
    elastic                 x'(p) = x(p + u(p))    a smooth random field u: another hand's strokes
    crop                    a part of the image, enlarged
    brightness              x' = c x
    flip                    left becomes right

The network then never sees the same image twice, and cannot learn it by heart. What does not keep
the label is not to be used: a flipped 2 is no digit, and a 6 turned by 180° is a 9.

What to look at: each row is one kind of change, of the same eight digits; they should all still be
easy to read, but for the flipped ones. Then two trainings on 1,000 images: without augmentation
the training accuracy is soon 100 % and nothing is left to learn from; with it, training is harder
and the held-out images gain.

Elastic: Simard, Steinkraus and Platt, ICDAR 2003.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from functools import partial

import numpy as np

from handgrad.checks import Array
from handgrad.data import mnist, split
from handgrad.data.augmentation import (
    Augmentation,
    affine,
    brightness,
    crop,
    elastic,
    flip,
    rotate,
    scale,
    shift,
)
from handgrad.examples._training import first
from handgrad.examples.drawing import DARK, by_epoch, new_figure, panels
from handgrad.examples.stage import Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.models import convnet
from handgrad.optimizers import Adam
from handgrad.schedules import OneCycle
from handgrad.training import Trainer

SECTION = "003, chapter 8"
PLACE = 1

Change = Callable[[Array, np.random.Generator], Array]
CHANGES: dict[str, Change | None] = {
    "original": None,
    "rotate, ±15°": partial(rotate, degrees=15),
    "scale, ±15 %": partial(scale, by=0.15),
    "shift, ±3 pixels": partial(shift, pixels=3),
    "elastic": elastic,
    "crop, 85 %": partial(crop, share=0.85),
    "brightness, ±50 %": partial(brightness, by=0.5),
    "flip (not for digits)": partial(flip, share=1.0),
}
DIGITS = Augmentation(partial(affine, degrees=10, scale=0.1, pixels=2), partial(elastic, alpha=20))


def run(stage: Stage) -> None:
    """Show every kind of change, then what it is good for."""
    train, _ = mnist()
    show_changes(stage, train.x[:8])
    kept, held_out = split(*train, count=stage.pick(quick=300, full=5000), seed=stage.seed)
    kept = first(kept, stage.pick(quick=300, full=1000))
    epochs = stage.pick(quick=3, full=60)
    rows: list[list[str]] = []
    curves: dict[str, list[float]] = {}
    for name, augment in (("without", None), ("with", DIGITS)):
        trainer = Trainer(
            convnet(seed=stage.seed),
            SoftmaxCrossEntropy(),
            Adam(0.004),
            schedule=OneCycle(0.2),
            augment=augment,
            seed=stage.seed,
        )
        history = trainer.fit(*kept, epochs=epochs, validation_data=held_out)
        seen, new = history["accuracy"], history["validation_accuracy"]
        curves |= {f"training, {name}": seen, f"held out, {name}": new}
        rows.append([f"{name} augmentation", f"{100 * seen[-1]:.1f} %", f"{100 * new[-1]:.1f} %"])
    stage.say(f"{len(kept.x)} images, {epochs} epochs:")
    stage.table(["", "training", "held out"], rows)
    figure, (axes,) = panels(1, 1, width=6.4, height=4.2)
    by_epoch(axes, curves, f"{len(kept.x)} images", y="right answers", share=True, first=1)
    axes.set_ylim(stage.pick(quick=0.0, full=0.85), 1.005)
    stage.save(figure, "training")


def show_changes(stage: Stage, images: Array) -> None:
    """One row for each kind of change."""
    figure = new_figure(8.4, 8.0, gap=0.0)
    for down, (name, change) in enumerate(CHANGES.items()):
        changed = images if change is None else change(images, stage.rng(down))
        for across, image in enumerate(changed):
            axes = figure.add_subplot(len(CHANGES), len(images), down * len(images) + across + 1)
            axes.imshow(image[0], cmap="gray_r", vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            if not across:
                axes.set_ylabel(name.replace(" (", "\n("), rotation=0, ha="right", color=DARK)
                axes.yaxis.label.set_verticalalignment("center")
    stage.save(figure)
