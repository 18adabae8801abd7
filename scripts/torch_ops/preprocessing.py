"""The ops of `handgrad.ops.preprocessing`, said in PyTorch."""

import torch.nn.functional as F

OPS = {
    "rescale": lambda x, *, scale, offset: x.mul(scale).add(offset),
    "standardize": lambda x, *, mean, std: F.batch_norm(x, mean, std**2, training=False, eps=0.0),
}
