"""Data: MNIST, reading files, preparing images, splitting and batching."""

from handgrad.data.arrays import one_hot
from handgrad.data.idx import read_idx
from handgrad.data.mnist import Dataset, Examples, mnist

__all__ = ["Dataset", "Examples", "mnist", "one_hot", "read_idx"]
