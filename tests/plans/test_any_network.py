"""Networks and users that plans were not made for: the same numbers as layer by layer, no warning.

Each was found by comparing random trainings both ways.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import (
    Affine,
    Conv2d,
    Dropout,
    Flatten,
    Gelu,
    Identity,
    Layer,
    LayerNorm,
    MeanSquaredError,
    Momentum,
    Network,
    Relu,
    Rescale,
    Residual,
    Tanh,
    Trainer,
    use,
)
from handgrad.plans import choice


@pytest.fixture(autouse=True)
def plans_for_small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "SMALL", 0)
    monkeypatch.setattr(choice, "WAIT", 1)


def check_both_ways(make: Any, shape: Any, *, rows: int = 23) -> Trainer:
    """Train and predict layer by layer and compiled; compare all numbers."""
    trainers: list[Trainer] = []
    predictions: list[np.ndarray] = []
    for backend in ("reference", "compiled"):
        network = Network(make(), shape, dtype="float64", seed=1)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, *network.input_shape))
        targets = rng.normal(size=(rows, *network.output_shape))
        with use(backend):
            trainer = Trainer(network, MeanSquaredError(), Momentum(0.001), threads=2)
            trainer.fit(x, targets, epochs=2, batch_size=10)
            predictions.append(network.predict(x, batch_size=9))
        trainers.append(trainer)
    expected, came = trainers
    assert came.history["loss"] == pytest.approx(expected.history["loss"], rel=1e-10)
    for name, array in expected.network.params.items():
        np.testing.assert_allclose(came.network.params[name], array, 1e-9, 1e-9, err_msg=name)
    np.testing.assert_allclose(predictions[1], predictions[0], 1e-9, 1e-9)
    return came


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
