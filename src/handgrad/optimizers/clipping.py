"""Clipping: a limit on how large all gradients together may be."""

from collections.abc import Mapping

import numpy as np

from handgrad.checks import Array, check_number


def all_finite(grads: Mapping[str, Array]) -> bool:
    """Whether no gradient holds a NaN or an infinity.

    A sum is quicker than a look at every entry, and is finite only if they are. (It can overflow
    where they are not infinite: then each is looked at.)
    """
    with np.errstate(all="ignore"):
        return all(
            bool(np.isfinite(grad.sum())) or bool(np.isfinite(grad).all())
            for grad in grads.values()
        )


def clip_by_norm(grads: Mapping[str, Array], limit: float | None) -> float:
    """Scale all gradients together, in place, so that their common norm is at most `limit`.

        (1)  norm = √(Σ_arrays Σ g²)
        (2)  g ← g · limit / norm        if norm > limit

    The squares are summed in float64: in float32 they overflow from 2·10¹⁹ on. A norm that is NaN
    or infinite is returned, and the gradients are left for the caller to look at.

    Args:
        grads: the gradients, by name.
        limit: the largest norm; None only measures.

    Returns:
        The norm before clipping.

    Pascanu, Mikolov and Bengio, arXiv:1211.5063, algorithm 1.

    >>> grads = {"w": np.array([3.0, 0.0]), "b": np.array([4.0])}
    >>> clip_by_norm(grads, 1.0), grads["b"]
    (5.0, array([0.8]))
    """
    if limit is not None:
        check_number(limit, who="clip_by_norm", which="limit", low=0, open_low=True)
    squares = 0.0
    for grad in grads.values():  # not by BLAS, whose threads would get in the way of a plan's
        squares += float(np.square(grad, dtype=np.float64).sum())
    norm = squares**0.5  # (1)
    if limit is not None and limit < norm < np.inf:
        for grad in grads.values():
            np.multiply(grad, limit / norm, out=grad)  # (2)
    return norm
