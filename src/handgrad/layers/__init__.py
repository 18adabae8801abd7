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
from handgrad.layers.convolution import Conv2d
from handgrad.layers.dropout import Dropout
from handgrad.layers.normalization import BatchNorm, LayerNorm
from handgrad.layers.pooling import AveragePool2d, GlobalAveragePool, MaxPool2d
from handgrad.layers.preprocessing import Rescale, Standardize
from handgrad.layers.reshape import Flatten

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
    "Standardize",
    "Step",
    "Tanh",
]
