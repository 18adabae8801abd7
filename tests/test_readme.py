"""The READMEs and the pages in Chinese: they say what the files say that they were made from."""

import json
import re
from pathlib import Path

import pytest

import in_readme
from handgrad.examples import all_examples

ROOT = Path(__file__).parent.parent
PAIRS = [
    ("README.md", "README.zh.md"),
    ("docs/guide/from-one-weight-to-a-layer.md", "docs/zh/from-one-weight-to-a-layer.md"),
]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(name: str) -> list[str]:
    """The lines of all Python blocks, without comments, which each language has its own of."""
    blocks = re.findall(r"^```python\n(.*?)^```", read(name), re.MULTILINE | re.DOTALL)
    return [re.sub(r" +# .*", "", line) for line in "".join(blocks).splitlines()]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_the_code_is_the_same_in_both_languages(english: str, chinese: str) -> None:
    assert len(code(english)) > 20
    assert code(chinese) == code(english)


@pytest.mark.parametrize("name", in_readme.HEADS)
def test_the_table_of_speed_is_what_was_measured(name: str) -> None:
    results = json.loads(read("benchmarks/results/steps.json"))
    new = in_readme.with_table(read(name), in_readme.table(results, name))
    assert read(name) == new, "run: python benchmarks/in_readme.py"


def test_a_table_without_pytorch_has_empty_cells() -> None:
    own = {"median": 0.00123, "ratio": 1.0}
    work = {"title": "one", "batch": 5, "sides": {"handgrad": own, "pytorch": {"missing": "why"}}}
    machine = {
        "date": "2026-11-21T22:48+00:00",
        "processor": "P",
        "threads": 2,
        "load": 0.25,
        "versions": {"handgrad": "0.1.0", "numpy": "2"},
    }
    table = in_readme.table({"works": [work], "machine": machine}, "README.md")
    assert table.splitlines()[2:] == [
        "| one (5) | 1.23 ms |  |  |",
        "",
        "Medians: 2026-11-21, P, 2 threads, handgrad 0.1.0, load 0.2.",
    ]


def test_what_stands_around_the_table_stays() -> None:
    text = f"before\n{in_readme.BEGIN}old\n{in_readme.END}\nafter\n"
    assert in_readme.with_table(text, "new") == (
        f"before\n{in_readme.BEGIN}\nnew\n\n{in_readme.END}\nafter\n"
    )


def test_the_chinese_page_names_every_example() -> None:
    page = read("docs/zh/index.md")
    missing = [each.name for each in all_examples() if f"gallery/{each.name}.md" not in page]
    assert not missing


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_what_a_readme_points_to_exists(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", read(name))
    gone = [link for link in links if not (ROOT / link).exists()]
    assert links
    assert not gone
