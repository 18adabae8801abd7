import json
from typing import Any

import numpy as np
import pytest

import handgrad.layers
from handgrad import Affine, Conv2d, Flatten, Network, Relu, Residual
from handgrad.backend import ops
from handgrad.checks import DtypeError, InvalidValueError, ShapeError
from handgrad.layers.describe import describe, known_layers, make
from harness import check_close


def batch(*shape: int) -> np.ndarray[Any, np.dtype[Any]]:
    return np.random.default_rng(1).normal(size=shape)


def build(layer: Conv2d, *input_shape: int) -> Network:
    """A network of one layer, whose bias is random instead of 0."""
    network = Network([layer], input_shape, dtype="float64")
    for name, array in network.params.items():
        network.params[name] = batch(*array.shape)
    return network


def test_the_layer_is_its_op():
    options: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    network = build(Conv2d(4, (3, 2), name="conv", **options), 6, 7, 8)
    x = batch(3, 6, 7, 8)
    y, saved = network.forward(x, training=True)
    weight, bias = network.params["conv.weight"], network.params["conv.bias"]
    expected, op_saved = ops.conv2d_forward(x, weight, bias, **options)
    np.testing.assert_array_equal(y, expected)
    assert weight.shape == (4, 3, 3, 2)
    assert y.shape == (3, *network.output_shape)
    dy = batch(*y.shape)[::-1]
    dx, grads = network.backward(dy, saved)
    for came, wanted in zip(
        (dx, grads["conv.weight"], grads["conv.bias"]),
        ops.conv2d_backward(dy, op_saved),
        strict=True,
    ):
        np.testing.assert_array_equal(came, wanted)
    assert list(network.decayed()) == ["conv.weight"]


def test_without_bias():
    network = build(Conv2d(2, 3, bias=False), 1, 5, 5)
    assert list(network.params) == ["conv2d_1.weight"]
    x = batch(2, 1, 5, 5)
    y, saved = network.forward(x, training=True)
    weight = network.params["conv2d_1.weight"]
    check_close(y, ops.conv2d_forward(x, weight, np.zeros(2))[0], 1e-15, "Conv2d without bias")
    _, grads = network.backward(y, saved)
    assert list(grads) == ["conv2d_1.weight"]
    small = Network([Conv2d(2, 3, bias=False)], (1, 5, 5))
    assert small.predict(x).dtype == np.float32


@pytest.mark.parametrize(
    ("kernel", "dilation"), [(1, 1), (3, 1), ((5, 3), 1), (3, 2), (2, 2), ((11, 7), 1)]
)
def test_same_padding_keeps_the_size(kernel: Any, dilation: int):
    network = Network([Conv2d(3, kernel, padding="same", dilation=dilation)], (2, 6, 9))
    assert network.output_shape == (3, 6, 9)
    assert network.predict(batch(4, 2, 6, 9)).shape == (4, 3, 6, 9)


@pytest.mark.parametrize(
    ("layer", "input_shape", "output_shape"),
    [
        (Conv2d(30, 5), (1, 28, 28), (30, 24, 24)),
        (Conv2d(16, 3, padding=1), (1, 28, 28), (16, 28, 28)),
        (Conv2d(32, 3, padding=2), (16, 14, 14), (32, 16, 16)),
        (Conv2d(2, 7, stride=2, padding=3), (3, 32, 33), (2, 16, 17)),
        (Conv2d(4, (1, 3), stride=(3, 2)), (2, 8, 8), (4, 3, 3)),
        (Conv2d(5, 8), (2, 8, 8), (5, 1, 1)),
    ],
)
def test_output_shapes(layer: Conv2d, input_shape: Any, output_shape: Any):
    assert Network([layer], input_shape).output_shape == output_shape


def test_operations_are_counted_two_for_each_weight_and_output():
    assert Network([Conv2d(30, 5)], (1, 28, 28)).body.flops() == 2 * 30 * 24 * 24 * 25
    assert Network([Conv2d(4, 3, groups=2)], (6, 5, 7)).body.flops() == 2 * 4 * 3 * 5 * 3 * 9


def test_he_counts_the_whole_window_as_inputs():
    network = Network([Conv2d(200, 3)], (20, 5, 5))
    std = network.params["conv2d_1.weight"].std()
    assert abs(std / np.sqrt(2 / (20 * 9)) - 1) < 0.02


def test_options_are_plain_values():
    layer = Conv2d(4, (3, 5), padding="same", groups=2, name="here")
    assert repr(layer) == (
        "Conv2d(filters=4, kernel=[3, 5], padding='same', groups=2, name='here')"
    )
    again = make(json.loads(json.dumps(describe(layer))), known_layers())
    assert repr(again) == repr(layer)
    assert Network([again], (2, 6, 6)).output_shape == (4, 6, 6)


def test_the_package_offers_it():
    assert handgrad.Conv2d is handgrad.layers.Conv2d is Conv2d
    assert handgrad.im2col is ops.im2col
    assert handgrad.col2im is ops.col2im


def test_it_stands_in_a_residual_block():
    block = Residual(
        Conv2d(4, 3, stride=2, padding=1), Relu(), shortcut=Conv2d(4, 1, stride=2, bias=False)
    )
    assert Network([block, Flatten(), Affine(3)], (2, 7, 9)).output_shape == (3,)


# -- what it refuses --------------------------------------------------------------------------


def refused(layers: list[Any], input_shape: tuple[int, ...]) -> str:
    with pytest.raises(ShapeError, match=r".") as raised:
        Network(layers, input_shape)
    return str(raised.value)


def test_images_without_a_channel_axis():
    assert refused([Conv2d(30, 5)], (28, 28)) == (
        "Conv2d 'conv2d_1': x must have shape (N, C, H, W), but has shape (N, 28, 28). "
        "Images are (channels, height, width); with one channel, reshape x to (N, 1, 28, 28).\n"
        "  The chain so far: x (N, 28, 28)"
    )


def test_rows_of_features():
    assert "Images are (channels, height, width); put it before Flatten()" in refused(
        [Flatten(), Conv2d(30, 5)], (1, 28, 28)
    )


def test_too_many_axes():
    assert refused([Conv2d(30, 5)], (2, 3, 8, 8)).startswith(
        "Conv2d 'conv2d_1': x must have shape (N, C, H, W), but has shape (N, 2, 3, 8, 8). "
        "Images are (channels, height, width).\n"
    )


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (
            Conv2d(3, (2, 7), padding=1, name="wide"),
            "Conv2d 'wide': kernel must fit into the padded image (6, 6), but is (2, 7). Images",
        ),
        (Conv2d(3, (5, 1)), "must fit into the padded image (4, 4), but is (5, 1). "),
        (
            Conv2d(3, (2, 3), dilation=(1, 2)),
            "must fit into the padded image (4, 4), but is (2, 3), with dilation (2, 5). ",
        ),
    ],
)
def test_a_kernel_larger_than_the_image(layer: Conv2d, wanted: str):
    assert wanted in refused([layer], (2, 4, 4))


def test_channels_last():
    assert refused([Conv2d(3, 5)], (28, 28, 1)).startswith(
        "Conv2d 'conv2d_1': kernel must fit into the padded image (28, 1), but is (5, 5). Images "
        "are (channels, height, width): if x has its channels last, move them to the front; "
        "else take a smaller kernel or more padding.\n"
    )


def test_channels_that_groups_do_not_divide():
    assert refused([Conv2d(4, 3, groups=2)], (3, 8, 8)).startswith(
        "Conv2d 'conv2d_1': the channels of x must be divisible by groups, 2, but x has 3.\n"
    )
    with pytest.raises(
        InvalidValueError, match=r"filters must be divisible by groups, 2, but is 3"
    ):
        Conv2d(3, 3, groups=2)


def test_another_batch_than_it_was_built_for():
    layer = Conv2d(4, 3)
    Network([layer], (3, 8, 6))
    with pytest.raises(
        ShapeError,
        match=r"Conv2d 'conv2d_1' \(\(3, 8, 6\) -> \(4, 6, 4\)\): x must have shape "
        r"\(N, 3, 8, 6\), but has shape \(3, 8, 6\)\. Images are \(channels",
    ):
        layer.forward(batch(3, 8, 6), training=False)
    with pytest.raises(ShapeError, match=r"but has shape \(2, 3, 6, 8\)\.$"):
        layer.forward(batch(2, 3, 6, 8), training=False)


@pytest.mark.parametrize(
    ("options", "error", "wanted"),
    [
        ({"filters": 0}, InvalidValueError, r"Conv2d: filters must be at least 1, but is 0"),
        ({"groups": 0}, InvalidValueError, r"Conv2d: groups must be at least 1, but is 0"),
        ({"bias": "no"}, DtypeError, r"Conv2d: bias must be a bool, but is 'no' \(str\)"),
        ({"kernel": 0}, InvalidValueError, r"Conv2d: kernel must be at least 1, but is 0"),
        ({"kernel": (3, 0)}, InvalidValueError, r"kernel must be at least 1, but is 0"),
        ({"kernel": 2.5}, DtypeError, r"Conv2d: kernel must be a whole number, but is 2\.5"),
        (
            {"kernel": (1, 2, 3)},
            DtypeError,
            r"or a pair of them \(along the height, along the width\), but is \(1, 2, 3\)",
        ),
        ({"kernel": "33"}, DtypeError, r"kernel must be a whole number, or a pair.*but is '33'"),
        ({"stride": 0}, InvalidValueError, r"Conv2d: stride must be at least 1, but is 0"),
        ({"dilation": 0}, InvalidValueError, r"Conv2d: dilation must be at least 1, but is 0"),
        ({"padding": -1}, InvalidValueError, r"Conv2d: padding must be at least 0, but is -1"),
        ({"padding": "full"}, InvalidValueError, r"or 'same', but is 'full'\."),
        (
            {"padding": "same", "stride": (1, 2)},
            InvalidValueError,
            r"stride must be 1 for padding 'same', but is \(1, 2\)\. Give the padding as numbers",
        ),
        (
            {"padding": "same", "kernel": (3, 4)},
            InvalidValueError,
            r"odd sizes for padding 'same', .* but have sizes \(3, 4\) .*Take an odd kernel",
        ),
        ({"padding": "same", "kernel": (2, 3)}, InvalidValueError, r"have sizes \(2, 3\)"),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception], wanted: str):
    with pytest.raises(error, match=wanted):
        Conv2d(**({"filters": 4, "kernel": 3} | options))


def test_an_unknown_initializer():
    with pytest.raises(InvalidValueError, match=r"Conv2d 'conv2d_1': init must be one of"):
        Network([Conv2d(4, 3, init="hee")], (1, 8, 8))
