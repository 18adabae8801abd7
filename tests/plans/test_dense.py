"""The plan of dense networks makes the steps that the layers make: losses, gradients, all state."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    Affine,
    BatchNorm,
    BinaryCrossEntropy,
    Callback,
    Dropout,
    Flatten,
    HalfSquaredError,
    Hinge,
    History,
    Identity,
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
    Trainer,
    use,
)
from handgrad.checks import NonFiniteError
from handgrad.plans import DensePlan, Workers, dense, dense_plan, examples
from handgrad.plans.dense_kinds import chain

TOLERANCE = {"float64": 1e-10, "float32": 2e-4}
Layers = Callable[[], Sequence[Layer]]


def data(network: Network, loss: Loss, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random examples, and labels that fit the loss."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, *network.input_shape)).astype(network.dtype)
    classes = network.output_shape[0]
    if isinstance(loss, SoftmaxCrossEntropy):
        return x, rng.integers(0, classes, rows)
    labels = rng.normal(size=(rows, classes))
    return x, (labels > 0).astype(float) if isinstance(loss, BinaryCrossEntropy) else labels


def train(
    backend: str,
    layers: Layers,
    loss: Loss,
    optimizer: Optimizer,
    *,
    features: Any = 11,
    dtype: str = "float64",
    rows: int = 47,
    batch_size: int = 10,
    **options: Any,
) -> tuple[Trainer, History]:
    network = Network(layers(), features, dtype=dtype, seed=1)
    x, labels = data(network, loss, rows)
    with use(backend):
        trainer = Trainer(network, loss, optimizer)
        options = {"epochs": 3, "batch_size": batch_size, **options}
        return trainer, trainer.fit(options.pop("x", x), options.pop("labels", labels), **options)


def check_training(
    layers: Layers, loss: Loss, optimizer: Callable[[], Optimizer], **options: Any
) -> Trainer:
    """Train both ways from one seed; compare what can be compared."""
    tolerance = TOLERANCE[options.get("dtype", "float64")]
    expected, rows = train("reference", layers, loss, optimizer(), **options)
    trainer, history = train("compiled", layers, loss, optimizer(), **options)
    assert trainer._whole is not None  # the plan was made, and
    assert trainer._compute is None  # nothing else computed a step
    for name in set(rows.columns) - {"seconds"}:
        assert history[name] == pytest.approx(rows[name], rel=tolerance), name
    for kind in ("params", "state"):
        for name, array in getattr(expected.network, kind).items():
            check_close(getattr(trainer.network, kind)[name], array, tolerance, name)
    assert trainer.network.generators() == expected.network.generators()
    assert trainer.optimizer.steps == expected.optimizer.steps
    assert trainer.optimizer.state.keys() == expected.optimizer.state.keys()
    for name, slots in expected.optimizer.state.items():
        for slot, array in slots.items():
            came = trainer.optimizer.state[name][slot]
            check_close(came, array, tolerance, f"{slot} of {name}")
            assert came.flags.owndata  # the plan's memory is not held
    return trainer


def check_close(came: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    assert came.shape == expected.shape
    assert came.dtype == expected.dtype
    scale = max(float(np.abs(expected).max(initial=0)), 1e-6)
    error = float(np.abs(came - expected).max(initial=0)) / scale
    assert error <= tolerance, f"{what}: {error:.1e}"


def two_layers() -> list[Layer]:
    return [Affine(7), Sigmoid(), Affine(3)]


def dropping() -> list[Layer]:
    return [Affine(17), Relu(), Dropout(0.3), Affine(9), Tanh(), Dropout(0.2), Affine(4)]


def softmax() -> SoftmaxCrossEntropy:
    return SoftmaxCrossEntropy()


NETWORKS: dict[str, Layers] = {
    "one layer": lambda: [Affine(3)],
    "no bias": lambda: [Affine(20, bias=False), Relu(), Affine(4, bias=False)],
    "leaky": lambda: [Affine(20), LeakyRelu(0.2), Affine(4), LeakyRelu(0.3)],
    "sigmoid, tanh": lambda: [Affine(5), Sigmoid(), Affine(6), Tanh(), Affine(4)],
    "norm": lambda: [Affine(20, bias=False), BatchNorm(momentum=0.8), Relu(), Affine(4)],
    "norms": lambda: [
        *[Affine(9, bias=False), BatchNorm(eps=0.1), Tanh(), Affine(8, bias=False), BatchNorm()],
        *[Tanh(), Affine(8, bias=False), BatchNorm(), Sigmoid(), Affine(3)],
    ],
    "norm after, norm last": lambda: [
        Affine(9),
        Tanh(),
        BatchNorm(),
        Affine(3),
        Tanh(),
        BatchNorm(),
    ],
    "wide": lambda: [Affine(70), Relu(), Affine(33), Relu(), Affine(17)],
    "relus": lambda: [
        *[Affine(40, bias=False), BatchNorm(), Relu(), Affine(9), Relu(), BatchNorm()],
        *[Affine(8), Relu(), Affine(7), Relu()],
    ],
    "dropout": dropping,
    "dropouts": lambda: [
        *[
            Dropout(0.2),
            Affine(20, bias=False),
            BatchNorm(eps=0.1),
            Relu(),
            Dropout(),
            Dropout(0.1),
        ],
        *[Affine(8), Sigmoid(), Dropout(0.1), Dropout(0), Affine(7), LeakyRelu(), Dropout(0.4)],
        *[BatchNorm(eps=0.1), Dropout(0.3), Tanh(), Dropout(0.3), Affine(6), Dropout(0.2), Relu()],
        *[BatchNorm(eps=0.1), Dropout(0.2), Relu(), Dropout(0.2), Affine(4), Dropout(0.1)],
    ],
    "identity": lambda: [Identity(), Affine(3), Identity()],
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, dtype: str) -> None:
    check_training(NETWORKS[name], softmax(), lambda: Momentum(0.05), dtype=dtype)


LOSSES: dict[str, Loss] = {
    "smoothed": SoftmaxCrossEntropy(label_smoothing=0.2),
    "yes or no": BinaryCrossEntropy(),
    "squared": MeanSquaredError(),
    "half squared": HalfSquaredError(),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, *, weighted: bool) -> None:
    weights = np.random.default_rng(3).integers(0, 3, 47) if weighted else None
    check_training(two_layers, LOSSES[name], lambda: SGD(0.05), sample_weight=weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [10, 47])
def test_one_answer_per_row(batch_size: int, *, weighted: bool) -> None:
    weights = np.random.default_rng(3).integers(0, 3, 47) if weighted else None
    options: dict[str, Any] = {"sample_weight": weights, "batch_size": batch_size}
    check_training(lambda: [Affine(1)], BinaryCrossEntropy(), lambda: SGD(0.5), **options)


def test_rows_of_probabilities() -> None:
    labels = np.random.default_rng(3).dirichlet([1, 1, 1], 47)
    check_training(two_layers, softmax(), lambda: SGD(0.5), labels=labels)


def test_batches_of_weight_zero_have_loss_0() -> None:
    weights = np.zeros(47)
    weights[5] = 2
    check_training(two_layers, softmax(), lambda: SGD(0.5), sample_weight=weights)


OPTIMIZERS: list[Callable[[], Optimizer]] = [
    lambda: SGD(0.3, weight_decay=0.1),
    lambda: Momentum(0.1, momentum=0.7),
    lambda: Nesterov(0.1, momentum=0.7, weight_decay=0.1, decay_all=True),
    lambda: AdaGrad(0.1, eps=1e-3),
    lambda: RMSprop(0.01, rho=0.8, eps=1e-3),
    lambda: AdaDelta(0.5, rho=0.8, eps=1e-3),
    lambda: Adam(0.01, beta1=0.7, beta2=0.9, eps=1e-3),
    lambda: AdamW(0.01, weight_decay=0.1),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_optimizers(optimizer: Callable[[], Optimizer], dtype: str) -> None:
    check_training(two_layers, softmax(), optimizer, dtype=dtype)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize(("features", "rows", "batch"), [(11, 5, 1), (300, 29, 13), (7, 90, 40)])
def test_any_number_of_workers(
    monkeypatch: pytest.MonkeyPatch, workers: int, features: int, rows: int, batch: int
) -> None:
    monkeypatch.setattr(dense, "worker_count", lambda *_: workers)
    sizes = {"features": features, "rows": rows, "batch_size": batch}
    check_training(NETWORKS["wide"], softmax(), lambda: Momentum(0.02), **sizes)
    if batch > 1:
        check_training(NETWORKS["norms"], softmax(), lambda: Momentum(0.02), **sizes)
        check_training(NETWORKS["dropouts"], softmax(), lambda: Momentum(0.02), **sizes)


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "int16", ">f4"])
def test_images_of_any_kind_in_any_order_of_memory(kind: str) -> None:
    x = np.random.default_rng(1).integers(0, 256, (9, 5, 47)).astype(kind).T
    layers: Layers = lambda: [Rescale(1 / 255, -0.5), Flatten(), *two_layers()]  # noqa: E731
    check_training(layers, softmax(), lambda: SGD(0.5), x=x, features=(5, 9), dtype="float32")


def test_dropout_of_images() -> None:
    layers: Layers = lambda: [Rescale(0.1), Dropout(0.3), Flatten(), *dropping()]  # noqa: E731
    check_training(layers, softmax(), lambda: SGD(0.5), features=(2, 5, 3))


def test_every_gradient() -> None:
    network = Network(NETWORKS["norms"](), 11, dtype="float64")
    loss, optimizer = softmax(), SGD(1e-9)
    x, labels = data(network, loss, 9)
    layers = chain(network)
    assert layers is not None
    plan = DensePlan(network, layers, loss, optimizer, 12, Workers(2))
    with use("reference"):
        outputs, saved = network.forward(x, training=True)
        value, loss_saved = loss.forward(outputs, labels=labels)
        _, grads = network.backward(loss.backward(np.float64(1), loss_saved)[0], saved)
    prepared = examples(network, x, labels, None)
    steps = plan.run(prepared, np.arange(9), [1.0], outputs=True)
    assert steps.losses == pytest.approx([float(value)], rel=1e-12)
    assert steps.outputs is not None
    check_close(steps.outputs, outputs, 1e-12, "outputs")
    for name, place in plan.layout.params.items():
        came = place.at(plan.layout.learned).view(plan.flat, grads[name].shape)
        check_close(came, grads[name], 1e-11, f"d{name}")


class Looks(Callback):
    """Has an `on_step` of its own."""

    def __init__(self, *, each_step: bool) -> None:
        self.each_step, self.seen = each_step, list[int]()

    def on_step(self, trainer: Trainer) -> None:
        self.seen.append(trainer.position.step)


@pytest.mark.parametrize("layers", [two_layers, dropping])
@pytest.mark.parametrize("each_step", [True, False])
def test_steps_at_once_are_steps_one_by_one(layers: Layers, *, each_step: bool) -> None:
    looks = Looks(each_step=each_step)
    one = check_training(layers, softmax(), lambda: Adam(0.01), callbacks=[looks])
    assert looks.seen[15:] == ([1, 2, 3, 4, 5] if each_step else [5]) * 3  # the reference has 15
    other, _ = train("compiled", layers, softmax(), Adam(0.01))
    for name, array in one.network.params.items():
        assert np.array_equal(array, other.network.params[name])


class Keeps(Callback):
    """Keeps the state after some steps; changes parameters after a later one."""

    def on_step(self, trainer: Trainer) -> None:
        if trainer.position.epoch == 1 and trainer.position.step == 2:
            self.kept = trainer.state()


@pytest.mark.parametrize("layers", [two_layers, dropping])
def test_resume_goes_on_exactly_there(layers: Layers) -> None:
    keeps = Keeps()
    whole, _ = train("compiled", layers, softmax(), Adam(0.01), callbacks=[keeps])
    again, _ = train(
        "compiled", layers, softmax(), Adam(0.01), resume=keeps.kept, callbacks=[Callback()]
    )
    for name, array in whole.network.params.items():
        assert np.array_equal(array, again.network.params[name])


class Changes(Callback):
    """Changes a parameter, an option and a slot between two epochs."""

    def on_epoch(self, trainer: Trainer) -> None:
        trainer.network.params["affine_1.weight"] *= 0.5
        trainer.optimizer.learning_rate *= 0.5
        trainer.optimizer.weight_decay += 0.1
        trainer.optimizer.state["affine_1.bias"]["v"] *= 0.1
        trainer.optimizer.state["affine_2.bias"] = {}


def test_what_others_change_in_between_is_seen() -> None:
    check_training(two_layers, softmax(), lambda: Momentum(0.1), callbacks=[Changes()])


def test_masks_and_outputs_have_a_room_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    run = DensePlan.run

    def counting(plan: DensePlan, data: Any, order: Any, scales: Any, **options: Any) -> Any:
        counts.append(len(scales))
        return run(plan, data, order, scales, **options)

    monkeypatch.setattr(DensePlan, "run", counting)
    monkeypatch.setattr(dense, "ROOM", 2 * 10 * (17 + 9 + 4 * 8) + 1)
    check_training(dropping, softmax(), lambda: Adam(0.01))
    assert counts == [2, 2, 1] * 3
    monkeypatch.setattr(dense, "ROOM", 1)
    check_training(dropping, softmax(), lambda: Adam(0.01))
    assert counts[9:] == [1] * 15


class DropsMore(Callback):
    def on_epoch(self, trainer: Trainer) -> None:
        layer: Any = trainer.network.layers[2]
        layer.rate += 0.2


def test_a_rate_that_changes_is_seen() -> None:
    check_training(dropping, softmax(), lambda: Adam(0.01), callbacks=[DropsMore()])


class Freezes(Callback):
    def on_epoch(self, trainer: Trainer) -> None:
        trainer.network.layers[0].freeze(frozen=trainer.position.epoch == 1)


@pytest.mark.parametrize("layers", [two_layers, dropping])
def test_frozen_layers_stay_as_they_are(layers: Layers) -> None:
    trained = [
        train(backend, layers, softmax(), Adam(0.1), callbacks=[Freezes()])[0]
        for backend in ("compiled", "reference")
    ]
    for name, array in trained[1].network.params.items():
        check_close(trained[0].network.params[name], array, 1e-10, name)


def test_live_views_stay_live() -> None:
    network = Network(two_layers(), 4)
    views = dict(network.params)
    x, labels = data(network, softmax(), 20)
    Trainer(network, softmax(), Adam(0.1)).fit(x, labels, epochs=1)
    for name, view in views.items():
        assert network.params[name] is view


@pytest.mark.parametrize("dropout", [[], [Dropout(0.5, name="a")]])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_not_finite_is_explained_as_ever(
    monkeypatch: pytest.MonkeyPatch, workers: int, dropout: list[Layer]
) -> None:
    monkeypatch.setattr(dense, "worker_count", lambda *_: workers)
    x = np.ones((47, 11))
    x[30] = 1e200

    def message(backend: str) -> tuple[str, Trainer]:
        drops = [layer.copy() for layer in dropout]
        network = Network([Affine(3), LeakyRelu(), *drops, Affine(2)], 11, dtype="float64")
        network.params["affine_1.weight"] *= 1e150
        trainer = Trainer(network, MeanSquaredError(), SGD(1e-300))
        with (
            use(backend),
            pytest.raises(NonFiniteError, match=r"epoch 1, step \d: first in") as error,
        ):
            trainer.fit(x, np.ones((47, 2)), epochs=1, batch_size=10)
        return str(error.value), trainer

    (expected, reference), (came, trainer) = message("reference"), message("compiled")
    assert came == expected
    assert trainer.position.step == reference.position.step
    assert trainer.running.rows == reference.running.rows
    assert trainer.network.generators() == reference.network.generators()
    assert trainer.optimizer.steps == reference.optimizer.steps


def test_a_worker_that_fails_does_not_leave_the_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network(dropping(), 11)
    layers, before = chain(network), network.generators()
    assert layers is not None
    plan = DensePlan(network, layers, softmax(), SGD(), 10, Workers(2))
    prepared = examples(network, *data(network, softmax(), 10), None)
    run = dense.dense_step.run

    def failing(mine: tuple[int, int], *rest: Any) -> Any:
        if mine[0] == 1:
            raise RuntimeError("no more")
        return run(mine, *rest)

    monkeypatch.setattr(dense.dense_step, "run", failing)
    with pytest.raises(RuntimeError, match="no more"):
        plan.run(prepared, np.arange(10), [1.0], outputs=False)
    monkeypatch.undo()
    assert network.generators() == before  # the layers may make this step
    assert len(plan.run(prepared, np.arange(10), [1.0], outputs=False).losses) == 1


class Own(MeanSquaredError):  # noqa: N818  (a loss)
    pass


class OwnRule(SGD):
    pass


class OwnLayer(Affine):
    pass


@pytest.mark.parametrize(
    ("layers", "loss", "optimizer"),
    [
        (two_layers, Own(), SGD()),
        (two_layers, Hinge(), SGD()),
        (two_layers, MeanSquaredError(), OwnRule()),
        (lambda: [OwnLayer(3)], MeanSquaredError(), SGD()),
        (lambda: [Relu(), Affine(3)], MeanSquaredError(), SGD()),
        (lambda: [BatchNorm(), Affine(3)], MeanSquaredError(), SGD()),
        (lambda: [Affine(3), Relu(), Relu()], MeanSquaredError(), SGD()),
        (lambda: [Affine(3), Relu(), Dropout(), Tanh()], MeanSquaredError(), SGD()),
        (lambda: [Dropout(), Relu(), Affine(3)], MeanSquaredError(), SGD()),
        (lambda: [Dropout(), Rescale(2), Affine(3)], MeanSquaredError(), SGD()),
        (lambda: [Dropout()], MeanSquaredError(), SGD()),
        (lambda: [Affine(3), Rescale(2)], MeanSquaredError(), SGD()),
        (lambda: [layer := Affine(11), layer], MeanSquaredError(), SGD()),
        (lambda: [Flatten()], MeanSquaredError(), SGD()),
    ],
)
def test_other_trainings_have_no_such_plan(layers: Layers, loss: Loss, optimizer: Any) -> None:
    assert dense_plan(Network(layers(), 11), loss, optimizer, 10) is None
