"""The ops of `handgrad.ops.elementary`, said in PyTorch."""

import torch

OPS = {"exp": torch.exp, "log": torch.log, "sin": torch.sin, "cos": torch.cos}
