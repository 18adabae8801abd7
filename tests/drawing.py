"""Drawing digits, for the tests of preparing them."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from handgrad.checks import Array

STROKES: dict[int, list[tuple[float, float]]] = {  # corners (x, y) of a line, in a box of 0.6 × 1
    0: [(0.3, 0), (0.6, 0.3), (0.6, 0.7), (0.3, 1), (0, 0.7), (0, 0.3), (0.3, 0)],
    1: [(0.2, 0.2), (0.4, 0), (0.3, 1)],
    2: [(0, 0.25), (0.15, 0), (0.5, 0.05), (0.55, 0.35), (0, 1), (0.6, 1)],
    4: [(0.45, 1), (0.5, 0), (0, 0.65), (0.6, 0.65)],
    7: [(0, 0), (0.6, 0), (0.2, 1)],
}


def draw_digit(
    digit: int,
    *,
    height: float = 150,
    width: int = 12,
    at: tuple[float, float] = (60, 40),
    size: tuple[int, int] = (240, 240),
    ink: str = "black",
    paper: str = "white",
) -> Image.Image:
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    corners = [(at[0] + x * height, at[1] + y * height) for x, y in STROKES[digit]]
    draw.line(corners, fill=ink, width=width, joint="curve")
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def likeness(a: Array, b: Array) -> float:
    """Correlation of two images, blurred so that half a pixel's shift matters little."""
    blurred = [Image.fromarray(image).filter(ImageFilter.GaussianBlur(1)) for image in (a, b)]
    return float(np.corrcoef([np.asarray(image, float).ravel() for image in blurred])[0, 1])
