import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from drawing import draw_digit
from handgrad import History, plots
from handgrad.checks import Array, FileAccessError, HandgradError, InvalidValueError, ShapeError
from handgrad.data import prepare_digit

Draw = Callable[[Path], None]
RNG = np.random.default_rng(0)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are written, to look inside."""
    written: list[Figure] = []
    save = Figure.savefig

    def watch(figure: Figure, *args: Any, **options: Any) -> None:
        written.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", watch)
    return written


def history(epochs: int, *, validation: bool = True) -> History:
    rows: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 1 / (epoch + 5)}
        if validation:  # best in epoch 3
            row |= {
                "validation_loss": 1 + abs(epoch - 3),
                "validation_accuracy": 0.9 - abs(epoch - 3) / 100,
            }
        rows.append(row | {"learning_rate": 0.1, "seconds": 2.0})
    return History(rows)


def answers(labels: Array, wrong: dict[int, tuple[int, float]]) -> Array:
    """Probabilities that are right and sure, but for some rows: {row: (answer, probability)}."""
    probabilities = np.eye(10)[labels]
    for row, (answer, sureness) in wrong.items():
        probabilities[row] = (1 - sureness) / 9
        probabilities[row, answer] = sureness
    return probabilities


LABELS = np.array([3, 1, 4, 1, 5, 9])
IMAGES = RNG.integers(0, 256, (6, 1, 28, 28), dtype=np.uint8)
WRONG = answers(LABELS, {1: (7, 0.6), 4: (6, 0.9996), 5: (4, 0.75)})
STEPS = prepare_digit(draw_digit(2))

PICTURES: dict[str, Draw] = {
    "curve": lambda path: plots.learning_curve(history(12), path),
    "curve of one epoch": lambda path: plots.learning_curve(history(1), path),
    "curve without validation": lambda path: plots.learning_curve(
        history(3, validation=False), path
    ),
    "curve of many epochs": lambda path: plots.learning_curve(history(300), path),
    "confusion": lambda path: plots.confusion_matrix(RNG.integers(0, 1200, (10, 10)), path),
    "confusion of two": lambda path: plots.confusion_matrix(
        [[90, 10], [0, 0]], path, names=["healthy", "ill"]
    ),
    "confusion of a hundred": lambda path: plots.confusion_matrix(
        RNG.integers(0, 9, (100, 100)), path
    ),
    "mistakes": lambda path: plots.mistakes(IMAGES, LABELS, WRONG, path),
    "mistakes of flat images": lambda path: plots.mistakes(
        IMAGES.reshape(6, 784), LABELS, WRONG, path
    ),
    "mistakes in colours": lambda path: plots.mistakes(
        RNG.random((6, 3, 20, 30)), LABELS, WRONG, path
    ),
    "no mistakes": lambda path: plots.mistakes(IMAGES, LABELS, answers(LABELS, {}), path),
    "no images": lambda path: plots.mistakes(IMAGES[:0], LABELS[:0], WRONG[:0], path),
    "filters": lambda path: plots.filters(RNG.normal(size=(16, 1, 5, 5)), path),
    "many filters": lambda path: plots.filters(RNG.normal(size=(100, 3, 3, 3)), path),
    "wide filters": lambda path: plots.filters(RNG.normal(size=(5, 2, 1, 7)), path),
    "zero filters": lambda path: plots.filters(np.zeros((2, 1, 3, 3)), path),
    "one filter": lambda path: plots.filters(RNG.normal(size=(1, 1, 3, 3)), path),
    "affine": lambda path: plots.filters(RNG.normal(size=(784, 10)), path),
    "affine, no square": lambda path: plots.filters(RNG.normal(size=(12, 5)), path),
    "affine, colours": lambda path: plots.filters(
        RNG.normal(size=(120, 5)), path, image_shape=(3, 5, 8)
    ),
    "steps": lambda path: plots.preprocessing_steps(STEPS, path),
}


@pytest.mark.parametrize("name", PICTURES)
def test_draws(tmp_path: Path, name: str) -> None:
    path = tmp_path / "picture.png"
    PICTURES[name](path)
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    assert 50 < min(pixels.shape) <= max(pixels.shape) < 3000
    assert pixels.min() < 100  # something is drawn,
    assert (pixels[0] == 255).all()  # and does not run out at the top


@pytest.mark.parametrize("ending", ["svg", "pdf", "PNG"])
def test_other_formats(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    plots.learning_curve(history(2), str(path))
    assert path.stat().st_size > 1000


def shown(axes: Axes) -> Array:
    return np.asarray(axes.images[0].get_array())


def texts(figure: Figure) -> list[str]:
    found = [artist for artist in figure.findobj() if isinstance(artist, Text)]
    return [text.get_text() for text in found if text.get_text()]


def test_the_best_epoch_is_marked(tmp_path: Path, figures: list[Figure]) -> None:
    plots.learning_curve(history(6), tmp_path / "validation.png")
    plots.learning_curve(history(6, validation=False), tmp_path / "training.png")
    validation, training = (texts(figure) for figure in figures)
    assert "lowest: 1 in epoch 3" in validation
    assert "highest: 90.00 % in epoch 3" in validation
    assert "lowest: 0.1667 in epoch 6" in training
    assert "highest: 90.91 % in epoch 6" in training


def test_gaps_in_the_history_are_left_out(tmp_path: Path, figures: list[Figure]) -> None:
    rows = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "validation_loss": 3.0}]
    plots.learning_curve(History(rows), tmp_path / "gap.png")
    assert "lowest: 3 in epoch 2" in texts(figures[0])
    plots.learning_curve(History([{"epoch": 1, "loss": None}]), tmp_path / "none.png")


def test_the_surest_mistakes_come_first(tmp_path: Path, figures: list[Figure]) -> None:
    plots.mistakes(IMAGES, LABELS, WRONG, tmp_path / "three.png")
    plots.mistakes(IMAGES, LABELS, WRONG, tmp_path / "two.png", count=2, names=list("abcdefghij"))
    captions = [[axes.get_xlabel() for axes in figure.axes] for figure in figures]
    assert captions == [
        ["5 → 6  99 %", "9 → 4  75 %", "1 → 7  60 %"],
        ["f → g  99 %", "j → e  75 %"],
    ]
    assert "3 of 6 wrong\ntrue → predicted, and its probability" in texts(figures[0])
    assert any("3 of 6 wrong; the 2 surest answers" in text for text in texts(figures[1]))
    np.testing.assert_array_equal(shown(figures[0].axes[0]), IMAGES[4, 0])


def test_nothing_to_show_is_said(tmp_path: Path, figures: list[Figure]) -> None:
    plots.mistakes(IMAGES, LABELS, answers(LABELS, {}), tmp_path / "none.png")
    assert texts(figures[0]) == ["None of 6 wrong"]


def test_the_confusion_is_written_out(tmp_path: Path, figures: list[Figure]) -> None:
    plots.confusion_matrix(np.array([[1234, 0], [5, 761]]), tmp_path / "two.png")
    assert {"1234", "5", "761", "1,995 of 2,000 right (99.75 %)"} <= set(texts(figures[0]))


def test_filters_are_the_columns_of_an_affine_weight(tmp_path: Path, figures: list[Figure]) -> None:
    weight = RNG.normal(size=(12, 5))
    plots.filters(weight, tmp_path / "filters.png", image_shape=(3, 4), count=2)
    first, second = figures[0].axes
    np.testing.assert_allclose(shown(first), weight[:, 0].reshape(3, 4))
    np.testing.assert_allclose(shown(second), weight[:, 1].reshape(3, 4))
    low, high = first.images[0].get_clim()
    assert low == -high == second.images[0].get_clim()[0]
    assert any("The first 2 of 5 filters" in text for text in texts(figures[0]))


REFUSED: list[tuple[type[HandgradError], str, Draw]] = [
    (InvalidValueError, "learning_curve: .* empty", lambda p: plots.learning_curve(History(), p)),
    (ShapeError, r"matrix must have shape \(2, 2\), but has shape \(2, 3\)",
     lambda p: plots.confusion_matrix(np.ones((2, 3)), p)),
    (ShapeError, "names must be 2, one for each row, but are 1",
     lambda p: plots.confusion_matrix(np.ones((2, 2)), p, names=["a"])),
    (ShapeError, r"images must have shape .* has shape \(6, 2, 28, 28\)",
     lambda p: plots.mistakes(IMAGES.repeat(2, axis=1), LABELS, WRONG, p)),
    (ShapeError, r"images must have shape .* has shape \(6, 783\)",
     lambda p: plots.mistakes(IMAGES.reshape(6, 784)[:, 1:], LABELS, WRONG, p)),
    (ShapeError, r"labels must have shape \(6,\), but has shape \(5,\)",
     lambda p: plots.mistakes(IMAGES, LABELS[1:], WRONG, p)),
    (ShapeError, r"probabilities must have shape \(6, K\), but has shape \(5, 10\)",
     lambda p: plots.mistakes(IMAGES, LABELS, WRONG[1:], p)),
    (InvalidValueError, "count must be at least 1",
     lambda p: plots.mistakes(IMAGES, LABELS, WRONG, p, count=0)),
    (InvalidValueError, "count must be at least 1",
     lambda p: plots.filters(np.ones((4, 2)), p, count=0)),
    (ShapeError, r"weight must have shape .* but has shape \(4,\)",
     lambda p: plots.filters(np.ones(4), p)),
    (ShapeError, r"with 4 pixels in all, .* but is \(3, 3\)",
     lambda p: plots.filters(np.ones((4, 2)), p, image_shape=(3, 3))),
    (ShapeError, r"must be \(H, W\) or \(C, H, W\) .* but is \(4,\)",
     lambda p: plots.filters(np.ones((4, 2)), p, image_shape=(4,))),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "draw"), REFUSED)
def test_refuses(tmp_path: Path, error: type[HandgradError], message: str, draw: Draw) -> None:
    with pytest.raises(error, match=message):
        draw(tmp_path / "picture.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["picture", "picture.exe"])
def test_refuses_unknown_endings(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"path must end in one of .*\.png.*{name}'"):
        plots.preprocessing_steps(STEPS, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"cannot write .*absent"):
        plots.preprocessing_steps(STEPS, tmp_path / "absent" / "steps.png")


def test_neither_pyplot_nor_a_display_is_needed(tmp_path: Path) -> None:
    program = (
        "import sys; from handgrad import plots; assert 'matplotlib' not in sys.modules;"
        f"plots.confusion_matrix([[1]], {str(tmp_path / 'one.png')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)
