"""The properties that every compiled twin must have, on the cases of the reference.

A `TwinCase` wraps a case of `tests/ops` and makes no inputs of its own. Its checks call twins by
name at each call, so that mutants can stand in, and they run as well with plain Python in place
of compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import handgrad.ops
from handgrad import kernels
from handgrad.kernels import Unsuitable
from harness import Array, Case, Example, cast, check_close, leaves
from mutate import load

DTYPES = (np.float32, np.float64)
# What is not compiled: windows of pools smaller than 3×3, but for 2×2 moved by 2 (the maximum's
# backward is), and convolutions with windows of one pixel.
REFUSED = {
    "average_pool2d": {"average_pool2d_forward", "average_pool2d_backward"},
    "conv2d-one_by_one": {"conv2d_forward", "conv2d_backward"},
    "max_pool2d": {"max_pool2d_forward"},
    "max_pool2d-overlapping": {"max_pool2d_forward"},
}
OPS = Path(__file__).parent / "ops"


def reference(name: str) -> Callable[..., Any]:
    return getattr(handgrad.ops, name)


def tolerance(example: Example) -> float:
    """What rounding may do: a few units in the last place, more with the length of the sums."""
    size = max(array.size for array in example.inputs)
    return float(16 * np.finfo(example.inputs[0].dtype).eps * max(size, 1) ** 0.5)


@dataclass
class TwinCase:
    """One case of an op, tried on its twins."""

    case: Case

    def __str__(self) -> str:
        return str(self.case)

    @property
    def functions(self) -> set[str]:
        """The twins that this case tries."""
        names = {f"{self.case.op}_forward", f"{self.case.op}_backward"} & set(kernels.TWINS)
        return names - REFUSED.get(str(self), set())

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.check_small
        yield self.check_large
        yield self.check_batch_of_one
        yield self.check_empty
        yield self.check_strided
        yield self.check_pure
        yield self.check_far_apart
        yield self.check_not_finite
        yield self.check_wrong_shapes
        yield self.check_whole_numbers
        yield self.check_no_classes
        if self.case.op == "max_pool2d":
            yield self.check_ties

    # -- properties -----------------------------------------------------------------------

    def check_small(self) -> None:
        self.check_pairings(self.case.batch, 1)

    def check_large(self) -> None:
        self.check_pairings(2 * self.case.batch + 3, 5)

    def check_batch_of_one(self) -> None:
        self.check_pairings(1, 1)

    def check_empty(self) -> None:
        if self.case.empty:
            self.check_pairings(0, 1)

    def check_strided(self) -> None:
        """Gaps in memory, and memory that runs backwards."""
        self.check_pairings(self.case.batch, 1, strided=True)

    def check_pairings(self, n: int, k: int, *, strided: bool = False) -> None:
        """Forward by either, backward by either: results, `saved` and gradients are equal."""
        for dtype in DTYPES:
            example = cast(self.case.example(n, k), dtype)
            args, options = example.inputs, example.options
            if strided:
                args = tuple(gapped(array) for array in args)
                options = {name: gapped(value) for name, value in options.items()}
            limit = tolerance(example)
            op, results = self.case.op, {}
            for kind, forward in self.both(f"{op}_forward").items():
                results[kind] = forward(*args, **options)
            output, saved = results["reference"]
            for kind, (came, came_saved) in results.items():
                check_same(came, output, limit, f"{op}_forward, {kind}")
                check_same(came_saved, saved, limit, f"{op}_forward, {kind}, saved")
            d_output = np.asarray(np.random.default_rng(1).normal(size=np.shape(output)))
            d_output = d_output.astype(dtype)
            if strided:
                d_output = gapped(d_output)
            expected = reference(f"{op}_backward")(d_output, saved)
            for kind, backward in self.both(f"{op}_backward").items():
                for by, (_, other) in results.items():
                    came = backward(d_output, other)
                    what = f"{op}_backward, {kind}, after forward by the {by}"
                    check_same(came, expected, limit, what)

    def check_pure(self) -> None:
        """Nothing is changed, and nothing returned is the memory of an argument."""
        for name in self.functions:
            for _, args, options in self.calls(name):
                given = leaves((*args, *options.values()))
                before = [array.copy() for array in given]
                result = kernels.load(name)(*args, **options)
                for array, copy in zip(given, before, strict=True):
                    assert np.array_equal(array, copy), f"{name} changes an argument"
                values = result[0] if name.endswith("_forward") else result
                for value in leaves(values if isinstance(values, tuple) else (values,)):
                    assert not any(np.shares_memory(value, array) for array in given), name

    def check_far_apart(self) -> None:
        """Large numbers of both signs: an exponential that is not held back would overflow."""
        for name in self.functions:
            for example, args, options in self.calls(name):
                # Turned around, so that a row's largest entry is also its first.
                last = tuple(range(np.ndim(args[0])))[-1:]  # no axis, for a loss's gradient
                apart = (1000 * np.flip(args[0], axis=last), *args[1:])
                came = kernels.load(name)(*apart, **options)
                expected = reference(name)(*apart, **options)
                check_same(came, expected, tolerance(example), f"{name}, numbers far apart")

    def check_not_finite(self) -> None:
        """NaN and infinity come out where they come out of the reference: none is hidden."""
        for name in self.functions:
            for _, args, options in self.calls(name):
                for value in (np.nan, np.inf, -np.inf):
                    first = args[0].copy()
                    first[tuple(min(1, size - 1) for size in first.shape)] = value
                    with np.errstate(all="ignore"):
                        came = kernels.load(name)(first, *args[1:], **options)
                        expected = reference(name)(first, *args[1:], **options)
                    for one, other in zip(floats(came), floats(expected), strict=True):
                        check_spread(one, other, f"{name}, {value} in its first argument")

    def check_wrong_shapes(self) -> None:
        """With any array cut short, a twin refuses, or answers as the reference does."""
        for name in self.functions:
            for example, args, options in self.calls(name):
                for cut_args, cut_options in cuts(args, options):
                    try:
                        came = kernels.load(name)(*cut_args, **cut_options)
                    except Unsuitable:
                        continue
                    expected = reference(name)(*cut_args, **cut_options)
                    check_same(came, expected, tolerance(example), f"{name}, an array cut short")

    def check_whole_numbers(self) -> None:
        """Kinks are met: entries that are 0, that are equal, and that differ by a margin of 1."""
        for name in self.functions:
            for example, args, options in self.calls(name):
                if name.endswith("_forward"):
                    whole = tuple(np.round(array) for array in args)
                else:
                    inputs = (np.round(array) for array in example.inputs)
                    _, saved = reference(f"{self.case.op}_forward")(*inputs, **example.options)
                    whole = args[0], saved
                came, expected = (f(*whole, **options) for f in self.both(name).values())
                check_same(came, expected, tolerance(example), f"{name}, whole numbers")

    def check_no_classes(self) -> None:
        """With a label that is no class, a twin refuses, or answers as the reference does."""
        for name in self.functions:
            for example, args, options in self.calls(name):
                labels = options.get("labels")
                if labels is None or labels.dtype.kind != "i":
                    continue
                for wrong in (args[0].shape[1], -args[0].shape[1] - 1):
                    others = {**options, "labels": np.append(wrong, labels[1:])}
                    try:
                        came = kernels.load(name)(*args, **others)
                    except Unsuitable:
                        continue
                    expected = reference(name)(*args, **others)
                    check_same(came, expected, tolerance(example), f"{name}, label {wrong}")

    def check_ties(self) -> None:
        """Of equal pixels the reference's wins, also where all are −∞, as padding is.

        With NaN the outputs are equal, but any pixel of its window may be called the winner.
        """
        for name in self.functions & {"max_pool2d_forward"}:
            for _, args, options in self.calls(name):
                whole = np.round(args[0])
                for value in (0, -np.inf, np.nan):
                    x = np.where(whole < 1, value, whole).astype(whole.dtype)
                    came, expected = (f(x, **options) for f in self.both(name).values())
                    assert np.array_equal(came[0], expected[0], equal_nan=True), f"{name}, {value}"
                    same = np.array_equal(came[1].winner, expected[1].winner)
                    assert same or value != value, f"{name}, winners, {value}"  # noqa: PLR0124

    # -- how ------------------------------------------------------------------------------

    def both(self, name: str) -> dict[str, Callable[..., Any]]:
        """The reference and, if this case tries it, the twin."""
        found = {"reference": reference(name)}
        if name in self.functions:
            found["twin"] = kernels.load(name)
        return found

    def calls(self, name: str) -> Iterator[tuple[Example, tuple[Any, ...], dict[str, Any]]]:
        """Arguments for one function, in both dtypes."""
        for dtype in DTYPES:
            example = cast(self.case.example(), dtype)
            if name.endswith("_forward"):
                yield example, example.inputs, example.options
                continue
            forward = reference(f"{self.case.op}_forward")
            output, saved = forward(*example.inputs, **example.options)
            d_output = np.random.default_rng(2).normal(size=output.shape).astype(dtype)
            yield example, (d_output, saved), {}


@dataclass
class TwinUpdate:
    """One update rule, tried on its twin."""

    case: Any  # an UpdateCase of tests/ops/test_updates.py

    def __str__(self) -> str:
        return str(self.case)

    @property
    def name(self) -> str:
        return f"{self.case.op}_step"

    @property
    def functions(self) -> set[str]:
        return {self.name} & set(kernels.TWINS)

    @property
    def options(self) -> dict[str, Any]:
        return {**self.case.options, "step": 3} if self.case.counts else self.case.options

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.check_steps
        yield self.check_not_finite
        yield self.check_too_small
        yield self.check_wrong_shapes

    def arrays(self, shape: tuple[int, ...], dtype: Any) -> list[Array]:
        """Parameter, gradient and slots; slots are positive, as squares are."""
        rng = np.random.default_rng(4)
        signed = [rng.normal(size=shape).astype(dtype) for _ in range(2)]
        return [
            *signed,
            *(rng.uniform(0.5, 2, shape).astype(dtype) for _ in range(self.case.slots)),
        ]

    def check_steps(self) -> None:
        """Several steps lead to the same parameter and slots; the gradient stays."""
        for dtype in DTYPES:
            for shape in ((3, 2), (37, 5, 2), (0, 3), ()):
                one, other = self.arrays(shape, dtype), self.arrays(shape, dtype)
                for _ in range(3):
                    kernels.load(self.name)(*one, **self.options)
                    reference(self.name)(*other, **self.options)
                assert np.array_equal(one[1], other[1]), f"{self.name} changes the gradient"
                for index, (came, expected) in enumerate(zip(one, other, strict=True)):
                    limit = float(64 * np.finfo(dtype).eps)
                    check_same(came, expected, limit, f"{self.name}, array {index}")
        strided = self.arrays((3, 2), np.float32)
        one, other = self.arrays((3, 2), np.float32), self.arrays((3, 2), np.float32)
        kernels.load(self.name)(one[0], gapped(strided[1]), *one[2:], **self.options)
        reference(self.name)(*other, **self.options)
        check_same(one[0], other[0], 1e-6, f"{self.name}, a strided gradient")

    def check_not_finite(self) -> None:
        """A NaN in the gradient reaches the parameter and the slots."""
        for dtype in DTYPES:
            for value in (np.nan, np.inf, -np.inf):
                one, other = self.arrays((4,), dtype), self.arrays((4,), dtype)
                one[1][2] = other[1][2] = value
                with np.errstate(all="ignore"):
                    kernels.load(self.name)(*one, **self.options)
                    reference(self.name)(*other, **self.options)
                for came, expected in zip(one, other, strict=True):
                    check_spread(came, expected, f"{self.name}, {value} in the gradient")

    def check_too_small(self) -> None:
        """Slots below the smallest normal number end as 0, but for AdaGrad's, which only grow."""
        for dtype in DTYPES:
            smallest = float(np.finfo(dtype).tiny)
            param, grad, *slots = self.arrays((2,), dtype)
            grad[:] = 0
            for slot in slots:
                slot[:] = smallest / 2, 16 * smallest
            kernels.load(self.name)(param, grad, *slots, **self.options)
            for slot in slots:
                assert slot[1] > smallest, f"{self.name}: a normal number became {slot[1]}"
                keeps = self.case.op == "adagrad"
                assert (slot[0] != 0) == keeps, f"{self.name}: a slot stays at {slot[0]}"

    def check_wrong_shapes(self) -> None:
        """Arrays of other shapes, and arrays in pieces, are refused before anything is changed."""
        for index in range(1, 2 + self.case.slots):
            for wrong in (np.ones((3, 1), np.float32), np.ones(6, np.float32)):
                self.check_refused(index, wrong)
        for index in (0, *range(2, 2 + self.case.slots)):
            self.check_refused(index, gapped(np.ones((3, 2), np.float32)))

    def check_refused(self, index: int, wrong: Array) -> None:
        arrays = self.arrays((3, 2), np.float32)
        arrays[index] = wrong
        before = [array.copy() for array in arrays]
        try:
            kernels.load(self.name)(*arrays, **self.options)
        except Unsuitable:
            for array, copy in zip(arrays, before, strict=True):
                assert np.array_equal(array, copy), f"{self.name} refuses half-way"
            return
        raise AssertionError(f"{self.name} takes array {index} of shape {wrong.shape}")


def twin_cases() -> list[TwinCase | TwinUpdate]:
    """Every case of `tests/ops` that tries a twin."""
    found: list[TwinCase | TwinUpdate] = []
    for path in sorted(OPS.glob("test_*.py")):
        for case in cases_of(load(path)):
            wrapped = TwinCase(case) if isinstance(case, Case) else None
            if wrapped is None and hasattr(case, "slots"):
                wrapped = TwinUpdate(case)
            if wrapped is not None and wrapped.functions:
                found.append(wrapped)
    return found


def cases_of(module: ModuleType) -> list[Any]:
    return module.CASES


# -- comparing, and making arguments ------------------------------------------------------------


def check_same(came: Any, expected: Any, limit: float, what: str) -> None:
    """Assert equal types, shapes, dtypes, and values equal up to rounding; in tuples, of each."""
    assert type(came) is type(expected), f"{what}: {type(came)}, not {type(expected)}"
    if isinstance(expected, tuple):
        assert len(came) == len(expected), f"{what}: {len(came)} parts, not {len(expected)}"
        names = getattr(expected, "_fields", range(len(expected)))
        for name, one, other in zip(names, came, expected, strict=True):
            check_same(one, other, limit, f"{what}, {name}")
    elif isinstance(expected, np.ndarray | np.generic):
        assert came.dtype == expected.dtype, f"{what}: {came.dtype}, not {expected.dtype}"
        exact = not np.issubdtype(expected.dtype, np.floating)
        check_close(came.astype(float), expected.astype(float), 0.0 if exact else limit, what)
    else:
        assert came == expected, f"{what}: {came}, not {expected}"


def check_spread(came: Array, expected: Array, what: str) -> None:
    """Assert that what is not finite is seen in both, and in `came` only where it is in `expected`.

    (Where the reference multiplies an infinity by the 0 of a mask, a twin may leave it out.)
    """
    one, other = ~np.isfinite(came), ~np.isfinite(expected)
    assert one.any() == other.any(), f"{what}: hidden, or made"
    assert not (one & ~other).any(), f"{what}: spreads further than in the reference"


def floats(result: Any) -> list[Array]:
    """All floating numbers of a result, scalars included."""
    if isinstance(result, tuple):
        return [part for each in result for part in floats(each)]
    if isinstance(result, np.ndarray | np.generic) and np.issubdtype(result.dtype, np.floating):
        return [np.asarray(result)]
    return []


def gapped(value: Any) -> Any:
    """An equal array whose memory has gaps and runs backwards; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    wide = np.zeros([2 * size for size in value.shape], value.dtype)
    view = wide[(..., *(slice(None, None, -2) for _ in value.shape))]
    view[...] = value
    return view


def cuts(
    args: tuple[Any, ...], options: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments, each time with another array cut short by one along another axis."""
    for index, value in enumerate(args):
        for cut in cut_short(value):
            yield (*args[:index], cut, *args[index + 1 :]), options
    for name, value in options.items():
        for cut in cut_short(value):
            yield args, {**options, name: cut}


def cut_short(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        for axis in range(value.ndim):
            yield np.ascontiguousarray(np.delete(value, -1, axis=axis))
    elif hasattr(value, "_replace"):
        for name, part in value._asdict().items():
            if isinstance(part, np.ndarray):
                for cut in cut_short(part):
                    yield value._replace(**{name: cut})
