"""The gradient of x of a convolution with a stride, without the zeros between dy's numbers.

On one axis, x at u meets dy at i by the kernel's number k where u + padding = i · stride +
k · dilation. As one sum over windows, dy would need stride − 1 zeros between its numbers, and
most multiply-adds would be with these. But positions of x that lie a stride apart meet the same
numbers of the kernel, in places of dy that are neighbours. So each of these *phases* is a plain
sum, with a part of the kernel and without gaps. All parts together are the kernel.

The numbers of a phase: k · dilation ≡ u + padding (mod stride), so with c = gcd(stride, dilation)
they lie stride / c apart, and what they meet in dy dilation / c. As k grows, i falls; so a window
of dy meets the part of the kernel turned around.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Phase(NamedTuple):
    """Positions of x, a stride apart, on one axis."""

    first: int  # position
    positions: int  # how many
    numbers: int  # of the kernel that they meet, perhaps none
    turned: slice  # which of the kernel these are, from the last to the first
    start: int  # where in dy the first position's window begins; below 0: before dy
    step: int  # in dy from one number of a window to the next


def phases_of(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[Phase]:
    """Split `size` positions of x.

    A stride of 2 and a kernel of 3: even positions meet its outer two, odd ones the middle one.

    >>> for phase in phases_of(5, 3, 2, 0, 1):
    ...     phase.first, phase.positions, [0, 1, 2][phase.turned], phase.start
    (0, 3, [2, 0], -1)
    (1, 2, [1], 0)
    """
    common = math.gcd(stride, dilation)
    found: list[Phase] = []
    for first in range(min(stride, size)):
        met = [k for k in range(kernel) if (first + padding - k * dilation) % stride == 0]
        turned, start = slice(0), 0  # nothing
        if met:
            turned = slice(met[-1], None, -(stride // common))
            start = (first + padding - met[-1] * dilation) // stride
        positions = -(-(size - first) // stride)
        found.append(Phase(first, positions, len(met), turned, start, dilation // common))
    return found


def reach(phases: Sequence[Phase], out: int) -> tuple[int, int]:
    """How far the windows begin before dy and end behind it, if it has `out` numbers.

    >>> reach(phases_of(5, 3, 2, 0, 1), 2)
    (1, 1)
    """
    before, after = 0, 0
    for phase in phases:
        if phase.numbers:
            end = phase.start + phase.positions - 1 + (phase.numbers - 1) * phase.step
            before, after = max(before, -phase.start), max(after, end - (out - 1))
    return before, after
