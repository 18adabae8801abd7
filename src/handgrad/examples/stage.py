"""What an example is given: whether to be quick, its seed, and where words and figures go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from handgrad.data import Examples
from handgrad.plots.canvas import write
from handgrad.training import Callback, Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")


@dataclass
class Stage:
    """Where an example appears.

    Attributes:
        name: the example's.
        folder: where its figures go.
        quick: True asks for the form of a few seconds, which shows that everything works; False
            for the one whose numbers count.
        seed: every random number follows from it.
        out: what a line of text is handed to.
        lines: what was said so far, without what was measured: the same in every run.
        figures: the files that were drawn so far.
    """

    name: str
    folder: Path
    quick: bool = False
    seed: int = 0
    out: Callable[[str], None] = print
    lines: list[str] = field(default_factory=list[str])
    figures: list[Path] = field(default_factory=list[Path])

    def say(self, text: str = "") -> None:
        """Print text that is the same in every run with the same seed."""
        self.lines += text.splitlines() or [""]
        self.out(text)

    def measured(self, text: str) -> None:
        """Print text with times in it, which are different in every run."""
        self.out(text)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns: the first one left-aligned, the others right-aligned."""
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for first, *rest in [header, *rows]:
            cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
            self.say("  ".join([first.ljust(widths[0]), *cells]).rstrip())

    def pick(self, *, quick: T, full: T) -> T:
        """The one of two values that belongs to this form."""
        return quick if self.quick else full

    def rng(self, *more: int) -> np.random.Generator:
        """A generator that follows from the seed, another one for other numbers after it."""
        return np.random.default_rng((self.seed, *more))

    def path(self, part: str = "", *, ending: str = ".png") -> Path:
        """The file for a figure; one that draws several gives each a `part`. It counts as drawn."""
        path = self.folder / f"{self.name}{'-' if part else ''}{part}{ending}"
        self.figures.append(path)
        return path

    def save(self, figure: "Figure", part: str = "") -> None:
        """Write a figure as PNG."""
        write(figure, self.path(part), who=f"examples.{self.name}")


class SayEpochs(Callback):
    """Say the loss and the accuracies after each epoch, or after every so many.

    Args:
        stage: where.
        every: after how many epochs; the first and the last are always told.
    """

    def __init__(self, stage: Stage, *, every: int = 1) -> None:
        self.stage = stage
        self.every = every
        self.told = 0

    def on_epoch(self, trainer: Trainer) -> None:
        if trainer.position.epoch == 1 or trainer.position.epoch % self.every == 0:
            self.tell(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if trainer.position.epoch != self.told:
            self.tell(trainer)

    def tell(self, trainer: Trainer) -> None:
        """Say the newest row of the history."""
        row = trainer.history.last
        self.told = row["epoch"]
        texts = [f"epoch {row['epoch']:3d}", f"loss {row['loss']:.4f}"]
        texts += [
            f"{name.replace('_', ' ')} {100 * row[name]:.2f} %"
            for name in ("accuracy", "validation_accuracy")
            if row.get(name) is not None
        ]
        self.stage.say("   ".join(texts))


class Measure(Callback):
    """Measure the network before training and after each epoch, and say what came out.

    The sets are for looking at: nothing may be chosen by what is measured on test data.

    Args:
        stage: where.
        sets: {name: examples}, such as {"training": …, "test": …}.
        every: after how many epochs to say it, besides the first three; measured is after each.

    Attributes:
        accuracies: by the sets' names; the first is that of the untrained network.
        losses: the same of the losses.
    """

    def __init__(self, stage: Stage, sets: Mapping[str, Examples], *, every: int = 1) -> None:
        self.stage = stage
        self.every = every
        self.sets = sets
        self.accuracies: dict[str, list[float]] = {name: [] for name in sets}
        self.losses: dict[str, list[float]] = {name: [] for name in sets}

    def on_start(self, trainer: Trainer) -> None:
        self.on_epoch(trainer)

    def on_epoch(self, trainer: Trainer) -> None:
        texts = [f"epoch {trainer.position.epoch:2d}"]
        for name, (x, labels) in self.sets.items():
            found = trainer.evaluate(x, labels)
            self.accuracies[name].append(found["accuracy"])
            self.losses[name].append(found["loss"])
            texts.append(f"{name}: loss {found['loss']:.4f}, {100 * found['accuracy']:.2f} %")
        if trainer.position.epoch in {1, 2, 3} or trainer.position.epoch % self.every == 0:
            self.stage.say("   ".join(texts))
