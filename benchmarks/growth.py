"""Time a training step against the batch size and the width, beside PyTorch.

Where handgrad is more than a tenth slower than PyTorch, the result says so; the page on
performance must then say why. The NumPy reference is left out, and sizes grow by fours: otherwise
the large ones would take most of an hour.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from handgrad.models import two_layer_net
from side_by_side import works
from side_by_side.command import read
from side_by_side.machine import heading, machine
from side_by_side.pictures import draw_growth
from side_by_side.report import duration, names_of, publish, table
from side_by_side.run import gaps, run, versions
from side_by_side.works import WORKS, Work

BATCHES = [4**i for i in range(7)]  # 1 … 4096
WIDTHS = [4**i for i in range(2, 7)]  # 16 … 4096
ROWS = 2048  # of one epoch, or columns of its steps, at most; but one step at least
SLOWER = 1.1


@dataclass(frozen=True)
class Curve:
    """A work at several sizes."""

    name: str
    title: str
    size: str
    sizes: list[int]
    at: Callable[[int], Work]


def of_batch(name: str) -> Callable[[int], Work]:
    """A work at a batch size; large batches make few steps in an epoch."""
    work = next(each for each in WORKS if each.name == name)
    return lambda size: replace(work, batch=size, steps=max(1, min(20, ROWS // size)))


def of_width(size: int) -> Work:
    """784-size-10 with Adam."""
    work = next(each for each in WORKS if each.name == "mlp-adam")
    steps = max(1, min(20, ROWS // size))
    return replace(work, network=lambda: two_layer_net(784, size, 10), steps=steps)


CURVES = [
    Curve("mlp-batch", "784-100-10, Adam", "batch size", BATCHES, of_batch("mlp-adam")),
    Curve("simple-batch", "SimpleConvNet, Adam", "batch size", BATCHES, of_batch("simple-adam")),
    Curve("mlp-width", "784-width-10, Adam, batch 100", "width", WIDTHS, of_width),
]


def slower(results: dict[str, dict[int, Any]]) -> list[str]:
    """Where handgrad takes clearly longer than PyTorch."""
    return [
        f"  {name} at {size}: PyTorch takes {values['pytorch']['ratio']:.2f} of handgrad's time"
        for name, sizes in results.items()
        for size, values in sizes.items()
        if values.get("pytorch", {}).get("ratio", SLOWER) < 1 / SLOWER
    ]


def rows_of(curve: Curve, sizes: dict[int, Any]) -> list[list[str]]:
    """A curve as lines of a table."""
    return [
        [
            curve.title,
            f"{curve.size} {size}",
            *("" if "missing" in v else duration(v["median"]) for v in values.values()),
            *("" if "missing" in v else f"{v['ratio']:.2f}" for v in list(values.values())[1:]),
        ]
        for size, values in sizes.items()
    ]


def main() -> None:
    """Measure, print, write."""
    sides, curves = ["handgrad", "pytorch"], [curve.name for curve in CURVES]
    options = read(__doc__, sides, curves, rounds=5)
    found, names = machine(options.terms.threads), names_of(options.sides)
    chosen = [curve for curve in CURVES if curve.name in (options.only or curves)]
    results: dict[str, dict[int, Any]] = {}
    ratios = [f"{name}, ratio" for name in names_of(options.sides[1:]).values()]
    rows = [["network", "size", *names.values(), *ratios]]
    for curve in chosen:
        results[curve.name] = {}
        for size in curve.sizes[:2] if options.quick else curve.sizes:
            work = works.quick(curve.at(size)) if options.quick else curve.at(size)
            results[curve.name][size] = run(work, options.sides, options.terms)
        rows += rows_of(curve, results[curve.name])
        print(f"{curve.title}: done", flush=True)
    runs = {f"{name} at {n}": each for name, sizes in results.items() for n, each in sizes.items()}
    found["versions"] |= versions(list(runs.values()))
    behind, empty = slower(results), gaps(runs, names)
    parts = [
        *heading(found, quick=options.quick),
        "\nTime per step, and how many times handgrad's\n",
        table(rows),
        *(["\nMore than a tenth slower than PyTorch:", *behind] if behind else []),
        *(["\nEmpty columns:", *empty] if empty else []),
    ]
    publish("growth", options.out, "\n".join(parts), {"machine": found, "curves": results})
    panels = {
        curve.title: {
            side: {
                n: v[side]["median"] for n, v in results[curve.name].items() if "median" in v[side]
            }
            for side in options.sides
        }
        for curve in chosen
    }
    draw_growth(options.out / "growth.png", panels, [curve.size for curve in chosen])


if __name__ == "__main__":
    main()
