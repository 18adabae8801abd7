"""How wrong is an answer? Squared error and cross-entropy.

For the outputs y and a target t that is 1 at the right class k and 0 elsewhere (one-hot):

    squared error    E = ½ Σⱼ (yⱼ − tⱼ)²
    cross-entropy    E = −Σⱼ tⱼ log yⱼ = −log yₖ        (only the right class is left of the sum)

so that a label, k, says as much as a one-hot row. For a batch the mean is taken, which makes the
loss independent of the batch's size.

The document adds 10⁻⁷ to y, so that log(0) cannot happen. Then the loss ends at −log 10⁻⁷ = 16.118,
where its slope ends too: a network that is surely wrong learns nothing from it. handgrad takes the
logits a instead, before softmax, and computes

    E = log Σⱼ e^aⱼ − aₖ

which never meets a log(0) and needs nothing added.

What to look at: cross-entropy grows without end as the right class's probability falls, the squared
error hardly does: being very wrong costs it no more than being wrong. Below 10⁻⁷ the document's
curve lies flat.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.data import one_hot
from handgrad.examples.drawing import curves, label, panels
from handgrad.examples.stage import Stage

SECTION = "003, chapter 4"
PLACE = 1

LABEL = 2
SURE_OF_2 = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])  # the document's y
SURE_OF_7 = np.array([0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0])
TINY = 1e-7  # what the document adds


def squared_error(y: Array) -> float:
    """The document's squared error of one answer, where 2 is right."""
    target = one_hot([LABEL], 10, dtype=np.float64)
    loss, _ = ops.half_squared_error_forward(y[np.newaxis], targets=target)
    return float(loss)


def cross_entropy(y: Array, *, added: float = 0.0) -> float:
    """Cross-entropy of one answer, where 2 is right."""
    return float(-np.log(y[LABEL] + added))


def run(stage: Stage) -> None:
    """Print the document's values, draw both losses against the right class's probability."""
    rows: list[list[str]] = []
    for name, y in (("0.6 for the 2", SURE_OF_2), ("0.6 for the 7", SURE_OF_7)):
        values = squared_error(y), cross_entropy(y), cross_entropy(y, added=TINY)
        rows.append([name, *(f"{value:.8f}" for value in values)])
    header = ["2 is right, the answer:", "squared error", "cross-entropy", "the document's"]
    stage.table(header, rows)
    say_batch(stage)
    share = np.logspace(-12, 0, 601)
    figure, (left, right) = panels(1, 2, width=4.6)
    wrong = {
        "cross-entropy": -np.log(share),
        "squared error (two classes)": (1 - share) ** 2,
        "cross-entropy with 10⁻⁷ added": -np.log(share + TINY),
    }
    curves(left, wrong, x=share)
    left.set_xscale("log")
    label(left, "From hopeless to right", x="probability of the right class", y="loss")
    share = np.linspace(0.01, 1, 300)
    curves(right, {"cross-entropy": -np.log(share), "squared error": (1 - share) ** 2}, x=share)
    right.plot([0.6, 0.1], -np.log([0.6, 0.1]), "ko", ms=5)
    for x in (0.6, 0.1):
        text = f"−log {x} = {-np.log(x):.2f}"
        right.annotate(text, (x, -np.log(x)), xytext=(8, 6), textcoords="offset points")
    label(right, "The same, magnified", x="probability of the right class", y="loss")
    stage.save(figure)


def say_batch(stage: Stage) -> None:
    """A batch by labels and by one-hot rows; logits that no probability could hold."""
    logits = stage.rng().normal(size=(4, 10))
    labels = np.array([2, 7, 1, 8])
    by_label, _ = ops.softmax_cross_entropy_forward(logits, labels=labels)
    rows = one_hot(labels, 10, dtype=np.float64)
    by_row, _ = ops.softmax_cross_entropy_forward(logits, labels=rows)
    stage.say(f"A batch of 4, by labels: {by_label:.8f}; by one-hot rows: {by_row:.8f}")
    far, _ = ops.softmax_cross_entropy_forward(np.array([[0.0, 800.0]]), labels=np.array([0]))
    stage.say(f"Surely wrong, logits (0, 800): {far:.3f}; the document's: {-np.log(TINY):.3f}")
