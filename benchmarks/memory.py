"""Measure the memory that training takes, beside PyTorch.

Each side in a process of its own. Counted is what the process holds in memory (resident) at its
peak, above what it held before: program, libraries and compiled kernels, data, and what two steps
with a few rows leave behind. `summary` is what `network.summary(batch_size=…)` said beforehand.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from side_by_side import works
from side_by_side.command import read
from side_by_side.driver import SIDES, Missing, Terms, Worker, in_words
from side_by_side.machine import heading, machine
from side_by_side.report import names_of, publish, table
from side_by_side.run import gaps, versions
from side_by_side.works import WORKS, Work

NAMES = ["simple-adam", "deep-adam"]
STEPS = 5
MEGABYTE = 1_000_000


def measure(folder: Path, sides: list[str], terms: Terms) -> dict[str, dict[str, Any]]:
    """What each side takes; of the ways of one side, the least."""
    found: dict[str, dict[str, Any]] = {}
    for side in sides:
        answers: list[dict[str, Any]] = []
        for way in SIDES[side]:
            worker = Worker(way, folder, terms)
            try:
                about = {"how": in_words(way), "versions": worker.read("ready")}
                answers.append({**worker.ask(do="memory", steps=STEPS), **about})
            except Missing as reason:
                found[side] = {"missing": str(reason)}
            finally:
                worker.close()
        if answers:
            found[side] = min(answers, key=lambda answer: answer["peak"])
    return found


def cell(values: dict[str, Any], own: int) -> str:
    """Megabytes, and how many times handgrad's; empty where the side is missing."""
    if "missing" in values:
        return ""
    return f"{values['peak'] / MEGABYTE:.1f} ({values['peak'] / max(own, 1):.2f})"


def told(work: Work, side: str) -> float:
    """What the summary says, in megabytes."""
    memory = work.network().summary(batch_size=work.batch).memory
    assert memory is not None  # noqa: S101  (a batch size was given)
    taken = memory.compiled if side == "handgrad" else memory.reference
    return (memory.reference if taken is None else taken) / MEGABYTE


def main() -> None:
    """Measure, print, write."""
    options = read(__doc__, ["handgrad", "reference", "pytorch"], NAMES, rounds=1)
    found, names = machine(options.terms.threads), names_of(options.sides)
    rows = [["training", "batch", *names.values(), "summary"]]
    results: dict[str, Any] = {}
    for each in [work for work in WORKS if work.name in (options.only or NAMES)]:
        work = replace(works.quick(each) if options.quick else each, steps=STEPS)
        with TemporaryDirectory() as folder:
            works.write(work, Path(folder), threads=options.terms.threads)
            sides = measure(Path(folder), options.sides, options.terms)
        found["versions"] |= versions([sides])
        own = sides["handgrad"].get("peak", 0)
        said = f"{told(work, 'handgrad'):.1f}"
        rows.append([work.title, str(work.batch), *(cell(v, own) for v in sides.values()), said])
        results[work.name] = {"batch": work.batch, "sides": sides, "summary": said}
    empty = gaps({name: result["sides"] for name, result in results.items()}, names)
    parts = [
        *heading(found, quick=options.quick),
        "\nPeak while training, in MB (how many times handgrad's)\n",
        table(rows),
        *(["\nEmpty columns:", *empty] if empty else []),
    ]
    publish("memory", options.out, "\n".join(parts), {"machine": found, "works": results})


if __name__ == "__main__":
    main()
