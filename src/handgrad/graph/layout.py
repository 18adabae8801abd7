"""Where everything in a drawing goes: columns from left to right, and heights inside them.

The method is Sugiyama's for layered graphs. Every box has a column; a line that passes a column on
its way gets an (empty) box there too, so that nothing else is put in its path. Then

    (1)  the boxes of each column are ordered, each near the mean place of its neighbours, over
         several sweeps, of which the one with the fewest crossings wins;
    (2)  heights are chosen: each box at the mean height of its neighbours, as far as the order
         and the boxes' sizes allow (the nearest heights that do, in least squares); what comes
         from earlier operations goes on level, and inputs join it from the side;
    (3)  columns are as wide as their widest box, and the gaps wide enough for the lines' bends.

What is written at a line (its value, its gradient) is a box too. So no texts overlap, ever.

Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures",
IEEE Transactions on Systems, Man, and Cybernetics 11, 1981.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 8
SPACE = 12.0  # between two boxes, one above the other
THIN = 6.0  # room for a line that passes
GAP, WIDEST_GAP = 30.0, 110.0  # between two columns


@dataclass(eq=False)
class Box:
    """A rectangle that nothing else may cover; `x` and `y` are its middle."""

    column: int
    width: float
    height: float
    order: int = 0  # among the inputs of one op whose order matters: the box's place
    group: object = None  # that op; None where the order does not matter
    left: list["Box"] = field(default_factory=list["Box"])  # neighbours one column to the left
    right: list["Box"] = field(default_factory=list["Box"])  # and to the right
    trunk: dict[int, "Box"] = field(
        default_factory=dict[int, "Box"]
    )  # column: what it goes through
    place: int = 0  # in its column, counted from above
    x: float = 0.0
    y: float = 0.0


def connect(source: Box, target: Box) -> list[Box]:
    """Join two boxes, through an empty one in every column between; return all.

    All lines that leave one box share those boxes: they run as one, until each branches off.
    """
    path = [source]
    for column in range(source.column + 1, target.column):
        if column not in source.trunk:
            source.trunk[column] = Box(column, 0.0, THIN)
            join(path[-1], source.trunk[column])
        path.append(source.trunk[column])
    join(path[-1], target)
    return [*path, target]


def join(one: Box, other: Box) -> None:
    """Make two boxes neighbours."""
    one.right.append(other)
    other.left.append(one)


def arrange(boxes: Sequence[Box]) -> tuple[float, float]:
    """Give every box its place; return the width and the height of the whole."""
    columns: list[list[Box]] = [[] for _ in range(max(box.column for box in boxes) + 1)]
    for box in boxes:
        columns[box.column].append(box)
    for column in columns:
        number(column)
    reduce_crossings(columns)
    choose_heights(columns)
    return spread(columns)


def number(column: list[Box]) -> None:
    """Write down each box's place."""
    for place, box in enumerate(column):
        box.place = place


# -- (1) order ------------------------------------------------------------------------------------


def reduce_crossings(columns: list[list[Box]]) -> None:
    """Order every column, so that few lines cross."""
    best, fewest = [list(column) for column in columns], count_crossings(columns)
    for sweep in range(2 * SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else reversed(columns):
            column.sort(key=lambda box: mean_place(box, forward=forward))
            keep_groups_in_order(column)
            number(column)
        crossings = count_crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    for column, order in zip(columns, best, strict=True):
        column[:] = order
        keep_groups_in_order(column)
        number(column)


def mean_place(box: Box, *, forward: bool) -> float:
    """Where the neighbours on one side are, on average; its own place where there are none."""
    neighbours = box.left if forward else box.right
    places = [neighbour.place for neighbour in neighbours]
    return sum(places) / len(places) if places else box.place


def keep_groups_in_order(column: list[Box]) -> None:
    """Let the inputs of an op keep their order, where it matters, in the places that they have."""
    groups: dict[int, list[int]] = {}
    for place, box in enumerate(column):
        if box.group is not None:
            groups.setdefault(id(box.group), []).append(place)
    for places in groups.values():
        members = sorted((column[place] for place in places), key=lambda box: box.order)
        for place, box in zip(places, members, strict=True):
            column[place] = box


def count_crossings(columns: list[list[Box]]) -> int:
    """How many pairs of lines cross between neighbouring columns."""
    total = 0
    for column in columns:
        seen: list[int] = []  # where the lines from above end, sorted
        for box in column:
            ends = sorted(end.place for end in box.right)
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            seen = sorted(seen + ends)
    return total


# -- (2) heights ----------------------------------------------------------------------------------


def choose_heights(columns: list[list[Box]]) -> None:
    """Put every box near its neighbours' height."""
    for column in columns:
        settle(column, [0.0] * len(column))
    for _ in range(SWEEPS):
        for column in reversed(columns):
            settle(column, [mean_height(box.right, box) for box in column])
        for column in columns:
            settle(column, [mean_height(main_road(box), box) for box in column])
    for _ in range(SWEEPS):  # at last, level the main roads, and let inputs follow
        for column in reversed(columns):
            settle(column, [mean_height([] if box.left else box.right, box) for box in column])
        for column in columns:
            settle(column, [mean_height(main_road(box), box) for box in column])


def main_road(box: Box) -> list[Box]:
    """The neighbours to the left that lead on from further left; all, where none does."""
    return [one for one in box.left if any(two.left for two in one.left)] or box.left


def mean_height(neighbours: Sequence[Box], box: Box) -> float:
    """The neighbours' mean height; the box's own, where there are none."""
    return sum(one.y for one in neighbours) / len(neighbours) if neighbours else box.y


def settle(column: list[Box], wanted: Sequence[float]) -> None:
    """Put the boxes as near to the wanted heights as can be, in order and without touching.

    Take from every height the room that the boxes above need; then the only demand is that the
    numbers do not fall, and the nearest such numbers are found by averaging neighbours that do.
    """
    room, rooms = 0.0, [0.0]
    for above, below in pairwise(column):
        room += (above.height + below.height) / 2 + SPACE
        rooms.append(room)
    runs: list[tuple[float, int]] = []  # (mean, how many): of neighbours that stand together
    for want, needed in zip(wanted, rooms, strict=False):
        mean, many = want - needed, 1
        while runs and runs[-1][0] > mean:
            before, count = runs.pop()
            mean, many = (before * count + mean * many) / (count + many), count + many
        runs.append((mean, many))
    levels = [mean for mean, many in runs for _ in range(many)]
    for box, level, needed in zip(column, levels, rooms, strict=False):
        box.y = level + needed


# -- (3) columns ----------------------------------------------------------------------------------


def spread(columns: list[list[Box]]) -> tuple[float, float]:
    """Place the columns side by side, and move all of it to where x and y begin at 0."""
    boxes = [box for column in columns for box in column]
    top = min(box.y - box.height / 2 for box in boxes)
    for box in boxes:
        box.y -= top
    x = 0.0
    for column in columns:
        steepest = max((abs(box.y - b.y) for box in column for b in box.left), default=0.0)
        gap = min(max(GAP, 0.5 * steepest), WIDEST_GAP) if x else 0.0
        width = max(box.width for box in column)
        for box in column:
            box.x = x + gap + width / 2
            box.width = box.width or width
        x += gap + width
    return x, max(box.y + box.height / 2 for box in boxes)
