"""`cs231n.classifiers.neural_net`: assignment 1's two-layer network, which trains itself."""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.compat.cs231n.conventions import penalty_factor
from handgrad.compat.cs231n.layer_utils import affine_relu_backward, affine_relu_forward
from handgrad.compat.cs231n.layers import affine_backward, affine_forward, softmax_loss


class TwoLayerNet:
    """Affine, ReLU, affine; softmax and cross-entropy with a penalty on both weights.

    Args:
        input_size: features of an example.
        hidden_size: neurons of the hidden layer.
        output_size: classes.
        std: the standard deviation of the initial weights.

    Attributes:
        params: "W1" (input_size, hidden_size), "b1", "W2" (hidden_size, output_size), "b2".
    """

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, std: float = 1e-4
    ) -> None:
        self.params: dict[str, Array] = {
            "W1": std * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": std * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }

    def loss(self, X: Array, y: Array | None = None, reg: float = 0.0) -> Any:
        """The scores, shape (N, C), or with labels the loss and a dict of gradients.

        The penalty is reg Σ W² (see `conventions` for the years that halve it).
        """
        W1, W2 = self.params["W1"], self.params["W2"]
        hidden, hidden_cache = affine_relu_forward(X, W1, self.params["b1"])
        scores, scores_cache = affine_forward(hidden, W2, self.params["b2"])
        if y is None:
            return scores
        strength = penalty_factor() * reg
        data_loss, dscores = softmax_loss(scores, y)
        dhidden, dW2, db2 = affine_backward(dscores, scores_cache)
        _, dW1, db1 = affine_relu_backward(dhidden, hidden_cache)
        loss = data_loss + strength * ((W1 * W1).sum() + (W2 * W2).sum())
        dW1, dW2 = dW1 + 2 * strength * W1, dW2 + 2 * strength * W2
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}

    def train(
        self,
        X: Array,
        y: Array,
        X_val: Array,
        y_val: Array,
        learning_rate: float = 1e-3,
        learning_rate_decay: float = 0.95,
        reg: float = 5e-6,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> dict[str, list[Any]]:
        """Train by batches drawn with replacement.

        An epoch is as many steps as whole batches fit into the data. (The course divides without
        rounding, so that 5000 examples in batches of 128 are measured at multiples of 39.0625:
        only after every 16th epoch, and the learning rate decays as rarely.)

        Args:
            X: examples, shape (N, D).
            y: labels, shape (N,).
            X_val: examples for validation.
            y_val: their labels.
            learning_rate: how far a step goes, at first.
            learning_rate_decay: what it is multiplied by after every epoch.
            reg: the penalty's strength.
            num_iters: how many steps.
            batch_size: examples of one step.
            verbose: print every hundredth loss.

        Returns:
            "loss_history" of every step, "train_acc_history" and "val_acc_history" of every epoch.
        """
        iterations_per_epoch = max(len(X) // batch_size, 1)
        losses: list[Any] = []
        train_accs: list[float] = []
        val_accs: list[float] = []
        for it in range(num_iters):
            chosen = np.random.choice(len(X), batch_size)
            loss, grads = self.loss(X[chosen], y=y[chosen], reg=reg)
            losses.append(loss)
            for name, grad in grads.items():
                self.params[name] = self.params[name] - learning_rate * grad
            if verbose and it % 100 == 0:
                print(f"iteration {it} / {num_iters}: loss {loss:f}")
            if it % iterations_per_epoch == 0:
                train_accs.append(float((self.predict(X[chosen]) == y[chosen]).mean()))
                val_accs.append(float((self.predict(X_val) == y_val).mean()))
                learning_rate *= learning_rate_decay
        return {
            "loss_history": losses,
            "train_acc_history": train_accs,
            "val_acc_history": val_accs,
        }

    def predict(self, X: Array) -> Array:
        """The class with the highest score, for each example."""
        return np.argmax(self.loss(X), axis=1)
