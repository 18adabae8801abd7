"""The ops of `handgrad.ops.penalties`, said in PyTorch."""

OPS = {
    "l1_penalty": lambda weight, *, strength: strength * weight.abs().sum(),
    "l2_penalty": lambda weight, *, strength: strength / 2 * weight.square().sum(),
}
