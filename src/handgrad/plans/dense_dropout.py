"""Dropout in the plan of dense networks: the masks of some steps, drawn before these are made.

The layers draw them, as they do step by step, so that the bits are the same, and so is the state of
the generators afterwards. Compiled code reads them: a byte for each entry, 1 where it is kept.
"""

from typing import NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import dense_parts, dense_program
from handgrad.layers import Dropout
from handgrad.plans.dense_layout import Layout, Value, tiles

DRAWN = 5  # bytes of an entry, while it is drawn: a float32, and whether it is large enough
BY_OUTPUT = (dense_parts.SIGMOID, dense_parts.TANH)  # whose slope is computed from all of y


class Drop(NamedTuple):
    """One layer's part."""

    layer: Dropout
    start: int  # of its mask, in those of a step


class Masks:
    """The masks of a plan's dropout layers.

    Args:
        layout: where the plan's numbers lie; gets the instructions.

    Attributes:
        drops: the layers' parts.
        size: bytes of the masks of a step.
        drawing: bytes that drawing one layer's takes besides.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout, self.size, self.drawing = layout, 0, 0
        self.drops: list[Drop] = []

    def add(self, layer: Dropout, x: Value) -> Value:
        """Dropout of x, in its place where nobody needs what was there, and of its gradient.

        ReLU needs only where y is positive. What was dropped is not, and its gradient is 0 on
        either side of a ReLU. So its instruction stays the last, and who writes the gradient can
        apply its mask.
        """
        layout, drop = self.layout, Drop(layer, self.size)
        scale = layout.live.keep(lambda: [1 / (1 - layer.rate)])  # of what is kept
        self.drops.append(drop)
        self.size += layout.count * x.features
        self.drawing = max(self.drawing, DRAWN * layout.count * x.features)
        before = layout.back[-1][0][0] if layout.back else [dense_program.MEET]
        activation = before[4] if before[0] == dense_program.ACTIVATE_BACK else None
        y = layout.take(tiles(layout.count), x.y.step) if activation in BY_OUTPUT else x.y
        by_columns = int(x.d is None and layout.splits(x.features))
        at = [*x.y.where, x.features, by_columns, y.start, drop.start]
        layout.forward.append(([dense_program.DROP, *at], scale))
        if x.d is not None:
            at = [*x.d.where, x.features, 0, x.d.start, drop.start]
            last = len(layout.back) - int(activation == dense_parts.RELU)
            layout.back.insert(last, [([dense_program.DROP, *at], scale)])
        return x._replace(y=y)

    def draw(self, rows: int, steps: int) -> Array:
        """The masks of the next steps, of so many rows in all, (steps, bytes of a step)."""
        count = self.layout.count
        masks = np.empty((steps, self.size), np.bool_)
        for step in range(steps):
            for layer, start in self.drops:
                mask = layer.draw(min(count, rows - step * count))
                masks[step, start : start + mask.size] = mask.ravel()
        return masks.view(np.uint8)
