"""The ops of `handgrad.ops.reductions`, said in PyTorch."""


def largest(x, *, axis=None, keepdims=False):
    """PyTorch's own, in which a tie is shared, over all axes too."""
    return x.amax() if axis is None else x.amax(axis, keepdim=keepdims)


OPS = {
    "sum": lambda x, *, axis=None, keepdims=False: x.sum(axis, keepdim=keepdims),
    "mean": lambda x, *, axis=None, keepdims=False: x.mean(axis, keepdim=keepdims),
    "max": largest,
}
