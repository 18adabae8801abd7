"""The ops of `handgrad.ops.reshape`, said in PyTorch."""

OPS = {"flatten": lambda x: x.flatten(1)}
