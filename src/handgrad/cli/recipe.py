"""What `handgrad train mnist` will do: the model's recipe with the user's choices put in."""

import copy
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from handgrad import models
from handgrad.checks import check_count, check_number
from handgrad.cli.guard import UsageError, usage_errors
from handgrad.cli.text import closest
from handgrad.data import Augmentation, Examples, affine, mnist, split
from handgrad.data.augmentation import described_step
from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import OPTIMIZERS, Optimizer, by_name
from handgrad.schedules import Schedule
from handgrad.training import Trainer

WHO = "train mnist"
HELD_OUT = 5_000
TRAIN_IMAGES = 60_000 - HELD_OUT
AUGMENT = Augmentation(partial(affine, degrees=10, scale=0.1, pixels=2))


class Choices(NamedTuple):
    """The options as the user gave them; None is the recipe's own."""

    model: str
    epochs: int | None
    batch_size: int | None
    optimizer: str | None
    learning_rate: float | None
    seed: int
    out: Path | None
    limit: int | None
    augment: bool = False
    threads: int | None = None
    deterministic: bool = False


class Plan:
    """A network, built, and how it will be trained.

    Args:
        choices: the options, already checked.
    """

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.recipe = models.RECIPES[choices.model]
        self.network = models.build(choices.model, seed=choices.seed)
        self.epochs = choices.epochs or self.recipe.epochs
        self.batch_size = choices.batch_size or self.recipe.batch_size
        self.optimizer = self._optimizer()
        self.augment = self.recipe.augment or (AUGMENT if choices.augment else None)

    def _optimizer(self) -> Optimizer:
        name = self.choices.optimizer or self.recipe.optimizer
        rate = self.choices.learning_rate
        if rate is None and name == self.recipe.optimizer:
            rate = self.recipe.learning_rate  # another optimizer has a rate of its own
        return by_name(name, learning_rate=rate)

    def trainer(self) -> Trainer:
        """The trainer that does it."""
        return Trainer(
            self.network,
            SoftmaxCrossEntropy(),
            self.optimizer,
            schedule=copy.deepcopy(self.recipe.schedule),  # it may remember things
            augment=self.augment,
            seed=self.choices.seed,
            threads=self.choices.threads,
            deterministic=self.choices.deterministic,
        )

    def train_images(self) -> int:
        """How many images are learned from."""
        return min(self.choices.limit or TRAIN_IMAGES, TRAIN_IMAGES)

    def validation_images(self) -> int:
        """How many held-out images choose the best epoch; in a quick trial fewer."""
        return min(HELD_OUT, self.train_images())

    def config(self) -> dict[str, Any]:
        """Everything that was chosen, as plain values."""
        choices = self.choices
        return {
            "model": {
                "name": choices.model,
                "parameters": self.network.summary().parameters,
                "layers": [repr(layer) for layer in self.network.layers],
            },
            "data": {
                "name": "mnist",
                "train_images": self.train_images(),
                "validation_images": self.validation_images(),
                "test_images": 10_000,
                "split_seed": choices.seed,
            },
            "training": {
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "loss": "SoftmaxCrossEntropy",
                "optimizer": {"name": type(self.optimizer).__name__, **self.optimizer.config()},
                "schedule": described(self.recipe.schedule),
                "augment": None if self.augment is None else described_step(self.augment),
                "best_by": "validation_accuracy",
                "seed": choices.seed,
                "threads": choices.threads,
                "deterministic": choices.deterministic,
            },
        }

    def lines(self) -> list[str]:
        """What will be done, for people."""
        count = self.network.summary().parameters
        optimizer = type(self.optimizer).__name__
        words = [
            f"  {self.epochs} epoch{'s' if self.epochs > 1 else ''}",
            f"batches of {self.batch_size}",
            f"{optimizer} at {self.optimizer.learning_rate:g}",
            f"{type(self.recipe.schedule).__name__} schedule",
            f"seed {self.choices.seed}",
        ]
        images = (
            f"  {self.train_images():,} images to learn from, "
            f"{self.validation_images():,} to choose by, 10,000 for the test"
        )
        if self.augment is not None:
            words.append("augmented")
        title = f"Training {self.choices.model} ({count:,} parameters) on MNIST"
        return [title, images, ", ".join(words)]


def plan_training(choices: Choices) -> Plan:
    """Check the options and build the network.

    Raises:
        UsageError: an option that cannot be.
    """
    check_name(choices.model, list(models.RECIPES), "--model")
    if choices.optimizer is not None:
        check_name(choices.optimizer, list(OPTIMIZERS), "--optimizer")
    with usage_errors():
        for which, count in (
            ("--epochs", choices.epochs),
            ("--batch-size", choices.batch_size),
            ("--limit", choices.limit),
            ("--threads", choices.threads),
        ):
            if count is not None:
                check_count(count, who=WHO, which=which)
        check_count(choices.seed, who=WHO, which="--seed", low=0)
        if choices.learning_rate is not None:
            rate = choices.learning_rate
            check_number(rate, who=WHO, which="--learning-rate", low=0, open_low=True)
        return Plan(choices)


def check_name(name: str, choices: list[str], which: str) -> None:
    """Refuse a name that is none of `choices`, and say which is meant, if that can be seen.

    Raises:
        UsageError: it is none of them.
    """
    if name not in choices:
        raise UsageError(
            f"{WHO}: {which} must be one of {', '.join(choices)}, but is {name!r}."
            f"{closest(name, choices)}"
        )


def load_images(plan: Plan) -> tuple[Examples, Examples, Examples]:
    """The images to learn from, those to choose the best epoch by, and those to test on."""
    data = mnist()
    kept, held_out = split(*data.train, count=HELD_OUT, seed=plan.choices.seed)
    train, validation = plan.train_images(), plan.validation_images()
    return (
        Examples(kept.x[:train], kept.labels[:train]),
        Examples(held_out.x[:validation], held_out.labels[:validation]),
        data.test,
    )


def described(schedule: Schedule) -> dict[str, Any]:
    """A schedule as plain values: its name and its settings."""
    settings = {
        key: value for key, value in vars(schedule).items() if isinstance(value, int | float)
    }
    return {"name": type(schedule).__name__, **settings}
