import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad import (
    SGD,
    Affine,
    Flatten,
    Network,
    Rescale,
    SoftmaxCrossEntropy,
    Standardize,
    Trainer,
    ops,
)
from handgrad.checks import DtypeError, InvalidValueError, NonFiniteError, ShapeError
from handgrad.layers.describe import describe


def batch(*shape: int, seed: int = 1) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=shape) + 1


# -- Rescale ------------------------------------------------------------------------------------


def test_rescale_is_its_op() -> None:
    network = Network([Rescale(0.3, -0.7)], (3, 5, 4), dtype="float64")
    x = batch(6, 3, 5, 4)
    y, saved = network.forward(x, training=True)
    expected, op_saved = ops.rescale_forward(x, scale=0.3, offset=-0.7)
    np.testing.assert_array_equal(y, expected)
    dx, grads = network.backward(x, saved)
    np.testing.assert_array_equal(dx, ops.rescale_backward(x, op_saved)[0])
    assert grads == {}


def test_rescale_brings_bytes_to_one() -> None:
    network = Network([Rescale(1 / 255)], 2)
    y = network.predict(np.array([[0, 255]], np.uint8))
    np.testing.assert_array_equal(y, [[0, 1]])
    assert y.dtype == np.float32


def test_rescale_options_are_plain_values() -> None:
    layer = Rescale(np.float64(0.5), offset=np.float32(2))  # pyright: ignore[reportArgumentType]
    assert layer.config() == {"scale": 0.5, "offset": 2.0, "name": None}
    y = Network([layer], 2).predict(np.ones((1, 2)))
    assert y.dtype == np.float32
    assert layer.flops() == 4


@pytest.mark.parametrize("which", ["scale", "offset"])
def test_rescale_takes_finite_numbers(which: str) -> None:
    options: dict[str, Any] = {"scale": 1.0, which: np.inf}
    words: dict[str, Any] = {"scale": 1.0, which: "a lot"}
    with pytest.raises(InvalidValueError, match=rf"Rescale: {which} must be in \(-inf, inf\)"):
        Rescale(**options)
    with pytest.raises(DtypeError, match=rf"Rescale: {which} must be a number, but is 'a lot'"):
        Rescale(**words)


# -- Standardize --------------------------------------------------------------------------------


def test_standardize_of_rows_gives_mean_0_and_deviation_1() -> None:
    x = batch(2500, 4) * [1, 10, 100, 1e-3] + [0, 0, 1e6, 5]
    network = Network([Standardize.of(x)], 4, dtype="float64")
    np.testing.assert_allclose(network.state["standardize_1.mean"], x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(network.state["standardize_1.std"], x.std(axis=0), rtol=1e-12)
    y = network.predict(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-9)


def test_standardize_of_images_counts_channels() -> None:
    x = np.random.default_rng(1).integers(0, 256, (1700, 3, 2, 4), np.uint8)
    network = Network([Standardize.of(x)], (3, 2, 4))
    np.testing.assert_allclose(network.state["standardize_1.mean"], x.mean(axis=(0, 2, 3)), 1e-6)
    np.testing.assert_allclose(network.state["standardize_1.std"], x.std(axis=(0, 2, 3)), 1e-6)


@pytest.mark.parametrize("shape", [(4,), (4, 2, 3)])
def test_standardize_is_its_op(shape: tuple[int, ...]) -> None:
    mean, std = batch(4), np.array([0.5, 1.0, 1.5, 2.0])
    network = Network([Standardize(mean, std)], shape, dtype="float64")
    x, dy = batch(5, *shape), batch(5, *shape, seed=3)
    y, saved = network.forward(x, training=True)
    expected, op_saved = ops.standardize_forward(x, mean=mean, std=std)
    np.testing.assert_array_equal(y, expected)
    dx, grads = network.backward(dy, saved)
    np.testing.assert_array_equal(dx, ops.standardize_backward(dy, op_saved)[0])
    assert grads == {}
    assert not network.params
    assert network.layers[0].flops() == 2 * x[0].size


def test_standardize_takes_one_number_for_all() -> None:
    network = Network([Standardize(0.25, 0.5)], (1, 2, 2))
    np.testing.assert_array_equal(
        network.predict(np.ones((1, 1, 2, 2))), np.full((1, 1, 2, 2), 1.5)
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
def test_constant_features_become_zero(value: float) -> None:
    x = np.column_stack([np.full(3000, value), np.arange(3000)])
    layer = Standardize.of(x)
    assert layer.std is not None
    assert layer.std[0] == 1
    np.testing.assert_allclose(Network([layer], 2).predict(x)[:, 0], 0, atol=1e-12)


def test_a_feature_too_small_for_float32_counts_as_constant() -> None:
    layer = Standardize.of(np.array([[0.0], [1e-60]]))
    np.testing.assert_array_equal(Network([layer], 1).predict([[0.0]]), [[0.0]])


def test_large_offsets_are_not_rounded_away() -> None:
    """Years, say, in single precision: exact, where x · scale + shift loses four digits."""
    years = np.arange(1990.0, 2030.0)[:, np.newaxis]
    y = Network([Standardize.of(years)], 1).predict(years)
    np.testing.assert_allclose(y, (years - years.mean()) / years.std(), rtol=1e-6)


def test_a_saved_network_brings_its_preprocessing_along(tmp_path: Path) -> None:
    x = batch(50, 2, 3, 4)
    network = Network(
        [Standardize.of(x, name="prepare"), Rescale(0.5), Flatten(), Affine(3)], x[0].shape
    )
    assert "0." not in json.dumps(describe(network.layers[0])), "the numbers are state, not options"
    network.save(tmp_path / "network.safetensors")
    again = Network.load(tmp_path / "network.safetensors")
    np.testing.assert_array_equal(network.predict(x), again.predict(x))
    np.testing.assert_array_equal(again.state["prepare.std"], network.state["prepare.std"])
    assert np.array_equal(network.copy().predict(x), network.predict(x))


def test_training_leaves_it_alone() -> None:
    x = batch(40, 3)
    network = Network([Standardize.of(x), Affine(2)], 3)
    before = {name: array.copy() for name, array in network.state.items()}
    Trainer(network, SoftmaxCrossEntropy(), SGD(0.1)).fit(x, np.arange(40) % 2, epochs=1)
    for name, array in before.items():
        np.testing.assert_array_equal(network.state[name], array)


def test_without_numbers_it_refuses_to_run_until_they_are_given() -> None:
    network = Network([Standardize(name="prepare")], 3)
    message = r"Standardize 'prepare' \(3 -> 3\): it has no mean and std yet.*Standardize\.of\("
    with pytest.raises(InvalidValueError, match=message):
        network.predict(np.ones((2, 3)))
    network.state["prepare.mean"] = 1.0 + np.zeros(3)
    with pytest.raises(InvalidValueError, match=message):
        network.predict(np.ones((2, 3)))
    network.state["prepare.std"] = np.ones(3)
    np.testing.assert_array_equal(network.predict(np.ones((2, 3))), np.zeros((2, 3)))


def test_the_given_arrays_are_copied() -> None:
    mean = np.zeros(2)
    layer = Standardize(mean, 1.0)
    mean[0] = 5
    np.testing.assert_array_equal(Network([layer], 2).state["standardize_1.mean"], [0, 0])


@pytest.mark.parametrize(
    ("mean", "std", "error", "message"),
    [
        (1.0, None, InvalidValueError, r"mean was given without std\. Give both"),
        (None, 1.0, InvalidValueError, r"std was given without mean\. Give both"),
        (0.0, 0.0, InvalidValueError, r"std must be above 0, but its smallest entry is 0\. Use 1"),
        ([0.0, 0.0], [1.0, -2.0], InvalidValueError, r"std must be above 0, but its .* is -2"),
        (0.0, 1e-60, InvalidValueError, r"std must be above 0, but its smallest entry is 1e-60"),
        (np.nan, 1.0, NonFiniteError, r"mean must be finite, but mean\[\] is nan"),
        (0.0, [1.0, np.inf], NonFiniteError, r"std must be finite, but std\[1\] is inf"),
        ("much", 1.0, DtypeError, r"mean must be a number or a vector of numbers, but is 'much'"),
        (0.0, [[1.0]], ShapeError, r"std must be one number, or have shape \(C,\), but .*\(1, 1\)"),
    ],
)
def test_statistics_that_cannot_be_are_refused(
    mean: Any, std: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"^Standardize: {message}"):
        Standardize(mean, std)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((5, 2, 2)), ShapeError, r"\(N, C\) or \(N, C, H, W\), but has shape \(5, 2, 2\)"),
        (np.zeros((0, 2)), InvalidValueError, r"at least one entry, but has shape \(0, 2\)"),
        (np.array([["a"]]), DtypeError, r"x must hold real numbers, but has dtype <U1"),
        (np.array([[1j]]), DtypeError, r"x must hold real numbers, but has dtype complex128"),
        (np.array([[1.0], [np.nan]]), NonFiniteError, r"x\[1, 0\] is nan.*Remove or fill"),
    ],
)
def test_data_that_cannot_be_measured_is_refused(
    x: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"^Standardize\.of: .*{message}"):
        Standardize.of(x)


def test_statistics_of_another_shape_are_refused() -> None:
    message = (
        r"Standardize 'prepare': std must be one number, or have shape \(3,\) for x \(N, 3\), "
        r"but has shape \(2,\)\."
    )
    with pytest.raises(ShapeError, match=message):
        Network([Standardize(0.0, [1.0, 2.0], name="prepare")], 3)
    with pytest.raises(ShapeError, match=r"Standardize 'prepare': x must have shape \(N, C\) or"):
        Network([Standardize(0.0, 1.0, name="prepare")], (28, 28))


def test_a_batch_of_another_shape_is_refused() -> None:
    layer = Standardize(0.0, 1.0, name="prepare")
    Network([layer], 3)
    with pytest.raises(ShapeError, match=r"Standardize 'prepare' .*must have shape \(N, 3\)"):
        layer.forward(np.zeros((5, 4)), training=False)
