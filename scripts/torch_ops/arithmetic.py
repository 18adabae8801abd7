"""The ops of `handgrad.ops.arithmetic`, said in PyTorch."""

import operator

OPS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negate": operator.neg,
    "power": operator.pow,
}
