import json
from typing import Any

import numpy as np
import pytest

import handgrad
import handgrad.layers
from handgrad import (
    AveragePool2d,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool2d,
    Network,
)
from handgrad.backend import ops
from handgrad.checks import DtypeError, InvalidValueError, ShapeError
from handgrad.layers.describe import describe, known_layers, make

POOLS: dict[str, Any] = {"max_pool2d": MaxPool2d, "average_pool2d": AveragePool2d}
BOTH = pytest.mark.parametrize("op", POOLS)


def batch(*shape: int) -> np.ndarray[Any, np.dtype[Any]]:
    return np.random.default_rng(1).normal(size=shape)


def check_is_op(layer: Layer, op: str, **options: Any) -> None:
    """On images of 2 × 7 × 8, the layer's two passes are the op's."""
    network = Network([layer], (2, 7, 8), dtype="float64")
    x = batch(3, 2, 7, 8)
    y, saved = network.forward(x, training=True)
    expected, op_saved = getattr(ops, f"{op}_forward")(x, **options)
    np.testing.assert_array_equal(y, expected)
    assert y.shape == (3, *network.output_shape)
    dy = batch(*y.shape)[::-1]
    dx, grads = network.backward(dy, saved)
    np.testing.assert_array_equal(dx, getattr(ops, f"{op}_backward")(dy, op_saved)[0])
    assert grads == {}
    assert not network.params


@BOTH
def test_a_layer_is_its_op(op: str):
    options = {"kernel": (3, 2), "stride": (2, 3), "padding": (2, 1)}
    check_is_op(POOLS[op]((3, 2), stride=(2, 3), padding=(2, 1)), op, **options)


@BOTH
def test_windows_tile_the_image_unless_told_otherwise(op: str):
    check_is_op(POOLS[op]((3, 2)), op, kernel=(3, 2), stride=(3, 2))
    check_is_op(POOLS[op](3, stride=1), op, kernel=(3, 3), stride=(1, 1))


def test_average_over_own_pixels():
    layer = AveragePool2d(3, padding=1, count_padding=False)
    options = {"kernel": (3, 3), "stride": (3, 3), "padding": (1, 1)}
    check_is_op(layer, "average_pool2d", **options, count_padding=False)


def test_global_average_pool_is_its_op():
    check_is_op(GlobalAveragePool(), "global_average_pool")


@BOTH
@pytest.mark.parametrize(
    ("kernel", "options", "input_shape", "output_shape"),
    [
        (2, {}, (30, 24, 24), (30, 12, 12)),
        (2, {}, (3, 7, 5), (3, 3, 2)),
        (3, {"stride": 2, "padding": 1}, (3, 3, 3), (3, 2, 2)),  # where the book's fails
        ((1, 4), {"stride": (2, 1)}, (2, 5, 4), (2, 3, 1)),
    ],
)
def test_output_shapes(op: str, kernel: Any, options: Any, input_shape: Any, output_shape: Any):
    assert Network([POOLS[op](kernel, **options)], input_shape).output_shape == output_shape


def test_operations_are_counted_one_for_each_entry_looked_at():
    assert Network([MaxPool2d(2)], (30, 24, 24)).body.flops() == 30 * 12 * 12 * 4
    assert Network([AveragePool2d((3, 2), stride=1)], (2, 5, 6)).body.flops() == 2 * 3 * 5 * 6
    assert Network([GlobalAveragePool()], (4, 5, 6)).body.flops() == 4 * 5 * 6


def test_operations_of_several_layers_add_up():
    network = Network([Conv2d(2, 3), MaxPool2d(2)], (1, 6, 6))
    assert network.body.flops() == 2 * 2 * 16 * 9 + 2 * 4 * 4


@pytest.mark.parametrize(
    "layer",
    [
        MaxPool2d(3, stride=(2, 1), padding=(1, 0)),
        AveragePool2d((2, 3), padding=1, count_padding=False, name="here"),
        GlobalAveragePool(),
    ],
)
def test_options_are_plain_values(layer: Layer):
    again = make(json.loads(json.dumps(describe(layer))), known_layers())
    assert repr(again) == repr(layer)
    sizes = [Network([each], (2, 6, 7)).output_shape for each in (layer, again)]
    assert sizes[0] == sizes[1]


def test_the_default_stride_stays_a_default():
    assert repr(MaxPool2d(2)) == "MaxPool2d(kernel=2)"


@pytest.mark.parametrize("kind", [MaxPool2d, AveragePool2d, GlobalAveragePool])
def test_the_package_offers_them(kind: type[Layer]):
    name = kind.__name__
    assert getattr(handgrad, name) is getattr(handgrad.layers, name) is kind


# -- what they refuse -------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [MaxPool2d, AveragePool2d])
def test_a_kernel_larger_than_the_image(layer: Any):
    name = layer.__name__
    wanted = rf"{name} '\w+': kernel must fit into the padded image \(3, 8\), but is \(4, 4\)\. "
    with pytest.raises(ShapeError, match=wanted):
        Network([layer(4)], (2, 3, 8))


@pytest.mark.parametrize("layer", [MaxPool2d(2), AveragePool2d(2), GlobalAveragePool()])
def test_what_is_no_image(layer: Layer):
    wanted = (
        r"x must have shape \(N, C, H, W\), but has shape \(N, 28, 28\)\. Images are "
        r"\(channels, height, width\); with one channel, reshape x to \(N, 1, 28, 28\)\."
    )
    with pytest.raises(ShapeError, match=wanted):
        Network([layer.copy()], (28, 28))
    with pytest.raises(ShapeError, match=r"put it before Flatten\(\) and Affine, or reshape x\."):
        Network([Flatten(), layer.copy()], (1, 28, 28))


@pytest.mark.parametrize("layer", [MaxPool2d(2), AveragePool2d(2), GlobalAveragePool()])
def test_another_batch_than_it_was_built_for(layer: Layer):
    Network([layer], (3, 8, 6))
    with pytest.raises(ShapeError, match=r"x must have shape \(N, 3, 8, 6\), but has .*\(2, 3, 8"):
        layer.forward(batch(2, 3, 8, 7), training=False)


@BOTH
@pytest.mark.parametrize(
    ("options", "error", "wanted"),
    [
        ({"kernel": 0}, InvalidValueError, "kernel must be at least 1, but is 0"),
        ({"kernel": None}, DtypeError, "kernel must be a whole number, but is None"),
        ({"kernel": 2, "stride": 0}, InvalidValueError, "stride must be at least 1, but is 0"),
        ({"kernel": 2, "padding": -1}, InvalidValueError, "padding must be at least 0, but is -1"),
        ({"kernel": 2, "padding": (0,)}, DtypeError, "padding must be a whole number, or a pair"),
        (
            {"kernel": (3, 2), "padding": (2, 2)},
            InvalidValueError,
            r"padding must be smaller than kernel \(3, 2\), but is \(2, 2\): some windows",
        ),
    ],
)
def test_options_that_make_no_sense(op: str, options: Any, error: type[Exception], wanted: str):
    with pytest.raises(error, match=f"{POOLS[op].__name__}: {wanted}"):
        POOLS[op](**options)
