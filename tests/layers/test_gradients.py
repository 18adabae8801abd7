"""Every layer refuses a gradient that cannot be its output's, in words of its own."""

import re

import numpy as np
import pytest

from handgrad import Network, layers
from handgrad.checks import ShapeError
from handgrad.layers import (
    Affine,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Gelu,
    GlobalAveragePool,
    Identity,
    Layer,
    LayerNorm,
    LeakyRelu,
    LogSoftmax,
    MaxPool2d,
    Relu,
    Rescale,
    Residual,
    Sequential,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Standardize,
    Step,
    Tanh,
)

ON_ROWS = [
    *[Affine(3), Dropout(0.5), Gelu(), Identity(), LayerNorm(), LeakyRelu(), LogSoftmax(), Relu()],
    *[Rescale(2.0), Residual(Relu()), Residual(Affine(4), shortcut=Affine(4)), Sigmoid(), Silu()],
    *[Sequential(Affine(3), Relu()), Softmax(), Softplus(), Standardize(0.0, 1.0), Tanh()],
    BatchNorm(),
]
ON_IMAGES = [
    *[AveragePool2d(2), BatchNorm(), Conv2d(3, 2), Flatten(), GlobalAveragePool(), MaxPool2d(2)],
    *[Dropout(0.5), Relu(), Identity()],
]
KNOW_NO_ROWS = (Identity, Rescale, Standardize)  # their gradient asks for nothing of forward's
CASES = [
    *[pytest.param(layer, (4,), id=f"{layer!r} on rows") for layer in ON_ROWS],
    *[pytest.param(layer, (2, 4, 6), id=f"{layer!r} on images") for layer in ON_IMAGES],
]


def test_no_layer_is_forgotten() -> None:
    public = {getattr(layers, name) for name in layers.__all__}
    tested = {type(layer) for layer in (*ON_ROWS, *ON_IMAGES)}
    assert tested | {Layer, Step} == public  # Step has no gradient


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("layer", "shape"), CASES)
def test_a_gradient_of_another_shape_is_refused(
    layer: Layer, shape: tuple[int, ...], *, training: bool
) -> None:
    layer = layer.copy()
    Network([layer], shape)
    y, saved = layer.forward(np.ones((5, *shape), np.float32), training=training)
    dx, _ = layer.backward(np.ones_like(y), saved)
    assert dx.shape == (5, *shape)
    wide = np.ones((*y.shape[:-1], y.shape[-1] + 1), np.float32)
    wrong = [wide, y[..., 0], y[..., :1], y[..., np.newaxis], y[0], np.float32(1)]
    if type(layer) not in KNOW_NO_ROWS and saved is not None:
        wrong += [y[:1], y[:4], np.concatenate([y, y]), y[:0]]
    for dy in wrong:
        wanted = f"{layer.title}: dy must have shape "
        with pytest.raises(ShapeError, match=f"^{re.escape(wanted)}.*forward returned with this"):
            layer.backward(np.asarray(dy), saved)


def test_the_message_has_names_and_numbers() -> None:
    layer = Affine(3, name="out")
    Network([layer], 4)
    _, saved = layer.forward(np.ones((5, 4), np.float32), training=True)
    with pytest.raises(
        ShapeError,
        match=r"^Affine 'out' \(4 -> 3\): dy must have shape \(5, 3\), but has shape \(1, 3\)\. "
        r"Give the gradient of the output that forward returned with this saved\.$",
    ):
        layer.backward(np.ones((1, 3), np.float32), saved)


def test_a_batch_of_one_does_not_fit_a_longer_gradient() -> None:
    layer = Relu()
    Network([layer], 4)
    _, saved = layer.forward(np.ones((1, 4), np.float32), training=True)
    with pytest.raises(ShapeError, match=r"dy must have shape \(1, 4\), but has shape \(5, 4\)"):
        layer.backward(np.ones((5, 4), np.float32), saved)


def test_activations_that_no_network_has_built_take_any_shape() -> None:
    for x in (np.array(3.0), np.ones((2, 3, 4, 5, 6))):
        y, saved = Relu().forward(x, training=True)
        dx, _ = Relu().backward(y, saved)
        assert dx.shape == x.shape
