"""The examples of chapter 8: what they claim about receptive fields, rounding and augmentation."""

import numpy as np
import pytest

from handgrad.examples import augmentation, going_deeper, half_precision
from handgrad.layers import Affine, Conv2d, Flatten, MaxPool2d
from handgrad.models import deep_conv_net
from handgrad.network import Network


@pytest.mark.parametrize(
    ("kernels", "wide", "middle"),
    [([3], 3, 1), ([3, 3], 5, 9), ([5], 5, 1), ([3, 3, 3], 7, 49), ([7], 7, 1)],
)
def test_receptive_fields_grow_by_two_for_each_layer(
    kernels: list[int], wide: int, middle: int
) -> None:
    pixels = going_deeper.seen_pixels(kernels)
    center = going_deeper.SIZE // 2
    assert (pixels[center] > 0).sum() == (pixels[:, center] > 0).sum() == wide
    assert pixels[center, center] == middle  # ways from the middle pixel to the output
    assert pixels.sum() == np.prod([kernel**2 for kernel in kernels])


def test_the_receptive_fields_of_a_network_are_those_that_its_gradient_shows() -> None:
    layers = [
        *[Conv2d(2, 3), MaxPool2d(2), Conv2d(2, 3), MaxPool2d(2, stride=1), Conv2d(1, 2)],
        *[Flatten(), Affine(1)],
    ]
    network = Network(layers, (1, 40, 40), dtype="float64")
    (_, wide) = going_deeper.receptive_fields(network.layers)[-1]
    for name, param in network.params.items():
        param[...] = 0 if name.endswith("bias") else 1
    weight = network.params["affine_1.weight"]
    weight[...] = 0
    weight[len(weight) // 2] = 1  # look at one output only
    seen = np.zeros((40, 40), bool)
    for seed in range(40):  # max-pooling shows one pixel of each window at a time
        x = np.random.default_rng(seed).random((1, 1, 40, 40))
        y, saved = network.forward(x)
        dx, _ = network.backward(np.ones_like(y), saved)
        seen |= dx[0, 0] != 0
    rows = np.flatnonzero(seen.any(axis=1))
    assert rows.max() - rows.min() + 1 == wide == 12


def test_the_last_position_of_deep_conv_net_sees_the_whole_image() -> None:
    name, wide = going_deeper.receptive_fields(deep_conv_net().layers)[-1]
    assert (name, wide) == ("max_pool2d_3", 36)


def test_cutting_to_ten_bits_is_what_float16_does() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    half = values.astype(np.float16).astype(np.float32)
    assert np.array_equal(half_precision.cut(values, 10), half)
    assert half_precision.cut(values, 10).dtype == np.float32
    assert np.array_equal(half_precision.cut(values, 23), values)
    powers = np.log2(np.abs(half_precision.cut(values, 0)))
    assert np.array_equal(powers, powers.round())
    assert half_precision.cut(np.zeros(2), 3).tolist() == [0, 0]


def test_rounding_leaves_the_network_as_it_was() -> None:
    network = Network([Affine(3)], 4)
    before = network.params["affine_1.weight"].copy()
    half = half_precision.with_weights(network, "float16")
    assert np.array_equal(network.params["affine_1.weight"], before)
    assert np.array_equal(half.params["affine_1.weight"], before.astype(np.float16))
    assert not np.array_equal(half.params["affine_1.weight"], before)


def test_every_change_changes_and_keeps_the_shape() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
    for name, change in augmentation.CHANGES.items():
        if change is not None:
            changed = change(images, rng)
            assert changed.shape == images.shape, name
            assert changed.dtype == np.uint8, name
            assert (changed != images).any(), name
    assert augmentation.DIGITS(images, rng).shape == images.shape
