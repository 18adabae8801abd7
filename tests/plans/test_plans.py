"""A plan computes what the layers compute, one by one: loss, outputs, every gradient, state."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    SGD,
    Affine,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Gelu,
    GlobalAveragePool,
    HalfSquaredError,
    Hinge,
    Identity,
    Layer,
    LayerNorm,
    LeakyRelu,
    LogSoftmax,
    MaxPool2d,
    Network,
    Relu,
    Rescale,
    Residual,
    Sequential,
    Sigmoid,
    Silu,
    SoftmaxCrossEntropy,
    Softplus,
    Standardize,
    Tanh,
    Trainer,
)
from handgrad.backend import use
from handgrad.checks import InvalidValueError
from handgrad.losses import Loss
from handgrad.models import RECIPES, build, deep_conv_net, simple_conv_net
from handgrad.plans import Plan, Workers, predict, training_plan
from handgrad.plans.affine import ROWS
from handgrad.plans.averages import AverageStage, GlobalAverageStage
from handgrad.plans.choice import NEAR, WAIT, WAITS, images_at_once, workers_for
from handgrad.plans.convolution import ConvStage
from handgrad.plans.plain import LayerStage
from handgrad.plans.rows import BY_EXAMPLE
from handgrad.threads import limited
from processes import needs_x86, run

TOLERANCE = {"float64": 1e-11, "float32": 1e-4}


def check_plan(
    network: Network, rows: int, *, workers: int = 2, seed: int = 0, at_once: int | None = None
) -> Plan:
    """Compare a step and predictions with the reference; every row of a larger plan too."""
    rng = np.random.default_rng(seed)
    for name in network.params:
        network.params[name] = rng.normal(size=network.params[name].shape) * 0.3
    for name in network.state:
        network.state[name] = rng.uniform(0.5, 2, size=network.state[name].shape)
    x = rng.normal(size=(rows, *network.input_shape)).astype(network.dtype)
    if len(network.output_shape) == 1:
        loss, labels = SoftmaxCrossEntropy(), rng.integers(0, network.output_shape[0], rows)
    else:
        labels = rng.normal(size=(rows, *network.output_shape)).astype(network.dtype)
        loss = HalfSquaredError()
    plan = Plan(network, rows + 2, Workers(workers), at_once=at_once)
    for _ in range(2):  # the second step meets what the first one left in the buffers
        compare_step(network, plan, loss, x, labels)
    tolerance = TOLERANCE[network.dtype.name]
    predictor = Plan(network, rows, Workers(workers), training=False, at_once=at_once)
    with use("reference"):
        expected = network.forward(x)[0]
    for each in (plan, predictor, predictor):  # the last one has its weights from before
        check_equal(each.forward(x, training=False), expected, tolerance, "predicting")
    return plan


def compare_step(network: Network, plan: Plan, loss: Loss, x: np.ndarray, labels: Any) -> None:
    tolerance = TOLERANCE[network.dtype.name]
    generators = network.generators()
    with use("reference"):
        outputs, saved = network.forward(x, training=True)
        value, loss_saved = loss.forward(outputs, labels=labels)
        (d_outputs,) = loss.backward(outputs.dtype.type(1), loss_saved)
        _, grads = network.backward(d_outputs, saved)
    state = network.body.new_state(saved)
    after = network.generators()
    network.set_generators(generators)
    result = plan.step(x, loss, labels=labels)
    assert network.generators() == after
    check_equal(result.outputs, outputs, tolerance, "outputs")
    assert result.loss == pytest.approx(float(value), rel=tolerance)
    assert set(result.grads) == set(grads)
    assert set(result.new_state) == set(state)
    scale = max(float(np.linalg.norm(grad)) for grad in grads.values())
    for name, grad in grads.items():
        # A bias before batch norm has gradient 0, of which rounding leaves something: so all
        # gradients are measured by the largest.
        came = result.grads[name]
        assert came.shape == grad.shape
        assert came.dtype == grad.dtype
        error = float(np.linalg.norm(came - grad)) / max(float(np.linalg.norm(grad)), 1e-3 * scale)
        assert error <= tolerance, f"d{name}: {error:.1e}"
    for name, value in state.items():
        check_equal(result.new_state[name], value, tolerance, name)


def check_equal(came: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    assert came.shape == expected.shape
    assert came.dtype == expected.dtype
    error = float(np.linalg.norm(came - expected)) / max(float(np.linalg.norm(expected)), 1e-30)
    assert error <= tolerance, f"{what}: {error:.1e}"


class DoubledPool(MaxPool2d):
    """A user's layer, made from one that plans know."""

    def forward(self, x: np.ndarray, *, training: bool) -> tuple[np.ndarray, Any]:
        y, saved = super().forward(x, training=training)
        return 2 * y, saved

    def backward(self, dy: np.ndarray, saved: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return super().backward(2 * dy, saved)


NETWORKS: dict[str, tuple[Any, Any]] = {
    "affine alone": (lambda: [Affine(5)], 11),
    "affine relu": (lambda: [Affine(20), Relu(), Affine(7), Relu(), Affine(5)], 11),
    "relu last": (lambda: [Affine(20), Relu()], 11),
    "relu first": (lambda: [Relu(), Affine(20)], 11),
    "one input, one output": (lambda: [Affine(1), Affine(2)], 1),
    "no bias": (lambda: [Affine(33, bias=False), Relu(), Affine(4, bias=False)], 17),
    "batch norm": (lambda: [Affine(20), BatchNorm(), Relu(), Affine(7), Sigmoid(), Affine(5)], 11),
    "layer norm": (lambda: [Affine(20), LayerNorm(), Gelu(), Affine(5)], 11),
    "dropout": (lambda: [Affine(20), Relu(), Dropout(0.5), Affine(5)], 11),
    "residual": (lambda: [Affine(6), Residual(Affine(6), Relu()), Affine(4)], 6),
    "standardized": (lambda: [Standardize(1.5, 2.0), Affine(6)], 6),
    "conv": (lambda: [Conv2d(5, 3), Relu(), Flatten(), Affine(4)], (1, 9, 8)),
    "conv conv pool": (
        lambda: [
            *[Rescale(0.5), Conv2d(17, 3, padding=1), Relu(), Conv2d(20, 3), Relu()],
            *[MaxPool2d(2), Flatten(), Affine(9), Relu(), Affine(4)],
        ],
        (1, 12, 11),
    ),
    "conv norm pool relu": (
        lambda: [
            *[Conv2d(5, 3, bias=False), BatchNorm(), MaxPool2d(2), Relu()],
            *[Conv2d(6, 2), Flatten(), Affine(4)],
        ],
        (3, 13, 10),
    ),
    "five by five": (
        lambda: [
            *[Conv2d(6, 5), Relu(), MaxPool2d(2), Conv2d(16, 5), Relu(), MaxPool2d(2)],
            *[Flatten(), Affine(40), Relu(), Affine(4)],
        ],
        (1, 25, 24),
    ),
    "image gradient of a pooled convolution": (
        lambda: [BatchNorm(), Conv2d(5, 3, padding=1), Relu(), MaxPool2d(2), Flatten(), Affine(4)],
        (3, 9, 8),
    ),
    "steps and gaps, pooled": (
        lambda: [
            *[Conv2d(17, (3, 2), stride=(2, 1), dilation=(1, 2)), Relu(), MaxPool2d(2)],
            *[Conv2d(5, (2, 4), dilation=(2, 1)), Relu(), MaxPool2d(2), Flatten(), Affine(4)],
        ],
        (3, 27, 17),
    ),
    "overlapping pool": (lambda: [Conv2d(5, 3), MaxPool2d(3, stride=2), Flatten()], (2, 12, 13)),
    "gaps between pools": (lambda: [Conv2d(5, 3), MaxPool2d(2, stride=3), Flatten()], (2, 12, 13)),
    "a user's pool": (
        lambda: [
            *[Conv2d(5, 3), Relu(), DoubledPool(2), Conv2d(3, 2), DoubledPool(3, stride=1)],
            *[Flatten(), Affine(4)],
        ],
        (2, 13, 12),
    ),
    "padded pool": (lambda: [Conv2d(5, 3), MaxPool2d(3, padding=1), Flatten()], (2, 12, 13)),
    "other pools": (
        lambda: [Conv2d(5, 3), AveragePool2d(2), Conv2d(3, 1), GlobalAveragePool()],
        (2, 12, 13),
    ),
    "averages that overlap": (  # as many numbers in all windows as in the image, but not all
        lambda: [Conv2d(5, 3), AveragePool2d((4, 3), stride=3), Conv2d(3, 2), Flatten()],
        (2, 14, 14),
    ),
    "gaps between averages": (
        lambda: [Conv2d(5, 3), AveragePool2d(2, stride=3), Conv2d(3, 2), Flatten()],
        (2, 12, 13),
    ),
    "padded average": (lambda: [Conv2d(5, 3), AveragePool2d(3, padding=1), Flatten()], (2, 12, 13)),
    "average first": (lambda: [AveragePool2d(2), BatchNorm(), GlobalAveragePool()], (2, 12, 13)),
    "averages alone": (lambda: [GlobalAveragePool(), Affine(4)], (2, 12, 13)),
    "images out": (lambda: [Conv2d(3, 3, padding=1), Relu()], (2, 6, 5)),
    "one pixel": (lambda: [Conv2d(3, 1), Relu(), Conv2d(4, 1), Flatten()], (2, 1, 1)),
    "by number": (
        lambda: [
            *[Conv2d(6, 3), Tanh(), Conv2d(5, 3, padding=1), Gelu(), LeakyRelu(), Conv2d(4, 2)],
            *[Sigmoid(), Flatten(), Affine(9), Silu(), Affine(4), Identity()],
        ],
        (2, 9, 8),
    ),
    "by example": (
        lambda: [
            *[Conv2d(6, 3), Residual(Conv2d(6, 3, padding=1, groups=2), Softplus())],
            *[Sequential(Conv2d(5, 1), Flatten(), Affine(9)), LayerNorm(), LogSoftmax()],
        ],
        (2, 9, 8),
    ),
    "groups": (lambda: [Conv2d(6, 3), Relu(), Conv2d(9, 2, groups=3), Flatten()], (3, 9, 8)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_equals_its_network(name: str, dtype: str) -> None:
    layers, shape = NETWORKS[name]
    check_plan(Network(layers(), shape, dtype=dtype, seed=1), 13)


def random_conv(rng: np.random.Generator) -> tuple[list[Layer], tuple[int, ...]]:
    """Two convolutions with random options on a random image."""
    layers: list[Layer] = []
    for _ in range(2):
        kernel = tuple(int(k) for k in rng.integers(1, 6, 2))
        layers.append(
            Conv2d(
                int(rng.integers(1, 35)),
                kernel,
                stride=tuple(int(s) for s in rng.integers(1, 4, 2)),
                padding=tuple(int(p) for p in rng.integers(0, 4, 2)),
                dilation=tuple(int(d) for d in rng.integers(1, 3, 2)),
                bias=bool(rng.integers(2)),
            )
        )
        extra: list[Layer] = [Relu(), BatchNorm(), MaxPool2d(2)]
        layers += [extra[i] for i in rng.permutation(3)[: rng.integers(0, 4)]]
    shape = (int(rng.integers(1, 20)), int(rng.integers(70, 80)), int(rng.integers(70, 80)))
    return [*layers, Flatten(), Affine(int(rng.integers(2, 20)))], shape


@pytest.mark.parametrize("seed", range(24))
def test_random_networks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers, shape = random_conv(rng)
    network = Network(layers, shape, dtype="float64", seed=seed)
    check_plan(network, int(rng.integers(1, 9)), workers=int(rng.integers(1, 4)), seed=seed)


def random_small_windows(rng: np.random.Generator) -> tuple[list[Layer], tuple[int, ...]]:
    """3 × 3 convolutions of many channels, with ReLU and pooling here and there."""
    layers: list[Layer] = []
    for _ in range(int(rng.integers(2, 5))):
        filters, padding = int(rng.integers(4, 40)), tuple(int(p) for p in rng.integers(0, 3, 2))
        layers.append(Conv2d(filters, 3, padding=padding, bias=bool(rng.integers(2))))
        extra: list[Layer] = [Relu(), MaxPool2d(2), BatchNorm()]
        layers += extra[: rng.integers(0, 3)] if rng.integers(4) else extra[::-1]
    shape = (int(rng.integers(1, 20)), int(rng.integers(33, 45)), int(rng.integers(33, 45)))
    return [*layers, Flatten(), Affine(int(rng.integers(2, 40)))], shape


@pytest.mark.parametrize("seed", range(24))
def test_random_networks_of_small_windows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers, shape = random_small_windows(rng)
    network = Network(layers, shape, dtype="float64", seed=seed)
    check_plan(network, int(rng.integers(3, 9)), workers=int(rng.integers(1, 4)), seed=seed)


def random_averages(rng: np.random.Generator) -> tuple[list[Layer], tuple[int, ...]]:
    """Average pools with random windows, after the input, convolutions and batch norm."""
    layers: list[Layer] = []
    for _ in range(2):
        if rng.integers(4):
            layers.append(
                Conv2d(int(rng.integers(1, 40)), tuple(int(k) for k in rng.integers(1, 4, 2)))
            )
            extra: list[Layer] = [Relu(), BatchNorm()]
            layers += extra[rng.integers(3) :]
        kernel, stride = (tuple(int(n) for n in rng.integers(1, 5, 2)) for _ in range(2))
        layers.append(AveragePool2d(kernel, stride=stride if rng.integers(3) else None))
    layers.append(GlobalAveragePool() if rng.integers(2) else Flatten())
    shape = (int(rng.integers(1, 20)), int(rng.integers(32, 40)), int(rng.integers(32, 40)))
    return [*layers, Affine(int(rng.integers(2, 20)))], shape


@pytest.mark.parametrize("seed", range(24))
def test_random_networks_of_averages(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers, shape = random_averages(rng)
    network = Network(layers, shape, dtype="float64", seed=seed)
    rows, workers, at_once = (int(n) for n in rng.integers(1, [9, 4, 4]))
    check_plan(network, rows, workers=workers, seed=seed, at_once=at_once)


def chain(kinds: str) -> list[Layer]:
    """The layers of a word: N for batch norm, R for ReLU, P for a max-pool."""
    makers: dict[str, Any] = {"N": BatchNorm, "R": Relu, "P": partial(MaxPool2d, 2)}
    return [makers[kind]() for kind in kinds]


CHAINS = ["N", "NR", "NP", "NRP", "NPR", "PR", "RN", "PNR", "RNP", "NRNR", "NRR", "NPP", "NPRPR"]
READERS: dict[str, Any] = {
    "affine": lambda: [Flatten(), Affine(4)],
    "small windows": lambda: [Conv2d(9, 3, padding=1), Flatten(), Affine(4)],
    "large windows": lambda: [Conv2d(6, 4, padding=2, stride=2), Flatten(), Affine(4)],
    "average": lambda: [GlobalAveragePool(), Affine(4)],
    "nothing": lambda: [Flatten()],
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kinds", CHAINS)
def test_chains_of_batch_norm_relu_and_pool(kinds: str, reader: str) -> None:
    """In every order, of odd sizes, of channels that fill no register; for every kind of reader."""
    first = Conv2d(9, 3, bias=reader == "affine", padding=(2, 1))
    layers = [first, *chain(kinds), *READERS[reader]()]
    dtype = "float32" if reader in {"small windows", "nothing"} else "float64"
    network = Network(layers, (5, 13, 15), dtype=dtype, seed=1)
    at_once = 2 if reader == "affine" else None
    check_plan(network, 5, workers=1 + CHAINS.index(kinds) % 3, at_once=at_once)


@pytest.mark.parametrize("kinds", ["NR", "NPR", "RNP"])
def test_frozen_chains(kinds: str) -> None:
    layers = [Conv2d(9, 3), *chain(kinds), Conv2d(6, 3), Flatten(), Affine(4)]
    for layer in layers:
        if isinstance(layer, BatchNorm):
            layer.freeze()
    check_plan(Network(layers, (5, 13, 15), dtype="float64", seed=1), 5)


@pytest.mark.parametrize(("kinds", "stages"), [("NRP", 2), ("NPR", 2), ("NP", 2), ("RNP", 2)])
def test_a_chain_is_one_stage_after_the_convolution(kinds: str, stages: int) -> None:
    network = Network([Conv2d(9, 3), *chain(kinds), Flatten()], (5, 13, 15))
    assert len(Plan(network, 4, Workers(1)).stages) == stages + 1
    predicting = 3 if kinds in {"NP", "RNP"} else 2  # a pool alone is no part of a convolution
    assert len(Plan(network, 4, Workers(1), training=False).stages) == predicting


@pytest.mark.parametrize("key", ["weight", "bias", "running_mean", "running_var"])
def test_a_plan_that_predicts_sees_a_batch_norm_change(key: str) -> None:
    """It is part of a convolution's weights, which are copied where they have changed."""
    network = Network([Conv2d(9, 3), *chain("NPR"), Flatten()], (5, 13, 15), dtype="float64")
    x = np.random.default_rng(0).normal(size=(4, 5, 13, 15))
    plan = Plan(network, 4, Workers(2), training=False)
    before = plan.forward(x, training=False)
    arrays = network.state if key.startswith("running") else network.params
    arrays[f"batch_norm_1.{key}"] = arrays[f"batch_norm_1.{key}"] + 0.5
    after = plan.forward(x, training=False)
    assert not np.array_equal(before, after)
    check_equal(after, network.forward(x)[0], 1e-12, "outputs")


def test_batch_norm_where_numbers_are_far_from_zero() -> None:
    """Mean 1000, deviation 1: mean and variance in one visit lose no digits to each other."""
    network, exact = (
        Network([BatchNorm(), Relu(), Flatten(), Affine(3)], (3, 9, 9), dtype=dtype)
        for dtype in ("float32", "float64")
    )
    x = np.random.default_rng(0).normal(1000, 1, size=(40, 3, 9, 9)).astype(np.float32)
    rows = np.arange(40) % 3
    came = Plan(network, 40, Workers(2)).step(x, SoftmaxCrossEntropy(), labels=rows)
    wanted = Plan(exact, 40, Workers(1)).step(x.astype(float), SoftmaxCrossEntropy(), labels=rows)
    for name, value in wanted.new_state.items():
        np.testing.assert_allclose(came.new_state[name], value, 2e-7)
    for name, grad in wanted.grads.items():
        check_equal(came.grads[name].astype(float), grad, 1e-4, name)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7, 11])
def test_every_kernel_size(kernel: int) -> None:
    layers = [Conv2d(4, kernel, padding=kernel // 2), Relu(), Conv2d(3, kernel), Flatten()]
    check_plan(Network([*layers, Affine(3)], (2, 14, 13), dtype="float64"), 3)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_batches_smaller_than_the_workers(rows: int) -> None:
    network = Network([Conv2d(4, 3), BatchNorm(), Relu(), Flatten(), Affine(3)], (2, 8, 8))
    check_plan(network, rows, workers=3)


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize(
    "name", ["conv", "conv conv pool", "five by five", "dropout", "by number", "other pools"]
)
def test_in_several_passes(name: str, at_once: int) -> None:
    layers, shape = NETWORKS[name]
    for rows, workers in ((11, 1), (11, 2), (7, 3), (1, 2)):
        network = Network(layers(), shape, dtype="float64", seed=rows)
        plan = check_plan(network, rows, workers=workers, at_once=at_once)
        if at_once * workers < rows:
            assert plan.input.count == (
                at_once * workers if len(plan.input_shape) > 1 else rows + 2
            )


@pytest.mark.parametrize("place", [None, 5, 30])
def test_workers_say_whether_the_gradients_that_they_summed_are_finite(place: int | None) -> None:
    network = Network([Affine(40)], 32, dtype="float64")
    x, targets = np.ones((6, 32)), np.full((6, 40), 1e6)
    if place is not None:  # the outputs do not see it, the gradient of one row of weights does
        x[4, place] = 1e308
        network.params["affine_1.weight"][place] = 0
    with np.errstate(over="ignore"):
        result = Plan(network, 6, Workers(2)).step(x, HalfSquaredError(), labels=targets)
    assert np.isfinite(result.loss)
    assert result.finite == {"affine_1.weight": place is None}
    assert np.isfinite(result.grads["affine_1.weight"]).all() == (place is None)


def test_passes_need_a_loss_of_rows() -> None:
    network = Network([Conv2d(4, 3), Flatten(), Affine(3)], (2, 8, 8))
    plan, labels = Plan(network, 8, Workers(2), at_once=2), np.arange(8) % 3
    with pytest.raises(InvalidValueError, match="several passes need a loss of rows, not Hinge"):
        plan.step(np.zeros((8, 2, 8, 8), np.float32), Hinge(), labels=labels)
    whole, parts = (training_plan(network, 9000, loss) for loss in (Hinge(), SoftmaxCrossEntropy()))
    assert whole is not None
    assert parts is not None
    assert parts.at_once < whole.at_once == -(-9000 // whole.context.workers.count)


def test_a_pass_is_as_long_as_what_is_stored_stays_near() -> None:
    pooled = Network([Conv2d(16, 3), Relu(), MaxPool2d(2), Flatten(), Affine(3)], (1, 18, 18))
    for training in (True, False):
        assert images_at_once(pooled, training=training) == NEAR // (4 * 16 * 8 * 8)
    large = Network([Conv2d(16, 3), Relu(), Flatten(), Affine(3)], (1, 200, 200))
    assert images_at_once(large, training=True) == ROWS


@pytest.mark.parametrize(
    ("layers", "waits"),
    [
        ([Rescale(0.5), Conv2d(4, 3), Relu(), Flatten(), Affine(9), Dropout(0.5), Affine(3)], 0),
        ([Conv2d(4, 3), BatchNorm(), Relu(), Flatten(), Affine(3)], 2),
        ([Conv2d(4, 3, groups=2), MaxPool2d(2, padding=1), Flatten(), Affine(3)], 0),
        ([Residual(Dropout(0.5)), Conv2d(4, 3), Dropout(0.5), Flatten(), Affine(3)], 8),
    ],
)
def test_more_workers_where_they_are_worth_their_waiting(layers: list[Layer], waits: int) -> None:
    network = Network(layers, (2, 8, 8))
    with limited(3, deterministic=False):
        for training in (True, False):
            own = 0 if waits == 2 and not training else waits  # a norm that predicts waits for none
            least = 2 * (WAITS + own) * WAIT
            for operations, count in ((least + 1, 1), (least + 2, 3)):
                made = workers_for(network, operations, training=training)
                assert made.count == count


@pytest.mark.parametrize("inside", [[], [Dropout(0.5)], [BatchNorm()]])
def test_a_layer_of_examples_is_shared_unless_something_in_it_is_not(inside: list[Layer]) -> None:
    """What draws random numbers, or asks for the whole batch, is called once."""
    rows: list[int] = []

    class Watched(Affine):
        def forward(self, x: np.ndarray, *, training: bool) -> Any:
            rows.append(len(x))
            return super().forward(x, training=training)

    network = Network([Residual(Watched(6), *inside), Affine(3)], 6, dtype="float64")
    BY_EXAMPLE.add(Watched)
    try:
        plan = Plan(network, 8, Workers(2))
    finally:
        BY_EXAMPLE.remove(Watched)
    plan.forward(np.zeros((7, 6)), training=True)
    assert sorted(rows) == ([7] if inside else [3, 4])
    assert type(Plan(network, 8, Workers(2)).stages[0]) is LayerStage  # a user's own layer


def test_layers_that_wait_take_all_examples_at_once() -> None:
    for layer in (BatchNorm(), Dropout(0.5), Conv2d(4, 2, groups=2)):  # the last costs as much
        layers = [Conv2d(4, 3), layer, Flatten()]
        network = Network([*layers, Affine(3)], (2, 8, 8), dtype="float64")
        assert check_plan(network, 8, at_once=2).at_once == 5


def test_changed_parameters_are_loaded_again() -> None:
    network = Network([Conv2d(4, 3, padding=1), Flatten(), Affine(3)], (2, 8, 8), dtype="float64")
    plan = Plan(network, 4, Workers(2), training=False)
    x = np.random.default_rng(0).normal(size=(4, 2, 8, 8))
    loads: list[int] = []
    load = plan.stages[0].load

    def counted(worker: int, *, training: bool) -> None:
        loads.append(worker)
        load(worker, training=training)

    plan.stages[0].load = counted
    for name in network.params:
        for place in (0, -1):
            network.params[name].reshape(-1)[place] += 1
            for _ in range(2):
                with use("reference"):
                    expected = network.forward(x)[0]
                check_equal(plan.forward(x, training=False), expected, 1e-12, name)
    assert len(loads) == 2 * 2 * len(network.params)


def test_averages_without_padding_are_compiled_and_do_not_wait() -> None:
    plans = {
        kind: Plan(Network(NETWORKS[kind][0](), NETWORKS[kind][1]), 4, Workers(2), at_once=1)
        for kind in ("other pools", "padded average")
    }
    kinds = {kind: [type(stage) for stage in plan.stages] for kind, plan in plans.items()}
    assert kinds["other pools"] == [ConvStage, AverageStage, ConvStage, GlobalAverageStage]
    assert AverageStage not in kinds["padded average"]
    assert plans["other pools"].at_once == 1


def test_padding_behind_averages_stays_zero() -> None:
    """The reader wants whole registers of channels; what is averaged has no padding."""
    layers, shape = NETWORKS["average first"]
    plan = check_plan(Network(layers(), shape), 5)
    averaged = plan.stages[0]
    assert averaged.x.channels == 2 < averaged.y.channels
    assert not averaged.y.flat.reshape(averaged.y.size)[..., 2:].any()


def test_a_frozen_batch_norm_uses_its_running_statistics() -> None:
    layers = [Affine(6), BatchNorm().freeze(), Relu(), Affine(3)]
    check_plan(Network(layers, 5, dtype="float64"), 7)


def test_parameters_are_read_anew_in_each_step() -> None:
    network = Network([Affine(6), Relu(), Affine(3)], 5, dtype="float64")
    plan = check_plan(network, 7)
    network.params["affine_1.weight"] *= 2
    x = np.random.default_rng(1).normal(size=(7, 5))
    check_equal(plan.forward(x, training=False), network.forward(x)[0], 1e-12, "outputs")


def test_what_a_plan_returns_is_the_callers() -> None:
    network = Network([Affine(3)], 5, dtype="float64")
    plan = Plan(network, 4, Workers(1))
    first = plan.forward(np.ones((4, 5)), training=False)
    kept = first.copy()
    plan.forward(np.zeros((4, 5)), training=False)
    assert np.array_equal(first, kept)


def test_a_network_without_parameters_needs_no_plan() -> None:
    network, x = Network([MaxPool2d(2), Flatten()], (9, 64, 64)), np.zeros((20, 9, 64, 64))
    assert training_plan(network, 100, SoftmaxCrossEntropy()) is None
    trainer = Trainer(network, SoftmaxCrossEntropy(), SGD())
    assert trainer.fit(x, np.arange(20), epochs=1, batch_size=20).last["loss"] > 0
    assert predict(network, x, 20) is not None


class Doubled(Network):
    """A user's network, whose passes are more than those of its layers."""

    def forward(self, x: Any, **options: Any) -> tuple[np.ndarray, Any]:
        y, saved = super().forward(x, **options)
        return 2 * y, saved

    def backward(self, dy: Any, saved: Any, **options: Any) -> tuple[np.ndarray, Any]:
        return super().backward(2 * dy, saved, **options)


@pytest.mark.parametrize("kind", [Gelu, Relu])  # what dense plans do not know, and what they do
def test_a_network_with_passes_of_its_own_keeps_them(kind: Callable[[], Layer]) -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 60)), rng.integers(0, 10, 40)
    outputs: list[np.ndarray] = []
    for backend in ("compiled", "reference"):
        network = Doubled([Affine(90), kind(), Affine(10)], 60, dtype="float64", seed=1)
        with use(backend):
            Trainer(network, SoftmaxCrossEntropy(), SGD()).fit(x, labels, epochs=2, batch_size=20)
            outputs.append(network.predict(x))
    check_equal(outputs[0], outputs[1], 1e-10, "outputs")


@pytest.mark.parametrize("name", [*RECIPES, "simple_conv_net", "deep_conv_net"])
def test_standard_networks_use_no_fallback(name: str) -> None:
    others = {"simple_conv_net": simple_conv_net, "deep_conv_net": deep_conv_net}
    network = others[name]() if name in others else build(name)
    stages = Plan(network, 4, Workers(1)).stages
    allowed = {"Rescale", "Dropout", "Flatten"}  # entrywise on small arrays: nothing to gain
    slow = [type(s.layer).__name__ for s in stages if isinstance(s, LayerStage)]
    assert set(slow) <= allowed


AVX2 = """
from plans.test_normalized import IMAGES, kernel
from plans.test_plans import NETWORKS, check_plan
from handgrad import Network
from handgrad.kernels import tiles
assert tiles.BYTES == 32
names = ("conv conv pool", "five by five", "batch norm", "conv norm pool relu", "other pools")
for name in names:
    layers, shape = NETWORKS[name]
    check_plan(Network(layers(), shape, dtype="float32", seed=1), 13)
for name, checks in IMAGES.items():
    for check in checks:
        check(kernel(name), "float32", 8)
"""


@needs_x86
def test_machines_with_half_as_wide_registers() -> None:
    run(AVX2, NUMBA_CPU_NAME="haswell")
