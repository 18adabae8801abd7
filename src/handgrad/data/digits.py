"""Bringing a picture of a digit into the form of MNIST's images, step by step.

The data set was made so: each digit was scaled to fit a box of 20 × 20 pixels, its proportions
kept, with anti-aliasing (hence its grey levels), light on dark; and placed so that the centre of
mass of its pixels is in the centre of a field of 28 × 28. (LeCun, Bottou, Bengio and Haffner,
"Gradient-based learning applied to document recognition", Proceedings of the IEEE 86(11), 1998.)
A network that learned from such images needs others in the same form.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.data.images import ImageSource, grey_of, read_rgb
from handgrad.data.ink import EDGE, bounding_box, find_ink, stretch

BOX = 20  # MNIST's digits fit a square of this side (19,997 of its first 20,000 fill it) …
FIELD = 28  # … in an image of this side …
CENTRE = 14  # … with their centre of mass at this row and column, give or take half a pixel
THINNEST = 1.36  # pixels of the box: 1 % of MNIST's digits have thinner strokes


class Steps(NamedTuple):
    """Every stage of an image on its way into MNIST's form; all uint8, the last one the result."""

    original: Annotated[Array, "H W 3"]  # as a viewer shows it: upright, opaque, not too large
    grey: Annotated[Array, "H W"]  # red, green and blue mixed for the most contrast
    ink: Annotated[Array, "H W"]  # light on dark, without the paper's shades, specks and frames
    cropped: Annotated[Array, "h w"]  # the ink's bounding box
    scaled: Annotated[Array, "a b"]  # max(a, b) = 20
    centred: Annotated[Array, "28 28"]  # centre of mass in the centre: MNIST's form


def prepare_digit(image: ImageSource) -> Steps:
    """Bring a picture of one digit into MNIST's form, and keep every step on the way.

    The digit may have any size, place and colours, dark on light or light on dark; the light may
    be uneven, and there may be noise, specks or a frame around it. An image that is in MNIST's form
    already comes through almost unchanged.

    Args:
        image: a path (PNG, JPEG, BMP or GIF), a Pillow image, or a uint8 array of shape (H, W),
            (H, W, 3) or (H, W, 4).

    Returns:
        The steps. `prepare_digit(path).centred` is the uint8 image of shape (28, 28);
        `network.predict_classes(centred[np.newaxis, np.newaxis])` takes it.

    Raises:
        FileAccessError: the file cannot be read.
        FileFormatError: it holds no image, a damaged one, or far too many pixels.
        InvalidValueError: there is no digit to see.
        DtypeError, ShapeError: an array of another kind.

    >>> picture = np.full((100, 60), 200, np.uint8)  # light paper …
    >>> picture[10:90, 20:32] = 30  # … with a dark bar, 80 pixels high and 12 wide
    >>> steps = prepare_digit(picture)
    >>> steps.cropped.shape, steps.scaled.shape, steps.centred.shape
    ((80, 12), (20, 3), (28, 28))
    >>> np.flatnonzero(steps.centred.any(axis=0))  # the columns that have ink
    array([13, 14, 15])
    """
    original, who = read_rgb(image)
    grey = grey_of(original)
    ink = find_ink(grey, who=who)
    cropped = ink[bounding_box(ink > EDGE)]
    scaled = scale_to_box(cropped)
    centred = centre(scaled)
    shares = (_to_uint8(255 * step) for step in (ink, cropped, scaled, centred))
    return Steps(original, _to_uint8(grey), *shares)


def scale_to_box(ink: Annotated[Array, "h w"]) -> Annotated[Array, "a b"]:
    """Scale the longer side to 20 pixels, the proportions kept, with anti-aliasing.

    A line thinner than MNIST's thinnest strokes would be faint, and fainter where it falls between
    two pixels. It is blurred to a bell as wide, at half height, as a thin stroke, for which there
    must be room at the sides; and brought back to full ink.
    """
    from PIL import Image

    stroke = stroke_width(ink) * BOX / max(ink.shape)
    missing = max(THINNEST - stroke, 0.0)
    ink = np.pad(ink, round(missing / 2 * max(ink.shape) / BOX))
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    image = Image.fromarray(ink.astype(np.float32))
    small = np.asarray(image.resize((width, height), Image.Resampling.HAMMING), np.float64)
    if missing:
        deviation = np.sqrt(THINNEST**2 - stroke**2) / 2.355  # of a bell that wide
        small = _bell(height, deviation) @ small @ _bell(width, deviation)
    return stretch(small, black=0.0, values=small[small > 0])


def _bell(size: int, deviation: float) -> Annotated[Array, "n n"]:
    """The matrix that blurs a column of `size` pixels."""
    away = np.subtract.outer(np.arange(size), np.arange(size)) / deviation
    return np.exp(-away * away / 2)


def stroke_width(ink: Annotated[Array, "h w"]) -> float:
    """Estimate how wide the strokes are: twice the area over the outline's length.

    Outlines in all directions cross π/4 pixel sides less than they touch: a slanted line of
    length 1 touches |cos| + |sin| sides, 4/π on average.
    """
    on = np.pad(ink > 0.5, 1)
    sides = sum(np.diff(on, axis=axis).sum() for axis in (0, 1))
    return float(2 * on.sum() / (np.pi / 4 * sides)) if sides else 0.0


def centre(scaled: Annotated[Array, "a b"]) -> Annotated[Array, "28 28"]:
    """Place the digit with its centre of mass at (14, 14), to the nearest whole pixel."""
    corner: list[int] = []
    for axis, size in enumerate(scaled.shape):
        profile = scaled.sum(axis=1 - axis)
        middle = np.average(np.arange(int(size)), weights=profile)
        corner.append(min(max(round(float(CENTRE - middle)), 0), FIELD - size))
    field = np.zeros((FIELD, FIELD))
    top, left = corner
    field[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return field


def _to_uint8(values: Array) -> Array:
    return values.clip(0, 255).round().astype(np.uint8)
