"""The properties that every op must have, as checks on small cases (see CONTRIBUTING.md).

A `Case` names an op and makes its inputs; `checks()` gives one check per property. The same
checks judge the op in its own test, and each mutant of it in the mutation run.

The data decides what a gradient check sees: make axis lengths distinct, parameters random (never
ones and zeros), and keep away from kinks. `dy` is always random.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import handgrad.ops

Array = np.ndarray[Any, np.dtype[Any]]
ORACLES = Path(__file__).parent / "oracles"
STEP = 1e-30  # of complex-step derivatives: they subtract nothing, so it can be this small


@dataclass
class Example:
    """One set of arguments: arrays that have gradients, in order, and keyword options."""

    inputs: tuple[Array, ...]
    options: dict[str, Any] = field(default_factory=dict[str, Any])


Make = Callable[[np.random.Generator, int, int], Example]


@dataclass
class Case:
    """An op, and how to make its arguments.

    Attributes:
        op: the name before `_forward` and `_backward`.
        make: (rng, n, k) -> Example: `n` is the batch size (0 and 1 are tried too), `k` scales the
            other axes where the op has free ones (1: small, 5: large).
        name: tells several cases of one op apart; also the key of its recorded oracle.
        batch: the usual n. At least 3, and unlike the other axes.
        complex_step: False where the reference is not complex-safe; then differences are used.
        oracle: False where no PyTorch value is recorded (`extra` then has values worked by hand).
        extra: further checks: functions that assert (values worked by hand, extreme inputs).
        empty: False where an empty batch makes no sense.
    """

    op: str
    make: Make
    name: str = "default"
    batch: int = 5
    complex_step: bool = True
    oracle: bool = True
    extra: tuple[Callable[[], None], ...] = ()
    empty: bool = True

    def __str__(self) -> str:
        return self.op if self.name == "default" else f"{self.op}-{self.name}"

    # Looked up at each call, so that mutants and twins can stand in.
    @property
    def forward(self) -> Callable[..., Any]:
        return getattr(handgrad.ops, f"{self.op}_forward")

    @property
    def backward(self) -> Callable[..., Any]:
        return getattr(handgrad.ops, f"{self.op}_backward")

    def example(self, n: int | None = None, k: int = 1, seed: int = 7) -> Example:
        return self.make(np.random.default_rng(seed), self.batch if n is None else n, k)

    def checks(self) -> Iterator[Callable[[], None]]:
        """One check per property; each raises AssertionError, naming the op, when it fails."""
        if self.oracle:
            yield self.check_oracle
        yield from self.extra
        yield self.check_gradient
        yield self.check_adjoint
        yield self.check_linear
        yield self.check_dtypes
        yield self.check_pure
        yield self.check_layouts
        yield self.check_batch_of_one
        if self.empty:
            yield self.check_empty
        yield self.check_annotations

    # -- properties -----------------------------------------------------------------------

    def check_oracle(self) -> None:
        """Output and gradients equal recorded PyTorch values."""
        path = ORACLES / f"{self.op}.npz"
        assert path.exists(), f"{path.name} is missing: run scripts/record_oracles.py"
        with np.load(path, allow_pickle=False) as record:
            prefix = f"{self.name}/"
            stored = {
                key.removeprefix(prefix): record[key] for key in record if key.startswith(prefix)
            }
        assert stored, f"{path.name} has no case {self.name!r}: run scripts/record_oracles.py"
        example = self.example()
        for index, array in enumerate(example.inputs):
            assert np.array_equal(array, stored[f"input{index}"]), (
                f"{self}: the case changed since its oracle was recorded"
            )
        output, saved = self.forward(*example.inputs, **example.options)
        check_close(output, stored["output"], 1e-12, f"{self.op}_forward against PyTorch")
        grads = self.backward(stored["d_output"], saved)
        for index, grad in enumerate(grads):
            what = f"{self.op}_backward, {self.gradient_name(index)}, against PyTorch"
            check_close(grad, stored[f"gradient{index}"], 1e-9, what)

    def check_gradient(self) -> None:
        """Every entry of every gradient equals a derivative computed without it."""
        self.check_gradient_of(self.example())

    def check_gradient_of(self, example: Example) -> None:
        d_output, grads = self.run(example)
        tolerance = 1e-9 if self.complex_step else 1e-6
        for index, grad in enumerate(grads):
            expected = np.zeros(example.inputs[index].shape)
            for entry in np.ndindex(expected.shape):
                direction = [np.zeros(array.shape) for array in example.inputs]
                direction[index][entry] = 1.0
                expected[entry] = self.slope(example, direction, d_output)
            check_close(
                grad, expected, tolerance, f"{self.op}_backward, {self.gradient_name(index)}"
            )

    def check_adjoint(self) -> None:
        """On a larger example: ⟨dy, J v⟩ = ⟨Jᵀ dy, v⟩ for random v."""
        example = self.example(n=2 * self.batch + 3, k=5, seed=11)
        d_output, grads = self.run(example)
        rng = np.random.default_rng(12)
        direction = [rng.normal(size=array.shape) for array in example.inputs]
        forward_side = self.slope(example, direction, d_output)
        parts = [float(np.vdot(g, v)) for g, v in zip(grads, direction, strict=True)]
        sizes = [
            np.linalg.norm(g) * np.linalg.norm(v) for g, v in zip(grads, direction, strict=True)
        ]
        scale = float(sum(sizes))
        error = abs(forward_side - sum(parts)) / max(scale, 1e-300)
        limit = 1e-9 if self.complex_step else 1e-6
        assert error < limit, f"{self.op}_backward is not the adjoint of forward: {error:.1e}"

    def check_linear(self) -> None:
        """Backward is linear in d_output, and keeps nothing between calls."""
        example = self.example()
        output, saved = self.forward(*example.inputs, **example.options)
        rng = np.random.default_rng(13)
        first, second = rng.normal(size=(2, *np.shape(output)))
        together = self.backward(np.asarray(2.0 * first - 3.0 * second), saved)
        parts = self.backward(np.asarray(first), saved), self.backward(np.asarray(second), saved)
        for index, (grad, one, two) in enumerate(zip(together, *parts, strict=True)):
            what = f"{self.op}_backward is not linear, {self.gradient_name(index)}"
            check_close(grad, 2.0 * one - 3.0 * two, 1e-12, what)

    def check_dtypes(self) -> None:
        """Floating dtype in, the same dtype out; every gradient has its input's shape and dtype."""
        for dtype in (np.float32, np.float64):
            example = cast(self.example(), dtype)
            output, saved = self.forward(*example.inputs, **example.options)
            assert output.dtype == dtype, f"{self.op}_forward: {dtype.__name__} gave {output.dtype}"
            d_output = np.random.default_rng(1).normal(size=np.shape(output)).astype(dtype)
            grads = self.backward(d_output, saved)
            assert isinstance(grads, tuple), f"{self.op}_backward must return a tuple"
            assert len(grads) == len(example.inputs), f"{self.op}_backward: one gradient per input"
            for index, (grad, array) in enumerate(zip(grads, example.inputs, strict=True)):
                name = f"{self.op}_backward, {self.gradient_name(index)}"
                assert grad.shape == array.shape, f"{name}: shape {grad.shape}, not {array.shape}"
                assert grad.dtype == dtype, f"{name}: dtype {grad.dtype}, not {dtype.__name__}"

    def check_pure(self) -> None:
        """Nothing is mutated, nothing returned aliases an argument, and twice gives the same."""
        example = self.example()
        arrays = [
            *example.inputs,
            *(v for v in example.options.values() if isinstance(v, np.ndarray)),
        ]
        before = [array.copy() for array in arrays]
        output, saved = self.forward(*example.inputs, **example.options)
        kept = [np.copy(part) for part in leaves(saved)]
        output_before = np.copy(output)
        d_output = np.random.default_rng(1).normal(size=np.shape(output))
        d_before = d_output.copy()
        grads = self.backward(d_output, saved)
        again = self.backward(d_output, saved)
        for array, copy in zip(arrays, before, strict=True):
            assert np.array_equal(array, copy), f"{self.op} changes an argument"
        for part, copy in zip(leaves(saved), kept, strict=True):
            assert np.array_equal(part, copy, equal_nan=True), f"{self.op}_backward changes `saved`"
        assert np.array_equal(d_output, d_before), f"{self.op}_backward changes d_output"
        assert np.array_equal(output, output_before), f"{self.op}_backward changes the output"
        for index, (one, two) in enumerate(zip(grads, again, strict=True)):
            name = f"{self.op}_backward, {self.gradient_name(index)}"
            assert np.array_equal(one, two), f"{name}: a second call gives another result"
            for array in [*arrays, d_output, output, *leaves(saved)]:
                assert not np.shares_memory(one, array), f"{name} aliases an argument or `saved`"
        for array in arrays:
            assert not np.shares_memory(np.asarray(output), array), f"{self.op}_forward aliases x"

    def check_layouts(self) -> None:
        """Arrays that are not contiguous give the same results."""
        example = self.example()
        strided = Example(tuple(spread(array) for array in example.inputs), example.options)
        output, saved = self.forward(*example.inputs, **example.options)
        other, other_saved = self.forward(*strided.inputs, **strided.options)
        check_close(other, output, 1e-12, f"{self.op}_forward of strided arrays")
        d_output = np.random.default_rng(1).normal(size=np.shape(output))
        grads = self.backward(d_output, saved)
        for index, grad in enumerate(self.backward(spread(d_output), other_saved)):
            what = f"{self.op}_backward of strided arrays, {self.gradient_name(index)}"
            check_close(grad, grads[index], 1e-12, what)

    def check_batch_of_one(self) -> None:
        """A batch of one is as good as any."""
        self.check_gradient_of(self.example(n=1, seed=17))

    def check_empty(self) -> None:
        """An empty batch gives an empty result (a loss: 0), without a warning."""
        example = self.example(n=0)
        output, saved = self.forward(*example.inputs, **example.options)
        if np.ndim(output) == 0:
            assert output == 0, f"{self.op}_forward: an empty batch has loss {output}"
        grads = self.backward(np.ones(np.shape(output)), saved)
        for grad, array in zip(grads, example.inputs, strict=True):
            assert grad.shape == array.shape, f"{self.op}_backward of an empty batch"
            assert np.isfinite(grad).all(), f"{self.op}_backward of an empty batch is not finite"

    def check_annotations(self) -> None:
        """The shapes in the annotations are the shapes of the arrays."""
        example = self.example()
        output, saved = self.forward(*example.inputs, **example.options)
        grads = self.backward(np.ones(np.shape(output)), saved)
        sizes: dict[str, int] = {}
        hints = get_type_hints(self.forward, include_extras=True)
        names = list(inspect.signature(self.forward).parameters)
        for name, array in zip(names, example.inputs, strict=False):
            check_hint(hints[name], array, sizes, f"{self.op}_forward, {name}")
        for name, value in example.options.items():
            check_hint(hints[name], value, sizes, f"{self.op}_forward, {name}")
        output_hint, saved_hint = get_args(hints["return"])
        check_hint(output_hint, output, sizes, f"{self.op}_forward, output")
        for name, hint in get_type_hints(saved_hint, include_extras=True).items():
            check_hint(hint, getattr(saved, name), sizes, f"{saved_hint.__name__}.{name}")
        hints = get_type_hints(self.backward, include_extras=True)
        first = next(iter(inspect.signature(self.backward).parameters))
        check_hint(hints[first], output, sizes, f"{self.op}_backward, {first}")
        for hint, grad in zip(get_args(hints["return"]), grads, strict=True):
            check_hint(hint, grad, sizes, f"{self.op}_backward, result")

    # -- how ------------------------------------------------------------------------------

    def run(self, example: Example) -> tuple[Array, tuple[Array, ...]]:
        """A random d_output and the gradients that backward makes of it."""
        output, saved = self.forward(*example.inputs, **example.options)
        d_output = np.random.default_rng(3).normal(size=np.shape(output))
        return d_output, self.backward(np.asarray(d_output), saved)

    def slope(self, example: Example, direction: list[Array], d_output: Array) -> float:
        """d/dt of ⟨d_output, forward(inputs + t direction)⟩ at t = 0, without backward."""

        def along(t: complex) -> Any:
            moved = [x + t * v for x, v in zip(example.inputs, direction, strict=True)]
            output, _ = self.forward(*moved, **example.options)
            return np.sum(d_output * output)

        if self.complex_step:
            return float(np.imag(along(1j * STEP))) / STEP
        h = 1e-5
        return float(along(h) - along(-h)) / (2 * h)

    def gradient_name(self, index: int) -> str:
        return f"d{list(inspect.signature(self.forward).parameters)[index]}"


def op_test(cases: list[Case]) -> Callable[..., None]:
    """Make the test of a module's cases: one test for each case and check."""
    parameters = [
        pytest.param(case, check.__name__, id=f"{case}-{check.__name__.removeprefix('check_')}")
        for case in cases
        for check in case.checks()
    ]

    @pytest.mark.parametrize(("case", "check"), parameters)
    def test(case: Case, check: str) -> None:
        next(c for c in case.checks() if c.__name__ == check)()

    return test


# -- comparing --------------------------------------------------------------------------------


def check_close(came: Any, expected: Any, tolerance: float, what: str) -> None:
    """Assert that ‖came − expected‖ / ‖expected‖ ≤ `tolerance` (absolute where expected is 0)."""
    came, expected = np.asarray(came), np.asarray(expected)
    assert came.shape == expected.shape, f"{what}: shape {came.shape}, not {expected.shape}"
    assert np.isfinite(came).all(), f"{what}: not finite"
    scale = float(np.linalg.norm(expected))
    error = float(np.linalg.norm(came - expected)) / (scale if scale > 1e-12 else 1.0)
    assert error <= tolerance, f"{what}: differs by {error:.1e} (allowed {tolerance:.0e})"


def check_hint(hint: Any, value: Any, sizes: dict[str, int], what: str) -> None:
    """Assert that an array has the shape its annotation says.

    "N D": two axes, whose sizes must agree wherever the letters appear; "N 1": a fixed size;
    "": a scalar; "...": any shape; "N ...": any further axes; "N | N K": either.
    """
    if get_origin(hint) is not Annotated:
        options = [arg for arg in get_args(hint) if get_origin(arg) is Annotated]
        if value is None or not options or not isinstance(value, np.ndarray):
            return
        hint = options[0]
    text = get_args(hint)[1]
    shape = np.shape(value)
    for option in text.split("|"):
        names = option.split()
        if "..." in names:
            fixed = names[: names.index("...")]
            fits = len(shape) >= len(fixed)
        else:
            fixed, fits = names, len(shape) == len(names)
        if not fits:
            continue
        found = dict(sizes)
        for name, size in zip(fixed, shape, strict=False):
            wanted = int(name) if name.isdigit() else found.setdefault(name, size)
            fits = fits and size == wanted
        if fits:
            sizes.update(found)
            return
    message = f"{what}: annotated {text!r}, but has shape {shape} where {sizes}"
    raise AssertionError(message)


def leaves(value: Any) -> list[Array]:
    """All arrays inside nested tuples."""
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in leaves(part)]  # pyright: ignore[reportUnknownVariableType]
    return [value] if isinstance(value, np.ndarray) else []


def cast(example: Example, dtype: Any) -> Example:
    """The example with every floating array in another dtype."""

    def convert(value: Any) -> Any:
        floating = isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)
        return value.astype(dtype) if floating else value

    return Example(
        tuple(convert(array) for array in example.inputs),
        {name: convert(value) for name, value in example.options.items()},
    )


def spread(array: Array) -> Array:
    """An equal array whose memory has gaps and runs backwards."""
    wide = np.full([2 * size for size in array.shape], np.nan)
    view = wide[(..., *(slice(None, None, -2) for _ in array.shape))]
    view[...] = array
    return view
