"""The definition of every op: pure NumPy, with its derivation in the docstring.

An op is two pure functions, `<op>_forward(inputs…, *, options…) -> (output, saved)` and
`<op>_backward(d_output, saved) -> one gradient per array input`. They check nothing: layers do.
"""

from handgrad.ops.activations import ReluSaved, relu_backward, relu_forward
from handgrad.ops.affine import AffineSaved, affine_backward, affine_forward
from handgrad.ops.losses import (
    SoftmaxCrossEntropySaved,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from handgrad.ops.updates import adam_step, sgd_step

__all__ = [
    "AffineSaved",
    "ReluSaved",
    "SoftmaxCrossEntropySaved",
    "adam_step",
    "affine_backward",
    "affine_forward",
    "relu_backward",
    "relu_forward",
    "sgd_step",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
]
