"""Variables: arrays that remember how they were calculated."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from handgrad import ops
from handgrad.checks import (
    Array,
    InvalidValueError,
    NoGradientError,
    ShapeError,
    as_numbers,
    check_shape,
    shape_text,
)
from handgrad.graph.passes import Node, history, run_backward
from handgrad.graph.text import array_text

Own = tuple[Callable[..., Any], Callable[..., Any]]


class Variable:
    """An array that remembers how it was made, so that gradients find the way back.

    Calculate with variables as with arrays: `+ - * / ** @`, brackets, and the functions of
    `handgrad.graph`. Python's numbers and NumPy's arrays may stand on either side; they become
    constants, which get no gradient.

    Args:
        value: a number or an array; a copy is kept. Integers become float64.
        name: how drawings and traces call it.

    Attributes:
        value: the array. It is read-only, because backward passes need it as it was: to change a
            variable, make a new one.
        name: as given, or None.
        grad: the gradient by the last `backward()` that reached this variable, else None.
        node: how it was made; None for what was not calculated.
        constant: whether it is a number or an array that stood beside variables.

    >>> apple, count = Variable(100, name="apple"), Variable(2, name="count")
    >>> price = apple * count * 1.1
    >>> price.backward()
    >>> apple.grad, count.grad
    (array(2.2), array(110.))
    """

    __slots__ = ("__weakref__", "constant", "grad", "name", "node", "value")
    __array_ufunc__ = None  # lets `array * variable` come to __rmul__ here

    def __init__(self, value: Any, name: str | None = None) -> None:
        if isinstance(value, Variable):
            raise InvalidValueError(
                "Variable: value must be a number or an array, but is a Variable already. Use it "
                "as it is, or take its .value to begin a new graph."
            )
        array = as_numbers(value, who="Variable" + f" {name!r}" * (name is not None), which="value")
        floating = array.dtype.kind == "f"
        self.value = np.array(array, array.dtype if floating else np.float64)
        self.value.flags.writeable = False
        self.name = name
        self.grad: Array | None = None
        self.node: Node | None = None
        self.constant = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape."""
        return self.value.shape

    @property
    def T(self) -> "Variable":  # noqa: N802  (NumPy's name)
        """The transpose, as a new variable."""
        return apply("transpose", self)

    def named(self, name: str) -> Self:
        """Give an intermediate result a name, and return it: `price = (a * b).named("price")`."""
        self.name = name
        return self

    # -- the backward pass --------------------------------------------------------------------

    def backward(self, d_output: Any = None) -> None:
        """Set `grad` of this variable, and of all that it was made of, to its derivative.

        One pass over the graph, from the output back. A node is visited when every gradient that
        its output gets has arrived; a variable that was used several times gets their sum.

        A further call replaces the gradients and adds nothing to them. So the result never depends
        on what was called before, and there is nothing to be set to zero between two steps.

        Args:
            d_output: the gradient to begin with, of this variable's shape; 1, if left out. A
                variable with several entries has no single derivative, so there it must be given.

        Raises:
            NoGradientError: d_output is missing.
            ShapeError: it has another shape.
        """
        who = f"backward of {self.name!r}" if self.name else "backward"
        if d_output is None and self.value.size != 1:
            raise NoGradientError(
                f"{who}: the output must be one number, but has shape {shape_text(self.shape)}. "
                "Call it on a loss (or a sum), or give d_output, an array of this shape that says "
                "how the loss moves with each entry."
            )
        seed = np.ones(self.shape) if d_output is None else d_output
        seed = as_numbers(seed, who=who, which="d_output")
        check_shape(seed, self.shape, who=who, which="d_output")
        run_backward(self, seed.copy())

    # -- operators ----------------------------------------------------------------------------

    def __add__(self, other: Any) -> "Variable":
        return pairwise("add", self, other)

    def __radd__(self, other: Any) -> "Variable":
        return pairwise("add", other, self)

    def __sub__(self, other: Any) -> "Variable":
        return pairwise("subtract", self, other)

    def __rsub__(self, other: Any) -> "Variable":
        return pairwise("subtract", other, self)

    def __mul__(self, other: Any) -> "Variable":
        return pairwise("multiply", self, other)

    def __rmul__(self, other: Any) -> "Variable":
        return pairwise("multiply", other, self)

    def __truediv__(self, other: Any) -> "Variable":
        return pairwise("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Variable":
        return pairwise("divide", other, self)

    def __pow__(self, other: Any) -> "Variable":
        return pairwise("power", self, other)

    def __rpow__(self, other: Any) -> "Variable":
        return pairwise("power", other, self)

    def __matmul__(self, other: Any) -> "Variable":
        return product(self, other)

    def __rmatmul__(self, other: Any) -> "Variable":
        return product(other, self)

    def __neg__(self) -> "Variable":
        return apply("negate", self)

    def __getitem__(self, key: Any) -> "Variable":
        return apply("index", self, key=key)

    # -- what else arrays can do --------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator["Variable"]:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.value.item())

    def __bool__(self) -> bool:
        return bool(self.value)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise NoGradientError(
            "Variable: NumPy's functions know no gradients. Use those of handgrad.graph, such as "
            "graph.exp(x), or the plain array x.value."
        )

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        gradient = "" if self.grad is None else f", gradient {array_text(self.grad)}"
        return f"<Variable{name}: {array_text(self.value)}{gradient}>"

    # -- pictures -----------------------------------------------------------------------------

    def draw(self, path: Any = None, *, digits: int = 4) -> Any:
        """Draw the graph that ends in this variable: see `handgrad.graph.draw`."""
        from handgrad.graph.drawing import draw

        return draw(self, path, digits=digits)

    def trace(self, *, digits: int = 6) -> Any:
        """Write down every step of both passes: see `handgrad.graph.trace`."""
        from handgrad.graph.tracing import trace

        return trace(self, digits=digits)

    def _repr_svg_(self) -> str | None:
        """What a notebook shows; nothing, where the graph is too large for a picture."""
        from handgrad.graph.drawing import MOST_OPERATIONS, draw

        return str(draw(self)) if len(history(self)) <= MOST_OPERATIONS else None


# -- making variables -------------------------------------------------------------------------


def apply(op: str | Own, *inputs: Any, **options: Any) -> Variable:
    """Calculate by any op of the library, and remember it: what all operators and functions do.

    The reference runs, not its compiled twin: a graph shows the calculation that is written in
    `handgrad.ops`.

    Args:
        op: the op's name before `_forward` and `_backward`, such as "layer_norm"; or your own pair
            of functions (forward, backward) with the contract of the library's ops.
        inputs: what has gradients, in the op's order: variables, arrays, numbers.
        options: the op's options.

    Raises:
        InvalidValueError: there is no such op.
        NoGradientError: it has no backward pass.

    >>> apply("softplus", Variable(0.0))
    <Variable: 0.693147>
    """
    name, forward, backward = functions_of(op)
    dtypes = [x.value.dtype for x in inputs if isinstance(x, Variable)]
    variables = tuple(as_variable(x, dtypes[0] if dtypes else None) for x in inputs)
    output, saved = forward(*(x.value for x in variables), **options)
    return bare(np.asarray(output), Node(name, variables, options, saved, backward))


def functions_of(op: str | Own) -> tuple[str, Callable[..., Any], Callable[..., Any]]:
    """An op's name and its two functions."""
    if not isinstance(op, str):
        return (op[0].__name__.removesuffix("_forward"), *op)
    forward = getattr(ops, f"{op}_forward", None)
    backward = getattr(ops, f"{op}_backward", None)
    if forward is None:
        raise InvalidValueError(
            f"graph.apply: op must be the name of an op in handgrad.ops, such as 'sigmoid', but "
            f"is {op!r}."
        )
    if backward is None:
        raise NoGradientError(f"graph.apply: {op} has no backward pass. Take a smooth function.")
    return op, forward, backward


def as_variable(x: Any, dtype: Any) -> Variable:
    """The variable itself; of anything else a constant, a Python number in the others' dtype."""
    if isinstance(x, Variable):
        return x
    if isinstance(x, int | float):  # as below, but quick: this is what formulas are full of
        return bare(np.array(x, dtype or np.float64), None, constant=True)
    array = as_numbers(x, who="graph", which="a constant")
    floating = array.dtype.kind == "f"
    value = array.copy() if floating else array.astype(dtype or np.float64)
    return bare(value, None, constant=True)


def bare(value: Array, node: Node | None, *, constant: bool = False) -> Variable:
    """A variable around an array that nobody else holds, without the checks of the constructor."""
    made = Variable.__new__(Variable)
    value.flags.writeable = False
    made.value = value
    made.name = made.grad = None
    made.node = node
    made.constant = constant
    return made


def pairwise(op: str, x: Any, y: Any) -> Variable:
    """An op of two arrays, entry by entry."""
    one, other = (v.shape if isinstance(v, Variable) else np.shape(v) for v in (x, y))
    for size, other_size in zip(reversed(one), reversed(other), strict=False):
        if size != other_size and 1 not in {size, other_size}:
            raise ShapeError(
                f"{op}: the two shapes must be equal, or be so where neither has size 1, counted "
                f"from the last axis; but they are {shape_text(one)} and {shape_text(other)}."
            )
    return apply(op, x, y)


def product(x: Any, y: Any) -> Variable:
    """The product of two matrices, or of vectors."""
    left, right = (v.shape if isinstance(v, Variable) else np.shape(v) for v in (x, y))
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else 0]:
        raise ShapeError(
            "matmul: the last axis of the first must be as long as the last but one of the second "
            f"(or its only one), but the shapes are {shape_text(left)} and {shape_text(right)}."
        )
    return apply("matmul", x, y)
