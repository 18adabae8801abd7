"""Compiled twins beside their reference, on one thread: convolutions, other ops, whole steps.

Every op that has a twin, convolution on many shapes; then training steps layer by layer: forward,
loss and backward of a network, without a plan. The sides take turns, and must agree.
"""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from handgrad import Network, backend, kernels, models, selftest
from handgrad import ops as reference
from handgrad.losses import Loss, SoftmaxCrossEntropy
from handgrad.threads import limited
from side_by_side.command import Options, read
from side_by_side.machine import heading, machine
from side_by_side.report import duration, publish, table
from side_by_side.works import image_rows

BATCH, QUICK_BATCH, ROUNDS = 100, 8, 25
AT_LEAST = 0.005  # seconds of a turn: what is faster is called several times
TOLERANCE = selftest.TOLERANCE * float(np.finfo(np.float32).eps)
Call = Callable[[], Any]
Times = dict[str, float]
Line = tuple[str, Times]  # its title; reference, twin, gain, error: empty where the twin refuses
# {a convolution: channels, size, filters, kernel, padding, stride, dilation, groups}
CONVOLUTIONS = {
    "1×28×28, 30 filters 5×5": (1, 28, 30, 5, 0, 1, 1, 1),
    "1×28×28, 16 filters 3×3": (1, 28, 16, 3, 1, 1, 1, 1),
    "3×32×32, 32 filters 3×3": (3, 32, 32, 3, 1, 1, 1, 1),
    "16×28×28, 16 filters 3×3": (16, 28, 16, 3, 1, 1, 1, 1),
    "16×14×14, 32 filters 3×3": (16, 14, 32, 3, 1, 1, 1, 1),
    "32×14×14, 32 filters 3×3, padding 2": (32, 14, 32, 3, 2, 1, 1, 1),
    "32×8×8, 64 filters 3×3": (32, 8, 64, 3, 1, 1, 1, 1),
    "64×8×8, 64 filters 3×3": (64, 8, 64, 3, 1, 1, 1, 1),
    "16×28×28, 32 filters 3×3, stride 2": (16, 28, 32, 3, 1, 2, 1, 1),
    "16×28×28, 16 filters 3×3, dilation 2": (16, 28, 16, 3, 2, 1, 2, 1),
    "16×28×28, 32 filters 3×3, 2 groups": (16, 28, 32, 3, 1, 1, 1, 2),
    "32×28×28, 32 filters 3×3, depthwise": (32, 28, 32, 3, 1, 1, 1, 32),
}


def timed(slow: Call, fast: Call, options: Options) -> Times:
    """Medians of both sides, which take turns, and of the rounds' ratios."""
    m, n = (1 if options.quick else selftest.calls_in(AT_LEAST, call) for call in (slow, fast))
    rounds = range(options.terms.rounds)
    turns = [(selftest.seconds(slow, m) / m, selftest.seconds(fast, n) / n) for _ in rounds]
    both = [median(side) for side in zip(*turns, strict=True)]
    return {"reference": both[0], "twin": both[1], "gain": median(a / b for a, b in turns)}


def error(came: Any, expected: Any, tolerance: float, what: str) -> Times:
    """The largest difference, as a share of the largest number; refuse what is wrong."""
    found = selftest.largest_difference(came, expected)
    if not found <= tolerance:
        raise SystemExit(f"{what} differs by {found:.1e}, so no times are given.")
    return {"error": found}


def measure(name: str, example: selftest.Arguments, options: Options) -> Times:
    """One twin; nothing where it refuses, as it does a quick run's small convolutions."""
    (args, given), slow, fast = example, getattr(reference, name), kernels.load(name)
    try:
        came = selftest.result(fast, args, given)
    except kernels.Unsuitable:
        return {}
    found = error(came, selftest.result(slow, args, given), TOLERANCE, f"{name} {args[0].shape}")
    return timed(partial(slow, *args, **given), partial(fast, *args, **given), options) | found


def lines(op: str, title: str, example: selftest.Arguments, options: Options) -> Iterator[Line]:
    """Both passes of an op, or an optimizer's step, as far as they have twins."""
    each: dict[str, selftest.Arguments] = {"forward": example, "step": example}
    if f"{op}_step" not in kernels.TWINS:
        y, saved = getattr(reference, f"{op}_forward")(*example[0], **example[1])
        each["backward"] = (selftest.Examples("float32").normal(*np.shape(y)), saved), {}
    for way, arguments in each.items():
        if f"{op}_{way}" in kernels.TWINS:
            yield f"{title}, {way}", measure(f"{op}_{way}", arguments, options)


def convolutions(batch: int, options: Options) -> Iterator[Line]:
    """Of images and filters of Gaussian numbers."""
    normal = selftest.Examples("float32").normal
    for title, (channels, size, filters, kernel, *given, groups) in CONVOLUTIONS.items():
        weight = normal(filters, channels // groups, kernel, kernel)
        args = normal(batch, channels, size, size), weight, normal(filters)
        padding, stride, dilation = ((each, each) for each in given)
        places = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
        yield from lines("conv2d", title, (args, places), options)


def others(_: int, options: Options) -> Iterator[Line]:
    """On the examples of `handgrad selftest`, which are as small as a quick run wants them."""
    examples = selftest.Examples("float32")
    for op, example in [*examples.ops(), *examples.steps()]:
        if op != "conv2d":
            size = "×".join(map(str, example[0][0].shape))
            yield from lines(op, f"{op} {size}", example, options)


def steps(batch: int, options: Options) -> Iterator[Line]:
    """Training steps without the update; both sides begin with the same generators."""
    for make in (models.simple_conv_net, models.deep_conv_net, models.convnet):
        network, loss, (x, labels) = make(), SoftmaxCrossEntropy(), image_rows(batch)
        step = partial(one_step, network, loss, x, labels, network.generators())
        tolerance = selftest.PLAN_TOLERANCE["float32"]  # what a whole step may differ by
        found = error(step("compiled"), step("reference"), tolerance, make.__name__)
        sides = partial(step, "reference"), partial(step, "compiled")
        yield make.__name__, timed(*sides, options) | found


def one_step(network: Network, loss: Loss, x: Any, labels: Any, start: Any, side: str) -> Any:
    """Loss, logits and gradients."""
    network.set_generators(start)
    with backend.use(side):
        logits, saved = network.forward(x, training=True)
        value, of_loss = loss.forward(logits, labels=labels)
        _, grads = network.backward(*loss.backward(1.0, of_loss), saved)
    return value, logits, np.concatenate([grad.ravel() for grad in selftest.ordered(grads)])


def cells(title: str, times: Times) -> list[str]:
    """A line of a table."""
    if not times:
        return [title, *[""] * 4]
    both = duration(times["reference"]), duration(times["twin"])
    return [title, *both, f"{times['gain']:.2f}", f"{times['error']:.1e}"]


def main() -> None:
    """Measure, print, write."""
    parts = {"convolutions": convolutions, "others": others, "steps": steps}
    options = read(__doc__, ["handgrad"], list(parts), rounds=ROUNDS, alone=True)
    batch, found = QUICK_BATCH if options.quick else BATCH, machine(1)
    with limited(1):
        measured = {part: dict(parts[part](batch, options)) for part in options.only or parts}
    text = [
        *heading(found, quick=options.quick),
        f"Medians, float32; batch {batch}. A line without numbers: the twin refuses.",
        "3×3 windows have padding 1, if no other is named, and 5×5 windows none.",
        "gain: how many times as fast the twin is (the median of the rounds' ratios)",
        "error: the largest difference, as a share of the largest number",
    ]
    for part, rows in measured.items():
        head = [part, "reference", "twin", "gain", "error"]
        text += ["", table([head, *(cells(*line) for line in rows.items())])]
    publish("twins", options.out, "\n".join(text), {"machine": found, "batch": batch, **measured})


if __name__ == "__main__":
    main()
