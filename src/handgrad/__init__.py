"""Neural networks whose forward and backward passes are written by hand and proved by machine."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and readers see; `__getattr__` does it when it is needed
    from handgrad.backend import use
    from handgrad.gradcheck import (
        check_network,
        check_op,
        complex_step_gradient,
        numerical_diff,
        numerical_gradient,
    )
    from handgrad.labels import class_weights, sample_weights
    from handgrad.layers import (
        Affine,
        AveragePool2d,
        BatchNorm,
        Conv2d,
        Dropout,
        Flatten,
        Gelu,
        GlobalAveragePool,
        Identity,
        Layer,
        LayerNorm,
        LeakyRelu,
        LogSoftmax,
        MaxPool2d,
        Relu,
        Rescale,
        Residual,
        Sequential,
        Sigmoid,
        Silu,
        Softmax,
        Softplus,
        Standardize,
        Step,
        Tanh,
    )
    from handgrad.losses import (
        BinaryCrossEntropy,
        HalfSquaredError,
        Hinge,
        Huber,
        Loss,
        MeanSquaredError,
        SoftmaxCrossEntropy,
    )
    from handgrad.network import Network
    from handgrad.ops import col2im, im2col
    from handgrad.optimizers import (
        SGD,
        AdaDelta,
        AdaGrad,
        Adam,
        AdamW,
        Momentum,
        Nesterov,
        Optimizer,
        RMSprop,
        clip_by_norm,
        gradient_descent,
    )
    from handgrad.regularizers import L1, L2, Penalty
    from handgrad.training import (
        BestSoFar,
        Callback,
        EarlyStopping,
        History,
        MaxNorm,
        Progress,
        Trainer,
    )

__all__ = [
    "L1",
    "L2",
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Affine",
    "AveragePool2d",
    "BatchNorm",
    "BestSoFar",
    "BinaryCrossEntropy",
    "Callback",
    "Conv2d",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "Gelu",
    "GlobalAveragePool",
    "HalfSquaredError",
    "Hinge",
    "History",
    "Huber",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "LogSoftmax",
    "Loss",
    "MaxNorm",
    "MaxPool2d",
    "MeanSquaredError",
    "Momentum",
    "Nesterov",
    "Network",
    "Optimizer",
    "Penalty",
    "Progress",
    "RMSprop",
    "Relu",
    "Rescale",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Silu",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Standardize",
    "Step",
    "Tanh",
    "Trainer",
    "check_network",
    "check_op",
    "class_weights",
    "clip_by_norm",
    "col2im",
    "complex_step_gradient",
    "gradient_descent",
    "im2col",
    "numerical_diff",
    "numerical_gradient",
    "sample_weights",
    "use",
]

_HOMES = (  # searched in this order: what is used once in a while comes last
    "backend",
    "labels",
    "layers",
    "losses",
    "network",
    "ops",
    "optimizers",
    "regularizers",
    "training",
    "gradcheck",
)


def __getattr__(name: str) -> Any:
    """Import a public name, or a module, when it is first used: `import handgrad` stays cheap."""
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"handgrad.{home}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    if not name.startswith("_"):
        try:
            return import_module(f"handgrad.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"handgrad.{name}":
                raise
    raise AttributeError(f"module 'handgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
