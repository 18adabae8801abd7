"""scikit-learn's side: MLPClassifier, where it has such a network. Imported by name, as a peer."""

import time
from importlib import import_module
from typing import Any

import numpy as np

from side_by_side.side import Array, Side, UnsupportedError


class Sklearn(Side):
    """MLPClassifier with the same layers, solver and batch size, one epoch per partial_fit."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.module: Any = import_module("sklearn.neural_network")
        kinds = [layer["type"] for layer in self.task["layers"]]
        if self.task["infer"] or self.task["accuracy"]:
            raise UnsupportedError("MLPClassifier is compared in training steps only")
        if set(kinds) - {"Affine", "Relu"} or self.task["loss"] == "MeanSquaredError":
            raise UnsupportedError("MLPClassifier has no such network")
        prefixes = [
            f"params/{layer['options']['name']}"
            for layer in self.task["layers"]
            if layer["type"] == "Affine"
        ]
        self.params = [
            (self.arrays[f"{prefix}.weight"], self.arrays[f"{prefix}.bias"]) for prefix in prefixes
        ]

    def versions(self) -> dict[str, str]:
        sklearn: Any = import_module("sklearn")
        return {"scikit-learn": sklearn.__version__}

    def classifier(self, learning_rate: float) -> Any:
        """The task's network, untrained, with its initial parameters."""
        initial = iter([(weight.copy(), bias.copy()) for weight, bias in self.params])
        classifier = self.module.MLPClassifier(
            hidden_layer_sizes=[len(bias) for _, bias in self.params[:-1]],
            solver=self.task["optimizer"],
            batch_size=self.task["batch"],
            learning_rate_init=learning_rate,
            alpha=0.0,
            momentum=0.0,
            random_state=0,
        )

        def given(*_: Any) -> tuple[Array, Array]:
            return next(initial)

        # It offers no way to give it parameters; that these are used, the equal losses show.
        classifier._init_coef = given  # noqa: SLF001
        return classifier

    def rows(self, count: int) -> tuple[Array, Array, Array]:
        """The first rows and labels, and the classes."""
        x, labels = self.arrays["x"][:count], self.arrays["labels"][:count]
        if self.task["loss"] == "BinaryCrossEntropy":
            labels = labels.ravel().astype(np.int64)
        return x, labels, np.arange(max(2, len(self.params[-1][1])))

    def losses(self, steps: int) -> list[float]:
        x, labels, classes = self.rows(self.task["batch"])
        classifier = self.classifier(self.task["check_rate"])
        return [
            float(classifier.partial_fit(x, labels, classes=classes).loss_) for _ in range(steps)
        ]

    def fresh(self) -> Any:
        return self.classifier(self.task["learning_rate"])

    def own_bytes(self, network: Any) -> int:
        return sum(array.nbytes for arrays in self.params for array in arrays)

    def run(self, network: Any, count: int, steps: int) -> list[float]:
        x, labels, classes = self.rows(self.task["batch"] * steps)
        seconds: list[float] = []
        for _ in range(count):
            started = time.perf_counter()
            network.partial_fit(x, labels, classes=classes)
            seconds.append(time.perf_counter() - started)
        return seconds
