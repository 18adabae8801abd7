"""Time one real epoch of MNIST, everything included, beside PyTorch.

60,000 images in bytes, in memory: shuffling, gathering, scaling to [0, 1], training in batches of
100 with Adam, the loss and the right answers counted. Not included: starting, reading the files,
compiling (short epochs run before).
"""

from dataclasses import replace
from typing import Any

from side_by_side import works
from side_by_side.command import read
from side_by_side.machine import heading, machine
from side_by_side.report import duration, names_of, publish, table
from side_by_side.run import gaps, run, versions
from side_by_side.works import WORKS

NAMES = ["simple-adam", "deep-adam"]
STEPS = 600


def cell(values: dict[str, Any], steps: int) -> str:
    """Seconds of an epoch, and the ratio; empty where the side is missing."""
    if "missing" in values:
        return ""
    return f"{duration(values['median'] * steps)} ({values['ratio']:.2f})"


def main() -> None:
    """Measure, print, write."""
    sides = ["handgrad", "pytorch", "torch-fused", "torch-compile"]
    options = read(__doc__, sides, NAMES, rounds=3)
    found, names = machine(options.terms.threads), names_of(options.sides)
    rows, results = [["epoch of", "images", *names.values()]], dict[str, Any]()
    for work in [each for each in WORKS if each.name in (options.only or NAMES)]:
        whole = replace(work, steps=STEPS, accuracy=True)
        whole = works.quick(whole) if options.quick else whole
        values = run(whole, options.sides, options.terms)
        images = whole.batch * whole.steps
        results[work.name] = {"images": images, "steps": whole.steps, "sides": values}
        rows.append([work.title, str(images), *(cell(v, whole.steps) for v in values.values())])
    runs = {name: result["sides"] for name, result in results.items()}
    found["versions"] |= versions(list(runs.values()))
    empty = gaps(runs, names)
    parts = [
        *heading(found, quick=options.quick),
        "\nTime of one epoch: median (how many times handgrad's)\n",
        table(rows),
        *(["\nEmpty columns:", *empty] if empty else []),
    ]
    publish("epoch", options.out, "\n".join(parts), {"machine": found, "works": results})


if __name__ == "__main__":
    main()
