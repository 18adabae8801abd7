"""Data: MNIST and other sets, reading files, preparing images, splitting and batching."""

from handgrad.data.arrays import Examples, batches, one_hot, split
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
    "Dataset",
    "Examples",
    "Steps",
    "batches",
    "blobs",
    "cifar10",
    "circles",
    "data_folder",
    "fashion_mnist",
    "loads_pickle",
    "mnist",
    "moons",
    "one_hot",
    "prepare_digit",
    "read_idx",
    "read_pickle",
    "sigmoid_rule",
    "spirals",
    "split",
    "xor",
]
