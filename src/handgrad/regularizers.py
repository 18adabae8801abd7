"""Penalties on the parameters, added to the loss."""

from collections.abc import Container, Mapping

from handgrad.checks import Array


class Penalty:
    """The base of penalties on parameters."""

    def add(
        self, params: Mapping[str, Array], grads: dict[str, Array], decayed: Container[str]
    ) -> float:
        """Return the penalty of `params`, and add its gradient to `grads`."""
        raise NotImplementedError
