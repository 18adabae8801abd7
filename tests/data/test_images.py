import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw_digit, encoded
from handgrad.checks import (
    DtypeError,
    FileAccessError,
    FileFormatError,
    InvalidValueError,
    ShapeError,
)
from handgrad.data.images import LONGEST_SIDE, grey_of, read_rgb


def png(width: int, height: int) -> bytes:
    """A grey PNG whose header claims a size, and that has hardly any pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(20_000, 20_000), r"at most 64,000,000 pixels, but has far more \(.*400000000"),
        (png(2**31 - 1, 2**31 - 1), "at most 64,000,000 pixels, but has far more"),
        (png(10_000, 10_000), "at most 64,000,000 pixels, but has 10,000 × 10,000"),
        (png(8_001, 8_000), "at most 64,000,000 pixels, but has 8,001 × 8,000"),
        (png(0, 5), "must be an image"),
        (png(50, 50), "the image is damaged .*truncated"),
        (b"Dear Sir or Madam,", r"must be an image \(PNG, JPEG, BMP, GIF\), .* whatever its name"),
        (b"", "must be an image"),
        (encoded(draw_digit(2), "TIFF"), "must be an image"),
        (encoded(draw_digit(2), "JPEG")[:900], "the image is damaged"),
    ],
)
def test_refuses_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "three.png"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=f"three.png: .*{message}"):
        read_rgb(path)


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"absent.png: cannot be read \(No such file"):
        read_rgb(tmp_path / "absent.png")
    with pytest.raises(FileAccessError, match="cannot be read"):
        read_rgb(str(tmp_path))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_damage_is_told_or_survived(tmp_path: Path, kind: str) -> None:
    whole = encoded(draw_digit(2, size=(90, 90), height=60, at=(20, 15)), kind)
    path = tmp_path / "damaged"
    rng = np.random.default_rng(0)
    for _ in range(100):
        content = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, rng.choice([40, len(content)]), 4)
        content[places] = rng.integers(0, 256, 4)
        path.write_bytes(content.tobytes()[: rng.integers(len(content) // 2, 2 * len(content))])
        with suppress(FileFormatError):
            read_rgb(path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_gives_the_same_picture(mode: str) -> None:
    image = draw_digit(2)
    expected = grey_of(np.asarray(image))
    if mode == "I;16":
        given = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200)
        assert given.mode == mode
    else:
        given = image.convert(mode)
    rgb, who = read_rgb(given)
    assert (rgb.shape, rgb.dtype, who) == ((240, 240, 3), np.uint8, "the image")
    assert ((grey_of(rgb) < 100) == (expected < 100)).all()


@pytest.mark.parametrize("ink", ["black", "white", "red"])
def test_ink_without_paper_gets_its_opposite(ink: str) -> None:
    mask = draw_digit(2, ink="white", paper="black").convert("L")
    image = Image.new("RGBA", mask.size, ink)
    image.putalpha(mask)
    rgb, _ = read_rgb(image)
    corner, stroke = rgb[0, 0].mean(), rgb[np.asarray(mask) == 255].mean()
    assert abs(corner - stroke) > 80


@pytest.mark.parametrize(("ink", "paper"), [("black", "white"), ("white", "#103010")])
def test_paper_with_transparent_surroundings_goes_on(ink: str, paper: str) -> None:
    image = Image.new("RGBA", (400, 400))
    image.paste(draw_digit(2, ink=ink, paper=paper), (80, 80))
    rgb, _ = read_rgb(image)
    np.testing.assert_array_equal(rgb[0, 0], rgb[90, 90])


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = draw_digit(2).convert("P")
    path = tmp_path / "palette.png"
    path.write_bytes(encoded(image, "PNG", transparency=image.getpixel((0, 0))))
    rgb, who = read_rgb(path)
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert rgb.min() == 0
    assert who == str(path)


def test_an_image_all_transparent_is_blank() -> None:
    rgb, _ = read_rgb(Image.new("RGBA", (30, 20)))
    assert len(np.unique(rgb)) == 1


def test_a_phone_held_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    path = tmp_path / "phone.jpg"
    image = draw_digit(7, size=(240, 300))
    path.write_bytes(encoded(image.rotate(90, expand=True), "JPEG", exif=exif))
    rgb, _ = read_rgb(path)
    assert rgb.shape == (300, 240, 3)
    assert np.abs(rgb.astype(int) - np.asarray(image)).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_large_images_are_made_smaller(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large"
    path.write_bytes(encoded(draw_digit(7, size=(5000, 2500), height=2000), kind))
    assert read_rgb(path)[0].shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)


def test_arrays() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(read_rgb(grey)[0], grey[..., np.newaxis].repeat(3, axis=2))
    with pytest.raises(DtypeError, match="the image: an array must be uint8, but is float64"):
        read_rgb(grey / 255)
    for shape in ((3,), (3, 4, 2), (0, 4), (1, 3, 4, 3)):
        with pytest.raises(ShapeError, match=r"must have shape \(H, W\), .* but has shape \("):
            read_rgb(np.zeros(shape, np.uint8))
    with pytest.raises(InvalidValueError, match="pixels must be finite"):
        read_rgb(Image.fromarray(np.full((5, 5), np.nan, np.float32)))
    with pytest.raises(FileFormatError, match="at most 64,000,000 pixels"):
        read_rgb(Image.new("1", (10_000, 10_000)))


def test_no_warning_escapes(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    path.write_bytes(png(11_000, 11_000))  # Pillow warns about that many pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FileFormatError, match="11,000 × 11,000"):
            read_rgb(path)


@pytest.mark.parametrize(
    ("ink", "paper"), [("yellow", "white"), ("red", "#008200"), ("#00f", "#333"), ("#777", "#999")]
)
def test_colours_of_equal_brightness_stay_apart(ink: str, paper: str) -> None:
    rgb = np.asarray(draw_digit(2, ink=ink, paper=paper))
    grey = grey_of(rgb)
    paper_level, ink_level = grey[0, 0], grey[(rgb != rgb[0, 0]).any(axis=2)].mean()
    assert 0 <= grey.min() <= grey.max() <= 255
    assert abs(paper_level - ink_level) > 30


def test_grey_pictures_stay_as_they_are() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    np.testing.assert_allclose(grey_of(np.stack([grey] * 3, axis=2)), grey, atol=1e-9)
