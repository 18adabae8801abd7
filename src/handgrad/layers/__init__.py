"""Layers: ops with parameters, and the containers that hold them."""

from handgrad.layers.activations import Relu
from handgrad.layers.affine import Affine
from handgrad.layers.base import Layer
from handgrad.layers.containers import Residual, Sequential

__all__ = ["Affine", "Layer", "Relu", "Residual", "Sequential"]
