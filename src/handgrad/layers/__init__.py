"""Layers: ops with parameters, and the containers that hold them."""

from handgrad.layers.activations import (
    Gelu,
    Identity,
    LeakyRelu,
    LogSoftmax,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Step,
    Tanh,
)
from handgrad.layers.affine import Affine
from handgrad.layers.base import Layer
from handgrad.layers.containers import Residual, Sequential

__all__ = [
    "Affine",
    "Gelu",
    "Identity",
    "Layer",
    "LeakyRelu",
    "LogSoftmax",
    "Relu",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Step",
    "Tanh",
]
