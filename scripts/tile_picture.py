"""Draw a register tile into docs/images/register-tile.svg.

python scripts/tile_picture.py
A test says when it is out of date.
"""

from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "docs" / "images" / "register-tile.svg"
WIDTH, VECTORS, LANES = 8, 2, 16  # positions, registers of each, numbers in a register
CELL, ROW, GAP = 11, 24, 12  # pixels: a number, from line to line, between registers
LEFT, TOP = 150, 108  # where the sums begin
BLUE, ORANGE, GREEN, DARK = "#bbdefb", "#ffe0b2", "#c8e6c9", "#263238"


def register(x, y, colour, lanes=LANES):
    """A row of cells."""
    outline = f'<rect x="{x}" y="{y}" width="{lanes * CELL}" height="16" fill="{colour}"/>'
    lines = " ".join(f"M{x + i * CELL} {y}v16" for i in range(lanes + 1))
    return f'{outline}<path d="{lines} M{x} {y}h{lanes * CELL} M{x} {y + 16}h{lanes * CELL}"/>'


def text(x, y, words, anchor="middle", size=13):
    """A line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{words}</text>'


def draw():
    """The whole picture."""
    starts = [LEFT + v * (LANES * CELL + GAP) for v in range(VECTORS)]
    middle = (starts[0] + starts[-1] + LANES * CELL) / 2
    bottom = TOP + WIDTH * ROW
    width, height = starts[-1] + LANES * CELL + 26, bottom + 48
    shapes, words = [], []
    for v, x in enumerate(starts):
        shapes.append(register(x, TOP - 44, ORANGE))
        first = v * LANES
        name = f"filters {first} … {first + LANES - 1}"
        words.append(text(x + LANES * CELL / 2, TOP - 54, name))
    for i in range(WIDTH):
        y = TOP + i * ROW
        shapes.append(register(LEFT - 44, y, BLUE, lanes=1))
        words.append(text(LEFT - 52, y + 13, f"position {i}", anchor="end"))
        shapes += [register(x, y, GREEN) for x in starts]
    words.append(text(middle, TOP - 82, "weights of one term of the window: 2 loads"))
    words.append(text(LEFT - 38, TOP - 26, "x: 8 loads", size=13))
    words.append(text(LEFT - 18, TOP - 5, "×", size=18))
    sums = f"{WIDTH} × {VECTORS} registers of sums: {WIDTH * VECTORS} multiply-adds"
    words.append(text(middle, bottom + 14, sums))
    numbers = WIDTH * VECTORS * LANES
    words.append(text(middle, bottom + 34, f"({numbers} numbers), nothing stored"))
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="Georgia, serif">',
        "<title>A register tile: 8 numbers of x times 2 registers of weights</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        '<g stroke="#607d8b" stroke-width="0.8">',
        *shapes,
        "</g>",
        f'<g fill="{DARK}">',
        *words,
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PATH.write_text(draw(), encoding="utf-8")
    print(PATH)
