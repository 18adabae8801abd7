"""DeepConvNet with augmentation, and the digits that it still gets wrong.

    conv 16, conv 16, pool    28 × 28 → 14 × 14      all convolutions 3 × 3,
    conv 32, conv 32, pool    14 × 14 →  8 × 8       each with batch norm and ReLU
    conv 64, conv 64, pool     8 × 8  →  4 × 4
    affine 50, ReLU, dropout ½, affine 10

Trained with Adam and a learning rate that rises for a fifth of the time and then falls to 0, on
images that are turned by up to 8°, scaled by up to 8 % and moved by up to 1.5 pixels each time they
are seen. Of three strengths the gentlest was best on held-out images, in short trainings; but a
first full form with stronger changes and bending had come before: 99.28 % of the test digits. So
the test digits have seen two recipes here, and the number below is a little too good. The claim of
99.5 % rests on the speedrun's recipe, which was fixed before and measured with five seeds.

What to look at: the mistakes. Many are digits that people argue about, too, some of which are
labelled wrongly; the probabilities say that the network is often in doubt where we are. The
confusion matrix shows which pairs are alike: 4 and 9, 2 and 7, 3 and 5.
"""

from functools import partial

from handgrad.data import Augmentation, Examples, affine, mnist, split
from handgrad.examples._training import first
from handgrad.examples.drawing import by_epoch, panels
from handgrad.examples.stage import SayEpochs, Stage
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.metrics import confusion_matrix
from handgrad.models import deep
from handgrad.optimizers import Adam
from handgrad.plots import confusion_matrix as draw_confusion
from handgrad.plots import mistakes
from handgrad.schedules import OneCycle
from handgrad.training import Trainer

SECTION = "003, chapter 8"
PLACE = 3
GENTLY = Augmentation(partial(affine, degrees=8, scale=0.08, pixels=1.5))


def trained(stage: Stage, train: Examples, held_out: Examples, *, epochs: int) -> Trainer:
    """The network of this example after its training."""
    network = deep(seed=stage.seed)
    stage.say(f"{network.summary()}")
    trainer = Trainer(
        network,
        SoftmaxCrossEntropy(),
        Adam(0.003),
        schedule=OneCycle(0.2),
        augment=GENTLY,
        seed=stage.seed,
    )
    trainer.fit(
        *train,
        epochs=epochs,
        batch_size=stage.pick(quick=50, full=100),
        validation_data=held_out,
        callbacks=[SayEpochs(stage)],
    )
    return trainer


def run(stage: Stage) -> None:
    """Train, measure once, draw the curves, the mistakes and the confusion matrix."""
    train, test = mnist()
    train, held_out = split(*train, count=stage.pick(quick=50, full=5000), seed=stage.seed)
    train = first(train, stage.pick(quick=200, full=None))
    test = first(test, stage.pick(quick=100, full=None))
    trainer = trained(stage, train, held_out, epochs=stage.pick(quick=2, full=20))
    probabilities = trainer.network.predict_proba(test.x)
    predicted = probabilities.argmax(axis=1)
    wrong = int((predicted != test.labels).sum())
    share = 100 * (1 - wrong / len(test.x))
    stage.say(f"test accuracy, measured once: {share:.2f} % ({wrong} of {len(test.x):,} wrong)")
    history = trainer.history
    figure, (left, right) = panels(1, 2, width=4.4)
    losses = {"training": history["loss"], "held out": history["validation_loss"]}
    shares = {"training": history["accuracy"], "held out": history["validation_accuracy"]}
    by_epoch(left, losses, "Loss (training: augmented)", y="mean cross-entropy", first=1)
    by_epoch(right, shares, "Accuracy", y="right answers", share=True, first=1)
    stage.save(figure)
    count = stage.pick(quick=8, full=40)
    mistakes(test.x, test.labels, probabilities, stage.path("mistakes"), count=count)
    matrix = confusion_matrix(predicted, test.labels, classes=10)
    draw_confusion(matrix, stage.path("confusion"))
