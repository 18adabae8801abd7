"""`cs231n.classifiers`: the models of assignments 1 and 2."""

from handgrad.compat.cs231n.classifiers.k_nearest_neighbor import KNearestNeighbor
from handgrad.compat.cs231n.classifiers.linear_classifier import (
    LinearClassifier,
    LinearSVM,
    Softmax,
)

__all__ = ["KNearestNeighbor", "LinearClassifier", "LinearSVM", "Softmax"]
