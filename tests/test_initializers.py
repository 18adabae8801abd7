from typing import Any

import numpy as np
import pytest

from handgrad import Affine, Conv2d, Layer, Network
from handgrad.checks import DtypeError, InvalidValueError, ShapeError
from handgrad.initializers import BY_NAME, Initializer, fans, gaussian, resolve

AFFINE, CONVOLUTION = (300, 200), (40, 30, 5, 3)


def draw(
    init: str | float, shape: tuple[int, ...], *, seed: int = 0, dtype: Any = "float64"
) -> Any:
    return resolve(init, who="test")(np.random.default_rng(seed), shape, dtype)


def test_fans() -> None:
    assert fans(AFFINE) == (300, 200)
    assert fans(CONVOLUTION) == (30 * 15, 40 * 15)
    assert fans((4, 3, 7)) == (21, 28)


@pytest.mark.parametrize(
    ("init", "shape", "variance"),
    [
        ("he", AFFINE, 2 / 300),
        ("he", CONVOLUTION, 2 / 450),
        ("xavier", AFFINE, 1 / 300),
        ("xavier", CONVOLUTION, 1 / 450),
        ("glorot", AFFINE, 2 / 500),
        ("glorot", CONVOLUTION, 2 / 1050),
        ("orthogonal", AFFINE, 1 / 300),
        (0.01, AFFINE, 1e-4),
        (2, CONVOLUTION, 4),
    ],
)
def test_mean_and_deviation(init: str | float, shape: tuple[int, ...], variance: float) -> None:
    weight = draw(init, shape)
    std = np.sqrt(variance)
    assert weight.std() == pytest.approx(std, rel=0.02)  # its deviation is at most 0.5 %
    assert abs(weight.mean()) < 0.02 * std


@pytest.mark.parametrize("init", ["he", "xavier", "glorot", 0.1])
def test_gaussians_are_gaussian(init: str | float) -> None:
    weight = draw(init, AFFINE)
    kurtosis = np.mean(weight**4) / np.mean(weight**2) ** 2
    assert kurtosis == pytest.approx(3, abs=0.1)  # 1.8 were it uniform


def test_zeros_and_ones() -> None:
    np.testing.assert_array_equal(draw("zeros", (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(draw("ones", (2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(draw(0, (2, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (4, 2, 3, 3), (30, 2, 3, 3), (1, 1)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    weight = draw("orthogonal", shape)
    assert weight.shape == shape
    matrix = weight.reshape(shape[0], -1)
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-14)


def test_every_orthogonal_matrix_is_equally_likely() -> None:
    """QR alone leaves the first entry below 0 always; the signs make it either, with mean 0."""
    corners = np.array(
        [draw("orthogonal", (3, 3), seed=seed)[[0, 1, 2], [0, 1, 2]] for seed in range(500)]
    )
    assert (np.abs(corners.mean(axis=0)) < 0.1).all()  # the deviation of each is 0.026
    assert np.mean(corners < 0) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("init", [*BY_NAME, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(init: str | float, dtype: type) -> None:
    weight = draw(init, (7, 5), dtype=dtype)
    assert weight.dtype == dtype
    assert weight.shape == (7, 5)
    np.testing.assert_array_equal(weight, draw(init, (7, 5), dtype=dtype))
    other = draw(init, (7, 5), dtype=dtype, seed=1)
    assert np.array_equal(weight, other) == (init in {"zeros", "ones"})


@pytest.mark.parametrize("initializer", [*BY_NAME.values(), gaussian(0.1)])
def test_the_dtype_is_float64_unless_asked(initializer: Initializer) -> None:
    make: Any = initializer
    assert make(np.random.default_rng(0), (3, 2)).dtype == np.float64


def test_names_in_any_case() -> None:
    assert resolve("He", who="test") is BY_NAME["he"]
    assert resolve("XAVIER", who="test") is BY_NAME["xavier"]


def test_a_function_is_taken_as_it_is() -> None:
    def all_threes(rng: np.random.Generator, shape: Any, dtype: Any) -> np.ndarray:
        del rng
        return np.full(shape, 3, dtype)

    assert resolve(all_threes, who="test") is all_threes
    network = Network([Affine(2, init=all_threes)], 4)
    np.testing.assert_array_equal(network.params["affine_1.weight"], np.full((4, 2), 3))


def test_a_saved_function_builds_but_draws_nothing() -> None:
    config = Affine(2, init=gaussian(0.5), name="fc").config()
    assert config["init"].startswith("custom:")
    layer = Affine(**config)
    assert layer.configure((4,)) == (2,)
    assert layer.config() == config
    with pytest.raises(DtypeError, match=r"Affine 'fc': init was the function 'initializer' when"):
        layer.initialize(np.random.default_rng(0), "float32")


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        ("lecun", InvalidValueError, r"must be one of glorot, he, ones, orthogonal, xavier, zeros"),
        (-0.1, InvalidValueError, r"must be in \[0, inf\), but is -0\.1"),
        (np.nan, InvalidValueError, r"must be in \[0, inf\), but is nan"),
        (np.inf, InvalidValueError, r"must be in \[0, inf\), but is inf"),
        (None, DtypeError, r"must be a name \(glorot, .*or a function, but is None \(NoneType\)"),
        (True, DtypeError, r"must be a name \(glorot, .*or a function, but is True \(bool\)"),
    ],
)
def test_what_is_no_initializer_is_refused(init: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^Affine 'fc': init {message}"):
        Network([Affine(2, init=init, name="fc")], 3)


def test_gaussian_refuses_a_negative_deviation() -> None:
    with pytest.raises(InvalidValueError, match=r"gaussian: std must be in \[0, inf\), but is -1"):
        gaussian(-1)


@pytest.mark.parametrize("init", ["he", "xavier", "glorot", "orthogonal"])
def test_a_vector_is_no_weight(init: str) -> None:
    with pytest.raises(
        ShapeError, match=r"a weight must have at least 2 axes, but has shape \(5,\)"
    ):
        draw(init, (5,))


@pytest.mark.parametrize("layer", [Affine(9, init="orthogonal"), Conv2d(3, 2, init="orthogonal")])
def test_weights_lie_in_rows_however_they_were_made(layer: Layer) -> None:
    shape = (4,) if isinstance(layer, Affine) else (3, 5, 5)
    network = Network([layer], shape)
    assert all(array.flags.c_contiguous for array in network.params.values())
