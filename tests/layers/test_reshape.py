import numpy as np
import pytest

from handgrad import Affine, Flatten, Network
from handgrad.checks import ShapeError


@pytest.mark.parametrize(("shape", "size"), [((3, 5, 4), 60), ((5, 4), 20), ((4,), 4)])
def test_flatten_writes_rows_and_brings_gradients_back(shape: tuple[int, ...], size: int) -> None:
    network = Network([Flatten()], shape, dtype="float64")
    assert network.output_shape == (size,)
    x = np.random.default_rng(1).normal(size=(6, *shape))
    y, saved = network.forward(x)
    np.testing.assert_array_equal(y, x.reshape(6, size))
    assert not np.shares_memory(x, y)
    dx, grads = network.backward(y, saved)
    np.testing.assert_array_equal(dx, x)
    assert grads == {}
    assert not np.shares_memory(dx, y)


def test_flatten_makes_images_fit_affine() -> None:
    network = Network([Flatten(), Affine(2)], (1, 4, 4))
    assert network.predict(np.zeros((3, 1, 4, 4))).shape == (3, 2)
    assert network.layers[0].flops() == 0


def test_a_batch_of_another_shape_is_refused() -> None:
    layer = Flatten(name="rows")
    Network([layer], (1, 4, 4))
    with pytest.raises(ShapeError, match=r"Flatten 'rows' .*\(N, 1, 4, 4\), but has shape \(3, 16"):
        layer.forward(np.zeros((3, 16)), training=False)
