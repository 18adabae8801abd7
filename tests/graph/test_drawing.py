"""Drawings: what stands where, nothing over anything else, in well-formed SVG."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import ImageFont

from handgrad import graph
from handgrad.checks import FileAccessError
from handgrad.graph import Variable, drawing
from handgrad.graph.layout import Box, arrange, connect
from handgrad.graph.passes import history

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[tuple[str, float, float, str]]:
    """Every text in the picture: itself, its middle, its base line and its colour."""
    return [
        (e.text or "", float(e.get("x", 0)), float(e.get("y", 0)), e.get("fill", ""))
        for e in ET.fromstring(picture).iter(f"{SVG}text")  # noqa: S314  (we wrote it)
    ]


def apples() -> Variable:
    apple, count, tax = Variable(100, "apple"), Variable(2, "count"), Variable(1.1, "tax")
    return (apple * count * tax).named("price")


def random_graph(seed: int, operations: int) -> Variable:
    """Any graph: inputs used again and again, far and near, by several kinds of ops."""
    rng = np.random.default_rng(seed)
    pool = [Variable(rng.uniform(0.5, 1.5), f"input {i}") for i in range(3)]
    for _ in range(operations):
        x, y = (pool[i] for i in rng.integers(0, len(pool), 2))
        kind = rng.integers(0, 5)
        made = [x + y, x * y, x - y, x / 2.5, graph.tanh(x)][kind]
        pool.append(made if kind < 3 or rng.random() < 0.5 else graph.sigmoid(made))
    total = pool[3]
    for each in pool[4:]:
        total = total + each
    total.backward()
    return total


def test_apples_as_in_the_book() -> None:
    price = apples()
    before = [text for text, *_ in texts(price.draw())]
    assert sorted(before) == sorted(
        ["apple", "count", "tax", "price", "×", "×", "100", "2", "200", "1.1", "220"]
    )
    price.backward()
    found = texts(price.draw())
    values = {text: (x, y) for text, x, y, colour in found if colour == drawing.BLUE}
    backs = {text: (x, y) for text, x, y, colour in found if colour == drawing.VERMILION}
    pairs = {"100": "2.2", "2": "110", "200": "1.1", "1.1": "200", "220": "1"}
    assert set(values) == set(pairs)
    for value, gradient in pairs.items():
        assert values[value][0] == backs[gradient][0], "one above the other"
        assert 15 < backs[gradient][1] - values[value][1] < 25, "the gradient below the value"
    columns = [values[text][0] for text in ("100", "200", "220")]
    assert columns == sorted(columns), "from left to right"


def test_constants_stand_at_the_beginning_without_gradient() -> None:
    y = 1 / (1 + graph.exp(-Variable(0.0, "x")))
    y.backward()
    found = texts(y.draw())
    assert [text for text, *_, colour in found if colour == drawing.INK].count("1") == 2
    assert [text for text, *_, colour in found if colour == drawing.BLUE] == [
        "0",
        "0",
        "1",
        "2",
        "0.5",
    ]


def test_several_uses_show_their_sum() -> None:
    x = Variable(3, "x")
    square = x * x
    y = square + graph.sin(square)
    y.backward()
    shown = [text for text, *_ in texts(y.draw()) if text.startswith("Σ")]
    assert x.grad is not None
    assert square.grad is not None
    assert shown == [f"Σ {float(x.grad):.4g}", f"Σ {float(square.grad):.4g}".replace("-", "−")]


def test_arrays_labels_and_digits() -> None:
    logits = Variable([[3, 1, 6]], "logits") * np.ones((2, 3))
    loss = graph.softmax_cross_entropy(logits, [1, 2])
    loss.backward()
    shown = {text for text, *_ in texts(loss.draw(digits=2))}
    assert {"logits", "labels", "[1 2]", "(2, 3)", "[[3 1 6]]", "softmax cross-entropy"} <= shown
    assert f"{float(loss):.2g}" in shown


def test_order_is_kept_where_it_matters() -> None:
    """In a − b, a arrives above b, however the columns before are sorted."""
    a, b = Variable(1, "a"), Variable(2, "b")
    for y, first, second in ((b - a, "2", "1"), (a / b, "1", "2"), (b**a, "2", "1")):
        heights = {
            text: height for text, _, height, colour in texts(y.draw()) if colour == drawing.BLUE
        }
        assert heights[first] < heights[second]


def test_names_are_escaped_and_may_be_chinese() -> None:
    y = Variable(1, "<苹果 & Co>") + 1
    picture = y.named('"sum"').draw()
    assert {"<苹果 & Co>", '"sum"'} <= {text for text, *_ in texts(picture)}


def test_an_input_alone_can_be_drawn() -> None:
    assert [text for text, *_ in texts(Variable(3, "x").draw())] == ["x", "3", "x"]
    assert [text for text, *_ in texts(Variable(3).draw())] == ["•", "3"]


def test_notebooks_and_files(tmp_path: Path) -> None:
    price = apples()
    picture = price.draw(tmp_path / "apples.svg")
    assert (tmp_path / "apples.svg").read_text(encoding="utf-8") == picture
    assert price._repr_svg_() == picture
    assert picture._repr_svg_() == picture
    with pytest.raises(FileAccessError, match="cannot write"):
        price.draw(tmp_path / "missing" / "apples.svg")


@pytest.mark.parametrize("operations", [1, 4, 12, 30])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_drawn_over_anything_else(seed: int, operations: int) -> None:
    output = random_graph(seed, operations)
    items, arrows = drawing.collect(output, history(output), 4)
    boxes = list(dict.fromkeys([*items, *(box for arrow in arrows for box in arrow)]))
    width, height = arrange(boxes)
    for one, other in combinations(boxes, 2):
        apart = abs(one.x - other.x) >= (one.width + other.width) / 2 - 1e-6
        above = abs(one.y - other.y) >= (one.height + other.height) / 2 - 1e-6
        assert apart or above
    for box in boxes:
        assert box.y - box.height / 2 >= -1e-6
        assert box.y + box.height / 2 <= height + 1e-6
        assert box.x - box.width / 2 >= -1e-6
        assert box.x + box.width / 2 <= width + 1e-6


def test_arrows_lead_to_the_right_and_end_at_their_targets() -> None:
    picture = random_graph(3, 12).draw()
    for path in re.findall(r'<path d="(M[^"]+)" marker-end', picture):
        numbers = re.sub(r"H([\d.]+)", r"\1 0", path)
        xs = [float(x) for x in re.findall(r"(-?[\d.]+) -?[\d.]+", numbers)]
        assert xs == sorted(xs)


def test_texts_are_not_wider_than_their_room() -> None:
    """DejaVu Sans is the widest font in the list."""
    file = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(str(file), 100)
    for text in (
        "0.6225",
        "−1.234e−10",
        "[[0.04712 −0.9936 0.9465]]",
        "(100, 784)",
        "MWmw@%",
        "−5",
    ):
        real = font.getlength(text) * drawing.FONT / 100
        assert real <= drawing.text_width(text), text
    for word in ("softmax cross-entropy", "mean squared error", "weight", "Σ −17.13", "mama's WWW"):
        assert font.getlength(word) * drawing.FONT / 100 <= drawing.text_width(word), word


def test_a_line_keeps_clear_of_the_columns_it_passes() -> None:
    first, last = Box(0, 10, 10), Box(3, 10, 10)
    between = [Box(1, 10, 40), Box(2, 10, 40)]
    path = connect(first, last)
    assert [box.column for box in path] == [0, 1, 2, 3]
    arrange([first, *between, last, *path[1:-1]])
    for box, passed in zip(between, path[1:-1], strict=True):
        assert abs(box.y - passed.y) >= (box.height + passed.height) / 2


def test_the_largest_graph_is_drawn_in_good_time() -> None:
    x = Variable(1.0, "x")
    y = x
    for step in range(drawing.MOST_OPERATIONS):
        y = y + x if step % 3 else graph.sin(y)
    assert len(texts(y.draw())) > 400
