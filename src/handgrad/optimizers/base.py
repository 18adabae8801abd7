"""What every optimizer is: its options, what it keeps per parameter, and one step for all."""

from collections.abc import Callable, Container, Mapping
from typing import Any, Protocol

import numpy as np

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    check_number,
    check_shape,
)

Part = tuple[dict[str, Array], bool]  # what `update` is given, and whether it decays
LARGE = 50_000  # numbers; an array of fewer is updated before a second thread has woken up


class Optimizer:
    """The base of optimizers.

    A subclass names its `slots` (arrays like the parameter that it keeps, zero at first), stores
    its options under their names, and writes `update` for one parameter.

    Attributes:
        learning_rate: the base rate; a schedule scales it.
        weight_decay: λ of the decoupled decay param ← param − η λ param, made before each update
            with the scheduled η (Loshchilov and Hutter, arXiv:1711.05101; as PyTorch's AdamW).
        decay_all: whether everything decays. By default biases and the parameters of norms do not.
        steps: how many steps were made.
        state: {parameter: {slot: array}}.
        elementwise: whether `update` may be given parts of arrays; the library's own may.
        owner: the network that `state` belongs to, once a `Trainer` has used the optimizer.
    """

    slots: tuple[str, ...] = ()
    elementwise = False

    def __init__(
        self, learning_rate: float, *, weight_decay: float = 0.0, decay_all: bool = False
    ) -> None:
        who = type(self).__name__
        check_number(learning_rate, who=who, which="learning_rate", low=0, open_low=True)
        check_number(weight_decay, who=who, which="weight_decay", low=0)
        self.learning_rate = float(learning_rate)
        self.weight_decay = float(weight_decay)
        self.decay_all = bool(decay_all)
        self.steps = 0
        self.state: dict[str, dict[str, Array]] = {}
        self.owner: object = None

    def claim(self, owner: object) -> None:
        """Belong to one network; a second one is refused, for its parameters may have equal names.

        Raises:
            InvalidValueError: the optimizer remembers gradients of another network.
        """
        if self.owner not in {None, owner} and any(self.state.values()):
            raise InvalidValueError(
                f"{type(self).__name__}: an optimizer must serve one network, but this one "
                "remembers the gradients of another. Make a new one."
            )
        self.owner = owner

    def step(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        *,
        scale: float = 1.0,
        decayed: Container[str] = (),
        team: "Team | None" = None,
    ) -> None:
        """Update every array of `params` in place.

        Args:
            params: the arrays to update, by name.
            grads: their gradients, under the same names.
            scale: what the schedule makes of the learning rate.
            decayed: the names that weight decay applies to, unless it applies to all.
            team: who shares large arrays; the results are the same bit for bit.

        Raises:
            InvalidValueError: a parameter has no gradient.
            ShapeError: a gradient has not the shape of its parameter.
            DtypeError: a parameter does not hold floats.
        """
        for name, param in params.items():
            self._check(name, param, grads)
        self.steps += 1
        learning_rate = float(self.learning_rate * scale)  # NumPy's float64 would widen float32
        for name, param in params.items():
            slots = self.state.setdefault(name, {})
            for slot in self.slots:
                if slot not in slots:
                    slots[slot] = np.zeros_like(param)

        # The threads hold Python's lock in turn: whatever can be is made ready before they start.
        parts: list[list[Part]] = [[] for _ in range(1 if team is None else team.count)]
        for name, param in params.items():
            decays = bool(self.weight_decay) and (self.decay_all or name in decayed)
            arrays = {"param": param, "grad": grads[name], **self.state[name]}
            if team is not None and self.elementwise and is_large(arrays):
                flat = {key: array.reshape(-1) for key, array in arrays.items()}
                for worker, own in enumerate(parts):
                    lo, hi = team.share(worker, param.size)
                    own.insert(0, ({key: array[lo:hi] for key, array in flat.items()}, decays))
            else:
                parts[0].append((arrays, decays))

        def task(worker: int) -> None:
            for arrays, decays in parts[worker]:
                self._update_array(arrays, learning_rate, decays=decays)

        task(0) if team is None or team.count == 1 else team.run(task)

    def _update_array(
        self, arrays: dict[str, Array], learning_rate: float, *, decays: bool
    ) -> None:
        """Weight decay and one step for one parameter, or a part of it."""
        if decays:
            param = arrays["param"]
            np.multiply(param, 1 - learning_rate * self.weight_decay, out=param)
        self.update(**arrays, learning_rate=learning_rate)

    def _check(self, name: str, param: Array, grads: Mapping[str, Array]) -> None:
        """Refuse what would fail half-way through a step, or be stretched to fit."""
        grad = grads.get(name)
        if isinstance(grad, np.ndarray) and grad.shape == param.shape and param.dtype.kind == "f":
            return  # as in every step of a training
        who = f"{type(self).__name__}.step"
        if name not in grads:
            raise InvalidValueError(
                f"{who}: grads must have every name of params, but has no {name!r}."
            )
        check_shape(grads[name], param.shape, who=who, which=f"the gradient of {name!r}")
        if not np.issubdtype(param.dtype, np.floating):
            raise DtypeError(
                f"{who}: {name!r} must hold floats, but has dtype {param.dtype}. "
                "Make it one with astype(float)."
            )

    def update(self, param: Array, grad: Array, *, learning_rate: float, **slots: Array) -> None:
        """Make one step for one parameter, in place."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """The options, as plain values."""
        import inspect

        names = inspect.signature(type(self).__init__).parameters
        return {key: getattr(self, key) for key in names if key != "self"}

    def _set(self, which: str, value: float, *, below_one: bool = False) -> float:
        """Check an option that must be positive (`eps`) or in [0, 1), and return it as a float."""
        high = 1 if below_one else None
        check_number(
            value,
            who=type(self).__name__,
            which=which,
            low=0,
            high=high,
            open_low=not below_one,
            open_high=below_one,
        )
        return float(value)

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({inner})"


class Team(Protocol):
    """Threads that do a task side by side: `plans.Workers`."""

    count: int

    def run(self, task: Callable[[int], None]) -> None:
        """Run task(0) … task(count − 1) side by side."""

    def share(self, worker: int, total: int) -> tuple[int, int]:
        """The part lo … hi − 1 of `total` that is this worker's."""
        ...


def is_large(arrays: Mapping[str, Array]) -> bool:
    """Whether arrays are worth sharing, and can be cut without copying."""
    return arrays["param"].size >= LARGE and all(a.flags.c_contiguous for a in arrays.values())
