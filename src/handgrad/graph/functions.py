"""Functions of variables: each applies an op of the library, after checking what it is given."""

from collections.abc import Sequence
from operator import index
from typing import Any, SupportsIndex

import numpy as np

from handgrad.checks import ShapeError, as_numbers, check_shape, shape_text
from handgrad.graph.variable import Variable, apply, as_variable, product
from handgrad.layers.windows import pair
from handgrad.losses import SoftmaxCrossEntropy

Axis = int | tuple[int, ...] | None
ONE_ROW = "A single row is logits[None, :]."


def exp(x: Any) -> Variable:
    """Raise e to the power of each entry."""
    return apply("exp", x)


def log(x: Any) -> Variable:
    """Take the natural logarithm of each entry."""
    return apply("log", x)


def sin(x: Any) -> Variable:
    """Take the sine of each entry, in radians."""
    return apply("sin", x)


def cos(x: Any) -> Variable:
    """Take the cosine of each entry, in radians."""
    return apply("cos", x)


def tanh(x: Any) -> Variable:
    """Take the hyperbolic tangent of each entry."""
    return apply("tanh", x)


def sigmoid(x: Any) -> Variable:
    """Squeeze each entry into (0, 1)."""
    return apply("sigmoid", x)


def relu(x: Any) -> Variable:
    """Keep what is positive, replace the rest by zero."""
    return apply("relu", x)


def matmul(x: Any, y: Any) -> Variable:
    """Multiply matrices: `x @ y`.

    Raises:
        ShapeError: the inner axes differ.
    """
    return product(x, y)


def sum(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Variable:  # noqa: A001  (NumPy's name)
    """Add up the entries, all of them or along `axis`."""
    return apply("sum", x, axis=axis, keepdims=keepdims)


def mean(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Variable:
    """Average the entries, all of them or along `axis`."""
    return apply("mean", x, axis=axis, keepdims=keepdims)


def max(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Variable:  # noqa: A001  (NumPy's name)
    """Take the largest entry, of all or along `axis`; equal ones share the gradient."""
    return apply("max", x, axis=axis, keepdims=keepdims)


def reshape(x: Any, shape: SupportsIndex | Sequence[int]) -> Variable:
    """Give the entries another shape; one size may be -1, for what is left.

    Raises:
        ShapeError: the shape has not as many places as x has entries.
    """
    x = as_variable(x, None)
    wanted = tuple(shape) if isinstance(shape, Sequence) else (index(shape),)
    try:
        exact = np.empty(x.shape, np.bool_).reshape(wanted).shape
    except ValueError as error:
        raise ShapeError(
            f"reshape: shape must have room for {x.value.size} entries, those of x with shape "
            f"{shape_text(x.shape)}, but is {shape_text(wanted)}."
        ) from error
    return apply("reshape", x, shape=exact)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Variable:
    """Put the axes into another order; without `axes`, into the opposite one."""
    return apply("transpose", x, axes=None if axes is None else tuple(axes))


def broadcast_to(x: Any, shape: Sequence[int]) -> Variable:
    """Repeat the entries until the array has this shape, by NumPy's rules."""
    return apply("broadcast_to", x, shape=tuple(shape))


# -- layers, without their parameters -------------------------------------------------------------


def affine(x: Any, weight: Any, bias: Any) -> Variable:
    """Multiply each row of x by the matrix `weight` and add `bias`: x weight + bias.

    Raises:
        ShapeError: the shapes are not (N, D), (D, M) and (M,).
    """
    x, weight, bias = together(x, weight, bias)
    check_shape(x.value, ("N", "D"), who="affine", which="x", cure="A single row is x[None, :].")
    features = x.shape[1]
    check_shape(weight.value, (features, "M"), who="affine", which="weight")
    check_shape(bias.value, weight.shape[1:], who="affine", which="bias")
    return apply("affine", x, weight, bias)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> Variable:
    """Slide the filters `weight` over the images x, and add `bias`.

    Raises:
        ShapeError: the shapes are not (N, C, H, W), (F, C, KH, KW) and (F,), or the filters are
            larger than the padded images.
        DtypeError, InvalidValueError: stride or padding are no whole numbers, or too small.
    """
    x, weight, bias = together(x, weight, bias)
    check_shape(x.value, ("N", "C", "H", "W"), who="conv2d", which="x")
    wanted = ("F", x.shape[1], "KH", "KW")
    check_shape(weight.value, wanted, who="conv2d", which="weight")
    check_shape(bias.value, weight.shape[:1], who="conv2d", which="bias")
    steps = pair(stride, who="conv2d", which="stride")
    edges = pair(padding, who="conv2d", which="padding", low=0)
    room = (x.shape[2] + 2 * edges[0], x.shape[3] + 2 * edges[1])
    if weight.shape[2] > room[0] or weight.shape[3] > room[1]:
        raise ShapeError(
            f"conv2d: the filters must fit into the padded images, but they are "
            f"{shape_text(weight.shape[2:])} and the images {shape_text(room)}."
        )
    return apply("conv2d", x, weight, bias, stride=steps, padding=edges)


def softmax(logits: Any) -> Variable:
    """Turn each row of scores into probabilities.

    Raises:
        ShapeError: the shape is not (N, K).
    """
    logits = as_variable(logits, None)
    check_shape(logits.value, ("N", "K"), who="softmax", which="logits", cure=ONE_ROW)
    return apply("softmax", logits)


def softmax_cross_entropy(logits: Any, labels: Any) -> Variable:
    """Mean cross-entropy between the labels and softmax(logits): "softmax with loss".

    Args:
        logits: shape (N, K).
        labels: N classes, or N rows of K probabilities (one-hot, say).

    Raises:
        ShapeError, DtypeError, InvalidValueError: they do not belong together.
    """
    logits = as_variable(logits, None)
    who = "softmax_cross_entropy"
    check_shape(logits.value, ("N", "K"), who=who, which="logits", cure=ONE_ROW)
    prepared = SoftmaxCrossEntropy().prepare(labels, logits.shape[1:], logits.value.dtype)
    wanted = logits.shape[:1] if prepared.ndim == 1 else logits.shape
    check_shape(prepared, wanted, who=who, which="labels")
    return apply("softmax_cross_entropy", logits, labels=prepared)


def mean_squared_error(outputs: Any, targets: Any) -> Variable:
    """Mean of the squared differences, over all entries.

    Raises:
        ShapeError: the targets' shape is not that of the outputs.
    """
    outputs = as_variable(outputs, None)
    wanted = as_numbers(targets, who="mean_squared_error", which="targets")
    check_shape(wanted, outputs.shape, who="mean_squared_error", which="targets")
    return apply("mean_squared_error", outputs, targets=wanted.astype(outputs.value.dtype))


def together(*inputs: Any) -> list[Variable]:
    """Variables of what may be arrays."""
    dtypes = [x.value.dtype for x in inputs if isinstance(x, Variable)]
    return [as_variable(x, dtypes[0] if dtypes else None) for x in inputs]
