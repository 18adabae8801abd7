"""The kernels of dense networks as plain Python compute what layers do; their mutants do not."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Affine,
    BatchNorm,
    BinaryCrossEntropy,
    Dropout,
    HalfSquaredError,
    Layer,
    LeakyRelu,
    Loss,
    MeanSquaredError,
    Momentum,
    Nesterov,
    Network,
    Optimizer,
    Relu,
    Rescale,
    RMSprop,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    use,
)
from handgrad.kernels import (
    dense as sums,
)
from handgrad.kernels import (
    dense_losses,
    dense_norm,
    dense_parts,
    dense_program,
    dense_step,
    images,
    meeting,
    tiles,
    tiles_in_numpy,
    updates,
)
from handgrad.plans import DensePlan, Workers, dense, examples
from handgrad.plans.dense_kinds import chain
from handgrad.plans.pace import Pace
from mutants_equivalent import EQUIVALENT_DENSE
from mutate import Mutant, functions_of, mutants_of

MODULES = [sums, dense_losses, dense_norm, dense_parts, dense_program, dense_step, meeting]
NORM_SUMS = {  # functions that make kernels, and what they made
    "row_sums": ("sums_of_four", "sums_of_one"),
    "row_squares": ("squares_of_four", "squares_of_one"),
    "row_products": ("products_of_four", "products_of_one"),
}
INTRINSICS = {"publish", "observe", "unowned"}  # instructions of the processor: nothing to mutate
ROUNDS = 300  # in which a step is done, or never will be


class Later(Exception):  # noqa: N818  (no error: another worker's turn)
    """A worker waits for others."""


class Turns(Workers):
    """Workers of one thread, which take turns: each works until it must wait for another."""

    def run(self, task: Callable[[int], None]) -> None:
        waiting = list(range(self.count))
        for _ in range(ROUNDS):
            for worker in list(waiting):
                try:
                    task(worker)
                except Later:
                    continue
                waiting.remove(worker)
            if not waiting:
                return
        raise TimeoutError


def later(*_: Any, **__: Any) -> None:
    raise Later


class Scenario:
    """A few steps of a small network, and what the layers make of it."""

    def __init__(
        self,
        layers: list[Layer],
        loss: Loss,
        make: Callable[[], Optimizer],
        features: int = 5,
        workers: int = 2,
        *,
        labels: str = "",
        weighted: str = "",
        kind: str = "float64",
        rows: tuple[int, int] = (13, 9),
        size: float = 0.4,
    ) -> None:
        self.make, self.loss, self.workers, self.rows = make, loss, workers, rows[0]
        self.network = Network(layers, features, seed=1, dtype="float64")
        rng = np.random.default_rng(7)
        for name in self.network.params:
            shape = self.network.params[name].shape
            self.network.params[name] = rng.normal(size=shape) * size
        classes = self.network.output_shape[0]
        self.x = (rng.normal(size=(sum(rows), features)) * 5).astype(kind)
        if kind == "uint8":
            self.x = rng.integers(0, 9, (sum(rows), features)).astype(kind)
        self.labels = rng.random((len(self.x), classes))
        if labels == "classes":
            self.labels = rng.integers(0, classes, len(self.x))
        self.order = rng.permutation(len(self.x))
        self.weights = rng.integers(0, 4, len(self.x)) * 0.01 if weighted else None
        if weighted == "later" and self.weights is not None:
            self.weights[self.order[: self.rows]] = 0
        self.before = {name: array.copy() for name, array in self.network.params.items()}
        self.kept = {name: array.copy() for name, array in self.network.state.items()}
        self.generators = self.network.generators()
        self.expected = self.values(self.by_layers)

    def values(self, train: Callable[[Optimizer], list[Any]]) -> list[Any]:
        """What training from the start leads to."""
        for name, array in self.before.items():
            self.network.params[name] = array
        for name, array in self.kept.items():
            self.network.state[name] = array
        self.network.set_generators(self.generators)
        optimizer = self.make()
        found = train(optimizer)
        found += [array.copy() for array in self.network.params.values()]
        found += [array.copy() for array in self.network.state.values()]
        slots = optimizer.state.items()
        return (
            found + [s[k].copy() for _, s in sorted(slots) for k in sorted(s)] + [optimizer.steps]
        )

    def by_layers(self, optimizer: Optimizer) -> list[Any]:
        network, found = self.network, list[Any]()
        with use("reference"):
            for start in (0, self.rows):
                own = self.order[start : start + self.rows]
                weights = None if self.weights is None else self.weights[own]
                outputs, saved = network.forward(self.x[own], training=True)
                labels = self.labels[own]
                loss, kept = self.loss.forward(outputs, labels=labels, sample_weight=weights)
                (d_outputs,) = self.loss.backward(np.float64(1), kept)
                _, grads = network.backward(d_outputs, saved)
                scale = 1.0 if start == 0 else 0.7
                optimizer.step(network.params, grads, scale=scale, decayed=network.decayed())
                network.commit(saved)
                found += [float(loss), outputs]
        return found

    def by_plan(self, optimizer: Optimizer) -> list[Any]:
        network = self.network
        layers = chain(network)
        assert layers is not None
        workers = Turns(self.workers)
        plan = DensePlan(network, layers, self.loss, optimizer, self.rows, workers)
        plan.pace = Pace(together=workers.count > 1)  # never alone, whatever it was before
        data = examples(network, self.x, self.labels, self.weights)
        steps = plan.run(data, self.order, [1.0, 0.7], outputs=True)
        for start, size in plan.layout.statistics:
            own = plan.flat[start : start + self.workers * size].reshape(self.workers, size)
            assert own.any(axis=1).all()  # each worker has its own, and they agree
            assert (own == own[0]).all()
        for name, place in plan.layout.params.items():
            whole = place.view(plan.flat, (place.rows, place.step))
            rows, columns = np.atleast_2d(network.params[name]).shape
            assert not whole[rows:].any()  # padding stays zero
            assert not whole[:, columns:].any()
        assert steps.outputs is not None
        halves = steps.outputs[: self.rows], steps.outputs[self.rows :]
        return [part for pair in zip(steps.losses, halves, strict=True) for part in pair]

    def check(self) -> None:
        came = self.values(self.by_plan)
        for one, other in zip(came, self.expected, strict=True):
            np.testing.assert_allclose(one, other, 1e-9, 1e-11)


def check_not_finite() -> None:
    """A step that is not finite changes nothing, whichever worker met it."""
    for workers, place in ((1, 0), (2, 0), (2, 12)):
        layers: list[Layer] = [Affine(3), LeakyRelu(), Affine(2)]
        network = Network(layers, 4, dtype="float64")
        x = np.random.default_rng(0).normal(size=(26, 4))
        x[13 + place, 3] = 1e300
        network.params["affine_1.weight"] *= 1e10
        found = chain(network)
        assert found is not None
        loss, optimizer = MeanSquaredError(), SGD(1e-300)
        plan = DensePlan(network, found, loss, optimizer, 13, Turns(workers))
        with np.errstate(all="ignore"):
            data = examples(network, x, np.ones((26, 2)), None)
            steps = plan.run(data, np.arange(26), [1.0, 1.0], outputs=False)
        assert len(steps.losses) == 1
        assert optimizer.steps == 1


def check_one_gradient_that_is_not_finite() -> None:
    """Each worker looks at its own rows of the gradients; one of them finds it."""
    operands = np.array([dense_program.CHECK, 8, 16, 3])
    meet = np.zeros(3 * meeting.LINE * 2, np.int64)
    numbers, result, losses = np.zeros(90), np.zeros(1), np.arange(6.0)
    numbers[:8], gradients = np.nan, numbers[8:56]
    for place in range(0, 48, 5):
        gradients[:] = 0
        gradients[place] = np.nan
        for worker in range(2):
            team = (worker, 2, 0, 0)
            dense_step.total_loss(losses, 5, meet, result, team)
            dense_step.check(operands, numbers, meet, team)
        assert result[0] == 10
        assert dense_step.stopped(meet, 2)
        assert [meet[(2 + worker) * meeting.LINE] for worker in range(2)] == [
            place < 18,
            place >= 18,
        ]
    losses[2] = np.inf
    dense_step.total_loss(losses, 5, meet, result, (0, 2, 0, 0))
    assert meet[2 * meeting.LINE] == 1


def check_series() -> None:
    for x in [0.0, -1e-9, -0.3, -0.34, -0.36, -1.0, -7.7, -30.0, -87.0, -300.0, -699.0]:
        assert dense_losses.exponential(x) == pytest.approx(np.exp(x), rel=1e-15, abs=0)
    for x in [-700.5, -1e6]:
        assert dense_losses.exponential(x) == pytest.approx(np.exp(-700.0), rel=1e-15, abs=0)
    for e in [0.0, 1e-9, 0.3, 0.7, 1.0]:
        came = dense_losses.logarithm_of_one_plus(e)
        assert came == pytest.approx(np.log1p(e), rel=1e-15, abs=0)


def check_patience() -> None:
    """Who waits in vain says so; who comes, comes."""
    numbers = np.zeros(3 * meeting.LINE, np.int64)
    meeting.arrive(numbers, 1)
    assert not meeting.arrived(numbers, 1, 3)
    meeting.arrive(numbers, 0)
    assert not meeting.arrived(numbers, 0, 3)
    meeting.arrive(numbers, 2)
    meeting.arrive(numbers, 2)
    assert meeting.arrived(numbers, 1, 3)
    assert not meeting.arrived(numbers, 2, 3)
    assert numbers.tolist() == [1, *[0] * 7, 1, *[0] * 7, 2, *[0] * 7]


def check_share() -> None:
    """Whole pieces, as equal as can be."""
    for workers, total, piece, expected in (
        (2, 12, 6, [(0, 6), (6, 12)]),
        (2, 13, 6, [(0, 6), (6, 13)]),
        (3, 5, 6, [(0, 0), (0, 0), (0, 5)]),
        (3, 20, 2, [(0, 6), (6, 12), (12, 20)]),
    ):
        shares = [dense_program.share(worker, workers, total, piece) for worker in range(workers)]
        assert shares == expected


def classes(width: int = 9, **options: Any) -> Scenario:
    """Two layers with everything that a class needs."""
    layers: list[Layer] = [Affine(width), Relu(), Affine(3)]
    loss = SoftmaxCrossEntropy(label_smoothing=0.1)
    options = {"labels": "classes", **options}
    return Scenario(layers, loss, lambda: Momentum(0.1), **options)


def norms(**options: Any) -> Scenario:
    """Two norms in a row of layers."""
    layers: list[Layer] = [
        Affine(9),
        BatchNorm(eps=0.1),
        Tanh(),
        Affine(8),
        BatchNorm(),
        Tanh(),
        Affine(2),
    ]
    rule = lambda: Adam(0.01, beta1=0.7, eps=0.01)  # noqa: E731
    return Scenario(layers, BinaryCrossEntropy(), rule, weighted="yes", **options)


def drops(**options: Any) -> Scenario:
    """Dropout of the batch, behind a sum, a ReLU and a norm, and where the output is needed."""
    layers: list[Layer] = [
        *[Dropout(0.3), Affine(9), Relu(), Dropout(0.4), Affine(8), Tanh(), Dropout(0.2)],
        *[Affine(7, bias=False), BatchNorm(), Dropout(0.3), Affine(3), Dropout(0.1)],
    ]
    return Scenario(layers, MeanSquaredError(), lambda: SGD(0.1), **options)


@cache
def scenarios() -> list[Scenario]:
    squared = MeanSquaredError()
    return [
        classes(features=20, weighted="yes", workers=3),
        classes(features=20, weighted="later", width=17),
        classes(features=3, width=35, size=300.0, rows=(13, 13)),
        classes(features=3, width=26),
        classes(features=60, workers=3),
        classes(features=5, workers=1),
        norms(),
        norms(workers=1, rows=(13, 1)),
        norms(workers=3, rows=(13, 2)),
        Scenario(
            [Affine(41), BatchNorm(), Relu(), Affine(2), Relu(), BatchNorm()],
            squared,
            lambda: SGD(0.1),
            workers=3,
            rows=(17, 5),
        ),
        Scenario(
            [Rescale(0.1, -0.5), Affine(4, bias=False), LeakyRelu(0.2), Affine(3), Sigmoid()],
            squared,
            lambda: SGD(0.1, weight_decay=0.5),
            kind="uint8",
        ),
        drops(features=40, workers=3),
        drops(features=7),
        Scenario([Affine(1)], BinaryCrossEntropy(), lambda: SGD(0.5), weighted="yes"),
        Scenario([Affine(1)], BinaryCrossEntropy(), lambda: SGD(0.5), weighted="later"),
        Scenario(
            [Rescale(0.1, 2), Affine(1)], BinaryCrossEntropy(), lambda: SGD(0.5), kind="float32"
        ),
        Scenario([Rescale(0.1, 2), Affine(1)], squared, lambda: SGD(0.01)),
        Scenario([Affine(3)], SoftmaxCrossEntropy(), lambda: AdaGrad(0.1, eps=0.1), 4, 3),
        Scenario([Affine(2)], HalfSquaredError(), lambda: Nesterov(0.01), weighted="yes"),
        Scenario([Affine(2)], squared, lambda: RMSprop(0.1, eps=0.1), workers=1),
        Scenario(
            [Affine(2), BatchNorm(momentum=0.6)],
            squared,
            lambda: AdaDelta(0.1, rho=0.7, eps=0.1, weight_decay=0.3, decay_all=True),
        ),
    ]


def checks() -> Iterator[Callable[[], None]]:
    yield check_series
    yield check_patience
    yield check_share
    yield check_one_gradient_that_is_not_finite
    yield check_not_finite
    yield from [scenario.check for scenario in scenarios()]


@pytest.fixture
def plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kernel as Python, its tiles in NumPy, with small blocks and pieces."""
    lanes = tiles.lanes(8)
    tiles_in_numpy.LANES = lanes
    in_numpy = {k: v for k, v in vars(tiles_in_numpy).items() if k.startswith("tile_")}
    in_numpy |= {"tile_lanes": lambda _: lanes, "unowned": lambda array: array}
    in_numpy |= {"publish": lambda a, i, v: a.__setitem__(i, v), "observe": lambda a, i: a[i]}
    for module in [*MODULES, updates, images]:
        for name, value in list(vars(module).items()):
            if name in in_numpy:
                monkeypatch.setattr(module, name, in_numpy[name])
            elif hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
    monkeypatch.setattr(sums, "BLOCK", 4)
    for module in (dense_program, dense_step):
        monkeypatch.setattr(module, "PIECE", 6)
    monkeypatch.setattr(dense_norm, "FEW", 3)
    monkeypatch.setattr(meeting, "PATIENCE", 2)
    monkeypatch.setattr(dense, "let_others_run", later)


@pytest.mark.usefixtures("plain_python")
def test_kernels_as_python() -> None:
    for check in checks():
        check()


def planted(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the mutant wherever the original is named."""
    original, replacement = getattr(mutant.module, mutant.function), mutant.build()
    for module in MODULES:
        if vars(module).get(mutant.function) is original:
            monkeypatch.setattr(module, mutant.function, replacement)
    if mutant.function in NORM_SUMS:
        for name, width in zip(NORM_SUMS[mutant.function], (4, 1), strict=True):
            monkeypatch.setattr(dense_norm, name, replacement(width))
    if mutant.function == "panel_sums":
        for name, width in zip(("ONE", "TWO", "THREE", "FOUR"), range(1, 5), strict=True):
            monkeypatch.setattr(sums, name, replacement(min(width, sums.WIDEST)))


def caught(mutant: Mutant) -> bool:
    with pytest.MonkeyPatch.context() as monkeypatch:
        planted(mutant, monkeypatch)
        with np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"):
            for check in checks():
                try:
                    check()
                except Exception:  # noqa: BLE001  (whatever a mutant breaks with, it was noticed)
                    return True
    return False


def mutants() -> Iterator[Mutant]:
    for module in MODULES:
        for function in functions_of(module):
            if function.name in INTRINSICS:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.FunctionDef):
                    node.decorator_list = []
            yield from mutants_of(module, function)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("plain_python")
def test_mutants_are_caught() -> None:
    found = list(mutants())
    survivors = [
        f"{m.module.__name__}:{m.line}: {m.name}"
        for m in found
        if m.name not in EQUIVALENT_DENSE and not caught(m)
    ]
    assert len(found) > 500
    assert not survivors, f"{len(survivors)} of {len(found)} survive:\n" + "\n".join(survivors)


def test_equivalent_mutants_exist() -> None:
    gone = set(EQUIVALENT_DENSE) - {mutant.name for mutant in mutants()}
    assert not gone, f"listed as equivalent, but there is no such mutant (any more): {gone}"
