"""The ops of `handgrad.ops.dropout`, said in PyTorch (whose own dropout takes no mask)."""

OPS = {"dropout": lambda x, *, mask, rate: (x / (1 - rate)).masked_fill(~mask, 0.0)}
