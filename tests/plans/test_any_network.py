"""Networks and users that plans were not made for: the same numbers as layer by layer, no warning.

Each was found by comparing random trainings both ways.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    L2,
    Affine,
    BatchNorm,
    Callback,
    Conv2d,
    Dropout,
    Flatten,
    Gelu,
    Identity,
    Layer,
    LayerNorm,
    LeakyRelu,
    Loss,
    MaxPool2d,
    MeanSquaredError,
    Momentum,
    Network,
    Relu,
    Rescale,
    Residual,
    SoftmaxCrossEntropy,
    Tanh,
    Trainer,
    backend,
    use,
)
from handgrad.checks import DtypeError, ShapeError
from handgrad.kernels import dense_step
from handgrad.plans import choice


@pytest.fixture(autouse=True)
def plans_for_small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_failures", {})  # each test is warned of its own
    monkeypatch.setattr(choice, "SMALL", 0)
    monkeypatch.setattr(choice, "WAIT", 1)


def check_both_ways(
    make: Any,
    shape: Any,
    *,
    rows: int = 23,
    loss: type[Loss] = MeanSquaredError,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train and predict layer by layer and compiled; compare all numbers."""
    trainers: list[Trainer] = []
    predictions: list[np.ndarray] = []
    for way in ("reference", "compiled"):
        network = Network(make(), shape, dtype="float64", seed=1)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, *network.input_shape))
        targets = rng.normal(size=(rows, *network.output_shape))
        labels = targets if loss is MeanSquaredError else targets.argmax(axis=1)
        with use(way):
            trainer = Trainer(network, loss(), Momentum(0.001), threads=2)
            trainer.fit(x, labels, epochs=2, batch_size=10, callbacks=callbacks)
            predictions.append(network.predict(x, batch_size=9))
        trainers.append(trainer)
    expected, came = trainers
    assert came.history["loss"] == pytest.approx(expected.history["loss"], rel=1e-10)
    for name, array in expected.network.params.items():
        np.testing.assert_allclose(came.network.params[name], array, 1e-9, 1e-9, err_msg=name)
    for name, array in expected.network.state.items():
        np.testing.assert_allclose(came.network.state[name], array, 1e-9, 1e-9, err_msg=name)
    np.testing.assert_allclose(predictions[1], predictions[0], 1e-9, 1e-9)


def shared(first: Layer, between: Sequence[Layer]) -> list[Layer]:
    return [first, *between, first]


SHARED: dict[str, tuple[Any, Any]] = {
    "affine": (lambda: [*shared(Affine(9), [Tanh()]), Relu(), Affine(2)], 9),
    "wide affine": (lambda: [*shared(Affine(32), [Relu()]), LayerNorm(), Affine(2)], 32),
    "convolution": (
        lambda: [*shared(Conv2d(3, 3, padding=1), [Relu()]), Flatten(), Affine(2)],
        (3, 6, 5),
    ),
    "small windows": (
        lambda: [*shared(Conv2d(16, 3, padding=1), [Relu()]), Flatten(), Affine(2)],
        (16, 6, 5),
    ),
    "container": (lambda: [*shared(Residual(Affine(9), Relu()), [Gelu()]), Affine(2)], 9),
    "dropout": (lambda: [Affine(9), *shared(Dropout(0.3), [Affine(9)]), Gelu(), Affine(2)], 9),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_layer_in_two_places_learns_from_both(name: str) -> None:
    check_both_ways(*SHARED[name])


class Grid(Layer):
    """Lays 12 features out as 3 × 4: an example with two axes, which images are not."""

    def build(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (3, 4)

    def forward(self, x: np.ndarray, *, training: bool) -> tuple[np.ndarray, None]:
        return x.reshape(-1, 3, 4).copy(), None

    def backward(self, dy: np.ndarray, saved: None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return dy.reshape(-1, 12).copy(), {}


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2), (2, 1, 3, 2), (1, 1, 12, 1, 1)])
@pytest.mark.parametrize("first", [[], [Rescale(0.5)], [Relu()], [Identity(), Dropout(0.3)]])
def test_examples_of_any_number_of_axes(shape: tuple[int, ...], first: list[Layer]) -> None:
    """(28, 28), say: images without a channel axis, which the first layer flattens."""

    def make() -> list[Layer]:
        return [*(layer.copy() for layer in first), Flatten(), Affine(8), Gelu(), Affine(2)]

    check_both_ways(make, shape)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Grid(), Flatten(), Affine(2)],
        lambda: [Affine(12), Relu(), Grid(), Relu(), Dropout(0.2), Flatten(), Affine(2)],
        lambda: [Affine(12), Grid(), LayerNorm(), Gelu()],
    ],
)
def test_layers_between_which_examples_have_two_axes(layers: Any) -> None:
    check_both_ways(layers, 12)


class Once(Callback):
    """Does something after one step, or after an epoch."""

    def __init__(self, change: Callable[[Trainer], object], *, each_step: bool) -> None:
        self.change, self.each_step = change, each_step

    def on_step(self, trainer: Trainer) -> None:
        if self.each_step and (trainer.position.epoch, trainer.position.step) == (0, 2):
            self.change(trainer)

    def on_epoch(self, trainer: Trainer) -> None:
        if not self.each_step and trainer.position.epoch == 1:
            self.change(trainer)


def dense() -> list[Layer]:
    layers = [Rescale(0.5), Affine(9), BatchNorm(), LeakyRelu(), Dropout(0.3), Affine(3)]
    return [*layers[:4], Flatten(), *layers[4:]]


def images() -> list[Layer]:
    # Random numbers of its own for each layer, so that no two of them are alike.
    return [
        *[Rescale(0.5), Conv2d(5, 3), BatchNorm(), Relu(), MaxPool2d(2), Flatten()],
        *[Affine(9), LeakyRelu(), Dropout(0.3), Affine(3)],
    ]


def first(trainer: Trainer, kind: type[Layer]) -> Any:
    """The first layer of a kind."""
    return next(layer for layer in trainer.network.layers if isinstance(layer, kind))


CHANGES: dict[str, Callable[[Trainer], object]] = {
    "scale": lambda t: setattr(first(t, Rescale), "scale", 0.7),
    "eps": lambda t: setattr(first(t, BatchNorm), "eps", 0.5),
    "momentum": lambda t: setattr(first(t, BatchNorm), "momentum", 0.2),
    "slope": lambda t: setattr(first(t, LeakyRelu), "slope", 0.4),
    "rate": lambda t: setattr(first(t, Dropout), "rate", 0.6),
    "label smoothing": lambda t: setattr(t.loss, "label_smoothing", 0.3),
    "freezing a layer": lambda t: first(t, Affine).freeze(),
    "freezing a norm": lambda t: first(t, BatchNorm).freeze(),
    "learning rate": lambda t: setattr(t.optimizer, "learning_rate", 0.02),
    "weight decay": lambda t: setattr(t.optimizer, "weight_decay", 0.5),
    "another optimizer": lambda t: setattr(t, "optimizer", Momentum(0.02)),
    "clipping": lambda t: setattr(t, "clip_norm", 1e-3),
    "a penalty": lambda t: setattr(t, "penalty", L2(0.1)),
    "a parameter": lambda t: first(t, Affine).params["weight"].__imul__(0.5),
    "a parameter assigned": lambda t: first(t, Affine).params.update(bias=np.arange(9)),
    "slots": lambda t: t.optimizer.state.clear(),
    "predicting": lambda t: t.network.predict(np.ones((2, *t.network.input_shape))),
    "a generator": lambda t: setattr(first(t, Dropout), "rng", np.random.default_rng(7)),
}


@pytest.mark.parametrize("each_step", [True, False])
@pytest.mark.parametrize("make", [dense, images])
@pytest.mark.parametrize("name", CHANGES)
def test_what_a_callback_changes_counts_from_then_on(
    name: str, make: Any, *, each_step: bool
) -> None:
    shape = 12 if make is dense else (2, 9, 8)
    callbacks = [Once(CHANGES[name], each_step=each_step)]
    check_both_ways(make, shape, loss=SoftmaxCrossEntropy, callbacks=callbacks)


@pytest.mark.parametrize("make", [dense, images])
@pytest.mark.parametrize("name", ["scale", "eps", "slope"])
def test_an_option_that_changes_between_predictions_is_seen(name: str, make: Any) -> None:
    network = Network(make(), 12 if make is dense else (2, 9, 8), dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, *network.input_shape))
    before = network.predict(x)
    CHANGES[name](Trainer(network, SoftmaxCrossEntropy(), Momentum()))
    after = network.predict(x)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, network.forward(x)[0], 1e-9, 1e-9)


def test_one_batch_of_all_examples_with_dropout() -> None:
    """Which row of a mask an example meets depends on the order of the epoch."""
    check_both_ways(dense, 12, rows=10)


def test_an_interrupt_leaves_parameters_and_slots_of_the_same_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network([Affine(4)], 3)
    trainer = Trainer(network, MeanSquaredError(), Momentum(0.1, momentum=0.0))
    x, before = np.ones((4, 3)), network.params["affine_1.weight"].copy()
    run = dense_step.run

    def interrupted(*arguments: Any) -> bool:
        run(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(dense_step, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, np.zeros((4, 4)), epochs=1, batch_size=4)
    moved = network.params["affine_1.weight"] - before
    np.testing.assert_allclose(trainer.optimizer.state["affine_1.weight"]["v"], moved, 1e-4, 1e-6)
    assert trainer.optimizer.steps == 1
    assert np.abs(moved).max() > 0


def test_what_is_assigned_to_a_layer_s_array_is_copied() -> None:
    """Another array in its place would be one that nobody saves, trains or compiles."""
    network = Network([Affine(4), BatchNorm()], 3)
    affine, norm = network.layers
    own = network.params["affine_1.weight"]
    affine.params["weight"] = np.full((3, 4), 2)
    affine.params.update({"bias": np.ones(4)})
    norm.state |= {"running_mean": np.ones(4)}
    assert affine.params["weight"] is own
    assert own.dtype == np.float32
    assert (own == 2).all()
    assert (network.params["affine_1.bias"] == 1).all()
    assert (network.state["batch_norm_1.running_mean"] == 1).all()
    with pytest.raises(ShapeError, match=r"^Layer\.params: weight must have shape \(3, 4\), but "):
        affine.params["weight"] = np.ones((3, 3))
    with pytest.raises(DtypeError, match=r"^Layer\.params: weight must hold real numbers, but "):
        affine.params.update({"weight": cast("Any", "new")})
    affine.params["weight"] = own * 1j  # a complex step, and back
    affine.params["weight"] = own
    assert affine.params["weight"] is own
