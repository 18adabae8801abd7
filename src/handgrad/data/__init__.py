"""Data: MNIST and other sets, reading files, preparing and augmenting images, batches."""

from handgrad.data.arrays import Examples, batches, one_hot, split
from handgrad.data.augmentation import (
    Augmentation,
    affine,
    brightness,
    crop,
    elastic,
    flip,
    rotate,
    scale,
    shift,
)
from handgrad.data.cifar10 import CIFAR10_CLASSES, cifar10
from handgrad.data.digits import Steps, prepare_digit
from handgrad.data.fashion_mnist import FASHION_MNIST_CLASSES, fashion_mnist
from handgrad.data.idx import read_idx
from handgrad.data.mnist import Dataset, mnist
from handgrad.data.pickles import loads_pickle, read_pickle
from handgrad.data.store import data_folder
from handgrad.data.synthetic import blobs, circles, moons, sigmoid_rule, spirals, xor

__all__ = [
    "CIFAR10_CLASSES",
    "FASHION_MNIST_CLASSES",
    "Augmentation",
    "Dataset",
    "Examples",
    "Steps",
    "affine",
    "batches",
    "blobs",
    "brightness",
    "cifar10",
    "circles",
    "crop",
    "data_folder",
    "elastic",
    "fashion_mnist",
    "flip",
    "loads_pickle",
    "mnist",
    "moons",
    "one_hot",
    "prepare_digit",
    "read_idx",
    "read_pickle",
    "rotate",
    "scale",
    "shift",
    "sigmoid_rule",
    "spirals",
    "split",
    "xor",
]
