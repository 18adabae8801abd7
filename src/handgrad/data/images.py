"""Opening images that come from anywhere: safely, upright, opaque, and grey."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np

from handgrad.checks import (
    Array,
    DtypeError,
    FileAccessError,
    FileFormatError,
    HandgradError,
    InvalidValueError,
    ShapeError,
    shape_text,
)

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF")
MAX_PIXELS = 64_000_000  # a large phone's photo; about 0.5 GB while it is decoded
LONGEST_SIDE = 1024  # larger images are made smaller first: a digit needs 20 pixels in the end

ImageSource: TypeAlias = "str | os.PathLike[str] | Image | Array"


def read_rgb(source: ImageSource) -> tuple[Annotated[Array, "H W 3"], str]:
    """Open an image: its uint8 colours, opaque and upright, and its name for messages.

    Args:
        source: a path (PNG, JPEG, BMP or GIF), a Pillow image, or a uint8 array of shape (H, W),
            (H, W, 3) or (H, W, 4).

    Raises:
        FileAccessError: the file cannot be read.
        FileFormatError: the file holds no image, a damaged one, or one of too many pixels (told
            from its header, before anything is decoded).
        DtypeError, ShapeError: an array of another kind.
    """
    from PIL import Image

    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return _read_file(path), str(path)
    if isinstance(source, Image.Image):
        _check_pixels(source.size, "the image")
        return _to_rgb(source), "the image"
    array = np.asarray(source)
    if array.dtype != np.uint8:
        raise DtypeError(
            f"the image: an array must be uint8, but is {array.dtype}. "
            "Multiply pixels in [0, 1] by 255, and convert with astype(np.uint8)."
        )
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {3, 4})) or not array.size:
        raise ShapeError(
            "the image: an array must have shape (H, W), (H, W, 3) or (H, W, 4), none of them 0, "
            f"but has shape {shape_text(array.shape)}."
        )
    return _to_rgb(Image.fromarray(array)), "the image"


def _read_file(path: Path) -> Annotated[Array, "H W 3"]:
    from PIL import Image

    try:
        file = path.open("rb")
    except OSError as error:
        raise FileAccessError(
            f"{path}: cannot be read ({error.strerror or error}). Check the path."
        ) from error
    with file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata, and about sizes that we check
        try:
            image = Image.open(file, formats=FORMATS)
            _check_pixels(image.size, str(path))
            image.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))  # JPEG decodes a smaller one
            return _to_rgb(image)
        except HandgradError:
            raise
        except Image.DecompressionBombError as error:
            raise FileFormatError(
                f"{path}: must have at most {MAX_PIXELS:,} pixels, but has far more ({error}). "
                "Make it smaller."
            ) from error
        except Image.UnidentifiedImageError as error:
            raise FileFormatError(
                f"{path}: must be an image ({', '.join(FORMATS)}), but its content is none of "
                "these, whatever its name says. Save it as a PNG."
            ) from error
        except Exception as error:  # Pillow's decoders raise whatever a damaged file leads to
            raise FileFormatError(
                f"{path}: the image is damaged ({error}). Copy or download it again."
            ) from error


def _check_pixels(size: tuple[int, int], who: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise FileFormatError(
            f"{who}: must have at most {MAX_PIXELS:,} pixels, but has {width:,} × {height:,}. "
            "Make it smaller; a digit needs no more than a few hundred."
        )


def _to_rgb(image: "Image") -> Annotated[Array, "H W 3"]:
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)  # a phone held upright
    if image.mode[0] in "IF":  # 16 or 32 bits: `convert` would cut off, not scale
        image = Image.fromarray(_scale_to_8_bits(np.asarray(image)))
    if "A" in image.getbands() or "transparency" in image.info:
        image = _onto_background(image.convert("RGBA"))
    image = image.convert("RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return np.asarray(image)


def _scale_to_8_bits(values: Array) -> Annotated[Array, "H W"]:
    """Map 0 … the brightest pixel to 0 … 255."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InvalidValueError("the image: pixels must be finite, but there is a NaN or infinity.")
    return (values.clip(0) * (255 / max(values.max(), 1.0))).round().astype(np.uint8)


def _onto_background(image: "Image") -> "Image":
    """Lay a transparent image on a background that shows what it draws.

    If its opaque part is of one brightness, that is ink, and needs the opposite. If it is of two,
    it shows ink on paper, and the transparent rest is best more paper: the commoner of the two.
    """
    from PIL import Image

    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(image)
    seen = pixels[pixels[..., 3] > 127][:, :3]
    if not seen.size:
        seen = np.zeros((1, 3), np.uint8)
    brightness = seen.mean(axis=1)
    low, median, high = np.percentile(brightness, [2, 50, 98])
    if high - low > 64:
        colour = tuple(int(value) for value in np.median(seen, axis=0))
    else:
        colour = (255, 255, 255) if median < 128 else (0, 0, 0)
    background = Image.new("RGBA", image.size, (*colour, 255))
    return Image.alpha_composite(background, image)


def grey_of(rgb: Annotated[Array, "H W 3"]) -> Annotated[Array, "H W"]:
    """Mix red, green and blue so that the picture varies most, as float64 in 0..255.

    The usual weights of brightness lose yellow on white and red on green of equal brightness. The
    first principal axis of the colours runs from the paper's colour to the ink's.
    """
    colours = rgb.reshape(-1, 3).astype(np.float64)
    centered = colours - colours.mean(axis=0)
    axis = np.linalg.eigh(centered.T @ centered)[1][:, -1]
    axis /= np.abs(axis).sum() * (1 if axis.sum() > 0 else -1)
    shift = -255 * axis.clip(max=0).sum()  # so that a difference of two colours is in 0..255, too
    return (colours @ axis + shift).clip(0, 255).reshape(rgb.shape[:2])
