"""Networks that were stored elsewhere, taken in by name and by order."""

from typing import Any

import numpy as np
import pytest

from handgrad import Affine, BatchNorm, Network, Relu, Sigmoid, models
from handgrad.checks import DtypeError, InvalidValueError, ShapeError, UnknownNameError
from handgrad.compat.book.ch08.deep_convnet import DeepConvNet


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def network() -> Network:
    return Network([Affine(3, bias=False), BatchNorm(), Relu(), Affine(2)], 4, dtype="float64")


def stored(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays for that network under the textbooks' names, in no order."""
    shapes = {"b2": 2, "gamma1": 3, "W2": (3, 2), "beta1": 3, "W1": (4, 3)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


PLACES = {
    "W1": "affine_1.weight",
    "gamma1": "batch_norm_1.weight",
    "beta1": "batch_norm_1.bias",
    "W2": "affine_2.weight",
    "b2": "affine_2.bias",
}


def test_by_textbooks_names_by_own_names_and_by_order(rng: np.random.Generator):
    arrays = stored(rng)
    forms: list[Any] = [
        arrays,
        {place: arrays[name] for name, place in PLACES.items()},
        [arrays[name] for name in PLACES],
        tuple(arrays[name].tolist() for name in PLACES),
    ]
    for form in forms:
        net = network()
        net.params.load(form)
        assert list(net.params) == list(PLACES.values())
        for name, place in PLACES.items():
            assert np.array_equal(net.params[place], arrays[name])
            assert not np.shares_memory(net.params[place], arrays[name])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda a: a.pop("b2"), UnknownNameError, "must hold W1, gamma1, .* but has no b2"),
        (lambda a: a.update(W3=1), UnknownNameError, "but has also W3"),
        (lambda a: a.update(other=1), UnknownNameError, "affine_1.weight, .* has no affine_1"),
        (
            lambda a: a.update(W1=a["W1"].T),
            ShapeError,
            r"network.params.load: affine_1.weight must have shape \(4, 3\)",
        ),
        (lambda a: a.update(b2=["x", "y"]), DtypeError, "network.params.load: affine_2.bias"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    rng: np.random.Generator, change: Any, error: type[Exception], message: str
):
    net, arrays = network(), stored(rng)
    before = {name: array.copy() for name, array in net.params.items()}
    change(arrays)
    with pytest.raises(error, match=message):
        net.params.load(arrays)
    assert all(np.array_equal(net.params[name], array) for name, array in before.items())


def test_a_list_has_one_array_for_each_name():
    with pytest.raises(InvalidValueError, match=r"must hold 5 arrays, for affine_1.* holds 1\."):
        network().params.load([np.ones(3)])
    with pytest.raises(DtypeError, match="must be a dict or a list of arrays, but is of type str"):
        network().params.load("params.pkl")  # pyright: ignore[reportArgumentType]


def test_the_books_sigmoid_network_computes_the_same(rng: np.random.Generator):
    shapes = {"b2": 8, "W1": (20, 9), "b1": 9, "W2": (9, 8), "W3": (8, 5), "b3": 5}
    w = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    net = Network([Affine(9), Sigmoid(), Affine(8), Sigmoid(), Affine(5)], 20, dtype="float64")
    net.params.load(w)
    x = rng.normal(size=(6, 20))
    hidden = x
    for number in (1, 2):
        hidden = 1 / (1 + np.exp(-(hidden @ w[f"W{number}"] + w[f"b{number}"])))
    assert np.allclose(net.predict(x), hidden @ w["W3"] + w["b3"], rtol=1e-12)


def test_the_books_deep_convnet_computes_the_same(rng: np.random.Generator):
    np.random.seed(1)  # noqa: NPY002  (the book's)
    book = DeepConvNet()
    for name in ("b7", "b8"):
        book.params[name] += rng.normal(size=book.params[name].shape)
    net = models.deep_conv_net(dtype="float64")
    # The book's dropout halves what comes to the last layer, and what it gives.
    net.params.load({**book.params, "W8": book.params["W8"] / 4, "b8": book.params["b8"] / 2})
    images = rng.integers(256, size=(3, 1, 28, 28))
    assert np.allclose(net.predict(images), book.predict(images / 255), rtol=1e-9, atol=1e-12)
