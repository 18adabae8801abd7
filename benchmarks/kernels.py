"""Ways to compute the sums of a convolution: directly, over winners, by Winograd's products.

Each line is a layer as a stage of a plan, on a batch of 100, one worker. The ways take turns; each
must agree with the definition in float64, and how well it does is told. First the five 3 × 3
convolutions of DeepConvNet that are not its first, without pooling: the direct sum
(`kernels/windows.py`) and by Winograd's products. Then the gradient of the weights behind a 2 × 2
max-pool: over all positions, over those that won (`kernels/winners.py`), and by Winograd's
products.
"""

import math
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from handgrad.layers import Conv2d, MaxPool2d
from handgrad.layers.base import Layer
from handgrad.network import Network
from handgrad.plans import Workers
from handgrad.plans.buffers import Buffer
from handgrad.plans.convolution import ConvStage
from handgrad.plans.stages import Context
from handgrad.plans.winograd import WinogradStage
from side_by_side.command import read
from side_by_side.machine import heading, machine
from side_by_side.report import publish, table

BATCH, QUICK_BATCH, ROUNDS = 100, 8, 60
TOLERANCE = 1e-4  # of the largest number


class Shape(NamedTuple):
    """A convolution."""

    channels: int
    filters: int
    size: int
    padding: int = 1
    kernel: int = 3

    def __str__(self) -> str:
        k, size = self.kernel, self.size
        same = 2 * self.padding + 1 == k
        more = "" if same else f", padding {self.padding}"
        return f"{k} × {k}, {self.channels} → {self.filters} at {size} × {size}{more}"


PLAIN = [
    Shape(16, 16, 28),
    Shape(16, 32, 14),
    Shape(32, 32, 14, padding=2),
    Shape(32, 64, 8),
    Shape(64, 64, 8),
]
POOLED = [
    Shape(16, 16, 28),
    Shape(32, 32, 14, padding=2),
    Shape(64, 64, 8),
    Shape(16, 32, 14, padding=2, kernel=5),
    Shape(32, 32, 16, padding=2, kernel=5),
]


class EveryPosition(ConvStage):
    """The gradient of the weights as a sum over all positions, behind a max-pool too."""

    def make_room(self) -> None:
        super().make_room()
        if self.pooled:
            self.d_sums = Buffer(self.y.count, self.sums_shape, self.context.dtype)

    def weight_gradient(self, worker: int, lo: int, hi: int) -> None:
        self.dweight[worker] = 0
        if self.pooled:
            self.unpool(lo, hi)
        self.positions_gradient(worker, lo, hi)


Ways = dict[str, type[ConvStage]]
Found = dict[str, dict[str, dict[str, float]]]
DIRECT, WINNERS, WINOGRAD = "direct", "winners", "Winograd"
FULL: Ways = {DIRECT: ConvStage, WINOGRAD: WinogradStage}
BEHIND: Ways = {DIRECT: EveryPosition, WINNERS: ConvStage, WINOGRAD: WinogradStage}


def make(
    shape: Shape, kind: type[ConvStage], count: int, *, pooled: bool, dtype: str = "float32"
) -> ConvStage | None:
    """A stage of that kind, on random numbers, gone forward once; None if it cannot be one."""
    layers: list[Layer] = [Conv2d(shape.filters, shape.kernel, padding=shape.padding)]
    layers += [MaxPool2d(2)] if pooled else []
    network = Network(layers, (shape.channels, shape.size, shape.size), dtype=dtype)
    layer = network.layers[0]
    context = Context(Workers(1), count, count, network.dtype, network.params, network.state, count)
    if issubclass(kind, WinogradStage) and not kind.fits(context, layer, training=True):
        return None
    pool = network.layers[1] if pooled else None
    stage = kind(context, layer, str(layer.name), relu=pooled, pool=pool)
    x, dx = (Buffer(count, stage.input_shape, dtype, border=stage.x_border) for _ in range(2))
    y, dy = (Buffer(count, stage.shape, dtype, border=stage.dy_border) for _ in range(2))
    stage.connect(x, y, dy, None if pooled else dx)
    stage.room = stage.partial(stage.room_size)
    rng = np.random.default_rng(0)
    for array in (x.view, dy.view, network.params[f"{stage.name}.weight"]):
        array[:] = rng.standard_normal(array.shape, dtype=np.float32)
    stage.load(0, training=True)
    stage.forward(0, 0, count, training=True)
    if pooled:  # the same winners for all: where two are nearly equal, ways may differ
        codes = count * math.prod(stage.shape)
        stage.winner[:codes] = rng.integers(0, 4, codes)
    return stage


def tasks(stage: ConvStage, *, pooled: bool) -> dict[str, Callable[[], Any]]:
    """What is timed."""
    count = stage.context.count
    found: dict[str, Callable[[], Any]] = {
        "forward": lambda: stage.forward(0, 0, count, training=True)
    }
    if stage.dx is not None:
        dx = stage.dx
        found["dx"] = lambda: stage.input_gradient(dx, 0, 0, count)
    found["dweight"] = lambda: stage.weight_gradient(0, 0, count)
    return {"dweight": found["dweight"]} if pooled else found


def result(stage: ConvStage, task: str) -> Any:
    """What a task computed, in the public layout."""
    if task == "dweight":
        stage.finish(0)
        stage.gather(0)
        return stage.context.grads[f"{stage.name}.weight"].copy()
    buffer = stage.dx if task == "dx" and stage.dx is not None else stage.y
    return buffer.view.copy()


def error(came: Any, exact: Any, what: str) -> float:
    """The largest difference, as a share of the largest number; refuse what is wrong."""
    found = float(np.abs(came - exact).max() / np.abs(exact).max())
    if not found < TOLERANCE:
        raise SystemExit(f"{what} differs by {found:.1e}, so no times are given.")
    return found


def measure(shape: Shape, ways: Ways, count: int, rounds: int, *, pooled: bool) -> Found:
    """{task: {way: its times and error}}; the ways take turns."""
    made = {way: make(shape, kind, count, pooled=pooled) for way, kind in ways.items()}
    stages = {way: stage for way, stage in made.items() if stage is not None}
    timed = {way: tasks(stage, pooled=pooled) for way, stage in stages.items()}
    exact = make(shape, EveryPosition, count, pooled=pooled, dtype="float64")
    assert exact is not None  # noqa: S101  (a sum by definition fits all)
    found: Found = {}
    for task, compute in tasks(exact, pooled=pooled).items():
        compute()
        wanted = result(exact, task)
        seconds: dict[str, list[float]] = {way: [] for way in stages}
        errors: dict[str, float] = {}
        for way, stage in stages.items():
            timed[way][task]()
            errors[way] = error(result(stage, task), wanted, f"{shape}, {task}, {way}")
        for _ in range(rounds):
            for way in stages:
                started = time.perf_counter()
                timed[way][task]()
                seconds[way].append(time.perf_counter() - started)
        found[task] = {
            way: {
                "median": median(each),
                "minimum": min(each),
                "gain": median(a / b for a, b in zip(seconds[DIRECT], each, strict=True)),
                "error": errors[way],
            }
            for way, each in seconds.items()
        }
    return found


def rows_of(results: Mapping[str, Found], ways: Ways) -> list[list[str]]:
    """Lines of a table: milliseconds, how many times as fast as the direct sum, and errors."""
    others = [way for way in ways if way != DIRECT]
    gains, errors = ("gain" for _ in others), ("error" for _ in ways)
    rows = [["layer", "what", *ways, *gains, *errors]]
    for shape, found in results.items():
        for task, times in found.items():
            columns = [(ways, "median", milliseconds), (others, "gain", "{:.2f}".format)]
            columns.append((ways, "error", "{:.1e}".format))
            cells = [
                written(times[way][key]) if way in times else ""
                for group, key, written in columns
                for way in group
            ]
            rows.append([shape, task, *cells])
    return rows


def milliseconds(seconds: float) -> str:
    """With three places."""
    return f"{seconds * 1e3:.3f}"


def main() -> None:
    """Measure, print, write."""
    names = [str(shape) for shape in dict.fromkeys([*PLAIN, *POOLED])]
    options = read(__doc__, ["handgrad"], names, rounds=ROUNDS, alone=True)
    found = machine(1)
    count = QUICK_BATCH if options.quick else BATCH
    chosen, rounds = options.only or names, options.terms.rounds
    full, behind = (
        {
            str(shape): measure(shape, ways, count, rounds, pooled=pooled)
            for shape in shapes
            if str(shape) in chosen
        }
        for shapes, ways, pooled in ((PLAIN, FULL, False), (POOLED, BEHIND, True))
    )
    parts = [
        *heading(found, quick=options.quick),
        f"Medians in milliseconds, batch {count}. In the same order:",
        "gain: how many times as fast as the direct sum (the median of the rounds' ratios)",
        "error: the largest difference from float64, as a share of the largest number",
        *(["\nA convolution\n", table(rows_of(full, FULL))] if full else []),
        *(["\nBehind a 2 × 2 max-pool\n", table(rows_of(behind, BEHIND))] if behind else []),
    ]
    values = {"machine": found, "batch": count, "convolutions": full, "pooled": behind}
    publish("kernels", options.out, "\n".join(parts), values)


if __name__ == "__main__":
    main()
