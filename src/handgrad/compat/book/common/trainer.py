"""`common.trainer` of the book: trains a network and prints how it does."""

import sys
from typing import Any

import numpy as np

from handgrad.checks import Array, check_choice, check_count
from handgrad.compat.book.common.optimizer import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Momentum,
    Nesterov,
    RMSprop,
)

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "Momentum",
    "Nesterov",
    "RMSprop",
    "Trainer",
    "np",
]

OPTIMIZERS: dict[str, Any] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "adadelta": AdaDelta,
    "rmsprop": RMSprop,
    "rmsprpo": RMSprop,  # as the book's code spells it
    "adam": Adam,
}


class Trainer:
    """Trains a network by mini-batches.

    Each epoch goes through the training data in a new order, drawn by `np.random`, and sees no
    example twice; what does not fill a batch is left to other epochs. At the beginning of each
    epoch both accuracies are measured, as in the book.

    Args:
        network: has `params`, `gradient(x, t)`, `loss(x, t)` and `accuracy(x, t)`.
        x_train, t_train: what is learned from.
        x_test, t_test: what is only measured.
        epochs: passes over the training data.
        mini_batch_size: examples of a step.
        optimizer: "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop" or "adam".
        optimizer_param: its arguments, {"lr": 0.01} by default.
        evaluate_sample_num_per_epoch: how many examples accuracies are measured on; None: all.
        verbose: whether to print losses and accuracies.

    Attributes:
        train_loss_list: the loss of each step's batch, before the step.
        train_acc_list, test_acc_list: accuracies, one for each epoch.
    """

    def __init__(
        self,
        network: Any,
        x_train: Array,
        t_train: Array,
        x_test: Array,
        t_test: Array,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: dict[str, Any] | None = None,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        check_choice(optimizer.lower(), list(OPTIMIZERS), who="Trainer", which="optimizer")
        check_count(mini_batch_size, who="Trainer", which="mini_batch_size")
        self.network = network
        self.verbose = verbose
        self.x_train, self.t_train = x_train, t_train
        self.x_test, self.t_test = x_test, t_test
        self.epochs = epochs
        self.batch_size = mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        options = {"lr": 0.01} if optimizer_param is None else optimizer_param
        self.optimizer = OPTIMIZERS[optimizer.lower()](**options)
        self.train_size = len(x_train)
        self.iter_per_epoch = max(self.train_size // mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = 0
        self.current_epoch = 0
        self.train_loss_list: list[float] = []
        self.train_acc_list: list[float] = []
        self.test_acc_list: list[float] = []

    def train_step(self) -> None:
        """One batch: gradients, an update, and at the beginning of an epoch the accuracies."""
        place = self.current_iter % self.iter_per_epoch
        if place == 0:
            self.order = np.random.permutation(self.train_size)
        rows = self.order[place * self.batch_size : (place + 1) * self.batch_size]
        x_batch, t_batch = self.x_train[rows], self.t_train[rows]
        grads = self.network.gradient(x_batch, t_batch)
        loss = getattr(self.network, "batch_loss", None)
        if loss is None:  # a network of the reader's own
            loss = self.network.loss(x_batch, t_batch)
        self.optimizer.update(self.network.params, grads)
        self.train_loss_list.append(loss)
        self.say(f"train loss:{loss}")
        if place == 0:
            self.evaluate()
        self.current_iter += 1

    def evaluate(self) -> None:
        """Both accuracies, on all examples or on the first so many."""
        self.current_epoch += 1
        some = slice(self.evaluate_sample_num_per_epoch)
        train_acc = self.network.accuracy(self.x_train[some], self.t_train[some])
        test_acc = self.network.accuracy(self.x_test[some], self.t_test[some])
        self.train_acc_list.append(train_acc)
        self.test_acc_list.append(test_acc)
        self.say(f"=== epoch:{self.current_epoch}, train acc:{train_acc}, test acc:{test_acc} ===")

    def train(self) -> None:
        """All steps, and the accuracy on all test examples at the end."""
        for _ in range(self.max_iter):
            self.train_step()
        test_acc = self.network.accuracy(self.x_test, self.t_test)
        self.say("=============== Final Test Accuracy ===============")
        self.say(f"test acc:{test_acc}")

    def say(self, line: str) -> None:
        """Print a line, unless told not to."""
        if self.verbose:
            sys.stdout.write(f"{line}\n")
