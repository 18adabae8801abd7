"""How drawings and traces write each op: its symbol, its formula and its derivatives.

In the templates {0}, {1} … are the inputs' names, {y} is the output's and {dy} its gradient's.
"""

from typing import NamedTuple

import numpy as np

from handgrad.graph.passes import Node

COMMUTATIVE = {"add", "multiply"}  # the order of their inputs does not matter


class Rule(NamedTuple):
    """How one op is written."""

    symbol: str  # in its circle
    formula: str  # of the output
    slopes: tuple[str, ...] = ()  # ∂y/∂ each input, where one entry makes one entry
    gradients: tuple[str, ...] = ()  # d each input, for all other ops


RULES = {
    "add": Rule("+", "{0} + {1}", ("1", "1")),
    "subtract": Rule("−", "{0} − {1}", ("1", "−1")),
    "multiply": Rule("×", "{0} × {1}", ("{1}", "{0}")),
    "divide": Rule("÷", "{0} ÷ {1}", ("1 ÷ {1}", "−{0} ÷ {1}²")),
    "power": Rule("^", "{0} ^ {1}", ("{1} × {0} ^ ({1} − 1)", "{y} × log({0})")),
    "negate": Rule("−", "−{0}", ("−1",)),
    "exp": Rule("exp", "exp({0})", ("{y}",)),
    "log": Rule("log", "log({0})", ("1 ÷ {0}",)),
    "sin": Rule("sin", "sin({0})", ("cos({0})",)),
    "cos": Rule("cos", "cos({0})", ("−sin({0})",)),
    "tanh": Rule("tanh", "tanh({0})", ("1 − {y}²",)),
    "sigmoid": Rule("sigmoid", "sigmoid({0})", ("{y} × (1 − {y})",)),
    "relu": Rule("ReLU", "relu({0})", ("1 where {0} > 0, else 0",)),
    "softplus": Rule("softplus", "softplus({0})", ("sigmoid({0})",)),
    "matmul": Rule("@", "{0} @ {1}", gradients=("{dy} {1}ᵀ", "{0}ᵀ {dy}")),
    "affine": Rule(
        "affine", "{0} @ {1} + {2}", gradients=("{dy} {1}ᵀ", "{0}ᵀ {dy}", "sum of {dy}'s rows")
    ),
    "conv2d": Rule(
        "conv2d",
        "conv2d({0}, {1}, {2})",
        gradients=(
            "{dy} times the filters {1}, put back where their windows were",
            "the windows of {0} times {dy}, summed over all places",
            "sum of {dy} for each filter",
        ),
    ),
    "sum": Rule("sum", "sum({0})", gradients=("{dy}, for every entry that was summed",)),
    "mean": Rule(
        "mean", "mean({0})", gradients=("{dy} ÷ the number of entries, for each of them",)
    ),
    "max": Rule("max", "max({0})", gradients=("{dy} at the largest entry, 0 elsewhere",)),
    "reshape": Rule("reshape", "reshape({0})", gradients=("{dy} in the shape of {0}",)),
    "transpose": Rule("transpose", "transpose({0})", gradients=("{dy}, its axes put back",)),
    "broadcast_to": Rule(
        "broadcast", "broadcast({0})", gradients=("sum of {dy} over what was repeated",)
    ),
    "index": Rule("[ ]", "{0}[…]", gradients=("{dy} where it was picked, 0 elsewhere",)),
    "softmax": Rule(
        "softmax", "softmax({0})", gradients=("{y} × ({dy} − each row's sum of {dy} × {y})",)
    ),
    "softmax_cross_entropy": Rule(
        "softmax cross-entropy",
        "cross-entropy of softmax({0}) and the labels",
        gradients=("{dy} × (softmax({0}) − one-hot labels) ÷ the number of rows",),
    ),
    "mean_squared_error": Rule(
        "mean squared error",
        "mean of ({0} − targets)²",
        gradients=("{dy} × 2 × ({0} − targets) ÷ the number of entries",),
    ),
}


def rule_of(op: str, inputs: int) -> Rule:
    """An op's rule; of any other op, one that names its functions."""
    if op in RULES:
        return RULES[op]
    arguments = ", ".join(f"{{{index}}}" for index in range(inputs))
    by = f"{op}_backward of {{dy}}"
    return Rule(op.replace("_", " "), f"{op}({arguments})", gradients=(by,) * inputs)


def options_text(node: Node) -> str:
    """What an op was told beside its inputs: an axis, a stride; arrays and defaults left out."""
    told = node.options if node.op != "index" else {}  # slices are no text for people
    shown = {name: value for name, value in told.items() if not isinstance(value, np.ndarray)}
    return ", ".join(f"{n}={v}" for n, v in shown.items() if v is not None and v is not False)


def symbol(op: str) -> str:
    """What stands in an op's circle."""
    return rule_of(op, 0).symbol
