"""Graphs as pictures: circles for operations, values above the arrows, gradients below.

The style is that of Koki Saitoh's "Deep Learning from Scratch" (2016), chapter 5. The picture is
an SVG of our own making: no other program is needed, and it can be searched and scaled.
"""

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from handgrad.checks import Array, InvalidValueError
from handgrad.files import write_beside
from handgrad.graph.layout import Box, arrange, connect
from handgrad.graph.passes import Made, Node, history, inputs_of
from handgrad.graph.rules import COMMUTATIVE, options_text, symbol
from handgrad.graph.text import array_text
from handgrad.graph.variable import Variable

MOST_OPERATIONS = 200
# Okabe and Ito's blue, and their vermilion made darker, so that small letters are legible.
BLUE, VERMILION, INK, LINE = "#0072B2", "#B34700", "#222222", "#777777"
FONT = 14.0  # size of all letters
RADIUS = 20.0  # of a circle
MARGIN = 14.0
WIDE = dict.fromkeys("MWmw@%Σ∂", 1.0) | {"−": 0.84}  # widths of what is wider than digits
LINE_HEIGHT = 17.0


class Picture(str):
    """The text of an SVG, which notebooks show as a picture."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


@dataclass(eq=False)
class Item(Box):
    """A box with something to draw in it."""

    text: str = ""  # in the circle, or the input's name
    above: str = ""  # the value
    below: str = ""  # the gradient
    shape: str = "input"  # or "op", "label"
    hint: str = ""  # what a mouse that rests on it is told


def draw(
    output: Variable, path: str | os.PathLike[str] | None = None, *, digits: int = 4
) -> Picture:
    """Draw the graph that ends in `output`, from left to right.

    Above each arrow stands the value that went along it; below, after `backward()`, the gradient
    that came back. Arrays are shown by their shapes, short vectors in full. A value that was used
    several times got several gradients; their sum stands below it, after Σ. Numbers and arrays that
    were written into the formula stand at the beginning of their arrows, without a gradient.

    Args:
        output: where the graph ends.
        path: a file to write the picture into, as well; its name should end in .svg.
        digits: how many digits of each number count.

    Returns:
        The SVG as text. A notebook shows it as a picture.

    Raises:
        InvalidValueError: there are more operations than a picture can show.
        FileAccessError: the file cannot be written.
    """
    made = history(output)
    if len(made) > MOST_OPERATIONS:
        raise InvalidValueError(
            f"draw: the graph must have at most {MOST_OPERATIONS} operations to be legible, but "
            f"has {len(made)}. Draw an intermediate result's graph, which is a part of this one."
        )
    items, arrows = collect(output, made, digits)
    boxes = list(dict.fromkeys([*items, *(box for arrow in arrows for box in arrow)]))
    width, height = arrange(boxes)
    picture = Picture(render(items, arrows, width, height))
    if path is not None:
        with write_beside(Path(path)) as part:
            part.write_text(picture, encoding="utf-8")
    return picture


# -- what there is to draw ------------------------------------------------------------------------


def collect(output: Variable, made: list[Made], digits: int) -> tuple[list[Item], list[list[Box]]]:
    """The boxes, and the arrows between them as paths of boxes."""
    depth = depths(output, made)
    uses = Counter(id(x) for _, node in made for x in node.inputs)
    variables = list(dict.fromkeys([*inputs_of(made), output]))  # first used, first drawn
    items = {id(v): variable_item(v, 2 * depth[id(v)], uses[id(v)], digits) for v in variables}
    found, arrows = list(items.values()), list[list[Box]]()

    def arrow(source: Item, label: Item, target: Item, place: int, group: Item | None) -> None:
        label.order, label.group = place, group
        found.extend([source] * (source not in found) + [label])
        arrows.append([*connect(source, label), *connect(label, target)[1:]])

    for variable, node in made:
        target = items[id(variable)]
        group = None if node.op in COMMUTATIVE else target
        for place, (x, gradient) in enumerate(zip(node.inputs, node.d_inputs, strict=True)):
            value = None if x.constant else x.value  # a constant's value stands at its beginning
            label = label_item(value, gradient, target, digits)
            arrow(items[id(x)], label, target, place, group)
        for name, value in arrays_among(node):
            source = Item(target.column - 2, text_width(name), LINE_HEIGHT, text=name)
            label = label_item(value, None, target, digits)
            arrow(source, label, target, len(node.inputs), group)
    last, name = items[id(output)], output.name or ""
    end = Item(last.column + 2, text_width(name), LINE_HEIGHT, text=name)
    arrow(last, label_item(output.value, output.grad, end, digits), end, 0, None)
    return [*found, end], arrows


def arrays_among(node: Node) -> list[tuple[str, Array]]:
    """The options that are arrays, such as labels: they are drawn like inputs."""
    options = node.options if node.op != "index" else {}
    return [(name, value) for name, value in options.items() if isinstance(value, np.ndarray)]


def depths(output: Variable, made: list[Made]) -> dict[int, int]:
    """How many operations lead to each variable; an input stands just before its first use."""
    depth = {id(x): 0 for x in [output, *inputs_of(made)]}
    for variable, node in made:
        depth[id(variable)] = 1 + max(depth[id(x)] for x in node.inputs)
    nearest: dict[int, int] = {}
    for variable, node in made:
        before = depth[id(variable)] - 1
        for x in node.inputs:
            if x.node is None:
                nearest[id(x)] = min(nearest.get(id(x), before), before)
    return depth | nearest


def variable_item(variable: Variable, column: int, uses: int, digits: int) -> Item:
    """A circle for what was calculated, a name for what was given."""
    several = uses > 1 and variable.grad is not None
    below = f"Σ {written(variable.grad, digits)}" if several else ""
    if variable.node is None:
        text = written(variable.value, digits) if variable.constant else variable.name or "•"
        width = max(text_width(text), text_width(below))
        height = 2 * LINE_HEIGHT if below else LINE_HEIGHT
        return Item(column, width, height, text=text, below=below)
    text = symbol(variable.node.op)
    width = max(2 * RADIUS, text_width(text) + 12, text_width(below))
    height = 2 * RADIUS + 2 * LINE_HEIGHT if below else 2 * RADIUS
    told = (variable.name, variable.node.op, options_text(variable.node))
    hint = ", ".join(part for part in told if part)
    return Item(column, width, height, text=text, below=below, shape="op", hint=hint)


def label_item(value: Array | None, gradient: Array | None, target: Item, digits: int) -> Item:
    """What is written at an arrow, in the column before its target."""
    above, below = written(value, digits), written(gradient, digits)
    width = max(text_width(above), text_width(below), 20.0) + 6
    height = 2 * LINE_HEIGHT if above else 8.0
    return Item(target.column - 1, width, height, above=above, below=below, shape="label")


def written(array: Array | None, digits: int) -> str:
    """An array as text, with a real minus sign; nothing for None."""
    return "" if array is None else array_text(array, digits).replace("-", "−")


def text_width(text: str) -> float:
    """How wide a text is at most, in the fonts that browsers take for sans-serif."""
    return FONT * sum(
        1.05 if unicodedata.east_asian_width(letter) in "WF" else WIDE.get(letter, 0.64)
        for letter in text
    )


# -- the drawing ----------------------------------------------------------------------------------


def render(items: list[Item], arrows: list[list[Box]], width: float, height: float) -> str:
    """The SVG's text."""
    wide, tall = width + 2 * MARGIN, height + 2 * MARGIN
    offsets = ports(arrows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {tall:.0f}"',
        f'width="{wide:.0f}" height="{tall:.0f}" role="img" font-size="{FONT:g}"',
        'font-family="Arial, Helvetica, DejaVu Sans, sans-serif" text-anchor="middle">',
        "<title>Computational graph</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" orient="auto"',
        f'markerWidth="8" markerHeight="8"><path d="M0 0 L8 4 L0 8 z" fill="{LINE}"/></marker>',
        "</defs>",
        f'<rect width="{wide:.0f}" height="{tall:.0f}" rx="8" fill="#ffffff"/>',
        f'<g transform="translate({MARGIN:g} {MARGIN:g})">',
        f'<g fill="none" stroke="{LINE}" stroke-width="1.4">',
        *(line(arrow, offsets) for arrow in arrows),
        "</g>",
        *(picture_of(item) for item in items),
        "</g>",
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def ports(arrows: list[list[Box]]) -> dict[int, float]:
    """For each arrow (by its label), how far from its target's middle it arrives."""
    arriving: dict[int, list[Box]] = {}
    for arrow in arrows:
        arriving.setdefault(id(arrow[-1]), []).append(arrow[-2])
    offsets: dict[int, float] = {}
    for labels in arriving.values():
        step = min(12.0, 1.5 * RADIUS / len(labels))
        for place, label in enumerate(sorted(labels, key=lambda box: box.y)):
            offsets[id(label)] = step * (place - (len(labels) - 1) / 2)
    return offsets


def line(arrow: list[Box], offsets: dict[int, float]) -> str:
    """One arrow: level inside the columns, a curve in the gaps between them."""
    source, *between, target = arrow
    x, y = source.x + half_width(source), source.y
    path = f"M{x:.1f} {y:.1f}"
    for box in between:
        path += curve(x, y, box.x - box.width / 2, box.y)
        x, y = box.x + box.width / 2, box.y
        path += f" H{x:.1f}"
    offset = offsets[id(arrow[-2])]
    end = target.x - half_width(target, offset)
    path += curve(x, y, end - 8, target.y + offset) + f" H{end:.1f}"
    return f'<path d="{path}" marker-end="url(#tip)"/>'


def curve(x: float, y: float, to_x: float, to_y: float) -> str:
    """From one point to the next, level at both ends."""
    if abs(to_y - y) < 0.05:
        return f" H{to_x:.1f}"
    middle = (x + to_x) / 2
    return f" C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"


def half_width(box: Box, offset: float = 0.0) -> float:
    """From a box's middle to its edge, at a height of `offset` from the middle."""
    if isinstance(box, Item) and box.shape == "op":
        straight = max(text_width(box.text) + 12 - 2 * RADIUS, 0.0) / 2
        return straight + (RADIUS**2 - offset**2) ** 0.5
    return box.width / 2 + 3


def picture_of(item: Item) -> str:
    """A circle with its symbol, an input's name, or the two numbers at an arrow."""
    x, y = item.x, item.y
    if item.shape == "op":
        half = half_width(item)
        return (
            f"<g><title>{escape(item.hint)}</title>"
            f'<rect x="{x - half:.1f}" y="{y - RADIUS:.1f}" width="{2 * half:.1f}" '
            f'height="{2 * RADIUS:g}" rx="{RADIUS:g}" fill="#f2f6fa" stroke="{INK}" '
            f'stroke-width="1.4"/>{letters(x, y + 5, item.text, INK)}</g>'
            + letters(x, y + RADIUS + 15, item.below, VERMILION)
        )
    if item.shape == "label":
        return letters(x, y - 5, item.above, BLUE) + letters(x, y + 15, item.below, VERMILION)
    up = LINE_HEIGHT / 2 if item.below else 0.0
    below = letters(x, y + 5 + up, item.below, VERMILION)
    return letters(x, y + 5 - up, item.text, INK) + below


def letters(x: float, y: float, text: str, colour: str) -> str:
    """A text, if there is one."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{escape(text)}</text>' if text else ""
