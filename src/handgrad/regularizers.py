"""Penalties on the parameters, added to the loss so that training prefers small ones."""

from collections.abc import Container, Mapping

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, check_number


class Penalty:
    """The base of penalties on parameters. Two of them add up: `L1(1e-5) + L2(1e-4)`.

    A subclass writes `penalize` for one parameter, or `add` for all.
    """

    biases = False

    def add(
        self, params: Mapping[str, Array], grads: dict[str, Array], decayed: Container[str]
    ) -> float:
        """Return the penalty of `params`, and add its gradient to `grads`.

        The arrays in `grads` are replaced, not changed: someone else may hold them.

        Args:
            params: the parameters that learn, by name.
            grads: the loss's gradients, under the same names.
            decayed: the names of the weights; the others (biases, norms) go free, unless
                `biases` is set.
        """
        total = 0.0
        for name, param in params.items():
            if self.biases or name in decayed:
                with np.errstate(over="ignore"):  # the caller finds and explains what overflows
                    penalty, dparam = self.penalize(param)
                grads[name] = grads[name] + dparam
                total += float(penalty)
        return total

    def penalize(self, param: Array) -> tuple[Array, Array]:
        """Return the penalty of one parameter, and its gradient."""
        raise NotImplementedError

    def __add__(self, other: "Penalty") -> "PenaltySum":
        return PenaltySum(self, other)

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({inner})"


class L1(Penalty):
    """strength Σ |weight|: pulls every weight to zero with the same force; makes many nearly zero.

    Args:
        strength: λ, at least 0.
        biases: True penalizes every parameter, biases and norms too, not only the weights.
    """

    def __init__(self, strength: float, *, biases: bool = False) -> None:
        check_number(strength, who="L1", which="strength", low=0)
        self.strength = strength
        self.biases = biases

    def penalize(self, param: Array) -> tuple[Array, Array]:
        penalty, saved = ops.l1_penalty_forward(param, strength=self.strength)
        (dparam,) = ops.l1_penalty_backward(param.dtype.type(1), saved)
        return penalty, dparam


class L2(Penalty):
    """½ strength Σ weight²: pulls every weight to zero in proportion to its size.

    Args:
        strength: λ, at least 0; mind the ½, which not every library has.
        biases: True penalizes every parameter, biases and norms too, not only the weights.
    """

    def __init__(self, strength: float, *, biases: bool = False) -> None:
        check_number(strength, who="L2", which="strength", low=0)
        self.strength = strength
        self.biases = biases

    def penalize(self, param: Array) -> tuple[Array, Array]:
        penalty, saved = ops.l2_penalty_forward(param, strength=self.strength)
        (dparam,) = ops.l2_penalty_backward(param.dtype.type(1), saved)
        return penalty, dparam


class PenaltySum(Penalty):
    """Several penalties together; what `L1(…) + L2(…)` makes.

    That sum is the elastic net: Zou and Hastie, J. R. Stat. Soc. B 67, 2005.
    """

    def __init__(self, *parts: Penalty) -> None:
        self.parts = parts

    def add(
        self, params: Mapping[str, Array], grads: dict[str, Array], decayed: Container[str]
    ) -> float:
        return sum(part.add(params, grads, decayed) for part in self.parts)

    def __repr__(self) -> str:
        return " + ".join(repr(part) for part in self.parts)
