"""The pages made from docstrings: nothing of a derivation may be mangled on the way."""

import importlib
import inspect
import pkgutil
import re

import handgrad.ops
from docstring_markdown import fenced, markdown
from handgrad_reference import ROOT, code_without_docstring, op_page, reference_pages, signature
from mutate import OPS, load


def test_a_docstring_becomes_markdown() -> None:
    text = """Give `x` to <op>_forward, where a < b:

        (1)  y = x * 2

        (2)  z = y |x|

    Args:
        x, y: the inputs,
            both of them.
        name: how errors call it.

    Returns:
        The sum.

    >>> 1 + 1
    2
    """
    assert markdown(inspect.cleandoc(text)) == (
        "Give `x` to \\<op>_forward, where a \\< b:\n\n"
        "```text\n(1)  y = x * 2\n\n(2)  z = y |x|\n```\n\n"
        "**Arguments**\n\n- `x`, `y`: the inputs, both of them.\n- `name`: how errors call it.\n\n"
        "**Returns:** The sum.\n\n"
        "```pycon\n>>> 1 + 1\n2\n```"
    )


def test_a_fence_is_longer_than_those_inside() -> None:
    assert fenced("a", "```b\nc\n```") == "````a\n```b\nc\n```\n````"


def test_code_is_shown_without_its_docstring() -> None:
    code = code_without_docstring(handgrad.ops.relu_backward)
    assert code.startswith("def relu_backward(")
    assert '"""' not in code
    assert "# (1)" in code


def test_a_default_is_written_as_one_would() -> None:
    def function(first: int, *, kind: type = float, rate: float = 0.5) -> None:
        del first, kind, rate

    assert signature(function) == "(first, *, kind=float, rate=0.5)"


def test_every_op_has_its_page_with_its_equations() -> None:
    for module in OPS:
        page = op_page(module)
        fences = "\n".join(re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
        for name, function in vars(module).items():
            if name.endswith("_forward") and function.__module__ == module.__name__:
                assert f"{{py:function}} {name}(" in page
                document = inspect.getdoc(function) or ""
                for equation in re.findall(r"^ +(\(\d+\) .*)$", document, re.MULTILINE):
                    assert equation in fences, f"{name}: {equation}"


def test_everything_on_the_pages_is_where_they_say() -> None:
    named = re.compile(r"^`+\{py:(?:function|class)\} (\w+).*\n:module: ([\w.]+)$", re.MULTILINE)
    places = {place for _, page in reference_pages() for place in named.findall(page)}
    assert ("Network", "handgrad.network") in places
    assert ("relu_forward", "handgrad.ops") in places
    gone = [f"{m}.{n}" for n, m in places if not hasattr(importlib.import_module(m), n)]
    assert not gone


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = [info.name + "/" * info.ispkg for info in pkgutil.iter_modules(handgrad.__path__)]
    names = [room if room.endswith("/") else f"{room}.py" for room in rooms]
    missing = [name for name in names if name != "__main__.py" and f"`{name}`" not in text]
    assert not missing
    assert len(text.split()) < 650, "ARCHITECTURE.md is one page"


def test_the_picture_of_a_tile_is_up_to_date() -> None:
    script = load(ROOT / "scripts" / "tile_picture.py")
    assert script.PATH.read_text(encoding="utf-8") == script.draw(), "run scripts/tile_picture.py"
