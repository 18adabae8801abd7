"""handgrad's side: its public Network and Trainer, as users write them."""

import time
from typing import Any

import numpy as np

import handgrad
from handgrad import Callback, Network, Trainer
from handgrad.backend import active
from handgrad.checks import Array
from handgrad.cli.environment import environment
from handgrad.layers import Dropout
from handgrad.layers.describe import known_layers, make
from handgrad.optimizers.rules import by_name
from handgrad.schedules import OneCycle
from side_by_side.side import Side, shifted
from side_by_side.works import digits_to_measure


class Clock(Callback):
    """The seconds from one epoch's end to the next."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.last = 0.0

    def on_start(self, trainer: Trainer) -> None:
        self.last = time.perf_counter()

    def on_epoch(self, trainer: Trainer) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


class Handgrad(Side):
    """handgrad with the backend that HANDGRAD_BACKEND names, or its own choice."""

    def fresh(self) -> Network:
        return Network.load(self.folder / "network.safetensors")

    def own_bytes(self, network: Network) -> int:
        arrays = (*network.params.values(), *network.state.values())
        return sum(array.nbytes for array in arrays)

    def versions(self) -> dict[str, str]:
        return {**environment()["versions"], "backend": active()}

    def trainer(self, network: Network, learning_rate: float, **options: Any) -> Trainer:
        """A trainer with the task's loss and optimizer."""
        loss: Any = getattr(handgrad, self.task["loss"])
        smoothing = self.task.get("label_smoothing", 0.0)
        return Trainer(
            network,
            loss(label_smoothing=smoothing) if smoothing else loss(),
            by_name(self.task["optimizer"], learning_rate),
            metrics=None if self.task["accuracy"] else {},
            **options,
        )

    def losses(self, steps: int) -> list[float]:
        kept = [each for each in self.task["layers"] if each["type"] != Dropout.__name__]
        known, shape = known_layers(), self.arrays["x"].shape[1:]
        network = Network([make(layer, known) for layer in kept], shape)
        for name in network.params:
            network.params[name] = self.arrays[f"params/{name}"]
        batch = self.task["batch"]
        x, labels = self.arrays["x"][:batch], self.arrays["labels"][:batch]
        trainer = self.trainer(network, self.task["check_rate"])
        return trainer.fit(x, labels, epochs=steps, batch_size=batch)["loss"]

    def outputs(self) -> list[float]:
        outputs = self.fresh().predict(self.arrays["x"][: self.task["batch"]])
        return outputs[:4].ravel().tolist()

    def run(self, network: Network, count: int, steps: int) -> list[float]:
        batch = self.task["batch"]
        x, labels = self.arrays["x"][: batch * steps], self.arrays["labels"][: batch * steps]
        if self.task["infer"]:
            return [predict_seconds(network, x, batch) for _ in range(count)]
        clock = Clock()
        trainer = self.trainer(network, self.task["learning_rate"])
        trainer.fit(x, labels, epochs=count, batch_size=batch, callbacks=[clock])
        return clock.seconds

    def train(self) -> float:
        task = self.task
        (x, labels), (x_test, labels_test) = digits_to_measure(
            task["limit"], held_out=task["held_out"]
        )
        network = self.fresh()
        trainer = self.trainer(
            network,
            task["learning_rate"],
            schedule=OneCycle(task["warmup"]),
            augment=augment if task["shift"] else None,
            seed=task["seed"],
        )
        trainer.fit(x, labels, epochs=task["epochs"], batch_size=task["batch"])
        return float((network.predict_classes(x_test, batch_size=1000) == labels_test).mean())


def augment(x: Array, rng: np.random.Generator) -> Array:
    """What the recipes do to each batch."""
    return shifted(x, rng)


def predict_seconds(network: Network, x: Array, batch: int) -> float:
    """The seconds of predicting all rows, batch by batch."""
    started = time.perf_counter()
    for start in range(0, len(x), batch):
        network.predict(x[start : start + batch], batch_size=batch)
    return time.perf_counter() - started
