import numpy as np
import pytest

from handgrad import Affine, Dropout, Network
from handgrad.checks import DtypeError, InvalidValueError, ShapeError

ONES = np.ones((100, 200))


def dropped(rate: float, *, seed: int = 0, dtype: str = "float64") -> Network:
    return Network([Dropout(rate, name="drop")], 200, seed=seed, dtype=dtype)


def test_training_drops_about_the_rate_and_scales_the_rest_up() -> None:
    y, _ = dropped(0.2).forward(ONES, training=True)
    assert set(np.unique(y)) == {0.0, 1.25}
    assert np.mean(y == 0) == pytest.approx(0.2, abs=0.01)  # its deviation is 0.003
    assert y.mean() == pytest.approx(1, abs=0.015)


def test_the_gradient_goes_where_the_values_went() -> None:
    network = dropped(0.2)
    y, saved = network.forward(ONES, training=True)
    dx, grads = network.backward(3 * ONES, saved)
    np.testing.assert_array_equal(dx, 3 * y)
    assert grads == {}


def test_inference_copies() -> None:
    network = dropped(0.9)
    x = ONES.copy()
    y, saved = network.forward(x)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(y, x)
    dx, _ = network.backward(x, saved)
    np.testing.assert_array_equal(dx, x)
    assert not np.shares_memory(dx, x)


def test_each_pass_draws_a_new_mask_and_a_seed_repeats_them_all() -> None:
    network, again, other = dropped(0.5), dropped(0.5), dropped(0.5, seed=1)
    first, second = (network.forward(ONES, training=True)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again.forward(ONES, training=True)[0])
    np.testing.assert_array_equal(second, again.forward(ONES, training=True)[0])
    assert not np.array_equal(first, other.forward(ONES, training=True)[0])


def test_the_same_bits_are_dropped_in_either_precision() -> None:
    single, double = (
        dropped(0.5, dtype=dtype).forward(ONES, training=True)[0]
        for dtype in ("float32", "float64")
    )
    np.testing.assert_array_equal(single, double)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)


def test_generators_can_be_put_back() -> None:
    network = dropped(0.5)
    states = network.generators()
    assert list(states) == ["drop"]
    first, _ = network.forward(ONES, training=True)
    network.set_generators(states)
    np.testing.assert_array_equal(first, network.forward(ONES, training=True)[0])


def test_two_dropouts_of_a_network_draw_differently() -> None:
    network = Network([Dropout(0.5), Dropout(0.5)], 200)
    _, saved = network.forward(ONES, training=True)
    first, second = saved.layers
    assert not np.array_equal(first.mask, second.mask)


def test_rate_zero_drops_nothing() -> None:
    y, _ = dropped(0).forward(ONES, training=True)
    np.testing.assert_array_equal(y, ONES)


def test_images_and_empty_batches() -> None:
    network = Network([Dropout()], (3, 5, 4))
    y, saved = network.forward(np.ones((0, 3, 5, 4)), training=True)
    dx, _ = network.backward(y, saved)
    assert y.shape == dx.shape == (0, 3, 5, 4)


@pytest.mark.parametrize("rate", [-0.1, 1, np.inf])
def test_the_rate_is_a_share_below_one(rate: float) -> None:
    with pytest.raises(InvalidValueError, match=r"Dropout: rate must be in \[0, 1\), but is"):
        Dropout(rate)


def test_the_rate_is_a_number() -> None:
    with pytest.raises(DtypeError, match=r"Dropout: rate must be a number, but is None"):
        Dropout(None)  # pyright: ignore[reportArgumentType]


def test_a_layer_without_a_network_has_nothing_to_draw_from() -> None:
    layer = Dropout(name="drop")
    layer.configure((3,))
    with pytest.raises(InvalidValueError, match=r"Dropout 'drop' .*no generator.*Network first"):
        layer.forward(np.ones((2, 3)), training=True)


def test_a_batch_of_another_shape_is_refused() -> None:
    network = dropped(0.5)
    with pytest.raises(ShapeError, match=r"Dropout 'drop' .*must have shape \(N, 200\)"):
        network.layers[0].forward(np.ones((5, 4)), training=True)


def test_options_are_plain_values() -> None:
    assert Dropout(0.25).config() == {"rate": 0.25, "name": None}
    assert Network([Dropout(), Affine(2)], 3).layers[0].flops() == 0
