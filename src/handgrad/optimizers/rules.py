"""The optimizers: each an update rule of `ops.updates` with its options."""

from typing import Any

from handgrad.backend import ops
from handgrad.checks import Array, check_choice
from handgrad.optimizers.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent: param ← param − η g (`ops.sgd_step`)."""

    elementwise = True

    def __init__(
        self,
        learning_rate: float = 0.1,
        *,
        weight_decay: float = 0.0,
        decay_all: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decay_all=decay_all)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.sgd_step(param, grad, learning_rate=learning_rate)


class Momentum(Optimizer):
    """A ball that rolls down: v ← μ v − η g, param ← param + v (`ops.momentum_step`)."""

    elementwise = True
    slots = ("v",)

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        decay_all: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decay_all=decay_all)
        self.momentum = self._set("momentum", momentum, below_one=True)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.momentum_step(param, grad, **slots, learning_rate=learning_rate, momentum=self.momentum)


class Nesterov(Momentum):
    """Momentum with the gradient taken where it is about to go (`ops.nesterov_step`)."""

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.nesterov_step(param, grad, **slots, learning_rate=learning_rate, momentum=self.momentum)


class AdaGrad(Optimizer):
    """A rate of its own for every entry, falling as its gradients add up (`ops.adagrad_step`)."""

    elementwise = True
    slots = ("h",)

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        decay_all: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decay_all=decay_all)
        self.eps = self._set("eps", eps)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.adagrad_step(param, grad, **slots, learning_rate=learning_rate, eps=self.eps)


class RMSprop(Optimizer):
    """AdaGrad with a moving mean in place of the sum (`ops.rmsprop_step`)."""

    elementwise = True
    slots = ("h",)

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        rho: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay_all: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decay_all=decay_all)
        self.rho = self._set("rho", rho, below_one=True)
        self.eps = self._set("eps", eps)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.rmsprop_step(
            param, grad, **slots, learning_rate=learning_rate, rho=self.rho, eps=self.eps
        )


class AdaDelta(Optimizer):
    """RMSprop that finds its rate by itself (`ops.adadelta_step`); leave learning_rate at 1."""

    elementwise = True
    slots = ("h", "u")

    def __init__(
        self,
        learning_rate: float = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        decay_all: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decay_all=decay_all)
        self.rho = self._set("rho", rho, below_one=True)
        self.eps = self._set("eps", eps)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.adadelta_step(
            param, grad, **slots, learning_rate=learning_rate, rho=self.rho, eps=self.eps
        )


class Adam(Optimizer):
    """Momentum, scaled by the root of the mean squared gradient (`ops.adam_step`)."""

    elementwise = True
    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay_all: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decay_all=decay_all)
        self.beta1 = self._set("beta1", beta1, below_one=True)
        self.beta2 = self._set("beta2", beta2, below_one=True)
        self.eps = self._set("eps", eps)

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        ops.adam_step(
            param,
            grad,
            **slots,
            learning_rate=learning_rate,
            step=self.steps,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
        )


class AdamW(Adam):
    """Adam with weight decay: the same as Adam(weight_decay=0.01), under the name it has."""

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decay_all: bool = False,
    ) -> None:
        super().__init__(
            learning_rate,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            weight_decay=weight_decay,
            decay_all=decay_all,
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {
    each.__name__.lower(): each
    for each in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, AdaDelta, Adam, AdamW)
}


def by_name(name: str, learning_rate: float | None = None, **options: Any) -> Optimizer:
    """An optimizer by its lower-case name; without a learning rate it has its own default.

    Raises:
        InvalidValueError: there is none of that name; the message lists them.

    >>> by_name("nesterov", 0.05)
    Nesterov(learning_rate=0.05, momentum=0.9, weight_decay=0.0, decay_all=False)
    """
    check_choice(name, tuple(OPTIMIZERS), who="optimizers.by_name", which="name")
    kind: Any = OPTIMIZERS[name]
    return kind(**options) if learning_rate is None else kind(learning_rate, **options)
