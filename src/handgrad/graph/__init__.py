"""Computational graphs: calculate with `Variable`, go back with `backward`, look with `draw`.

Every node keeps what one op of `handgrad.ops` saved, and calls that op's own backward pass.
"""

from handgrad.graph.drawing import Picture, draw
from handgrad.graph.functions import (
    affine,
    broadcast_to,
    conv2d,
    cos,
    exp,
    log,
    matmul,
    max,  # noqa: A004  (NumPy's name)
    mean,
    mean_squared_error,
    relu,
    reshape,
    sigmoid,
    sin,
    softmax,
    softmax_cross_entropy,
    sum,  # noqa: A004  (NumPy's name)
    tanh,
    transpose,
)
from handgrad.graph.passes import Node
from handgrad.graph.tracing import Trace, trace
from handgrad.graph.variable import Variable, apply

__all__ = [
    "Node",
    "Picture",
    "Trace",
    "Variable",
    "affine",
    "apply",
    "broadcast_to",
    "conv2d",
    "cos",
    "draw",
    "exp",
    "log",
    "matmul",
    "max",
    "mean",
    "mean_squared_error",
    "relu",
    "reshape",
    "sigmoid",
    "sin",
    "softmax",
    "softmax_cross_entropy",
    "sum",
    "tanh",
    "trace",
    "transpose",
]
