"""`cs231n.classifiers.fc_net`: fully connected networks for `Solver`.

As the course's own module, it also hands out all layers: its notebooks import them from here.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from handgrad.checks import Array, InvalidValueError, check_choice
from handgrad.compat.cs231n.conventions import keep_probability
from handgrad.compat.cs231n.layer_utils import *  # noqa: F403  (for the notebooks)
from handgrad.compat.cs231n.layer_utils import affine_relu_backward, affine_relu_forward
from handgrad.compat.cs231n.layers import *  # noqa: F403  (for the notebooks)
from handgrad.compat.cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_forward,
    dropout_backward,
    dropout_forward,
    layernorm_backward,
    layernorm_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
)
from handgrad.compat.cs231n.saving import Savable

Params = dict[str, Array]


class TwoLayerNet(Savable):
    """Affine, ReLU, affine; softmax and cross-entropy, with ½ reg Σ W².

    Args:
        input_dim: features of an example.
        hidden_dim: neurons of the hidden layer.
        num_classes: classes.
        weight_scale: the standard deviation of the initial weights.
        reg: the penalty's strength.
    """

    def __init__(
        self,
        input_dim: int = 3 * 32 * 32,
        hidden_dim: int = 100,
        num_classes: int = 10,
        weight_scale: float = 1e-3,
        reg: float = 0.0,
    ) -> None:
        self.reg = reg
        self.params: Params = {
            "W1": weight_scale * np.random.randn(input_dim, hidden_dim),
            "b1": np.zeros(hidden_dim),
            "W2": weight_scale * np.random.randn(hidden_dim, num_classes),
            "b2": np.zeros(num_classes),
        }

    def loss(self, X: Array, y: Array | None = None) -> Any:
        """The scores, shape (N, C), or with labels the loss and a dict of gradients."""
        params, grads = self.params, Params()
        hidden, hidden_cache = affine_relu_forward(X, params["W1"], params["b1"])
        scores, scores_cache = affine_forward(hidden, params["W2"], params["b2"])
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        dhidden, grads["W2"], grads["b2"] = affine_backward(dscores, scores_cache)
        _, grads["W1"], grads["b1"] = affine_relu_backward(dhidden, hidden_cache)
        return loss + penalize(params, grads, self.reg), grads


class FullyConnectedNet(Savable):
    """Any number of (affine, normalization, ReLU, dropout), then affine; softmax cross-entropy.

    Normalization and dropout are left out unless they are asked for. The penalty is ½ reg Σ W².

    Args:
        hidden_dims: neurons of each hidden layer.
        input_dim: features of an example.
        num_classes: classes.
        dropout: the probability of keeping an entry (before 2018, of dropping it: see
            `conventions`); None, 1 and 0 mean no dropout.
        normalization: None, "batchnorm" or "layernorm" (the older use_batchnorm=True works too).
        reg: the penalty's strength.
        weight_scale: the standard deviation of the initial weights.
        dtype: of the parameters and all computations.
        seed: where given, dropout draws the same masks in every pass, for gradient checks.
        dropout_keep_ratio: the newer name of `dropout`, in which it is always the part kept.
        use_batchnorm: the older form of normalization="batchnorm".

    Raises:
        InvalidValueError: another normalization; dropout by both names.
    """

    def __init__(
        self,
        hidden_dims: Sequence[int],
        input_dim: int = 3 * 32 * 32,
        num_classes: int = 10,
        dropout: float | None = None,
        normalization: str | bool | None = None,
        reg: float = 0.0,
        weight_scale: float = 1e-2,
        dtype: Any = np.float32,
        seed: int | None = None,
        *,
        dropout_keep_ratio: float | None = None,
        use_batchnorm: bool = False,
    ) -> None:
        self.normalization = chosen_normalization(normalization, use_batchnorm=use_batchnorm)
        self.use_dropout, self.dropout_param = chosen_dropout(dropout, dropout_keep_ratio, seed)
        self.reg, self.dtype = reg, dtype
        self.num_layers = 1 + len(hidden_dims)
        self.params: Params = {}
        sizes = [input_dim, *hidden_dims, num_classes]
        for layer, (inputs, outputs) in enumerate(pairwise(sizes), 1):
            self.params[f"W{layer}"] = weight_scale * np.random.randn(inputs, outputs)
            self.params[f"b{layer}"] = np.zeros(outputs)
            if self.normalization and layer < self.num_layers:
                self.params[f"gamma{layer}"] = np.ones(outputs)
                self.params[f"beta{layer}"] = np.zeros(outputs)
        self.params = {name: value.astype(dtype) for name, value in self.params.items()}
        self.bn_params: list[dict[str, Any]] = [
            {"mode": "train"} if self.normalization == "batchnorm" else {}
            for _ in hidden_dims
            if self.normalization
        ]

    def loss(self, X: Array, y: Array | None = None) -> Any:
        """The scores, shape (N, C), or with labels the loss and a dict of gradients.

        Without labels batch norm and dropout behave as in testing.
        """
        mode = "test" if y is None else "train"
        self.dropout_param["mode"] = mode
        if self.normalization == "batchnorm":
            for bn_param in self.bn_params:
                bn_param["mode"] = mode
        out, caches = X.astype(self.dtype), list[Any]()
        for layer in range(1, self.num_layers):
            out, cache = self._block_forward(layer, out)
            caches.append(cache)
        weight, bias = self.params[f"W{self.num_layers}"], self.params[f"b{self.num_layers}"]
        scores, scores_cache = affine_forward(out, weight, bias)
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        grads: Params = {}
        dout, dweight, dbias = affine_backward(dscores, scores_cache)
        grads[f"W{self.num_layers}"], grads[f"b{self.num_layers}"] = dweight, dbias
        for layer in range(self.num_layers - 1, 0, -1):
            dout = self._block_backward(layer, dout, caches[layer - 1], grads)
        return loss + penalize(self.params, grads, self.reg), grads

    def _block_forward(self, layer: int, x: Array) -> tuple[Array, Any]:
        """One hidden layer with all that belongs to it."""
        out, fc = affine_forward(x, self.params[f"W{layer}"], self.params[f"b{layer}"])
        norm = dropped = None
        if self.normalization:
            forward = batchnorm_forward if self.normalization == "batchnorm" else layernorm_forward
            gamma, beta = self.params[f"gamma{layer}"], self.params[f"beta{layer}"]
            out, norm = forward(out, gamma, beta, self.bn_params[layer - 1])
        out, relu = relu_forward(out)
        if self.use_dropout:
            out, dropped = dropout_forward(out, self.dropout_param)
        return out, (fc, norm, relu, dropped)

    def _block_backward(self, layer: int, dout: Array, cache: Any, grads: Params) -> Array:
        """The gradient of the block's input; those of its parameters go into `grads`."""
        fc, norm, relu, dropped = cache
        if self.use_dropout:
            dout = dropout_backward(dout, dropped)
        dout = relu_backward(dout, relu)
        if self.normalization:
            batch = self.normalization == "batchnorm"
            backward = batchnorm_backward if batch else layernorm_backward
            dout, grads[f"gamma{layer}"], grads[f"beta{layer}"] = backward(dout, norm)
        dx, grads[f"W{layer}"], grads[f"b{layer}"] = affine_backward(dout, fc)
        return dx


def penalize(params: Params, grads: Params, reg: float) -> Any:
    """½ reg Σ W² over all weights; its gradient is added to `grads`."""
    weights = [name for name in params if name.startswith("W")]
    for name in weights:
        grads[name] = grads[name] + reg * params[name]
    return 0.5 * reg * sum((params[name] * params[name]).sum() for name in weights)


def chosen_normalization(value: str | bool | None, *, use_batchnorm: bool) -> str | None:
    """The normalization that is meant, by its new name or in its old form (True or False)."""
    if value is True or (not value and use_batchnorm):
        return "batchnorm"
    if not value:
        return None
    check_choice(value, ("batchnorm", "layernorm"), who="FullyConnectedNet", which="normalization")
    return value


def chosen_dropout(
    dropout: float | None, keep_ratio: float | None, seed: int | None
) -> tuple[bool, dict[str, Any]]:
    """Whether there is dropout, and what `dropout_forward` is told."""
    if dropout is not None and keep_ratio is not None:
        raise InvalidValueError(
            f"FullyConnectedNet: dropout ({dropout}) and dropout_keep_ratio ({keep_ratio}) are "
            "the same thing. Give one of them."
        )
    p = keep_probability(keep_ratio) if keep_ratio is not None else dropout
    if p is None or p in {0, 1}:  # 0 was the older years' word for none
        return False, {}
    return True, {"mode": "train", "p": p} | ({} if seed is None else {"seed": seed})
