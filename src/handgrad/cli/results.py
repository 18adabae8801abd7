"""What a network does on the test images: measured once, shown, written down."""

from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array, ShapeError, check_finite, shape_text
from handgrad.cli.text import bar, percent, say, table, width
from handgrad.metrics import ClassReport, confusion_matrix, precision_recall_f1
from handgrad.network import Network

CLASSES = 10
WORST = 6  # how many confusions are listed one by one


class Results(NamedTuple):
    """How good a network is on a set of images."""

    accuracy: float
    loss: float  # mean of −log(probability of the right class)
    confusion: Array  # (K, K) counts: row = what it is, column = what it was taken for
    classes: ClassReport  # precision, recall, F1 and support of each digit
    probabilities: Array  # (N, K)

    def values(self) -> dict[str, Any]:
        """These results as plain values, without the single probabilities."""
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "images": int(self.confusion.sum()),
            "mistakes": self.mistakes,
            "classes": [
                {
                    "class": k,
                    "precision": float(precision),
                    "recall": float(recall),
                    "f1": float(f1),
                    "support": int(support),
                }
                for k, (precision, recall, f1, support) in enumerate(
                    zip(*self.classes, strict=True)
                )
            ],
            "confusion": self.confusion.tolist(),
        }

    @property
    def mistakes(self) -> int:
        """How many images were taken for something else."""
        return int(self.confusion.sum() - self.confusion.trace())

    def headline(self) -> str:
        """The result in one line."""
        return (
            f"Test accuracy {percent(self.accuracy)} "
            f"({self.mistakes:,} mistakes in {self.confusion.sum():,} images)"
        )


def measure(network: Network, x: Array, labels: Array) -> Results:
    """Run `network` on images and compare with what they show.

    Raises:
        ShapeError, NonFiniteError: the network is not one for such images, or holds a NaN.
    """
    probabilities = find_probabilities(network, x)
    classes = probabilities.argmax(axis=1)
    confusion = confusion_matrix(classes, labels, CLASSES)
    of_label = probabilities[np.arange(len(labels)), labels]
    smallest = np.finfo(of_label.dtype).tiny  # a probability of 0 is one too small to be written
    loss = float(-np.log(np.maximum(of_label, smallest)).mean(dtype=np.float64))
    accuracy = float((classes == labels).mean())
    return Results(accuracy, loss, confusion, precision_recall_f1(confusion), probabilities)


def find_probabilities(network: Network, x: Array) -> Array:
    """The probability of each digit for each image, (N, 10).

    Raises:
        ShapeError: the network is not one for such images.
        NonFiniteError: it holds a NaN.
    """
    with np.errstate(all="ignore"):  # what is not finite is told below, not warned of
        probabilities = network.predict_proba(fit_images(network, x))
    cure = "Its weights are not all finite; train it again."
    check_finite(probabilities, who="the network", which="probabilities", cure=cure)
    return probabilities


def fit_images(network: Network, x: Array) -> Array:
    """MNIST images in the shape that `network` takes: as they are, or flat."""
    wanted = network.input_shape
    if wanted not in (x.shape[1:], (28, 28), (784,)) or network.output_shape != (CLASSES,):
        raise ShapeError(
            "the network must take MNIST images, (N, 1, 28, 28) or (N, 784), and have 10 outputs, "
            f"but takes {shape_text(('N', *wanted))} and has outputs "
            f"{shape_text(('N', *network.output_shape))}."
        )
    return x.reshape(len(x), *wanted)


def show_results(results: Results) -> None:
    """Print everything, as far as the terminal is wide enough."""
    say(results.headline(), "bold")
    say(f"Loss {results.loss:.4f}")
    say()
    rows = [
        [str(k), *(f"{100 * share:.2f}" for share in shares), f"{support:,}"]
        for k, (*shares, support) in enumerate(zip(*results.classes, strict=True))
    ]
    for line in table(["digit", "prec %", "recall %", "F1 %", "images"], rows):
        say(line)
    say()
    lines = confusion_lines(results.confusion)
    if max(map(len, lines)) <= width():
        say("Rows: what it is; columns: what it was taken for")
        for line in lines:
            say(line)
        say()
    if results.mistakes:
        say("Most frequent mistakes")
        show_worst(results.confusion)


def confusion_lines(confusion: Array) -> list[str]:
    """The confusion matrix as lines; a dot where there is nothing."""
    rows = [
        [str(k), *(str(count) if count else "." for count in row)]
        for k, row in enumerate(confusion.tolist())
    ]
    return table(["", *(str(k) for k in range(len(confusion)))], rows)


def show_worst(confusion: Array) -> None:
    """Print the pairs of digits that are confused most often."""
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    most = int(wrong.max())
    for true, taken in zip(*np.unravel_index(order, wrong.shape), strict=True):
        count = int(wrong[true, taken])
        if count:
            say(f"  {true} taken for {taken}: {count:3}  {bar(count / most, 12)}")
