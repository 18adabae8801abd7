"""A Sphinx extension that writes docs/gallery/*.md: a page for every example of the package.

Text and program come from the example itself; figures and log from `scripts/gallery`, which records
the full forms beside the pages.
"""

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from docstring_markdown import escape, fenced, markdown
from handgrad.examples import Example, all_examples
from handgrad.examples.registry import SECTIONS

ROOT = Path(__file__).parents[2]
LOOK = "What to look at: "
LEAD = """The systems of the documents that handgrad follows, as short programs. Each prints what it
finds and draws its figure; `handgrad examples` lists them, and `handgrad examples run NAME --quick`
runs one within seconds. [From the documents to handgrad](../guide/from-the-documents.md) tells
which belongs to which section of which document."""
PICTURES = (".png", ".gif", ".svg")


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call us before it looks for pages."""
    app.connect("config-inited", lambda app, _config: write_gallery(Path(app.srcdir) / "gallery"))
    return {"parallel_read_safe": True}


def write_gallery(folder: Path) -> None:
    """Write every page that changed, and remove those whose example is gone."""
    pages = {folder / name: text for name, text in gallery_pages(folder)}
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.glob("*.md")) - set(pages):
        path.unlink()


def gallery_pages(folder: Path) -> Iterator[tuple[str, str]]:
    """(file, Markdown) of the gallery's pages; `folder` holds what was recorded."""
    examples = all_examples()
    yield "index.md", index_page(examples, folder)
    for example in examples:
        yield f"{example.name}.md", example_page(example, folder)


def index_page(examples: list[Example], folder: Path) -> str:
    """All examples with their first figures, in the order of the documents."""
    parts = ["# Gallery", LEAD]
    for section, members in groupby(examples, lambda example: example.section):
        parts.append(f"## {SECTIONS[section]}")
        parts += [thumbnail(example, folder) for example in members]
    entries = [f"{short_title(example)} <{example.name}>" for example in examples]
    parts.append(fenced("{toctree}", "\n".join([":hidden:", "", *entries])))
    return "\n\n".join(parts) + "\n"


def thumbnail(example: Example, folder: Path) -> str:
    """A small figure above its title, or the title alone."""
    caption = f"[{escape(example.title)}]({example.name}.md)"
    found = figures(example, folder)
    if not found:
        return caption
    options = [
        f":alt: {example.title}",
        f":target: {example.name}.html",
        ":figclass: thumbnail",
    ]
    return fenced(f"{{figure}} {found[0]}", "\n".join([*options, "", caption]))


def example_page(example: Example, folder: Path) -> str:
    """One example: figures, mathematics, what to look at, the program, what it printed."""
    text, _, look = example.text.partition(f"\n\n{LOOK}")
    _, _, body = text.partition("\n\n")
    log = folder / f"{example.name}.txt"
    parts = [f"# {escape(example.title)}"]
    for figure in figures(example, folder):  # a click shows it at its full size
        options = [f":alt: {example.title}", f":target: ../_images/{figure}"]
        parts.append(fenced(f"{{image}} {figure}", "\n".join(options)))
    parts += [markdown(body), "## What to look at", markdown(look[:1].upper() + look[1:])]
    source = f"../../src/handgrad/examples/{example.name}.py"
    options = [":language: python", f":lines: {first_line(ROOT / 'docs' / 'gallery' / source)}-"]
    parts += ["## The program", fenced(f"{{literalinclude}} {source}", "\n".join(options))]
    parts += ["## What it printed"]
    if log.exists():
        parts.append(fenced(f"{{literalinclude}} {log.name}", ":language: text"))
    else:
        parts.append("The full form has not been recorded yet.")
    parts.append(f"Run it: `handgrad examples run {example.name}` (in seconds with `--quick`).")
    return "\n\n".join(parts) + "\n"


def first_line(program: Path) -> int:
    """Where a program begins, below its docstring, which the page has above."""
    return ast.parse(program.read_text(encoding="utf-8")).body[1].lineno


def short_title(example: Example) -> str:
    """The name as words, for the contents at the side."""
    return example.name.replace("_", " ").capitalize()


def figures(example: Example, folder: Path) -> list[str]:
    """The names of the recorded figures, the one without a part first."""
    found = [
        path.name
        for path in folder.glob(f"{example.name}*")
        if path.suffix in PICTURES and path.stem.partition("-")[0] == example.name
    ]
    return sorted(found, key=lambda name: ("-" in name, name))
