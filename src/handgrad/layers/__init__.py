"""Layers: ops with parameters, and the containers that hold them."""

from handgrad.layers.activations import (
    Identity,
    LeakyRelu,
    Relu,
    Sigmoid,
    Softplus,
    Step,
    Tanh,
)
from handgrad.layers.affine import Affine
from handgrad.layers.base import Layer
from handgrad.layers.containers import Residual, Sequential
from handgrad.layers.convolution import Conv2d
from handgrad.layers.dropout import Dropout
from handgrad.layers.gates import Gelu, Silu
from handgrad.layers.normalization import BatchNorm, LayerNorm
from handgrad.layers.pooling import AveragePool2d, GlobalAveragePool, MaxPool2d
from handgrad.layers.preprocessing import Rescale, Standardize
from handgrad.layers.reshape import Flatten
from handgrad.layers.softmax import LogSoftmax, Softmax

__all__ = [
    "Affine",
    "AveragePool2d",
    "BatchNorm",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Gelu",
    "GlobalAveragePool",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "LogSoftmax",
    "MaxPool2d",
    "Relu",
    "Rescale",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Standardize",
    "Step",
    "Tanh",
]
