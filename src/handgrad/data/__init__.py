"""Data: MNIST, reading files, preparing images, splitting and batching."""

from handgrad.data.arrays import Examples, batches, one_hot, split
from handgrad.data.digits import Steps, prepare_digit
from handgrad.data.idx import read_idx
from handgrad.data.mnist import Dataset, mnist
from handgrad.data.pickles import loads_pickle, read_pickle

__all__ = [
    "Dataset",
    "Examples",
    "Steps",
    "batches",
    "loads_pickle",
    "mnist",
    "one_hot",
    "prepare_digit",
    "read_idx",
    "read_pickle",
    "split",
]
