"""The layers: gradients, what is left alone, shapes, dtypes, and the errors."""

import copy
import importlib
from typing import Any

import numpy as np
import pytest

from handgrad.checks import Array, InvalidValueError, ShapeError
from handgrad.compat.cs231n import conventions, fast_layers, im2col_cython, layer_utils, layers
from handgrad.compat.cs231n.gradient_check import (
    eval_numerical_gradient,
    eval_numerical_gradient_array,
)
from handgrad.compat.cs231n.im2col import col2im_indices, get_im2col_indices, im2col_indices

CONV, POOL = {"stride": 2, "pad": 1}, {"pool_height": 2, "pool_width": 3, "stride": 2}
IMAGES = (2, 6, 5, 7)


def draw(*shape: Any) -> Any:
    return np.random.default_rng(len(shape) + sum(shape)).normal(size=shape)


def train() -> Any:
    return {"mode": "train", "eps": 1e-3, "momentum": 0.8}


def group_norm(x: Any, gamma: Any, beta: Any) -> Any:
    return layers.spatial_groupnorm_forward(x, gamma, beta, 3, {"eps": 1e-3})


def batch_norm_in_testing(x: Array, gamma: Array, beta: Array) -> Any:
    mean, var = draw(5).astype(x.dtype), (1 + draw(5) ** 2).astype(x.dtype)
    statistics = {"running_mean": mean, "running_var": var}
    return layers.batchnorm_forward(x, gamma, beta, {"mode": "test", "eps": 1e-3} | statistics)


def given(forward: Any, *options: Any) -> Any:
    """The forward pass with these options, in fresh copies (batch norm writes into its own)."""

    def call(*arrays: Array) -> Any:
        every: list[Any] = [*arrays, *copy.deepcopy(options)]
        return forward(*every)

    return call


# name: (forward, backward, the arrays that have gradients)
CASES: dict[str, tuple[Any, Any, tuple[Array, ...]]] = {
    "affine": (layers.affine_forward, layers.affine_backward, (draw(4, 2, 3), draw(6, 5), draw(5))),
    "affine, bias as a row": (
        layers.affine_forward,
        layers.affine_backward,
        (draw(4, 6), draw(6, 5), draw(1, 5)),
    ),
    "relu": (layers.relu_forward, layers.relu_backward, (draw(4, 5),)),
    "batchnorm": (
        given(layers.batchnorm_forward, train()),
        layers.batchnorm_backward,
        (draw(4, 5), draw(5), draw(5) + 1),
    ),
    "batchnorm, simplified": (
        given(layers.batchnorm_forward, train()),
        layers.batchnorm_backward_alt,
        (draw(4, 5), draw(5), draw(5) + 1),
    ),
    "batchnorm in testing": (
        batch_norm_in_testing,
        layers.batchnorm_backward,
        (draw(4, 5), draw(5), draw(5) + 1),
    ),
    "layernorm": (
        given(layers.layernorm_forward, {"eps": 1e-3}),
        layers.layernorm_backward,
        (draw(4, 5), draw(5), draw(5) + 1),
    ),
    "spatial batchnorm": (
        given(layers.spatial_batchnorm_forward, train()),
        layers.spatial_batchnorm_backward,
        (draw(*IMAGES), draw(6), draw(6) + 1),
    ),
    "spatial groupnorm": (
        group_norm,
        layers.spatial_groupnorm_backward,
        (draw(*IMAGES), draw(1, 6, 1, 1), draw(1, 6, 1, 1) + 1),
    ),
    "dropout": (
        lambda x: layers.dropout_forward(x, {"mode": "train", "p": 0.7, "seed": 3}),
        layers.dropout_backward,
        (draw(4, 5),),
    ),
    "dropout in testing": (
        lambda x: layers.dropout_forward(x, {"mode": "test", "p": 0.7}),
        layers.dropout_backward,
        (draw(4, 5),),
    ),
    "conv": (
        given(layers.conv_forward_naive, CONV),
        layers.conv_backward_naive,
        (draw(*IMAGES), draw(4, 6, 3, 2), draw(4)),
    ),
    "max pool": (
        lambda x: layers.max_pool_forward_naive(x, POOL),
        layers.max_pool_backward_naive,
        (draw(*IMAGES),),
    ),
    "affine relu": (
        layer_utils.affine_relu_forward,
        layer_utils.affine_relu_backward,
        (draw(4, 2, 3), draw(6, 5), draw(5)),
    ),
    "affine bn relu": (
        given(layer_utils.affine_bn_relu_forward, train()),
        layer_utils.affine_bn_relu_backward,
        (draw(4, 2, 3), draw(6, 5), draw(5), draw(5), draw(5) + 1),
    ),
    "affine ln relu": (
        given(layer_utils.affine_ln_relu_forward, {"eps": 1e-3}),
        layer_utils.affine_ln_relu_backward,
        (draw(4, 2, 3), draw(6, 5), draw(5), draw(5), draw(5) + 1),
    ),
    "conv relu": (
        given(layer_utils.conv_relu_forward, CONV),
        layer_utils.conv_relu_backward,
        (draw(*IMAGES), draw(4, 6, 3, 2), draw(4)),
    ),
    "conv bn relu": (
        given(layer_utils.conv_bn_relu_forward, CONV, train()),
        layer_utils.conv_bn_relu_backward,
        (draw(*IMAGES), draw(4, 6, 3, 2), draw(4), draw(4), draw(4) + 1),
    ),
    "conv relu pool": (
        given(layer_utils.conv_relu_pool_forward, CONV, POOL | {"pool_width": 2}),
        layer_utils.conv_relu_pool_backward,
        (draw(*IMAGES), draw(4, 6, 3, 2), draw(4)),
    ),
}


def gradients(result: Any) -> Any:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_numerical_ones(name: Any) -> None:
    forward, backward, arrays = CASES[name]
    out, cache = forward(*arrays)
    dout = draw(*out.shape)
    found = gradients(backward(dout, cache))
    assert len(found) == len(arrays)
    for number, (gradient, array) in enumerate(zip(found, arrays, strict=True)):

        def f(value: Any, number: Any = number) -> Any:
            return forward(*arrays[:number], value, *arrays[number + 1 :])[0]

        numerical = eval_numerical_gradient_array(f, array.copy(), dout)
        assert gradient.shape == array.shape
        np.testing.assert_allclose(gradient, numerical, rtol=0, atol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_changed_or_shared_and_dtypes_stay(name: Any, dtype: Any) -> None:
    forward, backward, arrays = CASES[name]
    given = tuple(array.astype(dtype) for array in arrays)
    before = [array.copy() for array in given]
    out, cache = forward(*given)
    dout = draw(*out.shape).astype(dtype)
    dout_before = dout.copy()
    first, second = gradients(backward(dout, cache)), gradients(backward(dout, cache))
    for value, was in zip((*given, dout), (*before, dout_before), strict=True):
        np.testing.assert_array_equal(value, was)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    made = [out, *first]
    assert all(each.dtype == dtype for each in made)
    assert not any(np.shares_memory(each, array) for each in made for array in (*given, dout))


def test_relu_backward_leaves_dout_alone() -> None:
    # The seed document's relu_backward begins with dx = dout and then writes zeros into it.
    dout = np.ones(3)
    np.testing.assert_array_equal(layers.relu_backward(dout, np.array([-1.0, 0.0, 2.0])), [0, 0, 1])
    np.testing.assert_array_equal(dout, [1, 1, 1])


def test_caches_are_the_documented_tuples() -> None:
    x, w, b = draw(2, 6), draw(6, 5), draw(5)
    _, cache = layers.affine_forward(x, w, b)
    assert all(found is given for found, given in zip(cache, (x, w, b), strict=True))
    assert layers.relu_forward(x)[1] is x
    images, filters, bias = draw(*IMAGES), draw(4, 6, 3, 2), draw(4)
    _, cache = layers.conv_forward_naive(images, filters, bias, CONV)
    assert tuple(map(id, cache)) == tuple(map(id, (images, filters, bias, CONV)))
    _, cache = layers.max_pool_forward_naive(images, POOL)
    assert tuple(map(id, cache)) == (id(images), id(POOL))


def test_backward_takes_a_plain_tuple_from_the_readers_own_forward() -> None:
    images, filters, bias = draw(*IMAGES), draw(4, 6, 3, 2), draw(4)
    out, cache = layers.conv_forward_naive(images, filters, bias, CONV)
    ours, theirs = (layers.conv_backward_naive(out, c) for c in (cache, tuple(cache)))
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, two)
    out, cache = layers.max_pool_forward_naive(images, POOL)
    ours, theirs = (layers.max_pool_backward_naive(out, c) for c in (cache, tuple(cache)))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("fc_net", ("TwoLayerNet", "svm_loss", "batchnorm_backward_alt", "affine_relu_forward")),
        ("cnn", ("ThreeLayerConvNet", "conv_forward_naive", "conv_forward_fast", "softmax_loss")),
    ],
)
def test_the_networks_modules_hand_out_the_layers(module: str, names: tuple[str, ...]) -> None:
    # FullyConnectedNets.ipynb imports `*` from fc_net, and nothing from layers.
    found = importlib.import_module(f"handgrad.compat.cs231n.classifiers.{module}")
    assert set(names) <= set(vars(found))
    assert set(layers.__all__) <= set(vars(found))


def test_the_fast_layers_are_the_same() -> None:
    assert fast_layers.conv_forward_fast is layers.conv_forward_naive
    assert fast_layers.conv_backward_strides is layers.conv_backward_naive
    assert fast_layers.max_pool_forward_reshape is layers.max_pool_forward_naive
    assert fast_layers.max_pool_backward_im2col is layers.max_pool_backward_naive


@pytest.mark.parametrize("loss", [layers.svm_loss, layers.softmax_loss])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses(loss: Any, dtype: Any) -> None:
    x, y = draw(4, 5), np.array([0, 4, 2, 2])
    value, dx = loss(x.astype(dtype), y)
    assert value.dtype == dx.dtype == dtype
    value, dx = loss(x, y)
    numerical = eval_numerical_gradient(lambda x: loss(x, y)[0], x.copy(), verbose=False)
    np.testing.assert_allclose(dx, numerical, rtol=0, atol=1e-9)


def test_softmax_loss_survives_large_scores() -> None:
    # Without the logarithm taken of the probability itself: that would be log(0) here.
    loss, dx = layers.softmax_loss(np.array([[0.0, 2000.0]]), np.array([0]))
    assert loss == 2000
    np.testing.assert_array_equal(dx, [[-1, 1]])


def test_batchnorm_keeps_running_averages_in_bn_param() -> None:
    x = draw(4, 5)
    bn_param: dict[str, Any] = {"mode": "train", "momentum": 0.75}
    layers.batchnorm_forward(x, np.ones(5), np.zeros(5), bn_param)
    np.testing.assert_allclose(bn_param["running_mean"], 0.25 * x.mean(axis=0))
    np.testing.assert_allclose(bn_param["running_var"], 0.25 * x.var(axis=0))
    kept = bn_param["running_mean"].copy()
    bn_param["mode"] = "test"
    layers.batchnorm_forward(x, np.ones(5), np.zeros(5), bn_param)
    np.testing.assert_array_equal(bn_param["running_mean"], kept)


def test_epsilon_is_a_hundred_thousandth_where_none_is_given() -> None:
    x = 1e-3 * draw(*IMAGES)  # small enough that it matters
    gamma, beta = np.ones((1, 6, 1, 1)), np.zeros((1, 6, 1, 1))
    out, _ = layers.spatial_groupnorm_forward(x, gamma, beta, 1, {})  # one group: all of an image
    variance = x.var(axis=(1, 2, 3), keepdims=True)
    expected = (x - x.mean(axis=(1, 2, 3), keepdims=True)) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(out, expected)
    rows = x.reshape(2, -1)
    out, _ = layers.layernorm_forward(rows, np.ones(210), np.zeros(210), {})
    np.testing.assert_allclose(out, expected.reshape(2, -1))
    out, _ = layers.batchnorm_forward(rows.T, np.ones(2), np.zeros(2), {"mode": "train"})
    np.testing.assert_allclose(out.T, expected.reshape(2, -1))


def test_convolution_by_filters_as_large_as_the_images() -> None:
    x, w = draw(*IMAGES), draw(4, 6, 5, 7)  # filters as large as the images
    out, _ = layers.conv_forward_naive(x, w, np.zeros(4), {"stride": 1, "pad": 0})
    np.testing.assert_allclose(out, np.einsum("ncij,fcij->nf", x, w)[:, :, None, None])
    out, _ = layers.conv_forward_naive(x, draw(4, 6, 7, 9), np.zeros(4), {"stride": 1, "pad": 1})
    assert out.shape == (2, 4, 1, 1)  # larger than the images, but not with their padding


def test_spatial_batchnorm_has_one_statistic_per_channel() -> None:
    bn_param: dict[str, Any] = {"mode": "train"}
    layers.spatial_batchnorm_forward(draw(*IMAGES), np.ones(6), np.zeros(6), bn_param)
    assert bn_param["running_mean"].shape == bn_param["running_var"].shape == (6,)


def test_dropout_by_the_years() -> None:
    x = np.ones((200, 200))
    for year, kept in ((2017, 0.75), (2018, 0.25)):
        with conventions.in_year(year):
            out, cache = layers.dropout_forward(x, {"mode": "train", "p": 0.25, "seed": 0})
        assert abs((out != 0).mean() - kept) < 0.01
        np.testing.assert_allclose(out[out != 0], 1 / kept)
        mask: Any = cache[1]
        np.testing.assert_allclose(out, mask)


def test_dropout_with_a_seed_draws_the_same_mask_and_without_goes_on() -> None:
    x = np.ones(50)
    seeded = {"mode": "train", "p": 0.5, "seed": 1}
    one, two = (layers.dropout_forward(x, seeded)[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    three = layers.dropout_forward(x, {"mode": "train", "p": 0.5})[0]
    assert (one != three).any()


def test_empty_batches() -> None:
    w, b = draw(6, 5), draw(5)
    out, cache = layers.affine_forward(np.zeros((0, 2, 3)), w, b)
    dx, dw, db = layers.affine_backward(out, cache)
    assert (out.shape, dx.shape) == ((0, 5), (0, 2, 3))
    assert not dw.any()
    assert not db.any()


@pytest.mark.parametrize("images", [3, 1])
def test_im2col_is_the_courses_order_and_col2im_its_adjoint(images: int) -> None:
    shape = (images, 2, 5, 6)
    x = draw(*shape)
    k, i, j = get_im2col_indices(shape, 3, 2, padding=1, stride=2)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = padded[:, k, i, j].transpose(1, 2, 0).reshape(2 * 3 * 2, -1)
    cols = im2col_indices(x, 3, 2, padding=1, stride=2)
    np.testing.assert_array_equal(cols, expected)
    np.testing.assert_array_equal(im2col_cython.im2col_cython(x, 3, 2, 1, 2), expected)
    other = draw(*cols.shape)
    back = col2im_indices(other, shape, 3, 2, padding=1, stride=2)
    np.testing.assert_allclose((cols * other).sum(), (x * back).sum())
    np.testing.assert_array_equal(im2col_cython.col2im_cython(other, *shape, 3, 2, 1, 2), back)
    rows, columns = 3, 4  # of output positions
    empty = im2col_indices(np.zeros((0, 2, 5, 6)), 3, 2)
    assert empty.shape == (12, 0)
    assert col2im_indices(empty, (0, 2, 5, 6), 3, 2).shape == (0, 2, 5, 6)
    six: Any = other.reshape(2, 3, 2, rows, columns, images).transpose(0, 1, 2, 5, 3, 4)
    np.testing.assert_array_equal(im2col_cython.col2im_6d_cython(six, *shape, 3, 2, 1, 2), back)


def test_errors_say_what_is_wrong() -> None:
    x, w, b = draw(4, 2, 3), draw(7, 5), draw(5)
    with pytest.raises(ShapeError, match=r"w must have shape \(6, M\), because an example of x"):
        layers.affine_forward(x, w, b)
    with pytest.raises(InvalidValueError, match=r'dropout_param\["mode"\] must be one of train, t'):
        layers.dropout_forward(x, {"mode": "training", "p": 0.5})
    with pytest.raises(InvalidValueError, match=r"keeping an entry must be in \(0, 1\], but is 0"):
        layers.dropout_forward(x, {"mode": "train", "p": 0})
    with pytest.raises(InvalidValueError, match=r'bn_param\["mode"\] must be one of train, test'):
        layers.batchnorm_forward(x, w, b, {"mode": "eval"})
    with pytest.raises(InvalidValueError, match="G must divide the 6 channels of x, but is 4"):
        layers.spatial_groupnorm_forward(draw(*IMAGES), w, b, 4, {})
    with pytest.raises(ShapeError, match=r"w must have shape \(F, 6, HH, WW\), with HH at most 7"):
        layers.conv_forward_naive(draw(*IMAGES), draw(4, 5, 3, 3), b, CONV)
    for size in ((8, 3), (3, 10)):  # one pixel more than the padded images have
        with pytest.raises(ShapeError, match="HH at most 7 and WW at most 9, because x has shape"):
            layers.conv_forward_naive(draw(*IMAGES), draw(4, 6, *size), b, CONV)
    with pytest.raises(InvalidValueError, match=r'conv_param\["stride"\] must be at least 1'):
        layers.conv_forward_naive(draw(*IMAGES), draw(4, 6, 3, 3), b, {"stride": 0, "pad": 0})
    with pytest.raises(ShapeError, match="x must have at least 9 rows and 3 columns of pixels"):
        layers.max_pool_forward_naive(draw(*IMAGES), POOL | {"pool_height": 9})
    for size in ({"pool_height": 6}, {"pool_width": 8}):
        with pytest.raises(
            ShapeError, match=r"as many as a window has, but has shape \(2, 6, 5, 7\)"
        ):
            layers.max_pool_forward_naive(draw(*IMAGES), POOL | size)
