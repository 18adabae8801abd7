"""The graph behind a variable: its nodes in order, and the pass that brings gradients back."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.checks import Array

if TYPE_CHECKING:
    from handgrad.graph.variable import Variable

_count = itertools.count()


class Node:
    """One calculation: which op made a variable, and of what.

    Attributes:
        op: the op's name, such as "multiply".
        inputs: the variables that it was given.
        options: what else it was given: an axis, labels.
        saved: what the op's forward pass keeps for its backward pass.
        op_backward: the op's backward pass.
        d_inputs: what each input got from this node in the last backward pass: None before, and
            for constants.
        number: grows with every node made, so inputs have smaller numbers than what they make.
    """

    __slots__ = ("d_inputs", "inputs", "number", "op", "op_backward", "options", "saved")

    def __init__(
        self,
        op: str,
        inputs: tuple["Variable", ...],
        options: dict[str, Any],
        saved: Any,
        op_backward: Callable[..., Any],
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.options = options
        self.saved = saved
        self.op_backward = op_backward
        self.d_inputs: tuple[Array | None, ...] = (None,) * len(inputs)
        self.number = next(_count)


Made = tuple["Variable", Node]  # what was calculated, and how


def history(output: "Variable") -> list[Made]:
    """Every variable that was calculated on the way to `output`, it included, with its node.

    The order is that of the calculation: whatever a variable was made of stands before it.
    """
    found: dict[int, Made] = {}
    waiting = [output]
    while waiting:  # no recursion: graphs can be deeper than Python's stack
        variable = waiting.pop()
        node = variable.node
        if node is not None and node.number not in found:
            found[node.number] = variable, node
            waiting += node.inputs
    return [found[number] for number in sorted(found)]


def inputs_of(made: list[Made]) -> list["Variable"]:
    """Every variable that some node of these was given, once, in the order of its first use."""
    return list({id(x): x for _, node in made for x in node.inputs}.values())


def run_backward(output: "Variable", d_output: Array) -> None:
    """Send gradients from `output` back to everything that it was made of."""
    made = history(output)
    for variable in [output, *inputs_of(made)]:
        variable.grad = None
    receive(output, d_output)
    for variable, node in reversed(made):
        gradients = node.op_backward(variable.grad, node.saved)
        node.d_inputs = tuple(
            None if x.constant else receive(x, gradient)
            for x, gradient in zip(node.inputs, gradients, strict=True)
        )


def receive(variable: "Variable", gradient: Any) -> Array:
    """Add to a variable's gradient; return what came, in the variable's dtype."""
    came = np.asarray(gradient, variable.value.dtype)
    total = came if variable.grad is None else np.asarray(variable.grad + came)
    came.flags.writeable = total.flags.writeable = False
    variable.grad = total
    return came
