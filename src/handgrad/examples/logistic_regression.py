"""Logistic regression by gradient descent, four times, and where its weights go.

    p = sigmoid(x w + b)      loss = −mean(t log p + (1 − t) log(1 − p))
    ∂loss/∂w = xᵀ (p − t) / N             ∂loss/∂b = mean(p − t)

1. all 1000 examples in every step, as the document does (there w starts at random numbers);
2. one example in every step, reshuffled before each pass: the loss of one example, no mean;
3. two outputs and softmax: the same model, written with a weight too many. Only the difference of
   its two columns says anything, and that is the w of 1;
4. a hidden layer between: more parameters, and a derivative that is a little longer.

The data's labels are round(sigmoid(x w* + b*)) with w* = (0.3, 0.6, −0.7, −1.3) and b* = 0.2. So
they say on which side of a plane each x lies, and every example can be classified rightly. Is
(w*, b*) found, then? Its direction is, for the direction is the plane. But not its length:

    if x w + b has the right sign for every x, then 2w and 2b lower the loss of every example

and so does every larger multiple. There is no lowest point, and the length grows for ever. Only the
examples within about 1 / length of the plane still pull, and the less, the nearer they are, so the
length grows by 1 / length² in a step, which makes it the cube root of the number of steps; when the
very nearest example is left alone, it goes on as the logarithm (Soudry et al., arXiv:1710.10345).
The labels never contained the length: rounding threw it away. Had they been drawn with the
probability p, w* itself would be found.

What to look at: the angle to w* falls while the length passes that of w* and goes on, ten times as
long after a thousand times as many steps. One example at a time gets there in a hundredth of the
passes: it makes a thousand steps in each.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from typing import NamedTuple

import numpy as np

from handgrad import (
    SGD,
    Affine,
    BinaryCrossEntropy,
    Loss,
    Network,
    SoftmaxCrossEntropy,
    Tanh,
)
from handgrad.checks import Array
from handgrad.data import Examples, sigmoid_rule
from handgrad.examples.drawing import DARK, curves, label, panels
from handgrad.examples.stage import Stage
from handgrad.models import logistic_regression

SECTION = "001"

TRUE = np.array([0.3, 0.6, -0.7, -1.3, 0.2])  # w* and b*


class Version(NamedTuple):
    """One of the four."""

    network: Network
    loss: Loss
    rate: float
    passes: int
    batch: int


class Way(NamedTuple):
    """What was seen on the way, at the `passes` listed."""

    passes: list[int]
    losses: list[float]
    weights: list[Array]  # (w, b) in one vector; empty for the version with a hidden layer


def versions(stage: Stage) -> dict[str, Version]:
    """The four, with their learning rates and lengths."""
    long = stage.pick(quick=1001, full=5001)  # 5001 is the document's
    few = stage.pick(quick=3, full=50)
    binary, seed = BinaryCrossEntropy(), stage.seed
    softmax = Network([Affine(2, init=1.0)], 4, seed=seed, dtype="float64")
    deep = Network(
        [Affine(8, init=0.5), Tanh(), Affine(1, init=0.5)], 4, seed=seed, dtype="float64"
    )
    neuron = [logistic_regression(4, seed=seed, dtype="float64") for _ in range(2)]
    return {
        "all examples": Version(neuron[0], binary, 0.01, long, 1000),
        "one example": Version(neuron[1], binary, 0.01, few, 1),
        "softmax": Version(softmax, SoftmaxCrossEntropy(), 0.01, long, 1000),
        "hidden layer": Version(deep, binary, 0.1, long, 1000),
    }


def learn(version: Version, data: Examples, rng: np.random.Generator) -> Way:
    """Gradient descent with plain steps; looks at the whole loss now and then."""
    network, loss, rate, passes, batch = version
    labels = loss.prepare(data.labels, network.output_shape, network.dtype)
    way, optimizer = Way([], [], []), SGD(rate)
    for number in range(passes + 1):
        if number in {0, passes} or number % 10 ** (len(str(number)) - 1) == 0:
            value, _ = loss.forward(network.forward(data.x)[0], labels=labels)
            way.passes.append(number)
            way.losses.append(float(value))
            way.weights.append(plane(network))
        order = rng.permutation(len(labels)) if batch < len(labels) else np.arange(len(labels))
        for start in range(0, len(labels), batch):
            rows = order[start : start + batch]
            outputs, saved = network.forward(data.x[rows], training=True)
            value, loss_saved = loss.forward(outputs, labels=labels[rows])
            _, grads = network.backward(*loss.backward(np.ones_like(value), loss_saved), saved)
            optimizer.step(network.params, grads)
    return way


def plane(network: Network) -> Array:
    """(w, b) of a network of one layer."""
    if len(network.layers) > 1:
        return np.empty(0)
    weight, bias = network.params["affine_1.weight"], network.params["affine_1.bias"]
    both = np.vstack([weight, bias])
    return both[:, 0].copy() if both.shape[1] == 1 else both[:, 1] - both[:, 0]


def angle(weights: Array) -> float:
    """Degrees between (w, b) and (w*, b*)."""
    cosine = weights @ TRUE / (np.linalg.norm(weights) * np.linalg.norm(TRUE))
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def run(stage: Stage) -> None:
    """Learn four times, and once for very long."""
    data, unseen = sigmoid_rule(1000, seed=stage.seed), sigmoid_rule(200, seed=stage.seed + 1)
    ways: dict[str, Way] = {}
    rows: list[list[str]] = []
    for name, version in versions(stage).items():
        ways[name] = way = learn(version, data, stage.rng())
        right = (version.network.predict_proba(unseen.x).argmax(axis=1) == unseen.labels).mean()
        last = way.weights[-1]
        turn = f"{angle(last):.2f}°" if last.size else ""
        length = f"{np.linalg.norm(last):.2f}" if last.size else ""
        passes = f"{version.passes:,}"
        rows.append([name, passes, f"{way.losses[-1]:.4f}", f"{100 * right:.1f} %", turn, length])
    header = ["version", "passes", "loss", "of 200 unseen", "angle to w*", "length"]
    stage.table(header, rows)
    stage.say(f"length of (w*, b*): {np.linalg.norm(TRUE):.2f}")
    long = Version(
        logistic_regression(4, seed=stage.seed, dtype="float64"),
        BinaryCrossEntropy(),
        rate=5.0,
        passes=stage.pick(quick=2000, full=100_000),
        batch=1000,
    )
    ways["all examples, rate 5"] = way = learn(long, data, stage.rng())
    stage.say("All examples at a rate of 5, for longer:")
    for number, weights in zip(way.passes, way.weights, strict=True):
        if str(number)[1:].strip("0") == "" and str(number)[0] in "15" and number:
            length = np.linalg.norm(weights)
            stage.say(f"{number:7,} steps: angle {angle(weights):5.2f}°, length {length:6.2f}")
    draw(stage, ways)


def draw(stage: Stage, ways: dict[str, Way]) -> None:
    """Losses of all; angle and length of those that are a plane, in the same colours."""
    ways = dict(sorted(ways.items(), key=lambda item: not item[1].weights[0].size))
    figure, axes = panels(1, 3, width=4.4, height=3.8)
    curves(axes[0], {name: (way.passes[1:], way.losses[1:]) for name, way in ways.items()})
    label(axes[0], "Loss", x="passes over the data", y="mean cross-entropy")
    axes[0].set_yscale("log")
    planes = {name: way for name, way in ways.items() if way.weights[0].size}
    turns = {n: (way.passes[1:], [angle(w) for w in way.weights[1:]]) for n, way in planes.items()}
    lengths = {
        n: (way.passes[1:], [np.linalg.norm(w) for w in way.weights[1:]])
        for n, way in planes.items()
    }
    curves(axes[1], turns)
    axes[1].set_yscale("log")
    label(axes[1], "Angle to (w*, b*)", x="passes over the data", y="degrees")
    true = float(np.linalg.norm(TRUE))
    axes[2].axhline(true, color=DARK, lw=1, ls=":", label="(w*, b*)")
    curves(axes[2], lengths)
    axes[2].set_yscale("log")
    label(axes[2], "Length of (w, b)", x="passes over the data", y="length")
    for panel in axes:
        panel.set_xscale("log")
    stage.save(figure)
