"""Optimizers: an update rule of `ops.updates`, its options, and what it keeps per parameter."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, check_number


class Optimizer:
    """The base of optimizers.

    A subclass names its `slots` (arrays like the parameter that it keeps, zero at first) and
    writes `update` for one parameter.

    Attributes:
        learning_rate: the base rate; a schedule scales it.
        weight_decay: λ of the decoupled decay param ← param − η λ param, applied to weights only
            (Loshchilov and Hutter, arXiv:1711.05101).
        steps: how many steps were made.
        state: {parameter: {slot: array}}.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: float, *, weight_decay: float = 0.0) -> None:
        who = type(self).__name__
        check_number(learning_rate, who=who, which="learning_rate", low=0, open_low=True)
        check_number(weight_decay, who=who, which="weight_decay", low=0)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = 0
        self.state: dict[str, dict[str, Array]] = {}

    def step(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        *,
        scale: float = 1.0,
        decayed: Container[str] = (),
    ) -> None:
        """Update every array of `params` in place.

        Args:
            params: the arrays to update, by name.
            grads: their gradients, under the same names.
            scale: what the schedule makes of the learning rate.
            decayed: the names that weight decay applies to.
        """
        self.steps += 1
        learning_rate = self.learning_rate * scale
        for name, param in params.items():
            slots = self.state.setdefault(name, {})
            for slot in self.slots:
                if slot not in slots:
                    slots[slot] = np.zeros_like(param)
            if self.weight_decay and name in decayed:
                np.multiply(param, 1 - learning_rate * self.weight_decay, out=param)
            self.update(param, grads[name], learning_rate=learning_rate, **slots)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        """Make one step for one parameter, in place."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """The options, as plain values."""
        import inspect

        names = inspect.signature(type(self).__init__).parameters
        return {key: getattr(self, key) for key in names if key != "self"}

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({inner})"


class SGD(Optimizer):
    """Stochastic gradient descent: param ← param − η g."""

    def __init__(self, learning_rate: float = 0.1, *, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.sgd_step(param, grad, learning_rate=learning_rate)


class Adam(Optimizer):
    """Adam: momentum, scaled by the root of the mean squared gradient."""

    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        check_number(beta1, who="Adam", which="beta1", low=0, high=1, open_high=True)
        check_number(beta2, who="Adam", which="beta2", low=0, high=1, open_high=True)
        check_number(eps, who="Adam", which="eps", low=0)
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.adam_step(
            param,
            grad,
            slots["m"],
            slots["v"],
            learning_rate=learning_rate,
            step=self.steps,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
        )


def clip_by_norm(grads: dict[str, Array], limit: float | None) -> float:
    """Scale all gradients together, in place, so that their common norm is at most `limit`.

        (1)  norm = √(Σ_arrays Σ g²)
        (2)  g ← g · limit / norm        if norm > limit

    Returns:
        The norm before clipping.

    Pascanu, Mikolov and Bengio, arXiv:1211.5063, algorithm 1.
    """
    norm = float(np.sqrt(sum(float(np.vdot(grad, grad)) for grad in grads.values())))  # (1)
    if limit is not None and norm > limit:
        for grad in grads.values():
            np.multiply(grad, limit / norm, out=grad)  # (2)
    return norm
