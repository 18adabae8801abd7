"""Learning from mini-batches: TwoLayerNet on MNIST, epoch by epoch.

    1  draw a batch of 100 images at random
    2  compute the gradient of the batch's mean loss
    3  move every weight a little against it:  W ← W − η ∂loss/∂W
    4  again

An epoch is as many steps as it takes to see every image once: 600 of 100. (The book draws each
batch anew from all images, so that some come twice in an epoch and a third not at all; handgrad's
Trainer shuffles once in an epoch and takes the images in turn.)

Step 2 by numerical differentiation means two passes through the network for each of 39,760
weights. Back-propagation gets the same gradient from one pass forwards and one backwards: both are
timed here, and the gradient check of the next chapter compares the numbers.

What to look at: training and test accuracy rise together, so the network has not learned its
images by heart. The largest gain is in the first epochs.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import time

import numpy as np

from handgrad import SGD, Network, SoftmaxCrossEntropy, Trainer, numerical_gradient
from handgrad.data import Examples, mnist
from handgrad.examples.drawing import by_epoch, panels
from handgrad.examples.stage import Measure, Stage
from handgrad.models import two_layer_net

SECTION = "003, chapter 4"
PLACE = 5

BATCH = 100
WEIGHTS = 10  # as many are measured numerically, to say what all would take


def run(stage: Stage) -> None:
    """Time a gradient both ways, then train as the book does."""
    train, test = mnist(normalize=True, flatten=True)
    if stage.quick:
        train = Examples(train.x[:3000], train.labels[:3000])
        test = Examples(test.x[:1000], test.labels[:1000])
    network = two_layer_net(784, 50, 10, init=stage.pick(quick="he", full=0.01), seed=stage.seed)
    say_times(stage, network, Examples(train.x[:BATCH], train.labels[:BATCH]))
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.1), seed=stage.seed)
    measure = Measure(stage, {"training": train, "test": test})
    epochs = stage.pick(quick=3, full=17)
    trainer.fit(*train, epochs=epochs, batch_size=BATCH, callbacks=[measure])
    figure, (left, right) = panels(1, 2, width=4.4)
    by_epoch(left, measure.losses, "Loss", y="mean cross-entropy", first=0)
    by_epoch(right, measure.accuracies, "Accuracy", y="right answers", share=True, first=0)
    stage.save(figure)


def say_times(stage: Stage, network: Network, batch: Examples) -> None:
    """How long one gradient takes, measured numerically and by back-propagation."""
    loss, weight = SoftmaxCrossEntropy(), network.params["affine_1.weight"]
    before = weight.copy()

    def loss_of(some: np.ndarray) -> float:
        weight[0, :WEIGHTS] = some
        outputs, _ = network.forward(batch.x)
        return float(loss.forward(outputs, labels=batch.labels)[0])

    def backpropagate() -> None:
        outputs, saved = network.forward(batch.x, training=True)
        value, loss_saved = loss.forward(outputs, labels=batch.labels)
        network.backward(*loss.backward(np.ones_like(value), loss_saved), saved)

    backpropagate()  # the first time of all takes longer
    start = time.perf_counter()
    numerical_gradient(loss_of, before[0, :WEIGHTS].astype(float), warn=False)
    numerical = (time.perf_counter() - start) / WEIGHTS
    weight[...] = before
    start = time.perf_counter()
    backpropagate()
    backward = time.perf_counter() - start
    count = sum(param.size for param in network.params.values())
    stage.say(f"{count:,} weights and biases")
    stage.measured(f"their gradient by measuring each: {numerical * count:.1f} s")
    stage.measured(f"by back-propagation: {1000 * backward:.1f} ms")
