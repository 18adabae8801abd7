"""The documentation's graphs are those that are drawn today."""

import pytest

from handgrad_reference import ROOT
from mutate import load

SCRIPT = load(ROOT / "scripts" / "graph_pictures.py")


@pytest.mark.parametrize("name", SCRIPT.PICTURES)
def test_the_picture_is_up_to_date(name: str) -> None:
    stored = (ROOT / "docs" / "images" / f"{name}.svg").read_text(encoding="utf-8")
    assert stored == SCRIPT.draw(name), "run scripts/graph_pictures.py"
    page = (ROOT / "docs" / "guide" / "computational-graphs.md").read_text(encoding="utf-8")
    assert f"{name}.svg" in page
