"""Many steps at once: what the trainer hands to a plan of dense networks, and takes back.

Between two places where somebody looks (a callback after each step, the end of an epoch) the steps
of a small network need no Python. The numbers are those of the same steps made one by one.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.backend import compiled, planned
from handgrad.checks import Array
from handgrad.training.arguments import measure
from handgrad.training.callbacks import Callback
from handgrad.training.diagnosis import explain_non_finite

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer


class WholeSteps:
    """The steps of one `fit`.

    Args:
        trainer: whose.
        plan: computes them.
        data: all examples, as the plan takes them.
        x, labels, weights: the same, as everybody else does.
    """

    def __init__(
        self, trainer: "Trainer", plan: Any, data: Any, x: Array, labels: Array, weights: Any
    ) -> None:
        self.trainer, self.plan, self.data = trainer, plan, data
        self.x, self.labels, self.weights = x, labels, weights
        alike = plan.count == len(x) and not plan.masks.size
        self.own_order = np.arange(len(x)) if alike else None
        self.layers = list(trainer.network.layers)
        looks = any(
            type(callback).on_step is not Callback.on_step and callback.each_step
            for callback in trainer.callbacks
        )
        self.at_once = 1 if looks else plan.at_once

    def suits(self) -> bool:
        """Whether the trainer still does what the plan does; a callback may have changed that."""
        trainer = self.trainer
        same = is_plain(trainer) and trainer.optimizer is self.plan.optimizer
        return same and not any(layer.frozen for layer in self.layers)

    def order(self, order: Callable[[], Array]) -> Array:
        """The order of an epoch; where one batch holds all examples, they keep their own.

        Not with dropout: which example meets which row of a mask depends on the order.
        """
        return order() if self.own_order is None else self.own_order

    def release(self) -> None:
        """Leave the optimizer arrays of its own."""
        self.plan.release()

    def run(self, order: Array) -> bool:
        """Make the next steps of the epoch under way; whether the plan could.

        Raises:
            NonFiniteError: the step after those that were made left the finite numbers.
        """
        if not self.suits():
            return False
        trainer, size = self.trainer, self.plan.count
        position, running = trainer.position, trainer.running
        count = min(self.at_once, position.steps_per_epoch - position.step)
        first = position.step
        factor, epochs = trainer.schedule.factor, position.epochs
        scales = [factor(position.fraction(ahead=number), epochs) for number in range(count)]
        rows = order[first * size : (first + count) * size]

        def make() -> Any:
            return self.plan.run(self.data, rows, scales, outputs=bool(trainer.metrics))

        steps = planned(make, lambda: None)
        if steps is None:
            return False
        for number, total in enumerate(steps.losses):
            own = rows[number * size : (number + 1) * size]
            values = {"loss": total}
            if steps.outputs is not None:
                outputs = steps.outputs[number * size : (number + 1) * size]
                values |= measure(trainer.metrics, outputs, self.labels[own])
            running.add(len(own), values, scales[number])
        position.step += len(steps.losses)
        if len(steps.losses) < count:
            own = rows[len(steps.losses) * size :][:size]
            weights = None if self.weights is None else self.weights[own]
            raise explain_non_finite(trainer, self.x[own], self.labels[own], weights)
        return True


def whole_steps(
    trainer: "Trainer", x: Array, labels: Array, weights: Array | None, batch_size: int
) -> WholeSteps | None:
    """The steps of a `fit`, many at once, or None where they are made one by one."""
    if not (is_plain(trainer) and compiled()):
        return None

    def make() -> WholeSteps | None:
        from handgrad.plans import dense_plan, examples

        size = min(batch_size, len(x))
        plan = dense_plan(trainer.network, trainer.loss, trainer.optimizer, size)
        if plan is None:
            return None
        data = examples(trainer.network, x, labels, weights)
        return WholeSteps(trainer, plan, data, x, labels, weights)

    return planned(make, lambda: None)


def is_plain(trainer: "Trainer") -> bool:
    """Whether a step is forward, loss, backward and update, and nothing besides."""
    return trainer.augment is None and trainer.penalty is None and trainer.clip_norm is None
