"""The ops of `handgrad.ops.gates`, said in PyTorch."""

import torch.nn.functional as F

OPS = {
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}
