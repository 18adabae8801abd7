"""The Trainer: batches, steps, epochs, and everything a run needs to go on, as one value."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad import metrics as metric_functions
from handgrad.checks import (
    Array,
    InvalidValueError,
    ShapeError,
    check_count,
    check_finite,
    check_number,
    check_shape,
    shape_text,
)
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.optimizers import Optimizer, clip_by_norm
from handgrad.regularizers import Penalty
from handgrad.schedules import Constant, Schedule
from handgrad.training.callbacks import Callback
from handgrad.training.diagnosis import explain_non_finite
from handgrad.training.history import History
from handgrad.training.position import Position, Running
from handgrad.training.state import capture, restore

Metric = Callable[[Array, Array], float]
Augment = Callable[[Array, np.random.Generator], Array]
DEFAULT_METRICS: dict[str, dict[str, Metric]] = {
    "softmax": {"accuracy": metric_functions.accuracy},
    "sigmoid": {"accuracy": metric_functions.binary_accuracy},
    "scores": {"accuracy": metric_functions.accuracy},
    "linear": {"mean_absolute_error": metric_functions.mean_absolute_error},
}


class Trainer:
    """Train a network on arrays.

    Args:
        network: what is trained, in place.
        loss: what is made small.
        optimizer: how.
        schedule: what happens to the learning rate (constant by default).
        penalty: L1 or L2 on the weights, added to the loss.
        clip_norm: the largest norm that all gradients together may have.
        metrics: {name: function (outputs, labels) -> float}; by default accuracy for classifiers
            and the mean absolute error for regressions.
        augment: a function (batch, generator) -> batch, applied to training batches only.
        seed: the order of the examples and the augmentation follow from it.

    >>> from handgrad import Adam, Affine, Network, Relu, SoftmaxCrossEntropy, Trainer
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 2))
    >>> labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> network = Network([Affine(16), Relu(), Affine(2)], input_shape=(2,))
    >>> trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.01))
    >>> history = trainer.fit(x, labels, epochs=30, batch_size=20)
    >>> history.last["accuracy"] > 0.9
    True
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        *,
        schedule: Schedule | None = None,
        penalty: Penalty | None = None,
        clip_norm: float | None = None,
        metrics: Mapping[str, Metric] | None = None,
        augment: Augment | None = None,
        seed: int = 0,
    ) -> None:
        check_count(seed, who="Trainer", which="seed", low=0)
        if clip_norm is not None:
            check_number(clip_norm, who="Trainer", which="clip_norm", low=0, open_low=True)
        loss.check_network(network.layers)
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule if schedule is not None else Constant()
        self.penalty = penalty
        self.clip_norm = clip_norm
        self.metrics = dict(DEFAULT_METRICS[loss.head] if metrics is None else metrics)
        self.augment = augment
        self.seed = seed
        self.history = History()
        self.position = Position()
        self.running = Running()
        self.callbacks: tuple[Callback, ...] = ()
        self.stopped: str | None = None
        network.head = loss.head

    # -- the whole run ----------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        labels: Any,
        *,
        epochs: int,
        batch_size: int = 100,
        validation_data: tuple[Any, Any] | None = None,
        sample_weight: Any = None,
        callbacks: Sequence[Callback] = (),
        resume: dict[str, Any] | None = None,
    ) -> History:
        """Train for `epochs` passes over the data, each in a new order, each example once per pass.

        Args:
            x: examples, shape (N, *network.input_shape), any real dtype.
            labels: classes, one-hot rows or targets, as the loss takes them.
            epochs: how many passes to make now (a second `fit` goes on from the first).
            batch_size: rows of one step; the last batch of an epoch may have fewer.
            validation_data: (x, labels) to measure after each epoch; never trained on.
            sample_weight: shape (N,): how much each example counts in the loss.
            callbacks: told about the start, each step, each epoch and the end, in this order.
            resume: what `state()` returned during a run with the same data and options: go on
                exactly there. `epochs` is then the number that the run was started with.

        Returns:
            The history: one row per epoch, of this and earlier calls.

        Raises:
            ShapeError, DtypeError, InvalidValueError: arguments that do not fit.
            NonFiniteError: NaN or infinity in the data, or in a step; names layer, step and array.
        """
        check_count(epochs, who="Trainer.fit", which="epochs")
        check_count(batch_size, who="Trainer.fit", which="batch_size")
        x, labels = self._prepare("", x, labels)
        weights = self._prepare_weights(sample_weight, len(x))
        validation = None
        if validation_data is not None:
            validation = self._prepare("validation ", *validation_data)
        self.callbacks = tuple(callbacks)
        self.stopped = None
        self.position = self.position.start(epochs, -(-len(x) // batch_size))
        if resume is not None:
            restore(self, resume)
        try:
            self._tell("on_start")
            while self.position.epoch < self.position.last_epoch and self.stopped is None:
                self._epoch(x, labels, weights, batch_size, validation)
        finally:
            self._tell("on_end")
        return self.history

    def stop(self, reason: str) -> None:
        """Ask for the end of training; a callback calls this. The epoch under way is the last."""
        self.stopped = reason

    def _epoch(
        self,
        x: Array,
        labels: Array,
        weights: Array | None,
        batch_size: int,
        validation: tuple[Array, Array] | None,
    ) -> None:
        started = time.perf_counter()
        position = self.position
        if position.step == 0:
            self.running = Running()
        order = np.random.default_rng((self.seed, position.epoch)).permutation(len(x))
        while position.step < position.steps_per_epoch:
            rows = order[position.step * batch_size : (position.step + 1) * batch_size]
            self._step(x[rows], labels[rows], None if weights is None else weights[rows])
            position.step += 1
            self.running.seconds += time.perf_counter() - started
            started = time.perf_counter()
            self._tell("on_step")
        position.step = 0
        position.epoch += 1
        row: dict[str, Any] = {"epoch": position.epoch, **self.running.means()}
        if validation is not None:
            measured = self.evaluate(*validation)
            row |= {f"validation_{name}": value for name, value in measured.items()}
        row["learning_rate"] = self.optimizer.learning_rate * self.running.scale
        row["seconds"] = self.running.seconds + time.perf_counter() - started
        self.history.append(row)
        self.schedule.observe(row)
        self._tell("on_epoch")

    # -- one step ---------------------------------------------------------------------------

    def _step(self, x: Array, labels: Array, weights: Array | None) -> None:
        """Forward, loss, backward, update: in this order, once each."""
        network, position = self.network, self.position
        if self.augment is not None:
            rng = np.random.default_rng((self.seed, position.epoch, position.step))
            x = self.augment(x, rng)
        generators = network.generators()
        with np.errstate(all="ignore"):  # what overflows is found and explained below
            outputs, saved = network.forward(x, training=True)
            loss, loss_saved = self.loss.forward(outputs, labels=labels, sample_weight=weights)
            (doutputs,) = self.loss.backward(loss.dtype.type(1), loss_saved)
            _, grads = network.backward(doutputs, saved)
        total = float(loss)
        params, decayed = network.trainable(), network.decayed()
        if self.penalty is not None:
            total += self.penalty.add(params, grads, decayed)
        norm = clip_by_norm({name: grads[name] for name in params}, self.clip_norm)
        if not (np.isfinite(total) and np.isfinite(norm)):
            network.set_generators(generators)
            raise explain_non_finite(self, x, labels, weights)
        scale = self.schedule.factor(position.fraction(), position.epochs)
        self.optimizer.step(params, grads, scale=scale, decayed=decayed)
        network.commit(saved)
        values = {name: function(outputs, labels) for name, function in self.metrics.items()}
        self.running.add(len(x), {"loss": total, **values}, scale)

    # -- measuring --------------------------------------------------------------------------

    def evaluate(
        self, x: Any, labels: Any, *, sample_weight: Any = None, batch_size: int = 256
    ) -> dict[str, float]:
        """The loss and all metrics on a whole set, in inference mode, changing nothing.

        The loss is the data's alone, without the penalty.
        """
        x, labels = self._prepare("", x, labels)
        weights = self._prepare_weights(sample_weight, len(x))
        outputs = self.network.predict(x, batch_size=batch_size)
        loss, _ = self.loss.forward(outputs, labels=labels, sample_weight=weights)
        values = {name: function(outputs, labels) for name, function in self.metrics.items()}
        return {"loss": float(loss), **values}

    # -- everything needed to go on ---------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that a run needs to go on, as one nested dict of arrays and plain values (copies).

        Parameters, kept state, the optimizer's slots and step, the schedule, every generator, the
        position in the epoch, the epoch's running means, the history and the callbacks' memory.
        Give it to `fit(resume=…)`, with the same data and options, to continue bit for bit.
        """
        return capture(self)

    # -- arguments --------------------------------------------------------------------------

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def _prepare(self, which: str, x: Any, labels: Any) -> tuple[Array, Array]:
        """Check data once, before the first step."""
        network = self.network
        x = np.asarray(x)
        network.check_batch(x, which=f"{which}x")
        check_finite(x, who="Trainer", which=f"{which}x", cure="Remove or fill those examples.")
        labels = self.loss.prepare(labels, network.output_shape, network.dtype)
        if len(x) != len(labels):
            raise ShapeError(
                f"Trainer: {which}x and {which}labels must have the same number of rows, "
                f"but have shapes {shape_text(x.shape)} and {shape_text(labels.shape)}."
            )
        if not len(x):
            raise InvalidValueError(f"Trainer: {which}x must have at least one row, but is empty.")
        return x, labels

    def _prepare_weights(self, weights: Any, rows: int) -> Array | None:
        if weights is None:
            return None
        weights = np.asarray(weights, self.network.dtype)
        check_shape(weights, (rows,), who="Trainer", which="sample_weight")
        check_finite(weights, who="Trainer", which="sample_weight")
        if (weights < 0).any() or not weights.any():
            raise InvalidValueError(
                "Trainer: sample_weight must be at least 0 everywhere and above 0 somewhere."
            )
        return weights
