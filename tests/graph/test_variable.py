"""Variables: every operator and function against NumPy and against numerical derivatives."""

import gc
import time
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad
from handgrad import graph, ops
from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    NoGradientError,
    ShapeError,
)
from handgrad.graph import Variable
from harness import check_close

Function = Callable[..., Any]


def numbers(*shape: int, seed: int = 0, positive: bool = False) -> Array:
    values = np.random.default_rng(seed).normal(size=shape)
    return np.abs(values) + 0.5 if positive else values


# name: (of variables, of arrays, the inputs)
CALCULATIONS: dict[str, tuple[Function, Function, tuple[Array, ...]]] = {
    "sum": (lambda x, y: x + y, np.add, (numbers(4, 3), numbers(3, seed=1))),
    "difference": (lambda x, y: x - y, np.subtract, (numbers(4, 1), numbers(3, seed=1))),
    "product": (lambda x, y: x * y, np.multiply, (numbers(2, 1, 3), numbers(4, 1, seed=1))),
    "quotient": (
        lambda x, y: x / y,
        np.divide,
        (numbers(4, 3), numbers(4, 3, seed=1, positive=True)),
    ),
    "power": (lambda x, y: x**y, np.power, (numbers(4, 3, positive=True), numbers(3, seed=1))),
    "matrices": (lambda x, y: x @ y, np.matmul, (numbers(4, 3), numbers(3, 2, seed=1))),
    "vectors": (graph.matmul, np.matmul, (numbers(3), numbers(3, seed=1))),
    "negative": (lambda x: -x, np.negative, (numbers(4, 3),)),
    "square": (lambda x: x**2, np.square, (numbers(4, 3),)),
    "number before": (lambda x: 2 + 3 * x, lambda x: 2 + 3 * x, (numbers(4, 3),)),
    "number minus": (lambda x: 1 - 2 / x, lambda x: 1 - 2 / x, (numbers(4, positive=True),)),
    "number to the power": (lambda x: 2**x, lambda x: 2**x, (numbers(4, 3),)),
    "array before": (
        lambda x: np.arange(3.0) * x + np.ones(3),
        lambda x: np.arange(3.0) * x + 1,
        (numbers(4, 3),),
    ),
    "array times matrix": (
        lambda x: np.arange(8.0).reshape(2, 4) @ x,
        lambda x: np.arange(8.0).reshape(2, 4) @ x,
        (numbers(4, 3),),
    ),
    "exp": (graph.exp, np.exp, (numbers(4, 3),)),
    "log": (graph.log, np.log, (numbers(4, 3, positive=True),)),
    "sin": (graph.sin, np.sin, (numbers(4, 3),)),
    "cos": (graph.cos, np.cos, (numbers(4, 3),)),
    "tanh": (graph.tanh, np.tanh, (numbers(4, 3),)),
    "sigmoid": (graph.sigmoid, lambda x: 1 / (1 + np.exp(-x)), (numbers(4, 3),)),
    "relu": (graph.relu, lambda x: np.maximum(x, 0), (numbers(4, 3),)),
    "total": (graph.sum, np.sum, (numbers(4, 3),)),
    "sums": (lambda x: graph.sum(x, 1), lambda x: x.sum(axis=1), (numbers(4, 3),)),
    "means": (
        lambda x: graph.mean(x, 0, keepdims=True),
        lambda x: x.mean(axis=0, keepdims=True),
        (numbers(4, 3),),
    ),
    "maxima": (lambda x: graph.max(x, 1), lambda x: x.max(axis=1), (numbers(4, 3),)),
    "reshape": (lambda x: graph.reshape(x, (2, -1)), lambda x: x.reshape(2, -1), (numbers(4, 3),)),
    "reshape to a row": (lambda x: graph.reshape(x, -1), np.ravel, (numbers(4, 3),)),
    "T": (lambda x: x.T @ x, lambda x: x.T @ x, (numbers(4, 3),)),
    "reshape by NumPy's integer": (
        lambda x: graph.reshape(x, np.int64(12)),
        np.ravel,
        (numbers(4, 3),),
    ),
    "transpose": (graph.transpose, np.transpose, (numbers(4, 3),)),
    "axes": (
        lambda x: graph.transpose(x, [1, 2, 0]),
        lambda x: x.transpose(1, 2, 0),
        (numbers(4, 3, 2),),
    ),
    "broadcast": (
        lambda x: graph.broadcast_to(x, [4, 3]),
        lambda x: np.broadcast_to(x, (4, 3)),
        (numbers(3),),
    ),
    "index": (lambda x: x[1], lambda x: x[1], (numbers(4, 3),)),
    "index list": (lambda x: x[:, [0, 0, 2]], lambda x: x[:, [0, 0, 2]], (numbers(4, 3),)),
    "affine": (
        graph.affine,
        lambda x, w, b: x @ w + b,
        (numbers(5, 4), numbers(4, 3, seed=1), numbers(3, seed=2)),
    ),
    "softmax": (
        graph.softmax,
        lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
        (numbers(4, 3),),
    ),
    "squared error": (
        lambda x: graph.mean_squared_error(x, np.arange(12).reshape(4, 3)),
        lambda x: ((x - np.arange(12.0).reshape(4, 3)) ** 2).mean(),
        (numbers(4, 3),),
    ),
    "cross-entropy": (
        lambda x: graph.softmax_cross_entropy(x, [2, 0, 1, 1]),
        lambda x: np.mean(
            np.log(np.exp(x).sum(axis=1)) - x[np.arange(4), [2, 0, 1, 1]],
        ),
        (numbers(4, 3),),
    ),
    "convolution": (
        lambda x, w, b: graph.conv2d(x, w, b, stride=2, padding=(1, 0)),
        lambda x, w, b: ops.conv2d_forward(x, w, b, stride=(2, 2), padding=(1, 0))[0],
        (numbers(2, 3, 5, 6), numbers(4, 3, 3, 2, seed=1), numbers(4, seed=2)),
    ),
    "convolution, other options": (
        lambda x, w, b: graph.conv2d(x, w, b, stride=(1, 2), padding=1),
        lambda x, w, b: ops.conv2d_forward(x, w, b, stride=(1, 2), padding=(1, 1))[0],
        (numbers(2, 3, 5, 6), numbers(4, 3, 3, 2, seed=1), numbers(4, seed=2)),
    ),
    "another op": (
        lambda x: graph.apply("leaky_relu", x, slope=0.3),
        lambda x: np.where(x > 0, x, 0.3 * x),
        (numbers(4, 3),),
    ),
    "used twice": (
        lambda x, y: x * y + graph.sin(x) * x,
        lambda x, y: x * y + np.sin(x) * x,
        (numbers(4, 3), numbers(3, seed=1)),
    ),
}


@pytest.mark.parametrize("name", CALCULATIONS)
def test_value_and_gradient(name: str) -> None:
    of_variables, of_arrays, arrays = CALCULATIONS[name]
    variables = [Variable(array) for array in arrays]
    output = of_variables(*variables)
    check_close(output.value, of_arrays(*arrays), 1e-12, name)
    d_output = numbers(*output.shape, seed=9)
    output.backward(d_output)
    for place, (variable, array) in enumerate(zip(variables, arrays, strict=True)):

        def loss(x: Array, place: int = place) -> float:
            inputs = [x if i == place else other for i, other in enumerate(arrays)]
            return float(np.sum(d_output * of_arrays(*inputs)))

        check_close(variable.grad, handgrad.numerical_gradient(loss, array.copy()), 1e-7, name)


def test_a_node_keeps_the_ops_own_saved_and_backward() -> None:
    x, y = Variable(3.0), Variable(4.0)
    node = (x * y).node
    assert node is not None
    assert node.op == "multiply"
    assert node.inputs == (x, y)
    assert node.saved == ops.MultiplySaved(x.value, y.value)
    assert node.op_backward is ops.multiply_backward


def test_a_second_backward_replaces() -> None:
    x = Variable(3.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad == 6
    (x * 5).backward()
    assert x.grad == 5


def test_gradients_of_other_graphs_stay() -> None:
    x, y = Variable(3.0), Variable(4.0)
    (x * 2).backward()
    (y * 7).backward()
    assert (x.grad, y.grad) == (2, 7)


def test_a_graph_can_go_on_where_another_ended() -> None:
    x = Variable(2.0)
    y = x * x
    y.backward()
    (y * 3).backward()
    assert (x.grad, y.grad) == (12, 3)


def test_an_input_is_its_own_output() -> None:
    x = Variable([1.0, 2.0])
    x.backward([3, 4])
    assert x.grad is not None
    assert x.grad.tolist() == [3, 4]


def test_an_output_of_several_entries_needs_a_gradient_to_begin_with() -> None:
    y = (Variable([1.0, 2.0]) * 2).named("y")
    with pytest.raises(
        NoGradientError, match=r"backward of 'y': the output must be one number, bu"
    ):
        y.backward()
    with pytest.raises(ShapeError, match=r"backward of 'y': d_output must have shape \(2,\), but "):
        y.backward(1.0)
    with pytest.raises(NoGradientError, match=r"backward: the output must be one number"):
        Variable([1.0, 2.0]).backward()


def test_an_array_with_one_entry_needs_none() -> None:
    x = Variable([[3.0]])
    (x * x).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[6]]


def test_the_given_gradient_is_copied() -> None:
    d_output = np.array([1.0, 2.0])
    x = Variable([1.0, 1.0])
    y = x * 1
    y.backward(d_output)
    d_output[0] = 9
    assert y.grad is not None
    assert y.grad[0] == 1
    assert d_output.flags.writeable


def test_integers_become_floats() -> None:
    assert Variable(100).value.dtype == np.float64
    assert Variable([True, False]).value.dtype == np.float64
    assert (Variable(7) / 2).value == 3.5


@pytest.mark.parametrize("other", [2, 2.0, True, np.int64(2), np.array([1, 2])])
def test_numbers_take_the_variables_dtype(other: Any) -> None:
    x = Variable(np.array([1, 2], np.float32))
    for y in (x * other, other * x, x - other, graph.affine(x[None], np.eye(2, dtype="f"), [1, 2])):
        assert y.value.dtype == np.float32
        y.backward(np.ones(y.shape))
        assert x.grad is not None
        assert x.grad.dtype == np.float32


def test_a_gradient_has_the_dtype_of_its_variable() -> None:
    x, y = Variable(np.float32(3)), Variable(4.0)
    (x * y).backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)


def test_values_and_gradients_cannot_be_changed() -> None:
    array = np.array([1.0, 2.0])
    x = Variable(array)
    array[0] = 9
    assert x.value.tolist() == [1, 2]
    y = graph.sum(x * x)
    y.backward()
    assert x.grad is not None
    for kept in (x.value, y.value, x.grad):
        with pytest.raises(ValueError, match="read-only"):
            kept[...] = 0


def test_constants_get_no_gradient() -> None:
    y = Variable(3.0) * 2
    y.backward()
    assert y.node is not None
    constant = y.node.inputs[1]
    assert constant.constant
    assert constant.grad is None
    assert y.node.d_inputs[1] is None


def test_a_negative_base_with_a_number_as_exponent() -> None:
    x = Variable(-3.0)
    (x**2).backward()
    assert x.grad == -6


def test_names_and_text() -> None:
    x = Variable([1.0, 2.0], name="x")
    y = graph.sum(x).named("total")
    assert repr(x) == "<Variable 'x': [1 2]>"
    y.backward()
    assert repr(y) == "<Variable 'total': 3, gradient 1>"
    assert repr(Variable(np.zeros((3, 4)))) == "<Variable: (3, 4)>"
    assert float(y) == 3
    assert len(x) == 2
    assert [float(entry) for entry in x] == [1, 2]
    with pytest.raises(TypeError, match="unsized"):
        list(Variable(1.0))
    assert float(Variable([[3.0]])) == 3
    assert Variable(1.0)
    assert not Variable(0.0)


def test_ones_own_op() -> None:
    def cube_forward(x: Array) -> tuple[Array, Array]:
        return x**3, x

    def cube_backward(dy: Array, saved: Array) -> tuple[Array]:
        return (3 * dy * saved**2,)

    x = Variable(2.0)
    y = graph.apply((cube_forward, cube_backward), x)
    y.backward()
    assert (y.value, x.grad) == (8, 12)
    assert y.node is not None
    assert y.node.op == "cube"


# -- errors -------------------------------------------------------------------------------------


def wrong(calculate: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        calculate()


def test_errors_of_values() -> None:
    x = Variable(1.0)
    wrong(lambda: Variable("a", name="x"), DtypeError, "Variable 'x': value must hold real numbers")
    wrong(lambda: Variable(1j), DtypeError, "Variable: value must hold real numbers")
    wrong(lambda: Variable([[1], [1, 2]]), ShapeError, "Variable: value must have rows of equal l")
    wrong(lambda: Variable(x), InvalidValueError, "Variable: value must be a number or an array, b")
    wrong(lambda: x + "a", DtypeError, "graph: a constant must hold real numbers")
    wrong(lambda: np.asarray(x), NoGradientError, "NumPy's functions know no gradients")
    wrong(lambda: np.exp(x), TypeError, "__array_ufunc__")


def test_errors_of_shapes() -> None:
    x, y = Variable(np.ones((2, 3))), Variable(np.ones((4, 5)))
    images, filters = np.ones((1, 2, 4, 4)), np.ones((3, 2, 5, 1))
    wrong(lambda: x + y, ShapeError, r"add: the two shapes must be equal, .* \(2, 3\) and \(4, 5\)")
    wrong(lambda: x @ y, ShapeError, r"matmul: .* but the shapes are \(2, 3\) and \(4, 5\)")
    wrong(lambda: x @ 2, ShapeError, r"matmul: .* but the shapes are \(2, 3\) and \(\)")
    wrong(lambda: graph.reshape(x, (5, 2)), ShapeError, r"reshape: shape must have room for 6 en")
    wrong(lambda: graph.softmax(x[0]), ShapeError, r"softmax: logits must have shape \(N, K\)")
    wrong(
        lambda: graph.affine(x[0], y, x[0]), ShapeError, r"affine: x must have shape \(N, D\).*None"
    )
    wrong(lambda: graph.affine(x, y, x), ShapeError, r"affine: weight must have shape \(3, M\)")
    wrong(
        lambda: graph.affine(x, np.ones((3, 4)), np.ones(3)),
        ShapeError,
        r"affine: bias must have shape \(4,\)",
    )
    wrong(lambda: graph.conv2d(x, y, y), ShapeError, r"conv2d: x must have shape \(N, C, H, W\)")
    wrong(lambda: graph.conv2d(images, y, y), ShapeError, r"conv2d: weight must have shape \(F, 2,")
    wrong(lambda: graph.conv2d(images, filters, y), ShapeError, r"conv2d: bias must have shape \(3")
    wrong(
        lambda: graph.conv2d(images, filters, np.ones(3)),
        ShapeError,
        r"conv2d: the filters must fit .* they are \(5, 1\) and the images \(4, 4\)",
    )
    wrong(
        lambda: graph.conv2d(images, filters, np.ones(3), stride=0),
        InvalidValueError,
        "conv2d: .*stride.* must be at least 1",
    )


def test_errors_of_losses() -> None:
    logits = Variable(np.zeros((2, 3)))
    wrong(
        lambda: graph.softmax_cross_entropy(logits[0], [1]),
        ShapeError,
        r"softmax_cross_entropy: logits must have shape \(N, K\)",
    )
    wrong(
        lambda: graph.softmax_cross_entropy(logits, [1]),
        ShapeError,
        r"softmax_cross_entropy: labels must have shape \(2,\)",
    )
    wrong(
        lambda: graph.softmax_cross_entropy(logits, [1, 3]),
        InvalidValueError,
        r"SoftmaxCrossEntropy: labels must be from 0 to 2",
    )
    wrong(
        lambda: graph.mean_squared_error(logits, [1, 3]),
        ShapeError,
        r"mean_squared_error: targets must have shape \(2, 3\)",
    )


def test_errors_of_ops() -> None:
    wrong(lambda: graph.apply("sinus", 1.0), InvalidValueError, "op must be the name of an op in h")
    wrong(lambda: graph.apply("step", 1.0), NoGradientError, "step has no backward pass")


# -- large graphs -------------------------------------------------------------------------------


def chain(x: Variable, length: int) -> Variable:
    y = x
    for _ in range(length):
        y = y + 1.0
    return y


def test_a_long_chain_works_and_is_freed_without_recursion() -> None:
    x = Variable(1.0)
    begin = time.process_time()
    y = chain(x, 100_000)
    y.backward()
    assert (y.value, x.grad) == (100_001, 1)
    with pytest.raises(InvalidValueError, match="draw: the graph must have at most 200 operations"):
        y.draw()
    with pytest.raises(InvalidValueError, match="trace: the graph must have at most 1000 steps"):
        y.trace()
    assert y._repr_svg_() is None
    assert repr(y) == "<Variable: 100001, gradient 1>"
    first = weakref.ref(x)
    del x
    assert first() is not None
    del y
    assert first() is None
    assert time.process_time() - begin < 60  # it takes about 5


def test_a_graph_is_freed_with_its_last_variable() -> None:
    gc.disable()  # no cycles: what is not needed goes at once, without the collector
    try:
        x = Variable(np.ones(1000))
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        y = chain(x, 2000)
        graph.sum(y).backward()
        middle = weakref.ref(y.node.inputs[0] if y.node else x)
        during, _ = tracemalloc.get_traced_memory()
        assert during - before > 2000 * 8000
        del y
        after, _ = tracemalloc.get_traced_memory()
        assert middle() is None
        assert after - before < 1_000_000  # Python itself keeps empty tuples for the next time
    finally:
        tracemalloc.stop()
        gc.enable()


def test_a_value_that_is_used_very_often() -> None:
    x = Variable(2.0)
    y = x * 0
    for _ in range(3000):
        y = y + x
    y.backward()
    assert x.grad == 3000


def test_doubling_takes_one_pass() -> None:
    """Sixty doublings have 2⁶⁰ ways from end to beginning; each node is visited once."""
    x = Variable(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60
