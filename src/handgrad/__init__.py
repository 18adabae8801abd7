"""Neural networks whose forward and backward passes are written by hand and proved by machine."""

from handgrad.layers import (
    Affine,
    Gelu,
    Identity,
    Layer,
    LeakyRelu,
    LogSoftmax,
    Relu,
    Residual,
    Sequential,
    Sigmoid,
    Silu,
    Softmax,
    Step,
    Tanh,
)
from handgrad.losses import Loss, SoftmaxCrossEntropy
from handgrad.network import Network
from handgrad.optimizers import SGD, Adam, Optimizer
from handgrad.training import BestSoFar, Callback, EarlyStopping, History, Trainer

__all__ = [
    "SGD",
    "Adam",
    "Affine",
    "BestSoFar",
    "Callback",
    "EarlyStopping",
    "Gelu",
    "History",
    "Identity",
    "Layer",
    "LeakyRelu",
    "LogSoftmax",
    "Loss",
    "Network",
    "Optimizer",
    "Relu",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Silu",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Step",
    "Tanh",
    "Trainer",
]
