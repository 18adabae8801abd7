"""`cs231n.solver`: training a model that has `params` and `loss`."""

from pathlib import Path
from typing import Any

import numpy as np

from handgrad.checks import Array, InvalidValueError
from handgrad.compat.cs231n import optim
from handgrad.files import write_beside

Params = dict[str, Array]
HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")


class Solver:
    """Trains a model by batches drawn at random, and keeps the parameters best on validation data.

    Args:
        model: has `params`, a dict of arrays, and `loss(X, y)`, which returns (loss, grads), or
            the scores where y is None.
        data: arrays "X_train", "y_train", "X_val" and "y_val".
        update_rule: the name of a function in `optim`, or such a function ("sgd").
        optim_config: its options, such as {"learning_rate": 1e-3}.
        lr_decay: what the learning rate is multiplied by after every epoch (1.0).
        batch_size: examples of one step (100).
        num_epochs: passes over the training data (10).
        num_train_samples: on how many examples training accuracy is measured (1000); None: on all.
        num_val_samples: the same for validation accuracy (None).
        checkpoint_name: where each epoch's model is written: NAME_epoch_1.npz and so on (None).
        print_every: steps between two printed losses (10).
        verbose: whether anything is printed (True).

    Attributes:
        loss_history: the loss of every step.
        train_acc_history, val_acc_history: accuracies at the start, after each epoch and at the
            end.
        best_val_acc, best_params: of the best epoch; after training, the model has these params.

    Raises:
        InvalidValueError: an option or an update rule that does not exist.
    """

    def __init__(self, model: Any, data: dict[str, Array], **kwargs: Any) -> None:
        self.model = model
        self.X_train, self.y_train = data["X_train"], data["y_train"]
        self.X_val, self.y_val = data["X_val"], data["y_val"]
        self.update_rule = found_rule(kwargs.pop("update_rule", "sgd"))
        self.optim_config: dict[str, Any] = kwargs.pop("optim_config", {})
        self.lr_decay: float = kwargs.pop("lr_decay", 1.0)
        self.batch_size: int = kwargs.pop("batch_size", 100)
        self.num_epochs: int = kwargs.pop("num_epochs", 10)
        self.num_train_samples: int | None = kwargs.pop("num_train_samples", 1000)
        self.num_val_samples: int | None = kwargs.pop("num_val_samples", None)
        self.checkpoint_name: str | None = kwargs.pop("checkpoint_name", None)
        self.print_every: int = kwargs.pop("print_every", 10)
        self.verbose: bool = kwargs.pop("verbose", True)
        if kwargs:
            raise InvalidValueError(f"Solver: Unrecognized arguments: {', '.join(kwargs)}.")
        self.epoch = 0
        self.best_val_acc = 0.0
        self.best_params: Params = {}
        self.loss_history: list[Any] = []
        self.train_acc_history: list[float] = []
        self.val_acc_history: list[float] = []
        self.optim_configs = {name: dict(self.optim_config) for name in model.params}

    def train(self) -> None:
        """Train for `num_epochs`; then give the model the best parameters."""
        iterations_per_epoch = max(len(self.X_train) // self.batch_size, 1)
        num_iterations = self.num_epochs * iterations_per_epoch
        for t in range(num_iterations):
            self._step()
            if self.verbose and t % self.print_every == 0:
                print(f"(Iteration {t + 1} / {num_iterations}) loss: {self.loss_history[-1]:f}")
            epoch_ends = (t + 1) % iterations_per_epoch == 0
            if epoch_ends:
                self.epoch += 1
                for config in self.optim_configs.values():
                    config["learning_rate"] *= self.lr_decay
            if t == 0 or epoch_ends:
                self._look()
        if self.best_params:
            self.model.params = self.best_params

    def _step(self) -> None:
        """One update of every parameter, on a batch drawn with replacement."""
        chosen = np.random.choice(len(self.X_train), self.batch_size)
        loss, grads = self.model.loss(self.X_train[chosen], self.y_train[chosen])
        self.loss_history.append(loss)
        for name, w in self.model.params.items():
            next_w, config = self.update_rule(w, grads[name], self.optim_configs[name])
            self.model.params[name] = next_w
            self.optim_configs[name] = config

    def _look(self) -> None:
        """Measure both accuracies, and remember the parameters if they are the best so far."""
        train_acc = self.check_accuracy(
            self.X_train, self.y_train, num_samples=self.num_train_samples
        )
        val_acc = self.check_accuracy(self.X_val, self.y_val, num_samples=self.num_val_samples)
        self.train_acc_history.append(train_acc)
        self.val_acc_history.append(val_acc)
        self._save_checkpoint()
        if self.verbose:
            print(
                f"(Epoch {self.epoch} / {self.num_epochs}) "
                f"train acc: {train_acc:f}; val_acc: {val_acc:f}"
            )
        # The first parameters are the best so far even if they get nothing right: the course's
        # solver would end without any.
        if val_acc > self.best_val_acc or not self.best_params:
            self.best_val_acc = val_acc
            self.best_params = {name: w.copy() for name, w in self.model.params.items()}

    def check_accuracy(
        self, X: Array, y: Array, num_samples: int | None = None, batch_size: int = 100
    ) -> float:
        """The share of examples whose label has the highest score.

        Args:
            X: examples.
            y: labels.
            num_samples: measure on so many, drawn at random with replacement, if there are more.
            batch_size: how many are scored at a time.
        """
        rows = np.arange(len(X))
        if num_samples is not None and len(X) > num_samples:
            rows = np.random.choice(len(X), num_samples)
        right = 0
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            right += np.count_nonzero(np.argmax(self.model.loss(X[some]), axis=1) == y[some])
        return right / max(len(rows), 1)

    def _save_checkpoint(self) -> None:
        """Write the model and the histories as arrays (the course pickles the model's class)."""
        if self.checkpoint_name is None:
            return
        path = Path(f"{self.checkpoint_name}_epoch_{self.epoch}.npz")
        arrays = {f"params/{name}": w for name, w in self.model.params.items()}
        arrays |= {name: np.array(getattr(self, name)) for name in HISTORIES}
        with write_beside(path) as beside, beside.open("wb") as file:
            np.savez(file, **arrays)
        if self.verbose:
            print(f'Saving checkpoint to "{path}"')


def found_rule(rule: Any) -> Any:
    """An update rule by its name; a function is one already."""
    found = getattr(optim, rule, None) if isinstance(rule, str) else rule
    if not callable(found):
        raise InvalidValueError(
            f"Solver: update_rule must be one of sgd, sgd_momentum, rmsprop, adam, or a function "
            f"like these, but is {rule!r}."
        )
    return found
