"""What the parts of a plan's step have to do: multiply-adds, and numbers to and from memory.

Counted is what the kernels do: Winograd's 36 products for 16 sums, zeros that fill up registers and
tiles, and additions of Winograd's transforms as multiply-adds, because they take a processor's unit
as long. Memory counts each array once, as if caches were large enough for all else; borders are
left out.
"""

import math
from typing import Any, NamedTuple

from handgrad.kernels import patches
from handgrad.plans.affine import AffineStage
from handgrad.plans.buffers import Buffer
from handgrad.plans.convolution import ConvStage
from handgrad.plans.stages import Stage
from handgrad.plans.weighted import WeightedStage
from handgrad.plans.winograd import WinogradStage


class Amount(NamedTuple):
    """What is to be done.

    Attributes:
        multiply_adds: of single numbers.
        numbers: read from memory, or written.
        plain: multiply-adds of the sum by its definition, where another way is taken; else 0.
    """

    multiply_adds: float = 0.0
    numbers: float = 0.0
    plain: float = 0.0


def transforms(terms: patches.Matrix, sums: patches.Matrix) -> int:
    """Additions of M t Mᵀ with M = sums · terms, for one channel: all columns, then all rows.

    >>> transforms(patches.INPUT_TERMS, patches.INPUT_SUMS)
    144
    """
    one = sum(sum(entry != 0 for entry in row) - 1 for row in (*terms, *sums))
    return one * (len(terms[0]) + len(sums))


INPUT = transforms(patches.INPUT_TERMS, patches.INPUT_SUMS)
OUTPUT = transforms(patches.OUTPUT_TERMS, patches.OUTPUT_SUMS)
GRADIENT = transforms(patches.GRADIENT_TERMS, patches.INPUT_SUMS)


def batch(stage: Stage, buffer: Buffer | None) -> int:
    """How many numbers a batch has in a buffer, padded channels included."""
    if buffer is None:
        return 0
    return stage.context.count * math.prod(buffer.shape[1:]) * buffer.channels


def amount(stage: Stage, kind: str) -> Amount:
    """What a stage has to do in a method, as `profiles.py` calls them, for a whole batch."""
    if isinstance(stage, WeightedStage) and kind in {"mask", "dbias"}:
        return around(stage, kind)
    if isinstance(stage, WinogradStage):
        return by_winograd(stage, kind)
    if isinstance(stage, ConvStage):
        return by_sums(stage, kind)
    if isinstance(stage, AffineStage):
        return by_rows(stage, kind)
    return moved(stage, kind)


def around(stage: WeightedStage, kind: str) -> Amount:
    """The ReLU's mask where it is taken alone, and the gradient of the bias."""
    dy = batch(stage, stage.dy)
    if kind == "dbias":
        return Amount(dy, dy) if stage.has_bias else Amount()
    return Amount(0, 3 * dy) if stage.relu and not stage.dy_masked else Amount()


def moved(stage: Stage, kind: str) -> Amount:
    """Stages that only carry numbers along."""
    if kind == "forward":
        return Amount(0, batch(stage, stage.x) + batch(stage, stage.y))
    if kind == "dx" and stage.dx is not None:
        return Amount(0, batch(stage, stage.dy) + batch(stage, stage.dx))
    return Amount()


def by_sums(stage: ConvStage, kind: str) -> Amount:
    """A convolution by its definition, but for winners."""
    weight, x, y = stage.numbers, batch(stage, stage.x), batch(stage, stage.y)
    if kind == "unpool":
        return Amount(0, y + batch(stage, stage.d_sums))
    codes = stage.winner.size / stage.context.dtype.itemsize
    positions = stage.context.count * math.prod(stage.sums_shape[1:])
    if kind == "forward":
        done = positions
        if stage.pooled:  # rows and positions that no window of the pool sees are left out
            done = 4 * stage.context.count * math.prod(stage.shape[1:])
        return Amount(done * weight, x + y + weight + codes)
    if kind == "dweight":
        plain = positions * weight
        done = plain
        if stage.pooled:
            done = stage.context.count * math.prod(stage.shape[1:]) * weight
        return Amount(done, x + y + weight + codes, plain if done != plain else 0)
    if kind == "dx" and stage.dx is not None:
        done = stage.context.count * math.prod(stage.input_shape[1:]) * weight
        mask = x if stage.masks_dx else 0
        return Amount(done, y + batch(stage, stage.dx) + mask + weight + codes)
    return Amount(0, 2 * weight) if kind in {"load", "gather"} else Amount()


def by_winograd(stage: WinogradStage, kind: str) -> Amount:
    """A convolution by Winograd's products."""
    c, f = stage.x.channels, stage.y.channels
    count, weight, planes = stage.context.count, stage.numbers, 36 * c * f
    learns_back = stage.dx is not None
    if kind == "load":
        ways = 2 if learns_back else 1
        return Amount(ways * 9 * planes, ways * (weight + planes))
    if kind == "gather":
        return Amount(9 * planes, weight + planes)
    if kind == "dx" and learns_back:
        done = count * math.prod(stage.back_tiles) * (planes + INPUT * f + OUTPUT * c)
    elif kind in {"forward", "dweight"}:
        last = GRADIENT if kind == "dweight" else OUTPUT
        done = count * math.prod(stage.tiles) * (planes + INPUT * c + last * f)
    else:
        return Amount()
    plain = by_sums(stage, kind)
    weights = planes - weight  # in place of the weights themselves
    return Amount(done, plain.numbers + weights, plain.plain or plain.multiply_adds)


def by_rows(stage: AffineStage, kind: str) -> Amount:
    """An affine layer; its weights' gradient is computed where the others' is gathered."""
    rows, (inputs, *_), columns = stage.context.count, stage.input_shape, stage.columns
    x, y, weight = batch(stage, stage.x), batch(stage, stage.y), inputs * columns
    if kind in {"forward", "dweight"}:
        return Amount(rows * weight, x + y + weight)
    if kind == "dx" and stage.dx is not None:
        turned = stage.shape[0] * stage.dx.channels
        mask = x if stage.masks_dx else 0
        return Amount(rows * turned, y + batch(stage, stage.dx) + mask + turned)
    if kind == "load":
        return Amount(0, 2 * weight * ((stage.dx is not None) + stage.narrow))
    return Amount()


def limit(done: Amount, itemsize: int, found: dict[str, Any]) -> float:
    """The least time that this takes, in seconds: the arithmetic's or the memory's.

    `found` is what `limits.py` found: billions of operations (a multiply-add is two) and of bytes
    per second.
    """
    return max(
        2 * done.multiply_adds / (found["fma"] * 1e9),
        done.numbers * itemsize / (found["memory"] * 1e9),
    )
