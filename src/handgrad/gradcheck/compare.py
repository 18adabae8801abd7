"""One gradient against differences of the function that it belongs to, and what is wrong with it.

Everything here is float64. Each entry is compared with a central difference; where the two
disagree, a smaller step decides whether the gradient is wrong or the function has a kink there
(ReLU at 0, two equal entries in a maximum), where no difference can be trusted.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array, shape_text
from handgrad.gradcheck.report import GradientRow

EPS = float(np.finfo(np.float64).eps)
STEP = EPS ** (1 / 3)  # of central differences, see differences.py
FINER = 16  # by what the second step is smaller
TOLERANCE = 1e-6  # relative, of a gradient that counts as right
ROUNDING = 100  # rounding errors of f in units of the last place of its largest terms
FIT = 1e-4  # how well a guessed mistake must explain a wrong gradient


class Target(NamedTuple):
    """A scalar function of an array that can be changed in place."""

    array: Array  # float64; the function reads it
    value: Callable[[], float]  # the function's value for what `array` holds now
    base: float  # its value where nothing is changed
    magnitude: float  # the size of the numbers that it adds up: what its rounding errors go by


class Slopes(NamedTuple):
    """Difference quotients at one entry."""

    left: float
    central: float
    right: float
    noise: float  # what rounding may have added to them


class Compared(NamedTuple):
    """A gradient's sampled entries beside the numerical ones."""

    entries: list[tuple[int, ...]]
    gradient: Array
    numerical: Array
    noise: Array
    wrong: int  # entries that do not agree
    skipped: int  # entries left out


def check_gradient(
    name: str,
    gradient: Any,
    target: Target,
    *,
    batch: int,
    entries: int | None,
    rng: np.random.Generator,
) -> GradientRow:
    """Compare one gradient with differences at `entries` random entries (None: all of them)."""
    array = target.array
    gradient = np.asarray(gradient)
    if gradient.shape != array.shape:
        verdict = wrong_shape(gradient.shape, array.shape, batch)
        return GradientRow(name, array.shape, 0, 0, np.inf, verdict, None)
    if not np.isfinite(gradient).all():
        first = place(int((~np.isfinite(gradient)).argmax()), array.shape)
        return GradientRow(name, array.shape, 0, 0, np.inf, "NaN or infinite", first)
    compared = compare(gradient, target, sample(array.shape, entries, rng))
    checked, skipped = len(compared.entries), compared.skipped
    if not checked:
        verdict = kinks(checked, skipped) if skipped else "ok, no entries"
        return GradientRow(name, array.shape, 0, skipped, 0.0, verdict, None)
    difference = np.abs(compared.gradient - compared.numerical)
    worst = compared.entries[int(difference.argmax())]
    distance = float(np.linalg.norm(difference))
    size, rounding = (float(np.linalg.norm(a)) for a in (compared.numerical, compared.noise))
    error = distance / max(size, rounding, 1e-300)
    if distance > TOLERANCE * size + rounding:
        verdict = diagnose(gradient, compared, batch)
    else:
        verdict = kinks(checked, skipped) if skipped > checked else right(compared)
    return GradientRow(name, array.shape, checked, skipped, error, verdict, worst)


def sample(
    shape: tuple[int, ...], entries: int | None, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Random entries of an array of that shape, in order; all of them where it has no more."""
    size = int(np.prod(shape))
    if entries is None or entries >= size:
        return list(np.ndindex(shape))
    chosen = np.sort(rng.choice(size, entries, replace=False))
    return [place(int(flat), shape) for flat in chosen]


def place(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of the entry that is number `flat` in memory order."""
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def compare(gradient: Array, target: Target, entries: list[tuple[int, ...]]) -> Compared:
    """Measure the entries, leaving out those at kinks."""
    rows: list[tuple[tuple[int, ...], float, Slopes]] = []
    for index in entries:
        came = float(gradient[index])
        slopes = measure(target, index, STEP)
        if not agrees(came, slopes):
            coarse, slopes = slopes, measure(target, index, STEP / FINER)
            if not agrees(came, slopes) and at_kink(came, coarse, slopes):
                continue
        rows.append((index, came, slopes))
    return Compared(
        entries=[index for index, _, _ in rows],
        gradient=np.array([came for _, came, _ in rows]),
        numerical=np.array([slopes.central for _, _, slopes in rows]),
        noise=np.array([slopes.noise for _, _, slopes in rows]),
        wrong=sum(not agrees(came, slopes) for _, came, slopes in rows),
        skipped=len(entries) - len(rows),
    )


def measure(target: Target, index: tuple[int, ...], step: float) -> Slopes:
    """Difference quotients at one entry, which is put back exactly."""
    array, at_x = target.array, float(target.array[index])
    h = step * max(1, abs(at_x))
    plus, minus = at_x + h, at_x - h
    try:
        array[index] = plus
        above = target.value()
        array[index] = minus
        below = target.value()
    finally:
        array[index] = at_x
    return Slopes(
        left=(target.base - below) / (at_x - minus),
        central=(above - below) / (plus - minus),
        right=(above - target.base) / (plus - at_x),
        noise=noise(target, h),
    )


def noise(target: Target, h: float) -> float:
    """What rounding may add to a difference quotient of step h."""
    return ROUNDING * EPS * target.magnitude / h


def agrees(came: float, slopes: Slopes) -> bool:
    """Whether an entry of the gradient is the central difference, as far as that one knows."""
    allowed = TOLERANCE * max(abs(came), abs(slopes.central)) + slopes.noise
    return abs(came - slopes.central) <= allowed


def at_kink(came: float, coarse: Slopes, fine: Slopes) -> bool:
    """Whether a disagreement may be the fault of the differences.

    Two steps that give different slopes have a kink between them. At a kink exactly, the slopes to
    the left and to the right differ however small the step is, and every value between them is a
    right answer.
    """
    size = TOLERANCE * max(abs(coarse.central), abs(fine.central)) + fine.noise
    low, high = sorted((fine.left, fine.right))
    return abs(coarse.central - fine.central) > size or low - size <= came <= high + size


# -- what is wrong ------------------------------------------------------------------------------


def wrong_shape(came: tuple[int, ...], wanted: tuple[int, ...], batch: int) -> str:
    """What a gradient of the wrong shape looks like."""
    shapes = f"shape {shape_text(came)}, not {shape_text(wanted)}"
    if came == wanted[::-1]:
        return f"transposed: {shapes}"
    if came == (batch, *wanted):
        return f"not summed over the batch: {shapes}"
    return f"wrong shape: {shapes}"


def kinks(checked: int, skipped: int) -> str:
    """The verdict where too few entries could be checked."""
    return f"unclear: {skipped} of {checked + skipped} entries lie at kinks, try other data"


def right(compared: Compared) -> str:
    """The verdict on a gradient that agrees, which proves little where all of it is 0."""
    nothing = (np.abs(compared.numerical) <= compared.noise).all()
    return "ok, but zero everywhere" if nothing else "ok"


def diagnose(gradient: Array, compared: Compared, batch: int) -> str:
    """Name the mistake, where it is one of the usual ones."""
    came, wanted = compared.gradient, compared.numerical
    if not came.any():
        return "zero"
    factor = float(came @ wanted / max(float(wanted @ wanted), 1e-300))
    if explains(factor * wanted, came):
        return factor_text(factor, batch)
    if gradient.ndim == 2 and gradient.shape[0] == gradient.shape[1]:
        mirrored = np.array([gradient[index[::-1]] for index in compared.entries])
        if explains(mirrored, wanted):
            return "transposed"
    return f"wrong in {compared.wrong} of {len(compared.entries)} entries"


def explains(guess: Array, values: Array) -> bool:
    """Whether the guess is as good as equal to the values."""
    return float(np.linalg.norm(guess - values)) <= FIT * float(np.linalg.norm(values))


def factor_text(factor: float, batch: int) -> str:
    """What a gradient that is `factor` times the right one has wrong."""
    sign = "sign flipped" if factor < 0 else ""
    size = abs(factor)
    if abs(size - 1) <= FIT:
        return sign or f"{factor:.6g} times the right one"
    text = f"{size:.4g} times the right one"
    if batch > 1 and abs(size / batch - 1) <= FIT:
        text += f": 1/N is missing (N = {batch})"
    elif batch > 1 and abs(size * batch - 1) <= FIT:
        text += f": divided by N once too often (N = {batch})"
    return f"{sign}, and {text}" if sign else text
