"""Where the time of one training step goes, stage by stage, beside what the machine could do.

One worker, batch 100. Stages of a plan are called through methods that read the clock before and
after; what a method calls is not counted twice. Each part stands beside its limit: the operations
that it does at the measured peak of multiply-adds, or the bytes that it must read and write at the
measured rate of copying, whichever takes longer.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from handgrad.losses import SoftmaxCrossEntropy
from handgrad.optimizers import Adam
from handgrad.plans import Plan, Workers
from handgrad.plans.affine import AffineStage
from handgrad.plans.choice import images_at_once
from handgrad.plans.convolution import ConvStage
from handgrad.plans.stages import Stage
from side_by_side.arithmetic import Amount, amount, limit
from side_by_side.command import read
from side_by_side.machine import heading, limits, machine
from side_by_side.pictures import draw_roofline
from side_by_side.report import publish, table
from side_by_side.works import WORKS, Work, quick

NAMES = ["deep-adam", "simple-adam"]
STEPS, WARM = 200, 3
KINDS = {  # of a stage's methods; nested ones count for themselves
    "prepare": "prepare",
    "load": "load",
    "forward": "forward",
    "backward": "dx",
    "mask_dy": "mask",
    "unpool": "unpool",
    "input_gradient": "dx",
    "weight_gradient": "dweight",
    "bias_gradient": "dbias",
    "finish": "gather",
    "gather": "gather",
}
SMALL = 0.005  # of a step: of smaller parts, those of one kind are one line


class Part(NamedTuple):
    """One line: which stage, what it does, its times in every step, and what it has to do."""

    name: str
    kind: str
    seconds: list[float]
    amount: Amount


class Clock:
    """Times of named parts, each without the parts inside it."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = {}
        self._inside = 0.0

    def around(self, function: Callable[..., Any], name: str, kind: str) -> Callable[..., Any]:
        """The function, with its time added to a part's."""

        def timed(*arguments: Any, **options: Any) -> Any:
            before, self._inside = self._inside, 0.0
            started = time.perf_counter()
            result = function(*arguments, **options)
            taken = time.perf_counter() - started
            own = taken - self._inside
            self.seconds[name, kind] = self.seconds.get((name, kind), 0.0) + own
            self._inside = before + taken
            return result

        return timed


def title(stage: Stage) -> str:
    """What a stage is, in words: its layer, and the ones that it takes in."""
    kind = type(stage).__name__.removesuffix("Stage")
    if isinstance(stage, ConvStage):
        kind = "convolution" if kind == "Conv" else kind
        pool = ", pool" * stage.pooled
        channels = f"{stage.input_shape[0]} → {stage.shape[0]}"
        return f"{stage.name}: {kind} {channels} at {stage.sums_shape[1]}²{pool}"
    if isinstance(stage, AffineStage):
        return f"{stage.name}: {stage.input_shape[0]} → {stage.shape[0]}"
    return f"{stage.name}: {kind}"


def kind_of(stage: Stage, method: str) -> str:
    """What a method computes. An affine layer sums its weights' gradient where others gather."""
    if isinstance(stage, AffineStage) and method == "gather":
        return "dweight"
    return KINDS[method]


def take_apart(work: Work, steps: int) -> tuple[list[Part], list[float]]:
    """The parts of a step, and the times of whole ones."""
    network, loss, optimizer, clock = work.network(), SoftmaxCrossEntropy(), Adam(), Clock()
    x, given = work.data(work.batch)
    labels = loss.prepare(given, network.output_shape, network.dtype)
    at_once = images_at_once(network, training=True)
    plan = Plan(network, work.batch, Workers(1), at_once=at_once)
    for stage in plan.stages:
        for method in KINDS:
            if hasattr(stage, method):
                timed = clock.around(getattr(stage, method), stage.name, kind_of(stage, method))
                setattr(stage, method, timed)
    plan.own_loss = clock.around(plan.own_loss, "loss", "")
    update = clock.around(optimizer.step, "Adam", "")

    wholes: list[float] = []
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(WARM + steps):
        clock.seconds = {}
        started = time.perf_counter()
        result = plan.step(x, loss, labels=labels)
        update(network.params, result.grads)
        if number >= WARM:
            wholes.append(time.perf_counter() - started)
            for key, seconds in clock.seconds.items():
                times.setdefault(key, []).append(seconds)
    rest = [w - sum(parts) for w, *parts in zip(wholes, *times.values(), strict=True)]
    stages = {stage.name: stage for stage in plan.stages}
    parts = [
        Part(title(stages[name]), kind, seconds, amount(stages[name], kind))
        for (name, kind), seconds in times.items()
        if name in stages
    ]
    learned = sum(param.size for param in network.params.values())
    parts += [
        Part("loss", "", times["loss", ""], Amount()),
        Part("Adam", "", times["Adam", ""], Amount(0, 7 * learned)),  # 4 arrays read, 3 written
        Part("rest", "", rest, Amount()),
    ]
    return parts, wholes


def values_of(parts: list[Part], wholes: list[float], found: dict[str, Any]) -> dict[str, Any]:
    """The parts as plain values, times in seconds; "parts" in the order of a step."""
    lines = [
        {
            "stage": part.name,
            "kind": part.kind,
            "median": median(part.seconds),
            "minimum": min(part.seconds),
            "operations": 2 * part.amount.multiply_adds,
            "bytes": 4 * part.amount.numbers,
            "limit": limit(part.amount, 4, found),
            "plain": limit(Amount(part.amount.plain), 4, found),
        }
        for part in parts
    ]
    return {"step": median(wholes), "minimum": min(wholes), "parts": lines}


def milliseconds(seconds: float) -> str:
    """Empty where there is nothing to do."""
    return f"{seconds * 1e3:.3f}" if seconds else ""


def rows_of(values: dict[str, Any]) -> list[list[str]]:
    """A step as lines of a table; small parts of one kind are one line."""
    rows = [["stage", "what", "median", "minimum", "of step", "limit", "× limit", "plain"]]
    small: dict[str, list[dict[str, Any]]] = {}
    for part in values["parts"]:
        if part["kind"] and part["median"] < SMALL * values["step"]:
            small.setdefault(part["kind"], []).append(part)
        else:
            rows.append(row(part["stage"], part["kind"], part, values["step"]))
    for kind, parts in small.items():
        rows.append(row("smaller ones", kind, added(parts), values["step"]))
    whole = added(values["parts"]) | {"median": values["step"], "minimum": values["minimum"]}
    return [*rows, row("the whole step", "", whole, values["step"])]


def added(parts: list[dict[str, Any]]) -> dict[str, float]:
    """Several parts as one."""
    keys = ("median", "minimum", "limit")
    return {"plain": 0.0, **{key: sum(part[key] for part in parts) for key in keys}}


def row(name: str, kind: str, part: dict[str, Any], step: float) -> list[str]:
    """One line of a table."""
    share = part["limit"] and part["minimum"] / part["limit"]
    times = [milliseconds(part["median"]), milliseconds(part["minimum"])]
    last = [milliseconds(part["limit"]), f"{share:.2f}" if share else ""]
    return [name, kind, *times, f"{part['median'] / step:.1%}", *last, milliseconds(part["plain"])]


def main() -> None:
    """Measure, print, write."""
    options = read(__doc__, ["handgrad"], NAMES, rounds=STEPS, alone=True)
    found = machine(1)
    found["limits"] = limits(1)
    works: dict[str, Any] = {}
    texts: list[str] = []
    for name in options.only or NAMES:
        work = next(each for each in WORKS if each.name == name)
        work = quick(work) if options.quick else work
        values = values_of(*take_apart(work, options.terms.rounds), found["limits"])
        works[name] = {"title": work.title, "batch": work.batch, **values}
        texts += [f"\n{work.title}, batch {work.batch}, milliseconds\n", table(rows_of(values))]
    rates = "{fma:.0f} billion operations and {memory:.1f} billion bytes".format(**found["limits"])
    parts = [
        *heading(found, quick=options.quick),
        f"limit: {rates} per second; × limit: the minimum beside it",
        "plain: the limit of the sum as it is defined, where fewer multiplications do",
        *texts,
    ]
    publish("profile", options.out, "\n".join(parts), {"machine": found, "works": works})
    draw_roofline(options.out / "roofline.png", works, found["limits"])


if __name__ == "__main__":
    main()
