"""The ops of `handgrad.ops.broadcasting`, said in PyTorch."""

OPS = {"broadcast_to": lambda x, *, shape: x.expand(shape)}
