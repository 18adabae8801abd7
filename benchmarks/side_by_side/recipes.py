"""Recipes of the speedrun: how to reach an accuracy on MNIST, for all sides alike.

Every choice is to be made on training data alone (`speedrun.py --held-out` measures there).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handgrad import Network
from handgrad.models import convnet, deep
from handgrad.schedules import OneCycle
from side_by_side.works import digits_to_measure, write_task


@dataclass(frozen=True)
class Recipe:
    """Adam, and a learning rate that rises and falls once.

    Attributes:
        name: how the command line calls it.
        target: the accuracy to reach.
        learning_rate: the highest.
        warmup: the share of the steps in which it rises.
        shift: whether each image is moved by up to a pixel.
    """

    name: str
    target: float
    network: Callable[..., Network]
    epochs: int
    batch: int
    learning_rate: float
    warmup: float
    shift: bool = False
    label_smoothing: float = 0.0


RECIPES = [
    Recipe("99.0", 0.990, convnet, epochs=3, batch=100, learning_rate=0.01, warmup=0.2),
    Recipe("99.5", 0.995, deep, epochs=12, batch=100, learning_rate=0.003, warmup=0.2, shift=True),
]


def write_recipe(
    recipe: Recipe, folder: Path, *, seed: int, limit: int | None, held_out: bool, threads: int
) -> None:
    """Write a recipe with its network and data into a folder that every side reads.

    handgrad's side reads only the network from it: the data come from its own files.
    """
    network = recipe.network(seed=seed)
    (x, labels), (x_test, labels_test) = digits_to_measure(limit, held_out=held_out)
    schedule, steps = OneCycle(recipe.warmup), -(-len(x) // recipe.batch)
    rates = [
        recipe.learning_rate * schedule.factor(epoch + step / steps, recipe.epochs)
        for epoch in range(recipe.epochs)
        for step in range(steps)
    ]
    arrays = {f"params/{name}": array for name, array in network.params.items()}
    arrays |= {"x": x, "labels": labels, "x_test": x_test, "labels_test": labels_test}
    options = {
        "loss": "SoftmaxCrossEntropy",
        "label_smoothing": recipe.label_smoothing,
        "optimizer": "adam",
        "learning_rate": recipe.learning_rate,
        "check_rate": recipe.learning_rate / 10,  # the full one, at once, would magnify rounding
        "warmup": recipe.warmup,
        "rates": rates,
        "batch": recipe.batch,
        "epochs": recipe.epochs,
        "shift": recipe.shift,
        "seed": seed,
        "limit": limit,
        "held_out": held_out,
        "infer": False,
        "accuracy": False,
        "threads": threads,
    }
    write_task(network, folder, arrays, options)
