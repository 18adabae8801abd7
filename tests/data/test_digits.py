from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from drawing import STROKES, draw_digit, encoded, likeness
from handgrad.checks import Array, InvalidValueError
from handgrad.data import Steps, mnist, prepare_digit
from handgrad.data.ink import LEAST_SIDE

COLOURS = [
    ("black", "white"),
    ("white", "black"),
    ("blue", "yellow"),
    ("yellow", "white"),
    ("red", "#008200"),
    ("#606060", "#909090"),
]


@pytest.fixture(scope="module")
def originals() -> Array:
    return mnist().test.x[:12, 0]


def difference(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def check_form(steps: Steps) -> None:
    """MNIST's form: fills a box of 20 × 20, full ink, centre of mass within half a pixel of 14."""
    image = steps.centred
    assert (image.shape, image.dtype) == ((28, 28), np.uint8)
    assert max(steps.scaled.shape) == 20
    assert image.sum() == steps.scaled.sum()
    assert image.max() >= 250
    rows, columns = np.indices(image.shape)
    for places in (rows, columns):
        assert abs(np.average(places, weights=image) - 14) <= 0.51
    assert all(step.dtype == np.uint8 for step in steps)


def rescaled(image: Array, factor: float) -> Image.Image:
    side = round(28 * factor)
    return Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)


def test_mnist_comes_through_almost_unchanged(originals: Array) -> None:
    for image in originals:
        for given in (image, 255 - image):
            steps = prepare_digit(given)
            check_form(steps)
            assert difference(steps.centred, image) < 2


@pytest.mark.parametrize("factor", [2, 3, 5.5, 12])
@pytest.mark.parametrize("inverted", ["light on dark", "dark on light"])
def test_rescaled_and_shifted(originals: Array, factor: float, inverted: str) -> None:
    rng = np.random.default_rng(0)
    differences: list[float] = []
    for image in originals:
        field = Image.new("L", (round(50 * factor), round(40 * factor)))
        left, top = rng.integers(0, int(12 * factor), 2)
        field.paste(rescaled(image, factor), (int(left), int(top)))
        given = np.asarray(field)
        steps = prepare_digit(255 - given if inverted == "dark on light" else given)
        check_form(steps)
        differences.append(difference(steps.centred, image))
        assert likeness(steps.centred, image) > 0.85
    assert np.mean(differences) < 10  # a shift by one pixel costs about 25


@pytest.mark.parametrize("noise", [5, 30])
@pytest.mark.parametrize("light", [1.0, 0.4])
def test_noise_blur_and_uneven_light(originals: Array, noise: float, light: float) -> None:
    rng = np.random.default_rng(0)
    alike: list[float] = []
    for image in originals:
        field = Image.new("L", (250, 200))
        field.paste(rescaled(image, 5), (60, 30))
        paper = 230 - 0.6 * np.asarray(field.filter(ImageFilter.GaussianBlur(2)), float)
        shade = np.linspace(1, light, 250) * np.linspace(1, light, 200)[:, np.newaxis]
        given = (paper * shade + rng.normal(size=shade.shape) * noise * light).clip(0, 255)
        alike.append(likeness(prepare_digit(given.astype(np.uint8)).centred, image))
    assert np.mean(alike) > (0.93 if noise == 5 else 0.9)


@pytest.mark.parametrize(("ink", "paper"), COLOURS)
@pytest.mark.parametrize("digit", STROKES)
def test_size_place_and_colour_do_not_matter(digit: int, ink: str, paper: str) -> None:
    standard = prepare_digit(draw_digit(digit))
    check_form(standard)
    for height, at in ((60, (10, 150)), (200, (100, 20))):
        image = draw_digit(
            digit, height=height, width=round(height / 12.5), at=at, ink=ink, paper=paper
        )
        steps = prepare_digit(image)
        check_form(steps)
        assert likeness(steps.centred, standard.centred) > 0.9


def test_the_geometry() -> None:
    picture = np.full((300, 400), 255, np.uint8)
    picture[50:250, 300:350] = 0  # 200 high, 50 wide, at the far right
    steps = prepare_digit(picture)
    assert steps.ink.shape == steps.grey.shape == (300, 400)
    assert steps.original.shape == (300, 400, 3)
    assert (steps.ink == np.where(picture, 0, 255)).all()
    assert steps.cropped.shape == (200, 50)
    assert steps.scaled.shape == (20, 5)
    expected = np.zeros((28, 28))
    expected[4:24, 12:17] = 255  # rows 4..23, centre 13.5; columns 12..16, centre 14
    np.testing.assert_array_equal(steps.centred, expected)


def test_a_lying_bar_and_a_dot() -> None:
    picture = np.zeros((50, 300), np.uint8)
    picture[20:30, 50:250] = 200
    assert prepare_digit(picture).scaled.shape == (1, 20)
    picture = np.zeros((50, 300), np.uint8)
    picture[20:30, 50:60] = 200
    assert prepare_digit(picture).scaled.shape == (20, 20)


@pytest.mark.parametrize("width", [1, 2, 4, 20, 40])
def test_thin_and_thick_strokes(width: int) -> None:
    for digit in STROKES:
        steps = prepare_digit(
            draw_digit(digit, height=600, width=width, at=(100, 60), size=(700, 700))
        )
        check_form(steps)
        assert (steps.scaled.max(axis=1) > 60).all()  # no part of the line is lost


def test_ink_up_to_the_edge() -> None:
    for digit in STROKES:
        image = draw_digit(digit, width=20)
        box = Image.fromarray(255 - np.asarray(image.convert("L"))).getbbox()
        steps = prepare_digit(image.crop(box))
        check_form(steps)
        assert likeness(steps.centred, prepare_digit(image).centred) > 0.97


def test_specks_are_left_out() -> None:
    image = draw_digit(2, width=16)
    clean = prepare_digit(image)
    draw = ImageDraw.Draw(image)
    for x, y in ((5, 5), (230, 8), (10, 230), (232, 232), (120, 4)):
        draw.ellipse((x, y, x + 4, y + 4), fill="black")
    assert difference(prepare_digit(image).centred, clean.centred) < 0.5


@pytest.mark.parametrize("inset", [0, 8])
def test_a_frame_is_left_out(inset: int) -> None:
    image = draw_digit(2, width=16)
    clean = prepare_digit(image)
    box = (inset, inset, 239 - inset, 239 - inset)
    ImageDraw.Draw(image).rectangle(box, outline="black", width=3)
    assert difference(prepare_digit(image).centred, clean.centred) < 0.5


def test_a_stroke_apart_stays() -> None:
    picture = np.full((200, 200), 255, np.uint8)
    picture[80:160, 60:75] = 0
    picture[40:52, 60:120] = 0  # a five's bar, drawn apart
    assert prepare_digit(picture).cropped.shape == (120, 60)


def test_glare_and_vignette() -> None:
    picture = np.asarray(draw_digit(4, width=14).convert("L")).astype(float)
    across = np.linspace(-1, 1, 240)
    given = (picture * 0.6 + 40 - 45 * (across**2 + across[:, np.newaxis] ** 2)).clip(0)
    steps = prepare_digit(given.astype(np.uint8))
    check_form(steps)
    assert likeness(steps.centred, prepare_digit(picture.astype(np.uint8)).centred) > 0.97


BLANK = {
    "white": np.full((50, 60), 255, np.uint8),
    "black": np.zeros((50, 60), np.uint8),
    "grey noise": np.random.default_rng(0).normal(128, 9, (200, 300)).astype(np.uint8),
    "shade": np.linspace(60, 200, 12_000).reshape(100, 120).astype(np.uint8),
    "faint": np.where(np.indices((60, 60)).sum(axis=0) == 50, 120, 128).astype(np.uint8),
    "one pixel": np.where(np.arange(900).reshape(30, 30) == 400, 255, 0).astype(np.uint8),
    "row": np.zeros((1, 200), np.uint8),
}


@pytest.mark.parametrize("name", BLANK)
def test_blank(name: str) -> None:
    with pytest.raises(InvalidValueError, match=r"the image: .* digit to see, but the image is bl"):
        prepare_digit(BLANK[name])


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3)])
def test_too_small(shape: tuple[int, int]) -> None:
    with pytest.raises(
        InvalidValueError, match=f"at least {LEAST_SIDE} pixels, but has {max(shape)}"
    ):
        prepare_digit(np.zeros(shape, np.uint8))


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "paper.png"
    path.write_bytes(encoded(Image.new("L", (30, 30)), "PNG"))
    with pytest.raises(InvalidValueError, match=r"paper\.png: there must be a digit to see"):
        prepare_digit(path)


def test_a_file_a_name_and_an_image_give_the_same(tmp_path: Path) -> None:
    image = draw_digit(7)
    path = tmp_path / "seven.png"
    path.write_bytes(encoded(image, "PNG"))
    for given in (path, str(path), np.asarray(image)):
        for step, expected in zip(prepare_digit(given), prepare_digit(image), strict=True):
            np.testing.assert_array_equal(step, expected)


def test_a_network_agrees_on_both() -> None:
    """A small classifier, trained on the originals, is right as often on prepared distortions."""
    from handgrad import Adam, Affine, Network, Relu, SoftmaxCrossEntropy, Trainer

    data = mnist(normalize=True, flatten=True)
    network = Network([Affine(64), Relu(), Affine(10)], input_shape=(784,), dtype="float32")
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(0.004))
    trainer.fit(data.train.x[:8_000], data.train.labels[:8_000], epochs=3, batch_size=100)
    count = 60
    x, labels = data.test.x[:count], data.test.labels[:count]
    prepared: list[Array] = []
    rng = np.random.default_rng(0)
    for row in (255 * x).astype(np.uint8).reshape(-1, 28, 28):
        field = Image.new("L", (300, 240))
        field.paste(rescaled(row, rng.uniform(3, 7)), tuple(rng.integers(0, 40, 2).tolist()))
        blurred = np.asarray(field.filter(ImageFilter.GaussianBlur(1.5)), float)
        noisy = (220 - 0.7 * blurred + rng.normal(size=blurred.shape) * 8).clip(0, 255)
        prepared.append(prepare_digit(noisy.astype(np.uint8)).centred.ravel())
    right = (network.predict(x).argmax(axis=1) == labels).mean()
    right_prepared = (network.predict(np.array(prepared) / 255).argmax(axis=1) == labels).mean()
    assert right > 0.9
    assert right_prepared > right - 0.04
