"""The ops of `handgrad.ops.activations`, said in PyTorch."""

import torch.nn.functional as F

OPS = {
    "relu": F.relu,
    "leaky_relu": lambda x, *, slope=0.01: F.leaky_relu(x, negative_slope=slope),
    "sigmoid": F.sigmoid,
    "softplus": F.softplus,
    "tanh": F.tanh,
    "identity": lambda x: x.clone(),
}
