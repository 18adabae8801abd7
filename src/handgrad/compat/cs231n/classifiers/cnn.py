"""`cs231n.classifiers.cnn`: a small convolutional network for `Solver`.

As the course's own module, it also hands out all layers: its notebooks import them from here.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.compat.cs231n.classifiers.fc_net import penalize
from handgrad.compat.cs231n.fast_layers import *  # noqa: F403  (for the notebooks)
from handgrad.compat.cs231n.layer_utils import *  # noqa: F403  (the same)
from handgrad.compat.cs231n.layer_utils import (
    affine_relu_backward,
    affine_relu_forward,
    conv_relu_pool_backward,
    conv_relu_pool_forward,
)
from handgrad.compat.cs231n.layers import *  # noqa: F403  (the same)
from handgrad.compat.cs231n.layers import affine_backward, affine_forward, softmax_loss


class ThreeLayerConvNet:
    """Convolution, ReLU, 2×2 max-pool; affine, ReLU; affine; softmax cross-entropy, ½ reg Σ W².

    Args:
        input_dim: an image's shape (C, H, W).
        num_filters: filters of the convolution.
        filter_size: their height and width; odd sizes keep the image's size.
        hidden_dim: neurons of the hidden affine layer.
        num_classes: classes.
        weight_scale: the standard deviation of the initial weights.
        reg: the penalty's strength.
        dtype: of the parameters and all computations.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (3, 32, 32),
        num_filters: int = 32,
        filter_size: int = 7,
        hidden_dim: int = 100,
        num_classes: int = 10,
        weight_scale: float = 1e-3,
        reg: float = 0.0,
        dtype: Any = np.float32,
    ) -> None:
        channels, height, width = input_dim
        pixels = num_filters * (height // 2) * (width // 2)
        filters = np.random.randn(num_filters, channels, filter_size, filter_size)
        self.reg, self.dtype = reg, dtype
        self.params: dict[str, Array] = {
            "W1": weight_scale * filters,
            "b1": np.zeros(num_filters),
            "W2": weight_scale * np.random.randn(pixels, hidden_dim),
            "b2": np.zeros(hidden_dim),
            "W3": weight_scale * np.random.randn(hidden_dim, num_classes),
            "b3": np.zeros(num_classes),
        }
        self.params = {name: value.astype(dtype) for name, value in self.params.items()}

    def loss(self, X: Array, y: Array | None = None) -> Any:
        """The scores, shape (N, num_classes), or with labels the loss and a dict of gradients."""
        params, grads = self.params, dict[str, Array]()
        conv_param = {"stride": 1, "pad": (params["W1"].shape[2] - 1) // 2}
        pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
        pooled, conv_cache = conv_relu_pool_forward(
            X.astype(self.dtype), params["W1"], params["b1"], conv_param, pool_param
        )
        hidden, hidden_cache = affine_relu_forward(pooled, params["W2"], params["b2"])
        scores, scores_cache = affine_forward(hidden, params["W3"], params["b3"])
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        dhidden, grads["W3"], grads["b3"] = affine_backward(dscores, scores_cache)
        dpooled, grads["W2"], grads["b2"] = affine_relu_backward(dhidden, hidden_cache)
        _, grads["W1"], grads["b1"] = conv_relu_pool_backward(dpooled, conv_cache)
        return loss + penalize(params, grads, self.reg), grads
