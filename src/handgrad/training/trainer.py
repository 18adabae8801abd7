"""The Trainer: batches, steps, epochs, and everything a run needs to go on, as one value."""

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.checks import (
    Array,
    InvalidValueError,
    check_count,
    check_kind,
)
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.optimizers import Optimizer, all_finite, clip_by_norm
from handgrad.optimizers.base import Team
from handgrad.regularizers import Penalty
from handgrad.schedules import Constant, Schedule
from handgrad.training.arguments import (
    Augment,
    Metric,
    augmented,
    check_options,
    measure,
    prepare_callbacks,
    prepare_examples,
    prepare_metrics,
    prepare_validation,
    prepare_weights,
)
from handgrad.training.callbacks import Callback
from handgrad.training.diagnosis import explain_non_finite, lost_parameters
from handgrad.training.history import History
from handgrad.training.learning import Learning
from handgrad.training.limits import within_limits
from handgrad.training.position import Position, Running
from handgrad.training.state import capture, restore
from handgrad.training.steps import Step, make_step
from handgrad.training.whole import whole_steps


class Trainer:
    """Train a network on arrays.

    Args:
        network: what is trained, in place.
        loss: what is made small.
        optimizer: how.
        schedule: what happens to the learning rate (constant by default). The trainer keeps a
            copy, so that one schedule can serve many trainers.
        penalty: L1 or L2 on the weights, added to the loss.
        clip_norm: the largest norm that all gradients together may have.
        metrics: {name: function (outputs, labels) -> float}; by default accuracy for classifiers
            and the mean absolute error for regressions.
        augment: a function (batch, generator) -> batch, such as `handgrad.data.Augmentation`,
            applied to training batches only. The generator follows from seed, epoch and step, so
            that a resumed run changes each batch as it would have been.
        seed: the order of the examples and the augmentation follow from it.
        threads: how many may work; by default HANDGRAD_THREADS, else all processor cores.
        deterministic: whether results must be the same bits with any number of threads. That takes
            one thread of BLAS, and sums in a fixed order: a little slower.

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
        threads: int | None = None,
        deterministic: bool = False,
    ) -> None:
        check_kind(network, Network, who="Trainer", which="network")
        check_kind(loss, Loss, who="Trainer", which="loss")
        check_kind(optimizer, Optimizer, who="Trainer", which="optimizer")
        check_options(schedule, penalty, clip_norm, seed, threads)
        loss.check_network(network.layers)
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = Constant() if schedule is None else copy.deepcopy(schedule)
        self.penalty = penalty
        self.clip_norm = clip_norm
        self.metrics = prepare_metrics(metrics, loss)
        self.augment = augment
        self.seed = seed
        self.threads = threads
        self.deterministic = deterministic
        self.history = History()
        self.position = Position()
        self.running = Running()
        self.callbacks: tuple[Callback, ...] = ()
        self.stopped: str | None = None
        network.head = loss.head

    # -- the whole run ----------------------------------------------------------------------

    @within_limits
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
        network, loss = self.network, self.loss
        x, labels = prepare_examples(network, loss, x, labels)
        weights = prepare_weights(sample_weight, len(x), network.dtype)
        validation = None
        if validation_data is not None:
            validation = prepare_validation(network, loss, validation_data)
        if resume is None:
            self.optimizer.claim(network)
        self.callbacks = prepare_callbacks(callbacks)
        self.stopped = None
        self._whole = whole_steps(self, x, labels, weights, batch_size)
        self._compute: tuple[Step, Team | None] | None = None
        self._learning = Learning(network)
        self.position = self.position.start(epochs, len(x), batch_size)
        if resume is not None:
            restore(self, resume)
        try:
            self._tell("on_start")
            while self.position.epoch < self.position.last_epoch and self.stopped is None:
                self._epoch(x, labels, weights, batch_size, validation)
        finally:
            if self._whole is not None:
                self._whole.release()
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
        whole = self._whole if self._whole is not None and self._whole.suits() else None
        order = self._order() if whole is None else whole.order(self._order)
        while position.step < position.steps_per_epoch:
            if whole is None or not whole.run(order):
                whole = None
                rows = order[position.step * batch_size : (position.step + 1) * batch_size]
                self._step(x[rows], labels[rows], None if weights is None else weights[rows])
                position.step += 1
            self.running.seconds += time.perf_counter() - started
            started = time.perf_counter()
            self._tell("on_step")
        lost = lost_parameters(self)  # by the last step; what another spoils, the next one finds
        if lost is not None:
            raise lost
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

    def _order(self) -> Array:
        """The order of the examples in the epoch under way."""
        rng = np.random.default_rng((self.seed, self.position.epoch))
        return rng.permutation(self.position.rows)

    # -- one step ---------------------------------------------------------------------------

    def _step(self, x: Array, labels: Array, weights: Array | None) -> None:
        """Forward, loss, backward, update: in this order, once each."""
        network, position = self.network, self.position
        if self._compute is None:
            self._compute = make_step(network, self.loss, min(position.batch_size, position.rows))
        if self.augment is not None:
            rng = np.random.default_rng((self.seed, position.epoch, position.step))
            x = augmented(self.augment, x, rng)
        generators = network.generators()
        with np.errstate(all="ignore"):  # what overflows is found and explained below
            compute, team = self._compute
            total, outputs, grads, new_state, finite = compute(x, labels, weights)
        params, decayed = self._learning.now()
        for name in params:
            if name not in grads:
                raise InvalidValueError(f"Trainer: backward gave no gradient of {name}.")
        if self.penalty is not None:
            total += self.penalty.add(params, grads, decayed)
            finite = {}  # as they were
        learning = {name: grads[name] for name in params}
        unknown = {name: grad for name, grad in learning.items() if not finite.get(name)}
        if not (np.isfinite(total) and all_finite(unknown)):
            network.set_generators(generators)
            raise explain_non_finite(self, x, labels, weights)
        if self.clip_norm is not None:
            clip_by_norm(learning, self.clip_norm)
        scale = self.schedule.factor(position.fraction(), position.epochs)
        with np.errstate(all="ignore"):
            self.optimizer.step(params, grads, scale=scale, decayed=decayed, team=team)
        for name, value in new_state.items():
            network.state[name] = value
        values = measure(self.metrics, outputs, labels)
        self.running.add(len(x), {"loss": total, **values}, scale)

    # -- measuring --------------------------------------------------------------------------

    @within_limits
    def evaluate(
        self, x: Any, labels: Any, *, sample_weight: Any = None, batch_size: int = 256
    ) -> dict[str, float]:
        """The loss and all metrics on a whole set, in inference mode, changing nothing.

        The loss is the data's alone, without the penalty.
        """
        network = self.network
        x, labels = prepare_examples(network, self.loss, x, labels)
        weights = prepare_weights(sample_weight, len(x), network.dtype)
        with np.errstate(all="ignore"):  # a network that explodes has loss NaN, not a warning
            outputs = network.predict(x, batch_size=batch_size)
            loss, _ = self.loss.forward(outputs, labels=labels, sample_weight=weights)
            return {"loss": float(loss), **measure(self.metrics, outputs, labels)}

    # -- everything needed to go on ---------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that a run needs to go on, as one nested dict of arrays and plain values (copies).

        Parameters, kept state, the optimizer's slots and step, the schedule, every generator, the
        position in the epoch, the epoch's running means, the history and the callbacks' memory.
        Give it to `fit(resume=…)`, with the same data and options, to continue bit for bit. A
        callback that takes it comes last in the list, when the others have seen the epoch.
        """
        return capture(self)

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)
