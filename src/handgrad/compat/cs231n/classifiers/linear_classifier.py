"""`cs231n.classifiers.linear_classifier`: scores X W, trained by gradient descent."""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.compat.cs231n.classifiers.linear_svm import svm_loss_vectorized
from handgrad.compat.cs231n.classifiers.softmax import softmax_loss_vectorized
from handgrad.compat.cs231n.saving import load_arrays, save_arrays


class LinearClassifier:
    """What the two linear classifiers share; a subclass has the loss.

    Attributes:
        W: the weights, shape (D, C); None before training.
    """

    W: Any = None

    def train(
        self,
        X: Array,
        y: Array,
        learning_rate: float = 1e-3,
        reg: float = 1e-5,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> list[Any]:
        """Train by batches drawn with replacement; return the loss of every step.

        Args:
            X: examples, shape (N, D).
            y: labels from 0, shape (N,).
            learning_rate: how far a step goes.
            reg: the penalty's strength.
            num_iters: how many steps.
            batch_size: examples of one step.
            verbose: print every hundredth loss.
        """
        if self.W is None:
            # (W is no constant, whatever its capital says.)
            self.W = 0.001 * np.random.randn(X.shape[1], int(np.max(y)) + 1)  # pyright: ignore[reportConstantRedefinition]
        loss_history: list[Any] = []
        for iteration in range(num_iters):
            chosen = np.random.choice(len(X), batch_size)
            loss, dW = self.loss(X[chosen], y[chosen], reg)
            loss_history.append(loss)
            self.W = self.W - learning_rate * dW  # pyright: ignore[reportConstantRedefinition]
            if verbose and iteration % 100 == 0:
                print(f"iteration {iteration} / {num_iters}: loss {loss:f}")
        return loss_history

    def predict(self, X: Array) -> Array:
        """The class with the highest score, for each example."""
        return np.argmax(X @ self.W, axis=1)

    def save(self, fname: str) -> None:
        """Write the weights to cs231n/saved/FNAME, as an array (the course pickles them)."""
        save_arrays(fname, {"W": self.W})

    def load(self, fname: str) -> bool:
        """Take the weights of cs231n/saved/FNAME; False if there is no such file."""
        arrays = load_arrays(fname)
        self.W = self.W if arrays is None else arrays["W"]  # pyright: ignore[reportConstantRedefinition]
        return arrays is not None

    def loss(self, X_batch: Array, y_batch: Array, reg: float) -> tuple[Any, Array]:
        """The loss and its gradient dW: a subclass says which."""
        raise NotImplementedError


class LinearSVM(LinearClassifier):
    """A linear classifier with the multi-class hinge loss."""

    def loss(self, X_batch: Array, y_batch: Array, reg: float) -> tuple[Any, Array]:
        return svm_loss_vectorized(self.W, X_batch, y_batch, reg)


class Softmax(LinearClassifier):
    """A linear classifier with softmax and cross-entropy."""

    def loss(self, X_batch: Array, y_batch: Array, reg: float) -> tuple[Any, Array]:
        return softmax_loss_vectorized(self.W, X_batch, y_batch, reg)
