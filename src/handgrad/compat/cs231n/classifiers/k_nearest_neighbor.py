"""`cs231n.classifiers.k_nearest_neighbor`: the label that most of the k nearest examples have."""

from typing import Any

import numpy as np

from handgrad.checks import Array, check_choice, check_count


class KNearestNeighbor:
    """Remembers its training data, and asks the nearest ones (by Euclidean distance)."""

    X_train: Array
    y_train: Array

    def train(self, X: Array, y: Array) -> None:
        """Remember examples, shape (N, D), and their labels, shape (N,)."""
        self.X_train, self.y_train = X, y

    def predict(self, X: Array, k: int = 1, num_loops: int = 0) -> Array:
        """The labels of new examples; `num_loops` (0, 1 or 2) says how to compute distances."""
        ways = (
            self.compute_distances_no_loops,
            self.compute_distances_one_loop,
            self.compute_distances_two_loops,
        )
        check_choice(
            str(num_loops), ("0", "1", "2"), who="KNearestNeighbor.predict", which="num_loops"
        )
        return self.predict_labels(ways[num_loops](X), k=k)

    def compute_distances_two_loops(self, X: Array) -> Array:
        """Distances, shape (new, remembered), one by one."""
        dists = np.zeros((len(X), len(self.X_train)))
        for i, new in enumerate(X):
            for j, old in enumerate(self.X_train):
                dists[i, j] = np.sqrt(np.sum((new - old) ** 2))
        return dists

    def compute_distances_one_loop(self, X: Array) -> Array:
        """The same, for one new example at a time."""
        dists = np.zeros((len(X), len(self.X_train)))
        for i, new in enumerate(X):
            dists[i] = np.sqrt(np.sum((self.X_train - new) ** 2, axis=1))
        return dists

    def compute_distances_no_loops(self, X: Array) -> Array:
        """The same at once, because |a − b|² = |a|² − 2 a·b + |b|².

        Rounding can make that a little negative where a = b; it is 0 then.
        """
        squares = (
            np.sum(X**2, axis=1)[:, np.newaxis]
            - 2 * (X @ self.X_train.T)
            + np.sum(self.X_train**2, axis=1)
        )
        return np.sqrt(np.maximum(squares, 0))

    def predict_labels(self, dists: Array, k: int = 1) -> Array:
        """The label that most of the k nearest have; of several, the smallest."""
        check_count(k, who="KNearestNeighbor.predict_labels", which="k")
        nearest = np.argsort(dists, axis=1)[:, :k]
        votes: list[Any] = [np.bincount(self.y_train[row]).argmax() for row in nearest]
        return np.array(votes, dtype=self.y_train.dtype)
