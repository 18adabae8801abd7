"""Compiled code against the reference, on this machine: equal results, and how much faster.

`CHECKS` lists what is compared; each yields rows as soon as they are known. Differences decide the
verdict. Speed does not: it is this machine's, of this minute.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np

from handgrad import kernels
from handgrad import ops as reference
from handgrad.checks import Array

TOLERANCE = 1000  # units in the last place: sums in another order, no more
# A whole step. In float32 a maximum that nearly ties may fall on another pixel, and the gradient
# with it; float64 shows that this is all.
PLAN_TOLERANCE = {"float32": 1e-2, "float64": 1e-9}
DTYPES = ("float32", "float64")
SECONDS = 0.02  # how long each side is timed, each time
ROUNDS = 3
Function = Callable[..., Any]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Row(NamedTuple):
    """One comparison."""

    name: str  # what was compared
    dtype: str
    difference: float | None  # the largest, relative to the largest number; None: nothing came
    speedup: float | None  # the reference's time over the compiled one's
    ok: bool
    reason: str  # why it is not ok


class Examples:
    """Arguments of every op that has a twin, in the sizes of MNIST networks and batches of 100."""

    def __init__(self, dtype: str) -> None:
        self.rng = np.random.default_rng(0)
        self.dtype = np.dtype(dtype)

    def normal(self, *shape: int) -> Array:
        return self.rng.normal(size=shape).astype(self.dtype)

    def positive(self, *shape: int) -> Array:
        return self.rng.uniform(0.5, 2, shape).astype(self.dtype)

    def ops(self) -> Iterator[tuple[str, Arguments]]:
        """(op, arguments of its forward pass); an op may come more than once."""
        rows, scores, images, maps = (100, 100), (100, 10), (100, 16, 28, 28), (100, 32, 14, 14)
        wide = {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1)}
        statistics = {"mean": self.normal(16), "var": self.positive(16)}
        per_channel = self.positive(16), self.normal(16)
        yield "average_pool2d", ((self.normal(*images),), {"kernel": (2, 2), "stride": (2, 2)})
        yield "average_pool2d", ((self.normal(*maps),), wide)
        yield "batch_norm", ((self.normal(*rows), self.positive(100), self.normal(100)), {})
        yield "batch_norm", ((self.normal(*images), *per_channel), {})
        yield "batch_norm_inference", ((self.normal(*images), *per_channel), statistics)
        filters = self.normal(16, 16, 3, 3), self.normal(16)
        yield "conv2d", ((self.normal(*images), *filters), {"padding": (1, 1)})
        filters = self.normal(30, 1, 5, 5), self.normal(30)
        yield "conv2d", ((self.normal(100, 1, 28, 28), *filters), {})
        mask = self.rng.random(rows) >= 0.5
        yield "dropout", ((self.normal(*rows),), {"mask": mask, "rate": 0.5})
        for activation in ("gelu", "leaky_relu", "sigmoid", "silu", "softplus", "tanh"):
            yield activation, ((self.normal(*images),), {})
        yield "global_average_pool", ((self.normal(*maps),), {})
        for penalty in ("l1_penalty", "l2_penalty"):
            yield penalty, ((self.normal(784, 100),), {"strength": 1e-4})
        yield "layer_norm", ((self.normal(*rows), self.positive(100), self.normal(100)), {})
        yield "log_softmax", ((self.normal(*scores),), {})
        yield "max_pool2d", ((self.normal(*images),), {"kernel": (2, 2), "stride": (2, 2)})
        yield "max_pool2d", ((self.normal(*maps),), wide)
        yield "relu", ((self.normal(*images),), {})
        yield "softmax", ((self.normal(*scores),), {})
        labels = self.rng.integers(0, 10, 100)
        for loss in ("softmax_cross_entropy", "hinge"):
            yield loss, ((self.normal(*scores),), {"labels": labels})
        answers = (self.normal(*scores) > 0).astype(self.dtype)
        yield "binary_cross_entropy", ((self.normal(*scores),), {"labels": answers})
        for loss in ("mean_squared_error", "half_squared_error", "huber"):
            for shape in (scores, (100, 784)):
                yield loss, ((self.normal(*shape),), {"targets": self.normal(*shape)})
        channels = {"mean": self.normal(3), "std": self.positive(3)}
        yield "standardize", ((self.normal(100, 3, 32, 32),), channels)

    def steps(self) -> Iterator[tuple[str, Arguments]]:
        """(update rule, its arguments) for the largest parameter of 784-100-10."""
        slots = {"adadelta": 2, "adagrad": 1, "adam": 2, "momentum": 1, "nesterov": 1, "rmsprop": 1}
        for rule, count in slots.items():
            arrays = [self.normal(784, 100), self.normal(784, 100)]
            arrays += [self.positive(784, 100) for _ in range(count)]
            options = {"learning_rate": 1e-3, **({"step": 3} if rule == "adam" else {})}
            yield rule, (tuple(arrays), options)


def twin_rows() -> Iterator[Row]:
    """Every twin, in both dtypes."""
    for dtype in DTYPES:
        examples = Examples(dtype)
        for op, (args, options) in examples.ops():
            yield from compared(f"{op}_forward", args, options)
            output, saved = getattr(reference, f"{op}_forward")(*args, **options)
            d_output = examples.normal(*np.shape(output))
            yield from compared(f"{op}_backward", (d_output, saved), {})
        for rule, (args, options) in examples.steps():
            yield from compared(f"{rule}_step", args, options)


def compared(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Iterator[Row]:
    """The row of one twin; nothing where there is none."""
    if name not in kernels.TWINS:
        return
    dtype, definition = args[0].dtype, getattr(reference, name)
    title = f"{name} {'×'.join(map(str, args[0].shape))}".strip()  # a loss's gradient has no shape
    try:
        twin = kernels.load(name)
        came, expected = result(twin, args, options), result(definition, args, options)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the verdict)
        yield Row(
            title, str(dtype), None, None, ok=False, reason=f"{type(error).__name__}: {error}"
        )
        return
    difference = largest_difference(came, expected)
    ok = difference <= TOLERANCE * float(np.finfo(dtype).eps)
    speedup = faster(lambda: definition(*args, **options), lambda: twin(*args, **options))
    reason = "" if ok else "another result than the reference's"
    yield Row(title, str(dtype), difference, speedup, ok, reason)


def result(function: Function, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a function returns, or, where it works in place, what it makes of copies."""
    if not function.__name__.endswith("_step"):
        return function(*args, **options)
    copies = tuple(array.copy() for array in args)
    function(*copies, **options)
    return copies


def largest_difference(came: Any, expected: Any) -> float:
    """The largest |came − expected| of any array, relative to that array's largest entry."""
    if isinstance(expected, tuple):
        pairs = zip(came, cast("tuple[Any, ...]", expected), strict=True)
        return max((largest_difference(one, other) for one, other in pairs), default=0.0)
    one: Array = np.asarray(came)
    other: Array = np.asarray(expected)
    if one.dtype != other.dtype or one.shape != other.shape:
        return np.inf
    wide = other.astype(np.float64)  # masks and numbers of pixels too
    scale = float(np.abs(wide).max(initial=0.0))
    worst = float(np.abs(one - wide).max(initial=0.0))
    return worst / (scale or 1.0) if np.isfinite(worst) else np.inf


def faster(slow: Callable[[], Any], fast: Callable[[], Any]) -> float:
    """How many times as fast the second is: the median of several rounds, side by side."""
    counts = [calls_in(SECONDS, each) for each in (slow, fast)]
    ratios = [
        seconds(slow, counts[0]) / counts[0] / (seconds(fast, counts[1]) / counts[1])
        for _ in range(ROUNDS)
    ]
    return float(np.median(ratios))


def calls_in(limit: float, call: Callable[[], Any]) -> int:
    """About how many calls fit into so many seconds."""
    return max(1, int(limit / max(seconds(call, 3) / 3, 1e-7)))


def seconds(call: Callable[[], Any], count: int) -> float:
    """How long so many calls take."""
    started = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - started


def plan_rows() -> Iterator[Row]:
    """A whole step of each standard network, by its plan and layer by layer."""
    from handgrad import models

    for dtype in DTYPES:
        for build in (models.mlp, models.simple_conv_net, models.convnet, models.deep):
            yield plan_row(build.__name__, build(dtype=dtype))
        yield dense_row(dtype)


def plan_row(name: str, network: Any) -> Row:
    """Compare outputs, loss and all gradients; all gradients are measured by the largest."""
    from handgrad.backend import use
    from handgrad.losses import SoftmaxCrossEntropy
    from handgrad.training.steps import make_step

    rng = np.random.default_rng(0)
    x = rng.random((100, *network.input_shape)).astype(network.dtype) * 255
    labels = rng.integers(0, 10, 100)
    title = f"plan of {name}, one step"
    steps: dict[str, Function] = {}
    came: dict[str, Any] = {}
    for backend in ("reference", "compiled"):
        with use(backend):
            steps[backend], _ = make_step(network, SoftmaxCrossEntropy(), 100)
            generators = network.generators()
            try:
                came[backend] = steps[backend](x, labels, None)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is the verdict)
                reason = f"{type(error).__name__}: {error}"
                return Row(title, network.dtype.name, None, None, ok=False, reason=reason)
            network.set_generators(generators)
    parts = [
        (result.loss, result.outputs, np.concatenate([g.ravel() for g in ordered(result.grads)]))
        for result in (came["compiled"], came["reference"])
    ]
    difference = largest_difference(*parts)
    ok = difference <= PLAN_TOLERANCE[network.dtype.name]
    reason = "" if ok else "another result than the layers'"

    def run(backend: str) -> None:
        with use(backend):
            steps[backend](x, labels, None)

    speedup = faster(lambda: run("reference"), lambda: run("compiled"))
    return Row(title, network.dtype.name, difference, speedup, ok, reason)


def dense_row(dtype: str) -> Row:
    """Compare the losses and parameters of an epoch that a plan of dense networks makes."""
    from handgrad.backend import use
    from handgrad.losses import SoftmaxCrossEntropy
    from handgrad.models import two_layer_net
    from handgrad.optimizers import Momentum
    from handgrad.training import Trainer

    rng = np.random.default_rng(0)
    x, labels = rng.random((1000, 784)).astype(dtype), rng.integers(0, 10, 1000)

    def train(backend: str) -> tuple[Any, ...]:
        network = two_layer_net(784, 100, 10, dtype=dtype)
        with use(backend):
            trainer = Trainer(network, SoftmaxCrossEntropy(), Momentum(0.01), metrics={})
            losses = trainer.fit(x, labels, epochs=1)["loss"]
        return (*losses, *network.params.values())

    title = "plan of two_layer_net, ten steps"
    try:
        difference = largest_difference(train("compiled"), train("reference"))
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the verdict)
        return Row(title, dtype, None, None, ok=False, reason=f"{type(error).__name__}: {error}")
    ok = difference <= PLAN_TOLERANCE[dtype]
    speedup = faster(lambda: train("reference"), lambda: train("compiled"))
    return Row(title, dtype, difference, speedup, ok, "" if ok else "another result")


def ordered(grads: dict[str, Array]) -> list[Array]:
    """Gradients in the order of their names."""
    return [grads[name] for name in sorted(grads)]


CHECKS: list[Callable[[], Iterator[Row]]] = [twin_rows, plan_rows]
