"""`common.optimizer` of the book: update rules for dicts of parameters.

`update(params, grads)` changes the arrays of `params` in place. Parameters that are plain numbers
(as in the book's x²/20 + y²) are replaced.
"""

from typing import Any, TypeGuard

import numpy as np

from handgrad.backend import ops, use
from handgrad.checks import Array

__all__ = ["SGD", "AdaDelta", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]

EPS = 1e-7  # added to the roots that gradients are divided by


class Rule:
    """What the rules share: going through the parameters, and what each keeps for them."""

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> None:
        """One step: `params[key]` moves by the rule for `grads[key]`."""
        self.begin(params)
        for key, given in list(params.items()):
            if is_live(given):
                self.step(key, given, np.asarray(grads[key]))
                continue
            number = np.array(given, np.float64)
            with use("reference"):  # there is nothing to compile for a number
                self.step(key, number, np.asarray(grads[key], np.float64))
            params[key] = number[()]

    def begin(self, params: dict[str, Any]) -> None:
        """Prepare a step."""

    def step(self, key: str, param: Array, grad: Array) -> None:
        """Move one parameter."""
        raise NotImplementedError


def is_live(value: Any) -> TypeGuard[Array]:
    """Whether a parameter is an array that can be changed in place."""
    array = np.asarray(value)
    return array is value and array.dtype.kind in "fc"


def zeros_for(params: dict[str, Any]) -> dict[str, Array]:
    """A zero for each entry of each parameter."""
    return {
        key: np.zeros(np.shape(value), value.dtype if is_live(value) else np.float64)
        for key, value in params.items()
    }


class SGD(Rule):
    """A step against the gradient."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def step(self, key: str, param: Array, grad: Array) -> None:
        ops.sgd_step(param, grad, learning_rate=self.lr)


class Momentum(Rule):
    """A ball that rolls on: `v` is its velocity."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: Any = None  # {key: array}, made at the first step

    def begin(self, params: dict[str, Any]) -> None:
        self.v = self.v or zeros_for(params)

    def step(self, key: str, param: Array, grad: Array) -> None:
        ops.momentum_step(param, grad, self.v[key], learning_rate=self.lr, momentum=self.momentum)


class Nesterov(Momentum):
    """Momentum whose gradient is taken one step ahead: the paper's equations (arXiv:1212.0901)."""

    def step(self, key: str, param: Array, grad: Array) -> None:
        ops.nesterov_step(param, grad, self.v[key], learning_rate=self.lr, momentum=self.momentum)


class AdaGrad(Rule):
    """Steps that shrink as an entry's squared gradients, `h`, add up."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: Any = None  # {key: array}, made at the first step

    def begin(self, params: dict[str, Any]) -> None:
        self.h = self.h or zeros_for(params)

    def step(self, key: str, param: Array, grad: Array) -> None:
        ops.adagrad_step(param, grad, self.h[key], learning_rate=self.lr, eps=EPS)


class RMSprop(AdaGrad):
    """AdaGrad that forgets: `h` is a moving mean."""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        super().__init__(lr)
        self.decay_rate = decay_rate

    def step(self, key: str, param: Array, grad: Array) -> None:
        h = self.h[key]
        ops.rmsprop_step(param, grad, h, learning_rate=self.lr, rho=self.decay_rate, eps=EPS)


class AdaDelta(Rule):
    """RMSprop whose rate is the size of its own recent changes, `u`: not in the book's code."""

    def __init__(self, lr: float = 1.0, decay_rate: float = 0.9) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.h: Any = None  # {key: array}, made at the first step
        self.u: Any = None  # {key: array}, made at the first step

    def begin(self, params: dict[str, Any]) -> None:
        self.h = self.h or zeros_for(params)
        self.u = self.u or zeros_for(params)

    def step(self, key: str, param: Array, grad: Array) -> None:
        h, u = self.h[key], self.u[key]
        ops.adadelta_step(param, grad, h, u, learning_rate=self.lr, rho=self.decay_rate)


class Adam(Rule):
    """Momentum, `m`, divided by the root of the mean squared gradient, `v`."""

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m: Any = None  # {key: array}, made at the first step
        self.v: Any = None  # {key: array}, made at the first step

    def begin(self, params: dict[str, Any]) -> None:
        self.m = self.m or zeros_for(params)
        self.v = self.v or zeros_for(params)
        self.iter += 1

    def step(self, key: str, param: Array, grad: Array) -> None:
        ops.adam_step(
            param,
            grad,
            self.m[key],
            self.v[key],
            learning_rate=self.lr,
            step=self.iter,
            beta1=self.beta1,
            beta2=self.beta2,
            # The book adds it to √v, before v is corrected by 1 / (1 − β₂ᵗ).
            eps=EPS / float(np.sqrt(1 - self.beta2**self.iter)),
        )
