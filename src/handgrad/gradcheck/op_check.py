"""Check an op that somebody wrote: a forward and a backward function."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.checks import Array, DtypeError, InvalidValueError, check_count
from handgrad.gradcheck.compare import STEP, Target, check_gradient, noise
from handgrad.gradcheck.report import GradientReport, GradientRow

SEED = 7_034_561_209  # one that no caller uses: a d_output equal to x would hide mistakes
ADJOINT_TOLERANCE = 1e-4  # coarser: a random direction meets all curvature, and kinks, at once


def check_op(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Mapping[str, Any],
    /,
    *,
    entries: int | None = 200,
    **options: Any,
) -> GradientReport:
    """Compare the gradients of an op with numerical ones, and name the mistakes.

    The data decides what a check sees: give the axes different lengths and the inputs random
    values, neither zeros nor ones.

    Args:
        forward: `forward(*inputs, **options) -> (output, saved)`.
        backward: `backward(d_output, saved) -> one gradient per input`, as a tuple.
        inputs: the arrays that have gradients, by name, in forward's order. They become float64
            copies; the first axis of the first one counts as the batch.
        entries: how many random entries of each input to check one by one; None checks all. Where
            some are left out, an adjoint test looks at all of them together.
        options: what else forward takes.

    Raises:
        DtypeError: an input is not real.
        InvalidValueError: forward gives different results for equal inputs, or backward returns
            another number of gradients.

    >>> def square_forward(x):
    ...     return x**2, x
    >>> def square_backward(dy, x):
    ...     return (-2 * x * dy,)
    >>> report = check_op(square_forward, square_backward, {"x": [[1.0, 2.0, 3.0]]})
    >>> report.ok, report.rows[0].verdict
    (False, 'sign flipped')
    """
    if entries is not None:
        check_count(entries, who="check_op", which="entries")
    arrays = {name: real_input(name, value) for name, value in inputs.items()}
    rng = np.random.default_rng(SEED)
    output, saved = forward(*arrays.values(), **options)
    output = np.asarray(output)
    d_output = np.asarray(rng.normal(size=output.shape))
    base = float(np.sum(d_output * output))

    def value() -> float:
        moved, _ = forward(*arrays.values(), **options)
        return float(np.sum(d_output * moved))

    if value() != base:
        raise InvalidValueError(
            "check_op: forward gives different results for equal inputs. Draw random numbers "
            "outside and pass them in (as a mask, say), so that every evaluation uses the same."
        )
    grads = gradients_of(backward(d_output.copy(), saved), arrays)
    magnitude = float(np.abs(output).sum())  # d_output is about 1
    batch = next((len(array) for array in arrays.values() if array.ndim), 1)
    rows: list[GradientRow] = []
    for (name, array), gradient in zip(arrays.items(), grads, strict=True):
        target = Target(array, value, base, magnitude)
        row = check_gradient(name, gradient, target, batch=batch, entries=entries, rng=rng)
        if row.ok and entries is not None and entries < array.size:
            row = check_adjoint(row, gradient, target, rng)
        rows.append(row)
    return GradientReport(f"Gradients of {getattr(backward, '__name__', 'backward')}", tuple(rows))


def real_input(name: str, value: Any) -> Array:
    """A float64 copy of an input; refuse what is not real numbers."""
    array = np.asarray(value)
    if not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        raise DtypeError(f"check_op: {name} must hold real numbers, but has dtype {array.dtype}.")
    return np.array(array, np.float64)


def gradients_of(grads: Any, arrays: Mapping[str, Array]) -> tuple[Any, ...]:
    """What backward returned, as one gradient per input; one input may come without its tuple."""
    if isinstance(grads, np.ndarray):
        grads = (grads,)
    if len(grads) != len(arrays):
        raise InvalidValueError(
            f"check_op: backward must return one gradient for each of {', '.join(arrays)}, "
            f"but returned {len(grads)}."
        )
    return tuple(grads)


def check_adjoint(
    row: GradientRow, gradient: Array, target: Target, rng: np.random.Generator
) -> GradientRow:
    """Look at all entries at once: the slope along a random v must be ⟨gradient, v⟩.

    Where the slopes to both sides differ, v meets kinks, and the test says nothing.
    """
    array, at_x = target.array, target.array.copy()
    v = rng.normal(size=[*array.shape])
    try:
        array[...] = at_x + STEP * v
        right = (target.value() - target.base) / STEP
        array[...] = at_x - STEP * v
        left = (target.base - target.value()) / STEP
    finally:
        array[...] = at_x
    allowed = ADJOINT_TOLERANCE * float(np.linalg.norm(gradient)) + noise(target, STEP)
    kinks = abs(right - left) > allowed
    if kinks or abs(float(np.vdot(gradient, v)) - (left + right) / 2) <= allowed:
        return row
    return row._replace(
        verdict="wrong in entries that were not sampled: the adjoint test fails (entries=None "
        "checks all)"
    )
