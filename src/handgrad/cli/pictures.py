"""The four pictures of a run."""

from pathlib import Path

from handgrad import plots
from handgrad.cli.results import Results
from handgrad.data import Examples
from handgrad.network import Network
from handgrad.training import History

PICTURES = {
    "learning_curve.png": "loss and accuracy by epoch",
    "mistakes.png": "images it took for something else",
    "confusion_matrix.png": "which digits it takes for which",
    "filters.png": "what the first layer looks for",
}


def draw_pictures(
    folder: Path, network: Network, history: History, test: Examples, results: Results
) -> None:
    """Draw them into `folder`."""
    plots.learning_curve(history, folder / "learning_curve.png")
    plots.mistakes(test.x, test.labels, results.probabilities, folder / "mistakes.png")
    plots.confusion_matrix(results.confusion, folder / "confusion_matrix.png")
    weight = next(array for array in network.params.values() if array.ndim >= 2)
    plots.filters(weight, folder / "filters.png")
