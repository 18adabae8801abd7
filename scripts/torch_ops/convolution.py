"""The ops of `handgrad.ops.convolution`, said in PyTorch."""

import torch.nn.functional as F

OPS = {"conv2d": F.conv2d}
