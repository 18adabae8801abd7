"""Affine layers shared by inputs: kernels against their definition, stages against layers."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    Affine,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Gelu,
    Layer,
    LayerNorm,
    MaxPool2d,
    Network,
    Relu,
    SoftmaxCrossEntropy,
    Tanh,
)
from handgrad.kernels import by_inputs as kernels
from handgrad.kernels import tiles
from handgrad.kernels.windows import MASKED, PLAIN
from handgrad.losses import HalfSquaredError
from handgrad.models import simple_conv_net
from handgrad.plans import Plan, Workers, by_inputs, training_plan
from handgrad.plans.affine import AffineStage
from handgrad.plans.by_inputs import AffineByInputsStage
from handgrad.plans.choice import WAIT, WAITS, workers_for
from handgrad.threads import limited
from plans.test_plans import check_plan
from processes import needs_x86, run
from uncompiled import in_python, survivors

DTYPES = (np.float32, np.float64)
MANY = by_inputs.MANY
LOSS = SoftmaxCrossEntropy()
Kernel = Callable[..., None]
Maker = Callable[[int, int], Kernel]
WIDTH = 4
WIDE = 2 * tiles.lanes(4)  # numbers in two registers of float32

pytestmark = pytest.mark.usefixtures("all_are_large")


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_inputs, "MANY", 0)


class Case:
    """The inputs of the second and third of four blocks; gaps between the rows."""

    def __init__(self, dtype: Any, lanes: int, rows: int, outputs: int) -> None:
        block = 2 * lanes
        self.rng = np.random.default_rng(rows)
        self.own, self.size, self.lanes = (block, 3 * block), (rows, outputs), lanes
        self.x, self.dy = (
            self.rng.normal(size=(rows, size)).astype(dtype)
            for size in (4 * block + 3, outputs + 2)
        )
        self.weight, self.dweight = self.rng.normal(size=(2, 4 * block, outputs)).astype(dtype)

    def check(self, function: Kernel, how: int, *, in_place: bool) -> None:
        """One call: the gradients are right, and nothing else has changed."""
        dtype, mine = self.x.dtype, slice(*self.own)
        x, dweight = self.x.copy(), self.dweight.copy()
        dx = x if in_place else self.rng.normal(size=x.shape).astype(dtype)
        wanted = [self.x.copy(), dx.copy(), dweight.copy()]
        own_x, dy = self.x[:, 2:][:, mine], self.dy[:, 1:-1]
        share = dy @ self.weight[mine].T
        for out in (wanted[0], wanted[1]) if in_place else (wanted[1],):
            out[:, 2:][:, mine] = np.where(own_x > 0, share, 0) if how == MASKED else share
        wanted[2][mine] = own_x.T @ dy
        (rows, outputs), step = self.size, x.shape[1]
        room, zeros = np.full(outputs * 2 * self.lanes, 9, dtype), np.zeros(2 * self.lanes, dtype)
        function(
            *(self.own, (rows, outputs), x.reshape(-1), (2, step)),
            *(self.dy.reshape(-1), (1, self.dy.shape[1])),
            *(self.weight.reshape(-1), dweight.reshape(-1)),
            *(dx.reshape(-1), (2, step), how, room, zeros),
        )
        tolerance = 1e-5 if dtype == np.float32 else 1e-13
        for came, right in zip((x, dx, dweight), wanted, strict=True):
            np.testing.assert_allclose(came, right, tolerance, tolerance)


def check_gradients(make: Maker, dtype: Any, lanes: int) -> None:
    """Whole tiles of rows, a rest of them, a rest alone; outputs that fill blocks, and do not."""
    for rows, (more, few) in product((4, 6, 3), ((0, 0), (1, 0), (2, 2), (3, 3))):
        case = Case(dtype, lanes, rows, 2 * lanes + more)
        for how, in_place in product((PLAIN, MASKED), (False, True)):
            case.check(make(WIDTH, few), how, in_place=in_place)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients(dtype: Any) -> None:
    lanes = tiles.lanes(np.dtype(dtype).itemsize)
    check_gradients(kernels.gradients_by_inputs, dtype, lanes)


def test_mutants_are_caught() -> None:
    def check() -> None:
        make: Any = kernels.gradients_by_inputs
        check_gradients(in_python(getattr(make, "__wrapped__", make)), np.float64, 4)

    alive = survivors(kernels, {"gradients_by_inputs": [check]}, {}, lanes=4, proven=PROVEN)
    assert not alive, "\n".join(alive)


AGAIN = "the same image is summed again, and takes the place of its sums"
MOVED = "the tile that begins one later is moved back to where it was"
PROVEN = {
    "gradients_by_inputs: keep the left side: block, full, whole = (2 * tile_lanes(x), "
    "outputs - few, rows - rows)": "all rows are computed one by one, which is slower",
    "gradients_by_inputs: 2 for 1: products(*(0, 2, x, x_rows, x_run, 0, block, dy, y_rows, "
    "(1, rows, outputs), (0, full)), *(dweight[i * outputs:], True))": AGAIN,
    "gradients_by_inputs: 2 for 1: products_of_few(*(0, 2, dy, y_last, y_run, 0, few, x, x_rows, "
    "(1, rows, block), (0, block)), *(room, True))": AGAIN,
    "gradients_by_inputs: 1 for 0: products_of_few(*(0, 1, dy, y_last, y_run, 0, few, x, x_rows, "
    "(1, rows, block), (1, block)), *(room, True))": MOVED,
    "gradients_by_inputs: 1 for 0: sums(*(0, 1, dy, y_rows, y_run, room, zeros, dx, "
    "one_row(dx_i, dx_at[1])), *((1, whole, block), (1, block), how, x, x_rows))": MOVED,
    "gradients_by_inputs: 1 for 0: sums_of_one(*(0, 1, dy, y_n, y_run, room, zeros, dx, dx_n, "
    "(1, 1, block), (1, block)), *(how, x, one_row(x_i + n * x_at[1], 0)))": MOVED,
}


# -- stages -----------------------------------------------------------------------------------


def by_number() -> list[Layer]:
    return [Conv2d(8, 3), Relu(), MaxPool2d(2), Flatten(), Affine(WIDE + 4), Relu(), Affine(3)]


NETWORKS: dict[str, tuple[Callable[[], list[Layer]], Any, int]] = {  # and stages by inputs
    "convolution": (by_number, (2, 10, 10), 1),
    "nothing learns before": (lambda: [Flatten(), Affine(WIDE), Affine(3)], (2, 8, 8), 1),
    "two": (lambda: [Affine(2 * WIDE), Relu(), Affine(3 * WIDE), Tanh(), Affine(3)], 2 * WIDE, 2),
    "not masked": (lambda: [Affine(2 * WIDE), Affine(WIDE + 9), Dropout(0.5)], WIDE + 1, 1),
    "behind a layer that is called": (
        lambda: [Affine(2 * WIDE), LayerNorm(), Affine(2 * WIDE), Gelu(), Affine(WIDE)],
        WIDE + 1,
        2,
    ),
    "without bias": (lambda: [Affine(2 * WIDE), Affine(WIDE + 1, bias=False)], 3 * WIDE, 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_equals_its_network(name: str, dtype: str) -> None:
    layers, shape, _ = NETWORKS[name]
    for rows, workers in ((13, 2), (1, 2), (8, 3), (21, 1)):
        check_plan(Network(layers(), shape, dtype=dtype, seed=rows), rows, workers=workers)


def stages_by_inputs(plan: Plan | None) -> list[AffineStage]:
    assert plan is not None
    return [stage for stage in plan.stages if isinstance(stage, AffineByInputsStage)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_behind_a_batch_norm(dtype: str) -> None:
    """Not with one example: its variance is 0, and the gradient before it rounding alone."""
    for rows, workers in ((13, 2), (8, 3)):
        layers = [Affine(3 * WIDE), BatchNorm(), Relu(), Affine(WIDE + 2), Gelu(), Affine(3)]
        network = Network(layers, WIDE + 1, dtype=dtype, seed=rows)
        assert len(stages_by_inputs(check_plan(network, rows, workers=workers))) == 1


AVX2 = """
from plans.test_by_inputs import NETWORKS, stages_by_inputs
from plans.test_plans import check_plan
from handgrad import Network
from handgrad.kernels import tiles
from handgrad.plans import by_inputs
assert tiles.BYTES == 32
by_inputs.MANY = 0
for dtype in ("float32", "float64"):
    layers, shape, _ = NETWORKS["convolution"]
    assert stages_by_inputs(check_plan(Network(layers(), shape, dtype=dtype, seed=1), 13))
"""


@needs_x86
def test_machines_with_half_as_wide_registers() -> None:
    run(AVX2, NUMBA_CPU_NAME="haswell")


@pytest.mark.parametrize("name", NETWORKS)
def test_who_is_shared_by_inputs(name: str) -> None:
    layers, shape, count = NETWORKS[name]
    network = Network(layers(), shape)
    assert len(stages_by_inputs(Plan(network, 12, Workers(2)))) == count
    assert not stages_by_inputs(Plan(network, 12, Workers(2), at_once=5))
    assert not stages_by_inputs(Plan(network, 12, Workers(2), training=False))
    assert not stages_by_inputs(Plan(network, 12, Workers(1)))


@pytest.mark.parametrize(
    ("inputs", "outputs", "fits"),
    [
        (4 * WIDE, WIDE, True),
        (4 * WIDE, WIDE - 1, False),
        (4 * WIDE + 1, WIDE, False),
        (3 * WIDE, WIDE, True),
        (2 * WIDE, WIDE, False),  # not a block for each
    ],
)
def test_every_worker_has_whole_blocks(inputs: int, outputs: int, *, fits: bool) -> None:
    plan = Plan(Network([Affine(outputs)], inputs), 12, Workers(3))
    assert bool(stages_by_inputs(plan)) == fits


def test_only_many_weights_are_worth_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_inputs, "MANY", 4 * (4 * WIDE) * WIDE)
    for outputs in (WIDE, WIDE - 1):
        plan = Plan(Network([Affine(outputs)], 4 * WIDE), 12, Workers(2))
        assert bool(stages_by_inputs(plan)) == (outputs == WIDE)
    monkeypatch.setattr(by_inputs, "MANY", MANY)
    with limited(2, deterministic=False):
        assert len(stages_by_inputs(training_plan(simple_conv_net(), 100, LOSS))) == 1


def test_the_waiting_counts_when_workers_are_chosen() -> None:
    network = Network(by_number(), (2, 10, 10))
    least = 2 * (WAITS + AffineByInputsStage.waits) * WAIT
    with limited(2, deterministic=False):
        for operations, count in ((least + 1, 1), (least + 2, 2)):
            assert workers_for(network, operations, training=True).count == count


def test_dx_takes_the_place_of_x() -> None:
    (stage,) = stages_by_inputs(Plan(Network(by_number(), (2, 10, 10)), 12, Workers(2)))
    assert stage.dx is stage.x


def test_sums_of_four_parts_do_not_depend_on_how_many_compute() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(13, 2, 10, 10)).astype(np.float32), rng.integers(0, 3, 13)
    results: list[dict[str, np.ndarray]] = []
    for at_once in (1, 4):
        network = Network(by_number(), (2, 10, 10), seed=1)
        plan = Plan(network, 13, Workers(4, at_once=at_once))
        assert stages_by_inputs(plan)
        results.append(plan.step(x, LOSS, labels=labels).grads)
    for name, grad in results[0].items():
        np.testing.assert_array_equal(grad, results[1][name], err_msg=name)


@pytest.mark.parametrize("place", [None, 5, 2 * WIDE + 30])
def test_workers_say_whether_their_gradients_are_finite(place: int | None) -> None:
    network = Network([Affine(4 * WIDE, name="first"), Affine(WIDE)], 2, dtype="float64")
    network.params["first.weight"][:] = network.params["first.bias"][:] = 0
    if place is not None:  # the outputs do not see it, the gradient of one row of weights does
        network.params["first.bias"][place] = 1e308
        network.params["affine_1.weight"][place] = 0
    plan = Plan(network, 6, Workers(2))
    assert len(stages_by_inputs(plan)) == 1
    targets = np.full((6, WIDE), 1e6)
    with np.errstate(over="ignore"):
        result = plan.step(np.ones((6, 2)), HalfSquaredError(), labels=targets)
    assert np.isfinite(result.loss)
    assert result.finite == {"first.weight": True, "affine_1.weight": place is None}
    assert np.isfinite(result.grads["affine_1.weight"]).all() == (place is None)
