"""The ops, compiled: for each op where it pays, a twin with the reference's name and arguments.

A twin takes what the reference takes and returns what it returns, `saved` included, so that one
may run forward and the other backward. It is written for NumPy arrays of one floating dtype and
of fitting shapes; anything else it refuses (`Unsuitable`), and the reference answers.

This file imports no Numba: whoever asks for the first twin does, through `load`.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["TWINS", "Unsuitable", "describe", "installed", "load", "require"]

# {the name of a twin: its module}. A twin that is not clearly faster than its reference, at the
# sizes of MNIST networks, is not written.
TWINS: dict[str, str] = {
    "adadelta_step": "updates",
    "adagrad_step": "updates",
    "adam_step": "updates",
    "average_pool2d_backward": "pooling",
    "average_pool2d_forward": "pooling",
    "batch_norm_backward": "normalization",
    "batch_norm_forward": "normalization",
    "batch_norm_inference_backward": "normalization",
    "batch_norm_inference_forward": "normalization",
    "binary_cross_entropy_forward": "losses",
    "conv2d_backward": "convolution",
    "conv2d_forward": "convolution",
    "dropout_backward": "dropout",
    "dropout_forward": "dropout",
    "gelu_backward": "gates",
    "gelu_forward": "gates",
    "global_average_pool_backward": "pooling",
    "global_average_pool_forward": "pooling",
    "half_squared_error_forward": "regression_losses",
    "hinge_backward": "losses",
    "hinge_forward": "losses",
    "huber_forward": "regression_losses",
    "l1_penalty_backward": "penalties",
    "l1_penalty_forward": "penalties",
    "l2_penalty_forward": "penalties",
    "layer_norm_backward": "normalization",
    "layer_norm_forward": "normalization",
    "leaky_relu_backward": "activations",
    "leaky_relu_forward": "activations",
    "log_softmax_backward": "softmax",
    "log_softmax_forward": "softmax",
    "max_pool2d_backward": "pooling",
    "max_pool2d_forward": "pooling",
    "mean_squared_error_forward": "regression_losses",
    "momentum_step": "updates",
    "nesterov_step": "updates",
    "relu_backward": "activations",
    "relu_forward": "activations",
    "rmsprop_step": "updates",
    "sigmoid_backward": "activations",
    "sigmoid_forward": "activations",
    "silu_backward": "gates",
    "silu_forward": "gates",
    "softmax_backward": "softmax",
    "softmax_cross_entropy_forward": "losses",
    "softmax_forward": "softmax",
    "softplus_backward": "activations",
    "softplus_forward": "activations",
    "standardize_forward": "preprocessing",
    "tanh_backward": "activations",
}


class Unsuitable(Exception):  # noqa: N818  (no error: the reference answers)
    """A twin is not written for these arguments."""


def require(fits: bool) -> None:  # noqa: FBT001  (reads as a sentence)
    """Refuse arguments that a twin is not written for.

    Compiled loops believe the shapes that they are told: what does not fit would be read from
    beside the array. NumPy, which the reference asks, has an error for it, or a meaning.

    Raises:
        Unsuitable: the condition does not hold.
    """
    if not fits:
        raise Unsuitable


def load(name: str) -> Callable[..., Any]:
    """The twin of that name. The first call imports Numba."""
    module = import_module(f"handgrad.kernels.{TWINS[name]}")
    twin: Callable[..., Any] = getattr(module, name)
    return twin


@cache
def installed() -> bool:
    """Whether there is a Numba to import."""
    return find_spec("numba") is not None


def describe() -> str:
    """Who compiles: Numba, and its version."""
    import numba

    return f"Numba {numba.__version__}"
