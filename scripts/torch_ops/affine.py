"""The ops of `handgrad.ops.affine`, said in PyTorch: {op: function(inputs, options) -> output}."""

OPS = {"affine": lambda x, weight, bias: x @ weight + bias}
