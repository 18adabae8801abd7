"""Seconds to 99.0 % and 99.5 % of MNIST's test digits, beside PyTorch with the same recipe.

The time is that of a fresh process: starting, importing, reading the data, training, and reading
the test images once, at the end. Compiling is told apart: it happens once on a machine, here in a
process that runs before. Five seeds; none is selected, the median counts.

Every choice of a recipe uses training data alone: with --held-out this program measures on 5,000
training images that training left out, and does not look at the test images.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from side_by_side.command import Options, read
from side_by_side.driver import LOSSES, SIDES, Missing, Way, Worker, check_agreement, in_words
from side_by_side.machine import heading, machine
from side_by_side.recipes import RECIPES, Recipe, write_recipe
from side_by_side.report import duration, names_of, publish, table

SEEDS = 5
FEW = 200  # images of a quick run, and of the process that compiles


@dataclass(frozen=True)
class Run:
    """One process from start to end: how long it took, and the share of digits it read right."""

    seconds: float
    accuracy: float


class Race:
    """One recipe on all sides.

    Args:
        recipe: what is run.
        options: the command line's.
        folder: for what the sides read, and for what handgrad compiles (a quick run uses what was
            compiled before).
    """

    def __init__(self, recipe: Recipe, options: Options, folder: Path) -> None:
        self.recipe = replace(recipe, epochs=1) if options.quick else recipe
        self.options = options
        self.folder = folder
        cache = {"NUMBA_CACHE_DIR": str(folder / "compiled")}
        self.variables = {} if options.quick else cache
        self.versions: dict[str, str] = {}

    def write(self, seed: int, limit: int | None) -> None:
        """Write what the sides read."""
        held_out, threads = self.options.held_out, self.options.terms.threads
        write_recipe(
            self.recipe, self.folder, seed=seed, limit=limit, held_out=held_out, threads=threads
        )

    def ask(self, way: Way, **request: Any) -> tuple[float, Any]:
        """Ask one thing of a fresh process: the seconds from its start, and the answer.

        Raises:
            Missing: there is no such library.
        """
        name, variables = way
        started = time.perf_counter()
        worker = Worker((name, variables | self.variables), self.folder, self.options.terms)
        try:
            self.versions |= worker.read("ready")
            answer = worker.ask(**request)
            return time.perf_counter() - started, answer
        finally:
            worker.close()

    def compile_seconds(self) -> float:
        """How much longer a first process takes than a second; nothing is compiled before it."""
        self.write(0, FEW)
        first, second = (self.ask(SIDES["handgrad"][0], do="train")[0] for _ in range(2))
        return max(0.0, first - second)

    def train(self, side: str, seeds: int) -> list[Run]:
        """All seeds of one side; after the first, it goes on in its fastest way.

        Raises:
            Missing: there is no such library.
        """
        ways, runs = SIDES[side], list[Run]()
        for seed in range(seeds):
            self.write(seed, FEW if self.options.quick else None)
            if seed == 0:
                every = [SIDES["handgrad"][0], *ways]
                asked = {in_words(way): self.ask(way, do="losses", steps=LOSSES) for way in every}
                check_agreement({name: losses for name, (_, losses) in asked.items()})
            tried = [Run(*self.ask(way, do="train")) for way in ways]
            best = min(range(len(ways)), key=lambda i: tried[i].seconds)
            ways = [ways[best]]
            runs.append(tried[best])
            print(
                f"{self.recipe.name} %, {side}, seed {seed}: "
                f"{tried[best].accuracy:.2%} in {duration(tried[best].seconds)}",
                flush=True,
            )
        return runs

    def run(self) -> dict[str, Any]:
        """All sides, as plain values."""
        compiling = self.compile_seconds()
        sides: dict[str, Any] = {}
        for side in self.options.sides:
            try:
                runs = self.train(side, 1 if self.options.quick else SEEDS)
                sides[side] = summary(runs, self.recipe.target)
            except Missing as reason:
                sides[side] = {"missing": str(reason)}
        return {"target": self.recipe.target, "compile_seconds": compiling, "sides": sides}


def summary(runs: Sequence[Run], target: float) -> dict[str, Any]:
    """Medians over the seeds, and how many of them reached the target."""
    return {
        "seconds": median(run.seconds for run in runs),
        "accuracy": median(run.accuracy for run in runs),
        "reached": sum(run.accuracy >= target for run in runs),
        "runs": [asdict(run) for run in runs],
    }


def row(name: str, result: dict[str, Any], side: str) -> list[str]:
    """One side's line of the table; empty where it is missing."""
    values = result["sides"][side]
    work = [f"{result['target']:.1%}", name]
    if "missing" in values:
        return [*work, "", "", "", "", ""]
    seconds = [run["seconds"] for run in values["runs"]]
    return [
        *work,
        duration(values["seconds"]),
        f"{duration(min(seconds))} … {duration(max(seconds))}",
        f"{values['accuracy']:.2%}",
        f"{values['reached']} of {len(seconds)}",
        duration(result["compile_seconds"]) if side == "handgrad" else "",
    ]


def main() -> None:
    """Measure, print, write."""
    sides, recipes = ["handgrad", "reference", "pytorch"], [recipe.name for recipe in RECIPES]
    options = read(__doc__, sides, recipes, of_recipes=True)
    found, names = machine(options.terms.threads), names_of(options.sides)
    results: dict[str, Any] = {}
    rows = [["target", "", "median", "from … to", "accuracy", "reached", "compiling, once"]]
    for recipe in [each for each in RECIPES if each.name in (options.only or recipes)]:
        with TemporaryDirectory() as folder:
            race = Race(recipe, options, Path(folder))
            result = results[recipe.name] = race.run()
        found["versions"] |= race.versions
        rows += [row(names[side], result, side) for side in options.sides]
    measured = "5,000 held-out training images" if options.held_out else "the test images"
    missing = [
        f"  {names[side]}: {values['missing']} ({name} %)"
        for name, result in results.items()
        for side, values in result["sides"].items()
        if "missing" in values
    ]
    parts = [
        *heading(found, quick=options.quick),
        f"\nWhole time of a fresh process, to the accuracy on {measured}\n",
        table(rows),
        *(["\nEmpty lines:", *missing] if missing else []),
    ]
    values = {"machine": found, "held_out": options.held_out, "recipes": results}
    publish("speedrun", options.out, "\n".join(parts), values)


if __name__ == "__main__":
    main()
