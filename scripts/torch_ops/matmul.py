"""The op of `handgrad.ops.matmul`, said in PyTorch."""

import torch

OPS = {"matmul": torch.matmul}
