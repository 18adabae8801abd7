from typing import Any

import numpy as np
import pytest

import handgrad
from handgrad import (
    SGD,
    Affine,
    BatchNorm,
    Conv2d,
    Flatten,
    MaxNorm,
    Network,
    Relu,
    SoftmaxCrossEntropy,
    Trainer,
)
from handgrad.backend import available
from handgrad.checks import Array, DtypeError, InvalidValueError


def images(rows: int = 40) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 1, 6, 6)), rng.integers(0, 3, rows)


def trained(callbacks: list[MaxNorm], *, frozen: bool = False, backend: Any = "reference") -> Any:
    layers = [
        *[Conv2d(4, 3, name="conv"), BatchNorm(name="norm"), Relu(), Flatten()],
        *[Affine(8, name="a").freeze(frozen), Relu(), Affine(3, name="b")],
    ]
    network = Network(layers, (1, 6, 6), seed=1)
    with handgrad.use(backend):
        trainer = Trainer(network, SoftmaxCrossEntropy(), SGD(0.5))
        trainer.fit(*images(), epochs=4, batch_size=10, callbacks=callbacks)
    return network.params


def lengths(params: Any) -> dict[str, Array]:
    return {
        "conv": np.linalg.norm(params["conv.weight"].reshape(4, -1), axis=1),
        "a": np.linalg.norm(params["a.weight"], axis=0),
        "b": np.linalg.norm(params["b.weight"], axis=0),
    }


@pytest.mark.parametrize(
    "backend",
    [
        "reference",
        pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="no Numba")),
    ],
)
def test_every_neuron_and_filter_stays_within_the_limit(backend: str) -> None:
    free, held = trained([], backend=backend), trained([MaxNorm(0.8)], backend=backend)
    assert all(norms.max() > 0.9 for norms in lengths(free).values())
    assert all(norms.max() < 0.8 * (1 + 1e-6) for norms in lengths(held).values())
    assert any(norms.min() < 0.79 for norms in lengths(held).values())  # no one is stretched
    assert np.abs(held["norm.weight"]).max() > 0.8  # norms and biases go free
    assert held["conv.weight"].dtype == np.float32


def test_a_limit_that_nothing_reaches_changes_nothing() -> None:
    free, held = trained([]), trained([MaxNorm(1e6)])
    assert all(np.array_equal(free[name], held[name]) for name in free)


def test_frozen_layers_are_left_alone() -> None:
    assert lengths(trained([MaxNorm(0.3)], frozen=True))["a"].max() > 0.9


def test_the_limit_is_checked() -> None:
    with pytest.raises(InvalidValueError, match=r"^MaxNorm: limit must be in \(0, inf\), but is 0"):
        MaxNorm(0)
    with pytest.raises(DtypeError, match=r"^MaxNorm: limit must be a number, but is '3'"):
        MaxNorm("3")  # pyright: ignore[reportArgumentType]  (what the test is about)
