import json

import numpy as np
import pytest

import handgrad
import handgrad.layers
from handgrad import (
    Affine,
    Gelu,
    Identity,
    Layer,
    LeakyRelu,
    LogSoftmax,
    Network,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    Step,
    Tanh,
)
from handgrad.backend import ops
from handgrad.checks import (
    DtypeError,
    HandgradError,
    InvalidValueError,
    NoGradientError,
    ShapeError,
)
from handgrad.layers.describe import describe, known_layers, make

ROWS = {"softmax": Softmax, "log_softmax": LogSoftmax}
LAYERS: dict[str, type[Layer]] = {
    "gelu": Gelu,
    "identity": Identity,
    "leaky_relu": LeakyRelu,
    "relu": Relu,
    "sigmoid": Sigmoid,
    "silu": Silu,
    "softplus": Softplus,
    "tanh": Tanh,
    **ROWS,
}


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


@pytest.mark.parametrize("op", LAYERS)
def test_a_layer_is_its_op(op: str) -> None:
    network = Network([LAYERS[op](name="here")], 4, dtype="float64")
    x, dy = batch(5, 4), batch(5, 4)[::-1]
    y, saved = network.forward(x, training=True)
    expected, op_saved = getattr(ops, f"{op}_forward")(x)
    np.testing.assert_array_equal(y, expected)
    dx, grads = network.backward(dy, saved)
    np.testing.assert_array_equal(dx, getattr(ops, f"{op}_backward")(dy, op_saved)[0])
    assert grads == {}
    assert not network.params


@pytest.mark.parametrize("op", [op for op in LAYERS if op not in ROWS])
def test_entrywise_layers_take_images(op: str) -> None:
    network = Network([LAYERS[op]()], (2, 4, 3))
    assert network.output_shape == (2, 4, 3)
    assert network.predict(batch(5, 2, 4, 3)).shape == (5, 2, 4, 3)


@pytest.mark.parametrize("op", ["step", *LAYERS])
def test_layers_are_offered_by_the_package(op: str) -> None:
    layer = LAYERS.get(op, Step)
    assert getattr(handgrad, layer.__name__) is getattr(handgrad.layers, layer.__name__) is layer


@pytest.mark.parametrize("layer", [LeakyRelu(0.25, name="leaky"), Softmax(), Step(name="last")])
def test_options_are_plain_values(layer: Layer) -> None:
    text = json.dumps(describe(layer))
    assert repr(make(json.loads(text), known_layers())) == repr(layer)


def test_a_row_layer_takes_rows_only() -> None:
    with pytest.raises(ShapeError) as raised:
        Network([Softmax()], (3, 4, 5))
    assert str(raised.value) == (
        "Softmax 'softmax_1': x must have shape (N, K), but has shape (N, 3, 4, 5). "
        "Put Flatten() before it.\n"
        "  The chain so far: x (N, 3, 4, 5)"
    )
    for layer in (Softmax(), LogSoftmax()):
        Network([layer], 4)
        with pytest.raises(ShapeError, match=r"oftmax.*\(4 -> 4\): x must have shape \(N, 4\)"):
            layer.forward(batch(5, 3), training=False)


# -- leaky relu -------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.0, 0.25, 2])
def test_leaky_relu_passes_its_slope_on(slope: float) -> None:
    y = Network([LeakyRelu(slope)], 2).predict(np.array([[-2.0, 3.0]]))
    assert y.tolist() == [[-2.0 * slope, 3.0]]


def test_a_slope_from_numpy_keeps_float32() -> None:
    layer = LeakyRelu(np.float64(0.5))
    y, saved = layer.forward(np.ones((2, 3), np.float32), training=True)
    dx, _ = layer.backward(np.ones((2, 3), np.float32), saved)
    assert y.dtype == dx.dtype == np.float32


def test_leaky_relu_refuses_other_slopes() -> None:
    with pytest.raises(InvalidValueError, match=r"LeakyRelu: slope must be in \[0, inf\).*-0\.1"):
        LeakyRelu(-0.1)
    with pytest.raises(InvalidValueError, match=r"LeakyRelu: slope must be in .* but is nan"):
        LeakyRelu(float("nan"))
    with pytest.raises(DtypeError, match=r"LeakyRelu: slope must be a number, but is 'steep'"):
        LeakyRelu("steep")  # pyright: ignore[reportArgumentType]


# -- step -------------------------------------------------------------------------------------


def test_a_step_predicts() -> None:
    network = Network([Step()], 3)
    y = network.predict(np.array([[-2.0, 0.0, 3.0]]))
    assert (y.tolist(), y.dtype) == ([[0, 0, 1]], np.float32)


def test_a_step_refuses_to_be_trained_through() -> None:
    network = Network([Affine(3), Step(), Affine(2)], 4)
    y, saved = network.forward(batch(5, 4), training=True)
    with pytest.raises(NoGradientError) as raised:
        network.backward(y, saved)
    assert isinstance(raised.value, HandgradError)
    assert str(raised.value) == (
        "Step 'step_1' (3 -> 3): a step has no useful gradient: its slope is 0 on both sides of "
        "the jump, so no layer before it could learn. Train with Sigmoid(), its smooth form."
    )


# -- with losses, and in tables ---------------------------------------------------------------


@pytest.mark.parametrize("layer", [Softmax, LogSoftmax])
def test_softmax_cross_entropy_has_softmax_inside(layer: type[Layer]) -> None:
    network = Network([Affine(3), layer(name="last")], 4)
    wanted = rf"SoftmaxCrossEntropy: the network ends in {layer.__name__} 'last'.*Leave.* out"
    with pytest.raises(InvalidValueError, match=wanted):
        SoftmaxCrossEntropy().check_network(network.layers)
    SoftmaxCrossEntropy().check_network(network.layers[:1])


def test_operations_are_counted_per_entry() -> None:
    counts = {
        layer: Network([layer()], 6).body.flops() for layer in (Identity, Relu, Tanh, LogSoftmax)
    }
    assert counts == {Identity: 0, Relu: 6, Tanh: 60, LogSoftmax: 6 * 14 + 10}
    assert Network([Relu()], (2, 4, 3)).body.flops() == 24
