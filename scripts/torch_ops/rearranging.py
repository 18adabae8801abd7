"""The ops of `handgrad.ops.rearranging`, said in PyTorch."""


def index(x, *, key):
    """PyTorch knows no negative steps: flip first."""
    if isinstance(key, tuple) and key[0] == slice(None, None, -1):
        return x.flip(0)[(slice(None), *key[1:])]
    return x[key]


OPS = {
    "reshape": lambda x, *, shape: x.reshape(shape),
    "transpose": lambda x, *, axes=(2, 1, 0): x.permute(axes),
    "index": index,
}
