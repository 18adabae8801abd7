"""TwoLayerNet by back-propagation: gradients checked, then MNIST.

    forwards     a = x W₁ + b₁     h = max(0, a)     y = h W₂ + b₂     loss = −log softmax(y)ₖ
    backwards    dy = (softmax(y) − t) / N
                 dW₂ = hᵀ dy       db₂ = Σ_rows dy   dh = dy W₂ᵀ
                 da = dh where a > 0, else 0
                 dW₁ = xᵀ da       db₁ = Σ_rows da

Each line backwards undoes one forwards, last first; each layer needs no more than what it saved on
the way. A program that computes this wrongly may still learn, only worse: so every derivative is
compared with the difference quotient of the loss, which knows nothing of the lines above. Single
entries agree to about ten digits (the quotients have no more).

What to look at: on the left, every checked derivative lies on the diagonal. The checked network is
a copy in float64; trained is the one in float32.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad import (
    SGD,
    Network,
    SoftmaxCrossEntropy,
    Trainer,
    check_network,
    numerical_gradient,
)
from handgrad.data import Examples, mnist
from handgrad.examples.drawing import COLOURS, DARK, GREY, MARKERS, by_epoch, label, panels
from handgrad.examples.stage import Measure, Stage
from handgrad.models import two_layer_net

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 5"
PLACE = 1

CHECKED = 40  # entries of each parameter that are drawn


def run(stage: Stage) -> None:
    """Check every parameter's gradient, then train."""
    train, test = mnist(normalize=True, flatten=True)
    if stage.quick:
        train = Examples(train.x[:3000], train.labels[:3000])
        test = Examples(test.x[:1000], test.labels[:1000])
    network = two_layer_net(784, 100, 10, seed=stage.seed)
    loss = SoftmaxCrossEntropy()
    entries = stage.pick(quick=20, full=500)
    report = check_network(network, train.x[:3], train.labels[:3], loss, entries=entries)
    rows = [[row.name, f"{row.checked}", f"{row.error:.1e}", row.verdict] for row in report.rows]
    stage.table(["parameter", "checked", "relative error", "verdict"], rows)
    figure, (left, right) = panels(1, 2, width=4.6, height=3.9)
    draw_check(stage, left, Examples(train.x[:3], train.labels[:3]))
    trainer = Trainer(network, loss, SGD(0.1), seed=stage.seed)
    measure = Measure(stage, {"training": train, "test": test})
    epochs = stage.pick(quick=3, full=17)
    trainer.fit(*train, epochs=epochs, batch_size=100, callbacks=[measure])
    by_epoch(right, measure.accuracies, "Accuracy", y="right answers", share=True, first=0)
    stage.save(figure)


def draw_check(stage: Stage, axes: "Axes", batch: Examples) -> None:
    """Derivatives by back-propagation over those that were measured."""
    network = two_layer_net(784, 100, 10, seed=stage.seed, dtype="float64")
    loss = SoftmaxCrossEntropy()
    outputs, saved = network.forward(batch.x, training=True)
    value, loss_saved = loss.forward(outputs, labels=batch.labels)
    _, grads = network.backward(*loss.backward(np.ones_like(value), loss_saved), saved)
    for place, (name, grad) in enumerate(grads.items()):
        largest = np.argsort(-abs(grad), axis=None)[:: max(1, grad.size // (3 * CHECKED))][:CHECKED]
        measured = [slope(network, batch, name, int(entry)) for entry in largest]
        style: dict[str, Any] = {"marker": MARKERS[place], "color": COLOURS[place], "ls": ""}
        axes.plot(measured, grad.flat[largest], label=name, ms=5, alpha=0.7, **style)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color=GREY, lw=1, zorder=0)
    axes.legend(frameon=False, labelcolor=DARK, fontsize=8)
    label(axes, "Gradient check", x="measured", y="by back-propagation")


def slope(network: Network, batch: Examples, name: str, entry: int) -> float:
    """One derivative of the loss, by central differences."""
    loss, weight = SoftmaxCrossEntropy(), network.params[name]
    before = weight.flat[entry]

    def loss_of(value: np.ndarray) -> float:
        weight.flat[entry] = value[0]
        outputs, _ = network.forward(batch.x)
        return float(loss.forward(outputs, labels=batch.labels)[0])

    found = numerical_gradient(loss_of, np.array([before]), warn=False)
    weight.flat[entry] = before
    return float(found[0])
