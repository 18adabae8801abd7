"""The gallery's pages: every example has one, and nothing recorded belongs to none."""

from pathlib import Path

from handgrad.examples import all_examples, find
from handgrad.examples.registry import names
from handgrad_gallery import ROOT, example_page, figures, gallery_pages, write_gallery

FOLDER = ROOT / "docs" / "gallery"


def test_every_example_has_a_page_with_its_parts() -> None:
    pages = dict(gallery_pages(FOLDER))
    assert set(pages) == {"index.md", *(f"{name}.md" for name in names())}
    for example in all_examples():
        page = pages[f"{example.name}.md"]
        assert page.startswith(f"# {example.title}\n")
        assert "## What to look at\n\n" in page
        assert f"/examples/{example.name}.py\n:language: python\n:lines: " in page
        assert f"]({example.name}.md)" in pages["index.md"]


def test_a_page_shows_what_was_recorded(tmp_path: Path) -> None:
    example = find("perceptrons")
    assert "has not been recorded yet" in example_page(example, tmp_path)
    for name in ("perceptrons.txt", "perceptrons.png", "perceptrons-more.gif", "perceptronsx.png"):
        (tmp_path / name).touch()
    page = example_page(example, tmp_path)
    assert figures(example, tmp_path) == ["perceptrons.png", "perceptrons-more.gif"]
    assert "```{image} perceptrons-more.gif" in page
    assert "```{literalinclude} perceptrons.txt" in page


def test_pages_of_examples_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.md").touch()
    write_gallery(tmp_path)
    assert (tmp_path / "perceptrons.md").exists()
    assert not (tmp_path / "gone.md").exists()


def test_all_that_is_recorded_belongs_to_an_example() -> None:
    known = set(names())
    orphans = [
        path.name
        for path in FOLDER.iterdir()
        if path.suffix != ".md" and path.stem.partition("-")[0] not in known
    ]
    assert not orphans


def test_the_documents_lead_to_every_example() -> None:
    page = (ROOT / "docs" / "guide" / "from-the-documents.md").read_text(encoding="utf-8")
    missing = [name for name in names() if f"(../gallery/{name}.md)" not in page]
    assert not missing, "docs/guide/from-the-documents.md has no line for them"
