"""`handgrad evaluate`: a network on the test images of MNIST."""

from pathlib import Path

from handgrad.cli.folder import load_network
from handgrad.cli.results import measure, show_results
from handgrad.cli.text import say_json


def run_evaluation(run: Path, *, json: bool) -> int:
    """Measure the network of `run`, and print how good it is."""
    network = load_network(run)
    from handgrad.data import mnist

    test = mnist().test
    results = measure(network, test.x, test.labels)
    if json:
        say_json({"network": str(run), "data": "mnist test", **results.values()})
    else:
        show_results(results)
    return 0
